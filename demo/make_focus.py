#!/usr/bin/env python3
"""Makes the demo's cost files: data/focus-2026-10.csv and data/focus-broken.csv. The same bytes on every run.

A small company's bill of one month in FOCUS 1.2, all 57 columns in the order of the specification. The provider is
invented. Money is computed with Decimal; effective cost differs from billed cost because a reservation that was paid
in advance is amortised here. Charge periods are weeks that start on days 1, 8, 15 and 22, so that
focus_for_month.py can move the bill into any month.
"""

import csv
import io
import json
import os
import random
from decimal import Decimal

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20261001
COLUMNS = """ProviderName PublisherName InvoiceIssuerName InvoiceId BillingAccountId BillingAccountName
BillingAccountType SubAccountId SubAccountName SubAccountType BillingPeriodStart BillingPeriodEnd ChargePeriodStart
ChargePeriodEnd ChargeCategory ChargeClass ChargeDescription ChargeFrequency BilledCost EffectiveCost ListCost
ContractedCost ListUnitPrice ContractedUnitPrice PricingCategory PricingQuantity PricingUnit PricingCurrency
PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost PricingCurrencyListUnitPrice BillingCurrency
ConsumedQuantity ConsumedUnit ServiceName ServiceCategory ServiceSubcategory SkuId SkuMeter SkuPriceId SkuPriceDetails
ResourceId ResourceName ResourceType RegionId RegionName AvailabilityZone CommitmentDiscountId CommitmentDiscountName
CommitmentDiscountCategory CommitmentDiscountType CommitmentDiscountStatus CommitmentDiscountQuantity
CommitmentDiscountUnit CapacityReservationId CapacityReservationStatus Tags""".split()
MONTH, NEXT, BEFORE = "2026-10", "2026-11", "2026-09"
WEEKS = [("01", "08"), ("08", "15"), ("15", "22"), ("22", None)]
PROVIDER = "Nordlicht Cloud"
ACCOUNTS = {"100200300401": "production", "100200300402": "shared-services"}

