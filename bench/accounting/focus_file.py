#!/usr/bin/env python3
"""Writes a FOCUS 1.4 file for measurements: focus_file.py ROWS FILE. Seeded; two runs write the same bytes."""
import random
import sys

COLUMNS = """BilledCost EffectiveCost ListCost ContractedCost BillingAccountId BillingAccountName BillingCurrency
 BillingPeriodStart BillingPeriodEnd ChargePeriodStart ChargePeriodEnd ChargeCategory ChargeClass ChargeDescription
 InvoiceIssuerName HostProviderName ServiceProviderName PricingQuantity PricingUnit ServiceCategory ServiceName
 AvailabilityZone ChargeFrequency ConsumedQuantity ConsumedUnit InvoiceId InvoiceDetailId PricingCategory
 PricingCurrency RegionId RegionName ResourceId ResourceName ResourceType ServiceSubcategory SkuId SkuMeter SkuPriceId
 SkuPriceDetails SubAccountId SubAccountName Tags CommitmentDiscountId CommitmentDiscountStatus ContractedUnitPrice
 ListUnitPrice x_Note""".split()
SERVICES = [("Compute", "Virtual Machines", "Machines"), ("Storage", "Object Storage", "Blobs"),
            ("Databases", "Relational", "Relational DB"), ("Networking", "Content Delivery", "CDN"),
            ("Storage", "Block", "Disks"), ("Compute", "Serverless Compute", "Functions")]


def main():
    rows, path = int(sys.argv[1]), sys.argv[2]
    rng = random.Random(20261001)
    draw = rng.randrange
    tenants = [f"tenant-{index:05}" for index in range(2000)]
    with open(path, "w", encoding="utf-8", newline="") as out:
        out.write(",".join(COLUMNS) + "\n")
        lines = []
        for index in range(rows):
            category, subcategory, service = SERVICES[draw(6)]
            day, hour = 1 + draw(30), draw(24)
            cost = draw(10 ** 12)
            billed = f"{cost / 10 ** 10:.10f}"
            kind = "Tax" if draw(50) == 0 else ("Credit" if draw(50) == 0 else "Usage")
            sign = "-" if kind == "Credit" else ""
            tenant = tenants[min(draw(2000), draw(2000))]
            tags = "" if draw(8) == 0 else f'"{{""tenant"":""{tenant}"",""team"":""t{draw(12)}""}}"'
            sku = draw(400)
            lines.append(
                f"{sign}{billed},{sign}{cost * 9 // 10 / 10 ** 10:.10f},{sign}{billed},{sign}{billed},000123456789,Main,USD,"
                f"2026-10-01T00:00:00Z,2026-11-01T00:00:00Z,2026-10-{day:02}T{hour:02}:00:00Z,"
                f"2026-10-{day + hour // 23:02}T{(hour + 1) % 24:02}:00:00Z,{kind},,{service} in region {draw(6)} per hour,"
                f"Cloud Inc.,Cloud,Cloud,{draw(10000) / 100:.2f},Hours,{category},{service},zone-{draw(6)},Usage-Based,"
                f"{draw(10000) / 100:.2f},Hours,INV-2026-10,D-{draw(40)},Standard,USD,region-{draw(6)},Region {draw(6)},"
                f"arn:cloud:r/{service.replace(' ', '')}/{draw(30000):08},r-{draw(30000)},Instance,{subcategory},SKU-{sku},M-{sku},"
                f'P-{sku},"{{""x_Size"":""{draw(8)}""}}",acct-{draw(20)},Account {draw(20)},{tags},,,0.0100000000,0.0120000000,'
                f"note {index}\n")
            if len(lines) == 5000:
                out.write("".join(lines))
                lines = []
        out.write("".join(lines))


main()
