#!/usr/bin/env python3
"""Writes the bills of this folder: what samples of others lack. Python's standard library only, one seed.

    python3 generate.py [FOLDER]     (default: this folder)

Two runs write the same bytes. In them: split line items with idle, savings plans and reservations, credits
inside of rows, refunds, corrections, untagged rows, rounding rows, adjustments of no length, a second
currency, a second month, a restated snapshot, control totals.
"""
import csv
import io
import json
import os
import random
import sys

SEED = 20261005
DAYS = 28


def money(units, digits=10):
    """A count of 10^-digits as text, without a float on the way."""
    sign = "-" if units < 0 else ""
    text = str(abs(units)).rjust(digits + 1, "0")
    text = text[:-digits] + "." + text[-digits:]
    return sign + (text.rstrip("0").rstrip(".") or "0")


def table(columns, rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


AWS = """identity_line_item_id bill_bill_type bill_invoice_id bill_invoicing_entity bill_payer_account_id
 bill_billing_period_start_date bill_billing_period_end_date line_item_usage_account_id line_item_line_item_type
 line_item_usage_start_date line_item_usage_end_date line_item_product_code line_item_usage_type line_item_operation
 line_item_resource_id line_item_usage_amount line_item_currency_code line_item_unblended_cost line_item_blended_cost
 line_item_line_item_description pricing_public_on_demand_cost product_region_code resource_tags
 reservation_effective_cost reservation_unused_amortized_upfront_fee_for_billing_period
 reservation_unused_recurring_fee savings_plan_savings_plan_effective_cost savings_plan_total_commitment_to_date
 savings_plan_used_commitment split_line_item_parent_resource_id split_line_item_split_cost
 split_line_item_unused_cost split_line_item_split_usage_ratio""".split()


def aws(rng):
    rows = []

    def row(kind, cost, **more):
        day = rng.randrange(1, DAYS)
        base = dict(
            identity_line_item_id=f"li-{len(rows)}", bill_bill_type="Anniversary", bill_invoice_id="AWS-1",
            bill_invoicing_entity="Amazon Web Services, Inc.", bill_payer_account_id="000123456789",
            bill_billing_period_start_date="2026-10-01T00:00:00.000Z",
            bill_billing_period_end_date="2026-11-01T00:00:00.000Z",
            line_item_usage_account_id=rng.choice(["000000000111", "000000000222"]),
            line_item_line_item_type=kind, line_item_usage_start_date=f"2026-10-{day:02}T05:00:00.000Z",
            line_item_usage_end_date=f"2026-10-{day:02}T06:00:00.000Z", line_item_product_code="AmazonS3",
            line_item_usage_type="TimedStorage-ByteHrs", line_item_operation="StandardStorage",
            line_item_currency_code="USD", line_item_unblended_cost=money(cost),
            line_item_blended_cost=money(cost * 2), product_region_code="eu-central-1")
        base.update(more)
        rows.append(base)
        return base

    for index in range(40):
        tags = {"user_team": rng.choice(["platform", "data"])} if index % 3 else {}
        row("Usage", rng.randrange(1, 10 ** 11), resource_tags=json.dumps(tags) if tags else "")
    for hour in range(4):
        ec2(rng, row, hour)
    row("SavingsPlanCoveredUsage", 50_000_000_000, line_item_product_code="AmazonEC2",
        line_item_operation="RunInstances:SV", line_item_resource_id="i-plan",
        savings_plan_savings_plan_effective_cost="3.1")
    row("SavingsPlanNegation", -50_000_000_000, line_item_product_code="ComputeSavingsPlans",
        line_item_operation="None")
    row("SavingsPlanRecurringFee", 40_000_000_000, line_item_product_code="ComputeSavingsPlans",
        savings_plan_total_commitment_to_date="4", savings_plan_used_commitment="3.1")
    row("DiscountedUsage", 0, line_item_product_code="AmazonEC2", line_item_resource_id="i-ri",
        line_item_operation="RunInstances:0002", reservation_effective_cost="2.2500000001")
    row("RIFee", 30_000_000_000, line_item_product_code="AmazonEC2",
        reservation_unused_amortized_upfront_fee_for_billing_period="0.25",
        reservation_unused_recurring_fee="0.5")
    row("Tax", 7_123_456_789, line_item_product_code="AmazonEC2")
    row("Credit", -12_500_000_000, line_item_product_code="AmazonEC2")
    row("Refund", -1_000_000_001, line_item_product_code="AmazonS3")
    row("EdpDiscount", -333_333_333, line_item_product_code="AmazonS3")
    row("Usage", 10_000_000_000, line_item_currency_code="EUR")
    return table(AWS, rows)


def ec2(rng, row, hour):
    """One instance hour with two pods: split and idle shares of the same money, and traffic beside it."""
    cost = rng.randrange(10 ** 9, 10 ** 10)
    used = [cost * rng.randrange(10, 40) // 100 for _ in range(2)]
    idle = cost - sum(used)
    shares = [idle // 3, idle - idle // 3]
    # The third hour's shares miss a few of the last digits, as rounded ones do.
    if hour == 2:
        shares[1] -= 2
    span = dict(line_item_usage_start_date=f"2026-10-10T{hour:02}:00:00.000Z",
                line_item_usage_end_date=f"2026-10-10T{hour + 1:02}:00:00.000Z")
    row("Usage", cost, line_item_product_code="AmazonEC2", line_item_usage_type="BoxUsage:m5.large",
        line_item_operation="RunInstances", line_item_resource_id="i-node",
        resource_tags='{"user_team":"platform"}', **span)
    row("Usage", 12_345, line_item_product_code="AmazonEC2", line_item_usage_type="DataTransfer-Out-Bytes",
        line_item_operation="RunInstances" if hour == 1 else "InterZone-Out", line_item_resource_id="i-node", **span)
    for index, pod in enumerate(["acme", "bolt"]):
        row("Usage", 0, line_item_product_code="AmazonEKS", line_item_usage_type="EKS-EC2-GB-Hours",
            line_item_operation="EKSPod-EC2", resource_tags=json.dumps({"tenant": pod}),
            line_item_resource_id=f"arn:aws:eks:eu-central-1:000123456789:pod/c1/{pod}/p/{hour}",
            split_line_item_parent_resource_id="i-node", split_line_item_split_cost=money(used[index]),
            split_line_item_unused_cost=money(shares[index]), split_line_item_split_usage_ratio="0.25", **span)
    row("Usage", 0, line_item_product_code="AmazonEKS", line_item_usage_type="EKS-EC2-GB-Hours",
        line_item_operation="EKSPod-EC2",
        line_item_resource_id="arn:aws:eks:eu-central-1:000123456789:pod/c1/Unused",
        split_line_item_parent_resource_id="i-node", split_line_item_split_cost=money(idle),
        split_line_item_unused_cost="0", **span)


def azure(rng, is_mca):
    names = {
        "account": "BillingAccountId", "currency": "BillingCurrencyCode", "start": "BillingPeriodStartDate",
        "date": "Date", "meter": "MeterCategory", "id": "MeterId", "sub": "SubscriptionId",
        "resource": "ResourceId", "cost": "CostInBillingCurrency", "kind": "ChargeType", "tags": "Tags",
        "payg": "PayGPrice", "quantity": "Quantity", "invoice": "InvoiceSectionName"}
    if is_mca:
        names.update(account="billingAccountId", currency="billingCurrency", start="billingPeriodStartDate",
                     date="date", meter="meterCategory", id="meterId", cost="costInBillingCurrency",
                     kind="chargeType", tags="tags", invoice="invoiceId", quantity="quantity")
    rows = []
    for index in range(40):
        kind = "Usage"
        units = rng.randrange(1, 10 ** 14)
        if index in (7, 19):
            kind, units = "Refund", -units
        if index == 11:
            kind = "Purchase"
        if index == 23:
            kind, units = "RoundingAdjustment", -3
        if index == 31 and not is_mca:
            kind = "UnusedReservation"
        tags = rng.choice(['"team": "data"', '"team": "platform","env": "prod"', ""])
        if is_mca and tags:
            tags = "{" + tags + "}"
        day = rng.randrange(1, DAYS)
        rows.append({
            names["account"]: "8611537", names["currency"]: "EUR" if index == 37 else "USD",
            names["start"]: "2026-10-01" if is_mca else "10/01/2026",
            names["date"]: f"2026-10-{day:02}" if is_mca else f"10/{day:02}/2026",
            names["meter"]: rng.choice(["Storage", "Virtual Machines"]), names["id"]: f"m-{index % 5}",
            names["sub"]: "sub-1", names["resource"]: f"/subscriptions/sub-1/r/{index}",
            names["cost"]: money(units, 14), names["kind"]: kind, names["tags"]: tags,
            names["quantity"]: "1", names["payg"]: "1", names["invoice"]: "G1"})
    return table(list(names.values()), rows)


def google(rng):
    lines = []

    def row(cost, kind="regular", month="202610", currency="USD", credits=(), labels=(), **more):
        day = rng.randrange(1, DAYS)
        value = {
            "billing_account_id": "01AB-CD", "service": {"id": "6F81", "description": "Compute Engine"},
            "sku": {"id": f"SKU-{len(lines) % 4}", "description": "N2 core"},
            "usage_start_time": f"2026-10-{day:02} 05:00:00 UTC", "usage_end_time": f"2026-10-{day:02} 06:00:00 UTC",
            "project": {"id": "proj-1", "name": "One", "labels": [{"key": "team", "value": "platform"}]},
            "labels": [{"key": k, "value": v} for k, v in labels], "system_labels": [],
            "location": {"region": "europe-west3", "zone": None}, "resource": {"name": "vm", "global_name": "//vm/1"},
            "cost": "@COST@", "currency": currency, "currency_conversion_rate": 1.0, "invoice": {"month": month},
            "cost_type": kind, "usage": {"amount": 3600, "unit": "seconds", "pricing_unit": "hour"},
            "credits": [{"id": "c", "name": name, "type": kind_, "amount": f"@{index}@"}
                        for index, (name, kind_, _) in enumerate(credits)]}
        value.update(more)
        text = json.dumps(value).replace('"@COST@"', cost)
        for index, (_, _, amount) in enumerate(credits):
            text = text.replace(f'"@{index}@"', amount)
        lines.append(text)

    for index in range(30):
        cost = rng.randrange(1, 10 ** 12)
        credits = []
        if index % 4 == 0:
            credits.append(("Sustained use", "SUSTAINED_USAGE_DISCOUNT", money(-cost // 10, 12)))
        if index % 8 == 0:
            credits.append(("Promotion", "PROMOTION", "-1.5e-3"))
        labels = [("tenant", rng.choice(["acme", "bolt"]))] if index % 3 else []
        row(money(cost, 12), credits=credits, labels=labels)
    row("1.2345E-5", labels=[("team", "data")])
    row("-0.004999", kind="rounding_error", usage_start_time="2026-10-31 23:00:00 UTC",
        usage_end_time="2026-10-31 23:00:00 UTC", project=None)
    row("-12.25", kind="adjustment", adjustment_info={"description": "goodwill", "type": "GOODWILL"})
    row("8.01", kind="tax", project=None)
    row("3.5", month="202609")
    row("7.75", currency="EUR")
    return "\n".join(lines) + "\n"


def opencost(rng):
    sets = []
    for day in (1, 2):
        allocations = {}
        for name in ["acme", "bolt", "__idle__"]:
            cpu, ram = rng.randrange(10 ** 6), rng.randrange(10 ** 6)
            window = {"start": f"2026-10-{day:02}T00:00:00Z", "end": f"2026-10-{day + 1:02}T00:00:00Z"}
            allocations[name] = {
                "name": name, "properties": {"cluster": "c1", "namespace": name, "labels": {"team": "platform"}},
                "window": window, "start": window["start"], "end": window["end"], "minutes": 1440,
                "cpuCoreHours": 1.5 * day, "gpuHours": 0, "ramByteHours": 2 ** 31, "pvByteHours": 10 ** 12,
                "cpuCost": cpu / 10 ** 5, "gpuCost": 0, "ramCost": ram / 10 ** 5, "pvCost": 0.25,
                "networkCost": 0, "loadBalancerCost": 0, "sharedCost": 0, "externalCost": 0,
                "totalCost": round((cpu + ram) / 10 ** 5 + 0.25, 4)}
        sets.append(allocations)
    return json.dumps({"code": 200, "data": sets}, indent=1) + "\n"


FOCUS = """BilledCost EffectiveCost ListCost ContractedCost BillingAccountId BillingAccountName BillingCurrency
 BillingPeriodStart BillingPeriodEnd ChargePeriodStart ChargePeriodEnd ChargeCategory ChargeClass ChargeDescription
 InvoiceIssuerName PricingQuantity PricingUnit ServiceCategory ServiceName HostProviderName ServiceProviderName
 InvoiceId ResourceId Tags AllocatedMethodId AllocatedResourceId AllocatedTags""".split()


def focus(rng, is_restated):
    rows = []

    def row(cost, effective=None, **more):
        base = dict(
            BilledCost=money(cost, 14), EffectiveCost=money(cost if effective is None else effective, 14),
            ListCost=money(cost, 14), ContractedCost=money(cost, 14), BillingAccountId="0042", BillingCurrency="USD",
            BillingPeriodStart="2026-10-01T00:00:00Z", BillingPeriodEnd="2026-11-01T00:00:00Z",
            ChargePeriodStart="2026-10-05T00:00:00Z", ChargePeriodEnd="2026-10-06T00:00:00Z", ChargeCategory="Usage",
            InvoiceIssuerName="Cloud", PricingQuantity="1", PricingUnit="h", ServiceCategory="Compute",
            ServiceName="Machines", HostProviderName="Cloud", ServiceProviderName="Cloud", InvoiceId="INV-7")
        base.update(more)
        rows.append(base)

    for index in range(40):
        tags = json.dumps({"team": rng.choice(["data", "platform"])}) if index % 5 else ""
        cost = rng.randrange(1, 10 ** 15)
        row(cost, cost * 9 // 10, Tags=tags, ServiceName=rng.choice(["Machines", "Blobs, \"cold\""]),
            ResourceId=f"r-{index}")
    split = rng.randrange(10 ** 13, 10 ** 14)
    row(split, ResourceId="cluster-1")
    row(split - split // 3, ResourceId="cluster-1", AllocatedMethodId="even", AllocatedResourceId="a",
        AllocatedTags='{"tenant":"acme"}')
    row(split // 3, ResourceId="cluster-1", AllocatedMethodId="even", AllocatedResourceId="b",
        AllocatedTags='{"tenant":"bolt"}')
    row(-25 * 10 ** 12, ChargeClass="Correction", ChargeDescription="of September",
        ChargePeriodStart="2026-09-03T00:00:00Z", ChargePeriodEnd="2026-09-04T00:00:00Z")
    row(-5 * 10 ** 14, ChargeCategory="Credit")
    row(-10 ** 13, ChargeCategory="Adjustment", ChargeDescription="refund")
    row(19 * 10 ** 12, ChargeCategory="Tax", PricingQuantity="", PricingUnit="")
    row(10 ** 14, BillingCurrency="EUR")
    row(10 ** 14, BillingPeriodStart="2026-09-01T00:00:00Z", BillingPeriodEnd="2026-10-01T00:00:00Z",
        ChargePeriodStart="2026-09-05T00:00:00Z", ChargePeriodEnd="2026-09-06T00:00:00Z")
    if is_restated:
        del rows[3]
        rows[4]["BilledCost"] = rows[4]["EffectiveCost"] = "123.45"
        row(3 * 10 ** 13, ServiceName="Queues", Tags='{"team":"data"}')
    return table(FOCUS, rows)


def invoice_details(focus_text):
    """An invoice line for each currency and charge category of a FOCUS file."""
    sums = {}
    for row in csv.DictReader(io.StringIO(focus_text)):
        if row["AllocatedMethodId"]:
            continue
        key = (row["BillingPeriodStart"], row["BillingPeriodEnd"], row["BillingCurrency"], row["ChargeCategory"])
        text = row["BilledCost"]
        whole, _, part = text.lstrip("-").partition(".")
        units = int(whole + part.ljust(14, "0"))
        sums[key] = sums.get(key, 0) + (-units if text.startswith("-") else units)
    columns = """BilledCost BillingAccountId BillingCurrency BillingPeriodStart BillingPeriodEnd ChargeCategory
 InvoiceDetailCreated InvoiceDetailId InvoiceDetailLastUpdated InvoiceId InvoiceIssueStatus InvoiceIssuerName
 PaymentTerms ReferenceInvoiceId InvoiceDetailDescription InvoiceDetailGrain InvoiceIssueDate PaymentDueDate""".split()
    rows = []
    for index, ((start, end, currency, category), units) in enumerate(sorted(sums.items())):
        rows.append(dict(
            BilledCost=money(units, 14), BillingAccountId="0042", BillingCurrency=currency, BillingPeriodStart=start,
            BillingPeriodEnd=end, ChargeCategory=category, InvoiceDetailCreated="2026-11-02T00:00:00Z",
            InvoiceDetailId=f"D-{index}", InvoiceDetailLastUpdated="2026-11-02T00:00:00Z", InvoiceId="INV-7",
            InvoiceIssueStatus="Issued", InvoiceIssuerName="Cloud", PaymentTerms="30 days", ReferenceInvoiceId="INV-7"))
    return table(columns, rows)


def billing_periods():
    columns = """BillingPeriodStart BillingPeriodEnd BillingPeriodStatus BillingPeriodCreated BillingPeriodLastUpdated
 InvoiceIssuerName""".split()
    return table(columns, [
        dict(BillingPeriodStart="2026-09-01T00:00:00Z", BillingPeriodEnd="2026-10-01T00:00:00Z",
             BillingPeriodStatus="Closed", BillingPeriodCreated="2026-09-01T00:00:00Z",
             BillingPeriodLastUpdated="2026-10-04T00:00:00Z", InvoiceIssuerName="Cloud"),
        dict(BillingPeriodStart="2026-10-01T00:00:00Z", BillingPeriodEnd="2026-11-01T00:00:00Z",
             BillingPeriodStatus="Open", BillingPeriodCreated="2026-10-01T00:00:00Z",
             BillingPeriodLastUpdated="2026-11-01T06:00:00Z", InvoiceIssuerName="Cloud")])


def generic(rng):
    rows = ["Product;Article;Server;Net;Surcharge;Currency;BillingMonth;Date;Type;Labels;Quantity"]
    for index in range(20):
        cents = rng.randrange(100, 10 ** 8)
        text = f"{cents // 100:,}".replace(",", ".") + f",{cents % 100:02}"
        kind = "Usage"
        if index == 5:
            kind = "Voucher"
        if index == 9:
            kind = "Subtotal"
        if index == 13:
            kind = "Correction"
        if index == 17:
            kind = "VAT"
        rows.append(f"Server;AX{index % 3};s{index};{text};0,50;{'USD' if index % 2 else 'EUR'};2026-10;"
                    f"{index + 1:02}/10/2026;{kind};{'team=data, env=prod' if index % 3 else ''};1")
    return "\n".join(rows) + "\n"


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    rng = random.Random(SEED)
    first = random.Random(SEED + 1)
    again = random.Random(SEED + 1)
    october = focus(first, False)
    files = {
        "aws.csv": aws(rng), "azure-ea.csv": azure(rng, False), "azure-mca.csv": azure(rng, True),
        "google.jsonl": google(rng), "opencost.json": opencost(rng), "generic.csv": generic(rng),
        "focus.csv": october, "focus-restated.csv": focus(again, True),
        "invoice-detail.csv": invoice_details(october), "billing-period.csv": billing_periods()}
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8", newline="") as out:
            out.write(text)


main()