# service, category, subcategory, SKU, meter, description, unit, list price, discounted to, quantity of a week,
# spread of it in per mille, resource, resource type, tags
WEEKLY = [
    ("Nordlicht Compute", "Compute", "Virtual Machines", "nc-c4.large", "Instance hours", "c4.large, on demand",
     "Hours", "0.0712", "0.95", 1344, 20, "pool-web", "Instance Pool", {"team": "platform", "app": "web"}),
    ("Nordlicht Compute", "Compute", "Virtual Machines", "nc-c4.xlarge", "Instance hours", "c4.xlarge, on demand",
     "Hours", "0.1424", "0.95", 672, 60, "pool-worker", "Instance Pool", {"team": "platform", "app": "worker"}),
    ("Nordlicht Containers", "Compute", "Containers", "nk-control", "Cluster hours", "Managed Kubernetes control plane",
     "Hours", "0.10", "1", 168, 0, "cluster-prod", "Cluster", {"team": "platform", "managed": True}),
    ("Nordlicht SQL", "Databases", "Relational Databases", "sql-r5.xlarge", "Database hours",
     "PostgreSQL primary, 32 GiB", "Hours", "0.5320", "0.92", 168, 0, "db-main-primary",
     "Database Instance", {"team": "data", "app": "main-db"}),
    ("Nordlicht SQL", "Databases", "Relational Databases", "sql-r5.xlarge", "Database hours", "PostgreSQL read replica",
     "Hours", "0.5320", "0.92", 168, 0, "db-main-replica", "Database Instance", {"team": "data", "app": "main-db"}),
    ("Nordlicht SQL", "Databases", "Relational Databases", "sql-io", "I/O requests", "Database I/O",
     "Million Requests", "0.20", "1", 310, 90, "db-main-primary", "Database Instance",
     {"team": "data", "app": "main-db"}),
    ("Nordlicht SQL", "Databases", "Relational Databases", "sql-r5.large", "Database hours",
     "PostgreSQL, dedicated to one customer", "Hours", "0.2660", "0.92", 168, 0, "db-granite-media",
     "Database Instance", {"team": "data", "tenant": "granite-media"}),
    ("Nordlicht Cache", "Databases", "Caching", "cache-m5.large", "Node hours", "In-memory cache, 2 nodes", "Hours",
     "0.156", "0.95", 336, 0, "cache-sessions", "Cache Cluster", {"team": "platform", "app": "web"}),
    ("Nordlicht Objects", "Storage", "Object Storage", "obj-standard", "Storage", "Standard storage", "GB-Months",
     "0.0230", "1", 2870, 30, "bucket-uploads", "Bucket", {"team": "platform", "app": "uploads"}),
    ("Nordlicht Objects", "Storage", "Object Storage", "obj-requests", "Requests", "PUT, POST and LIST requests",
     "Thousand Requests", "0.0050", "1", 4600, 80, "bucket-uploads", "Bucket", {"team": "platform", "app": "uploads"}),
    ("Nordlicht Objects", "Storage", "Object Storage", "obj-standard", "Storage",
     "Standard storage, bucket of one customer", "GB-Months", "0.0230", "1", 940, 30, "bucket-cobalt-clinic", "Bucket",
     {"team": "platform", "tenant": "cobalt-clinic"}),
    ("Nordlicht Volumes", "Storage", "Block Storage", "vol-ssd", "Storage", "SSD volumes", "GB-Months", "0.08", "0.97",
     800, 5, "volumes-prod", "Volume", {"team": "platform"}),
    ("Nordlicht Network", "Networking", "Network Connectivity", "net-egress", "Data out", "Egress to the Internet",
     "GB", "0.085", "0.90", 3150, 120, "gw-prod", "Gateway", {"team": "platform"}),
    ("Nordlicht Network", "Networking", "Network Connectivity", "net-crosszone", "Data between zones",
     "Transfer between zones, \"both directions\"", "GB", "0.010", "1", 5400, 110, "vpc-prod", "Network",
     {"team": "platform"}),
    ("Nordlicht Delivery", "Networking", "Content Delivery", "cdn-eu", "Data out", "Content delivery, Europe", "GB",
     "0.060", "0.90", 1280, 140, "cdn-main", "Distribution", {"team": "web"}),
    ("Nordlicht Balancer", "Networking", "Application Networking", "lb-hours", "Balancer hours",
     "Load balancer, hours and capacity units", "Hours", "0.0252", "1", 336, 0, "lb-public", "Load Balancer",
     {"team": "platform"}),
    ("Nordlicht Logs", "Management and Governance", "Observability", "log-ingest", "Ingested data",
     "Log ingestion, 30 days kept", "GB", "0.50", "0.90", 118, 150, "logs-prod", "Log Group", {"team": "platform"}),
    ("Nordlicht CI", "Developer Tools", "Continuous Integration and Deployment", "ci-minutes", "Build minutes",
     "Build minutes, 4 cores", "Minutes", "0.0080", "1", 5200, 160, "ci-main", "Build Project",
     {"team": "engineering", "env": "dev"}),
]
# the same without the weeks: one charge for the whole month
MONTHLY = [
    ("Nordlicht Volumes", "Storage", "Backup Storage", "vol-snapshot", "Snapshots", "Snapshots of volumes, incremental",
     "GB-Months", "0.05", "1", 640, 10, "snapshots-prod", "Snapshot", {"team": "platform"}),
    ("Nordlicht Shield", "Security", "Other (Security)", "waf-acl", "Web ACLs", "Firewall: lists and rules", "Count",
     "5", "1", 3, 0, "waf-public", "Web ACL", {"team": "security"}),
    ("Nordlicht Shield", "Security", "Other (Security)", "waf-requests", "Requests", "Firewall: requests inspected",
     "Million Requests", "0.60", "1", 88, 50, "waf-public", "Web ACL", {"team": "security"}),
    ("Nordlicht Keys", "Security", "Other (Security)", "key-month", "Keys", "Customer keys", "Count", "1", "1", 14, 0,
     "keys-prod", "Key", {"team": "security"}),
    ("Nordlicht Names", "Networking", "Network Routing", "dns-zone", "Zones", "DNS zones", "Count", "0.50", "1", 9, 0,
     "dns-prod", "Zone", {}),
]


class Bill:
    """Rows of one bill, and what goes into every row."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.rows = []

    def row(self, start, end, **values):
        """Adds a row; names are columns in snake case, Decimal values become plain text."""
        account = values.pop("sub_account", "100200300401")
        row = dict.fromkeys(COLUMNS, "")
        row.update(
            ProviderName=PROVIDER, PublisherName=PROVIDER, InvoiceIssuerName=PROVIDER, InvoiceId="INV-%s-0117" % MONTH,
            BillingAccountId="000100200300", BillingAccountName="Tidewater Software", BillingAccountType="Organization",
            SubAccountId=account, SubAccountName=ACCOUNTS[account], SubAccountType="Project",
            BillingPeriodStart=midnight(MONTH, "01"), BillingPeriodEnd=midnight(NEXT, "01"), ChargePeriodStart=start,
            ChargePeriodEnd=end, BillingCurrency="USD", PricingCurrency="USD")
        for name, value in values.items():
            column = "".join(word.capitalize() for word in name.split("_"))
            if column not in row:
                raise KeyError(column)
            row[column] = format(value, "f") if isinstance(value, Decimal) else value
        row["PricingCurrencyEffectiveCost"] = row["EffectiveCost"]
        row["PricingCurrencyListUnitPrice"] = row["ListUnitPrice"]
        row["PricingCurrencyContractedUnitPrice"] = row["ContractedUnitPrice"]
        self.rows.append(row)
        return row

    def usage(self, line, start, end):
        """One usage row of a price list line; the quantity varies by the line's spread."""
        (service, category, sub, sku, meter, text, unit, price, discount, quantity, spread, resource, kind, tags) = line
        drift = self.random.randint(-spread, spread) if spread else 0
        amount = (Decimal(quantity) * (1000 + drift) / 1000).normalize()
        fraction = Decimal(self.random.randrange(10**6)) / 10**6 if spread else Decimal(0)
        amount += fraction
        list_price = Decimal(price)
        contracted = list_price * Decimal(discount)
        cost = amount * contracted
        in_zone = sub in ("Virtual Machines", "Relational Databases", "Block Storage")
        return self.row(
            start, end, charge_category="Usage", charge_description=text, charge_frequency="Usage-Based",
            billed_cost=cost, effective_cost=cost, list_cost=amount * list_price, contracted_cost=cost,
            list_unit_price=list_price, contracted_unit_price=contracted, pricing_category="Standard",
            pricing_quantity=amount, pricing_unit=unit, consumed_quantity=amount, consumed_unit=unit,
            service_name=service, service_category=category, service_subcategory=sub, sku_id=sku, sku_meter=meter,
            sku_price_id=sku + "/eu-1", resource_id="nl:eu-1:%s/%s" % (kind.lower().replace(" ", "-"), resource),
            resource_name=resource, resource_type=kind, region_id="eu-1", region_name="Hamburg",
            availability_zone="eu-1a" if in_zone else "", tags=tag_text(tags),
            sub_account="100200300402" if tags.get("env") == "dev" else "100200300401")

    def reservation(self, start, end, hours, used):
        """Compute that was paid for a year in advance: billed 0 now, amortised cost either used or idle."""
        rate, list_price = Decimal("0.09873"), Decimal("0.1424")
        cost = rate * hours
        self.row(
            start, end, charge_category="Usage", charge_frequency="Usage-Based",
            charge_description="c4.xlarge reserved, web pool" if used else "c4.xlarge reserved, not used",
            billed_cost=Decimal(0), effective_cost=cost, list_cost=list_price * hours,
            contracted_cost=cost, list_unit_price=list_price, contracted_unit_price=rate, pricing_category="Committed",
            pricing_quantity=Decimal(hours), pricing_unit="Hours", service_name="Nordlicht Compute",
            consumed_quantity=Decimal(hours) if used else "", consumed_unit="Hours" if used else "",
            service_category="Compute", service_subcategory="Virtual Machines", sku_id="nc-c4.xlarge",
            sku_meter="Instance hours", sku_price_id="nc-c4.xlarge/eu-1/reserved-1y",
            sku_price_details=json.dumps({"x_Term": "1y", "x_Payment": "AllUpfront"}, separators=(",", ":")),
            resource_id="nl:eu-1:instance-pool/pool-web" if used else "nl:eu-1:reservation/rsv-2026-a",
            resource_name="pool-web" if used else "rsv-2026-a",
            resource_type="Instance Pool" if used else "Reservation", region_id="eu-1", region_name="Hamburg",
            commitment_discount_id="nl:eu-1:reservation/rsv-2026-a", commitment_discount_name="web pool 2026",
            commitment_discount_category="Usage", commitment_discount_type="Reservation",
            commitment_discount_status="Used" if used else "Unused", commitment_discount_quantity=Decimal(hours),
            commitment_discount_unit="Hours", tags=tag_text({"team": "platform", "app": "web"} if used else {}))

    def plain(self, category, cost, text, service, service_category, subcategory, **more):
        """A charge of the month without a resource: all four costs are the same."""
        values = dict(
            charge_category=category, charge_description=text, charge_frequency="One-Time", billed_cost=cost,
            effective_cost=cost, list_cost=cost, contracted_cost=cost, service_name=service,
            service_category=service_category, service_subcategory=subcategory)
        values.update(more)
        return self.row(midnight(MONTH, "01"), midnight(NEXT, "01"), **values)


def midnight(month, day):
    return "%s-%sT00:00:00Z" % (month, day)


def tag_text(tags):
    return json.dumps(tags, separators=(",", ":"), sort_keys=True) if tags else ""


def bill():
    """The whole month."""
    made = Bill(SEED)
    for first, last in WEEKS:
        start, end = midnight(MONTH, first), midnight(MONTH, last) if last else midnight(NEXT, "01")
        for line in WEEKLY:
            made.usage(line, start, end)
        made.reservation(start, end, 640 - 5 * int(first), True)
    month = midnight(MONTH, "01"), midnight(NEXT, "01")
    for line in MONTHLY:
        made.usage(line, *month)
    made.reservation(*month, 131, False)
    other = ("Management and Governance", "Support")
    made.plain(
        "Purchase", Decimal("290.00"), "Business support plan, monthly", "Nordlicht Support", *other,
        charge_frequency="Recurring", list_unit_price=Decimal("290"), contracted_unit_price=Decimal("290"),
        pricing_category="Standard", pricing_quantity=Decimal(1), pricing_unit="Months", sku_id="support-business",
        sku_meter="Plan", sku_price_id="support-business/month")
    made.plain("Credit", Decimal("-250.00"), "Migration credit, 4 of 12", "Nordlicht Compute", "Compute",
               "Virtual Machines", tags=tag_text({"programme": "migration"}))
    made.plain("Credit", Decimal("-18.4275"), "Service level credit: database, 31 minutes", "Nordlicht SQL",
               "Databases", "Relational Databases", tags=tag_text({"team": "data"}))
    correction = made.plain("Usage", Decimal("-12.0833"), "Correction: egress counted twice on one day",
                            "Nordlicht Network", "Networking", "Network Connectivity", charge_class="Correction",
                            charge_frequency="Usage-Based", sku_id="net-egress", sku_meter="Data out",
                            tags=tag_text({"team": "platform"}))
    correction["ChargePeriodStart"], correction["ChargePeriodEnd"] = midnight(BEFORE, "01"), midnight(MONTH, "01")
    taxed = sum(Decimal(row["BilledCost"]) for row in made.rows)
    made.plain("Tax", (taxed * Decimal("0.19")).quantize(Decimal("0.01")), "VAT 19 %", "Nordlicht Billing", "Other",
               "Other (Other)")
    billed = sum(Decimal(row["BilledCost"]) for row in made.rows)
    made.plain("Adjustment", billed.quantize(Decimal("0.01")) - billed, "Rounding of the invoice to cents",
               "Nordlicht Billing", "Other", "Other (Other)")
    return made.rows


def text_of(rows):
    """CSV with LF, quoted where needed."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def broken(rows):
    """A short file with one fault a row, and good rows between; also (first line, fault or None) of each."""
    good = [row for row in rows if row["ChargeCategory"] == "Usage" and row["ResourceName"] == "pool-web"][0]
    # No field that must be quoted, so that each fault below is the only odd thing in its row.
    good = dict(good, ChargeDescription="c4.large on demand", Tags="")

    def line(**changes):
        return text_of([dict(good, **changes)]).split("\n", 1)[1].encode()

    cells = line().rstrip(b"\n").split(b",")
    entries = [
        (line(BilledCost="10", EffectiveCost="10", Tags='{"team":"platform","managed":true}'), None),
        (b",".join(cells[:-1]) + b"\n", "one column too few"),
        (b",".join(cells + [b"more"]) + b"\n", "one column too many"),
        (line(EffectiveCost=""), "EffectiveCost is empty"),
        (line(BilledCost="1.234,50"), "BilledCost is not a decimal number"),
        (line(EffectiveCost="$4.20"), "EffectiveCost carries a currency sign"),
        (line(ListCost="NaN"), "ListCost is not a number"),
        (line(ContractedCost="NULL"), "ContractedCost holds the word NULL"),
        (line(BilledCost="1e40"), "BilledCost is out of range"),
        (line(EffectiveCost="1.5e1", BilledCost="15"), None),
        (line(BillingCurrency="US$"), "BillingCurrency is no currency"),
        (line(BillingCurrency=""), "BillingCurrency is empty"),
        (line(BillingPeriodStart="01/10/2026"), "BillingPeriodStart is no ISO date"),
        (line(ChargePeriodStart="2026-10-32T00:00:00Z"), "ChargePeriodStart is a day that does not exist"),
        (line(ChargePeriodEnd="2026-10-01T00:00:00Z"), "ChargePeriodEnd is not after ChargePeriodStart"),
        (line(BillingPeriodEnd="2026-09-01T00:00:00Z"), "BillingPeriodEnd is before BillingPeriodStart"),
        (line(ChargeCategory="Refund"), "ChargeCategory is none of the five"),
        (line(ChargeClass="Reversal"), "ChargeClass is neither empty nor Correction"),
        (line(BillingAccountId=""), "BillingAccountId is empty"),
        (line(ServiceName=""), "ServiceName is empty"),
        (line(ServiceCategory=""), "ServiceCategory is empty"),
        (line(Tags="team=platform"), "Tags is not JSON"),
        (line(Tags='["team"]'), "Tags is a JSON array"),
        (line(PricingQuantity="many"), "PricingQuantity is not a decimal number"),
        (line(ChargeDescription="caf\xe9").decode().encode("latin-1"), "ChargeDescription is not UTF-8"),
        (line(ChargeDescription="two lines,\nand a \"quote\"", BilledCost="7", EffectiveCost="7"), None),
        (line(EffectiveCost="x", BilledCost="y"), "two faults in one row, after a row of two lines"),
        (line(ChargeDescription="@@").replace(b"@@", b'c4 "large" pool'), "a quote inside an unquoted field"),
        (line(ChargeDescription="@@").replace(b"@@", b'"c4" large'), "text after a closing quote"),
        (line(BilledCost="0.1234567890123456785", EffectiveCost="0.1234567890123456785"), None),
        (line(ChargeDescription="@@").replace(b"@@", b'"never closed'), "a quote that is never closed"),
    ]
    text, table, number = text_of([]).encode(), [], 2
    for content, fault in entries:
        table.append((number, fault))
        text += content
        number += content.count(b"\n")
    return text, table


def main():
    rows = bill()
    with open(HERE + "/data/focus-2026-10.csv", "w", newline="", encoding="utf-8") as file:
        file.write(text_of(rows))
    text, table = broken(rows)
    with open(HERE + "/data/focus-broken.csv", "wb") as file:
        file.write(text)
    total = {c: sum(Decimal(row[c]) for row in rows) for c in ("BilledCost", "EffectiveCost")}
    print("focus-2026-10.csv: %d rows, billed %s, effective %s"
          % (len(rows), total["BilledCost"], total["EffectiveCost"]))
    print("| line | |\n|---|---|")
    for number, fault in table:
        print("| %d | %s |" % (number, fault or "good"))


if __name__ == "__main__":
    main()
