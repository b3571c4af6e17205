#!/usr/bin/env python3
"""Rules of FOCUS 1.4 cost and usage for a file of allocated charges, with nothing of Weir.

    FocusLint.py FILE [--exit-zero]      - for standard input

Written from docs/reference/exports.md and the columns and rules of the FOCUS specification. Prints faults, the
sum of EffectiveCost by AllocatedResourceId, and `faults=N`.
"""
import csv
import io
import json
import re
import sys
from decimal import Decimal, InvalidOperation, getcontext

getcontext().prec = 60
MANDATORY = """BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart
ChargeCategory ChargeClass ChargeDescription ChargePeriodEnd ChargePeriodStart ContractedCost EffectiveCost
HostProviderName InvoiceIssuerName ListCost PricingQuantity PricingUnit ServiceCategory ServiceName
ServiceProviderName""".split()
KNOWN = set(MANDATORY) | set("""AllocatedMethodDetails AllocatedMethodId AllocatedResourceId AllocatedResourceName
AllocatedTags AvailabilityZone BillingAccountType ChargeFrequency ConsumedQuantity ConsumedUnit InvoiceDetailId InvoiceId
PricingCategory PricingCurrency PricingCurrencyEffectiveCost RegionId RegionName ResourceId ResourceName ResourceType
ServiceSubcategory SkuId SkuMeter SkuPriceId SubAccountId SubAccountName SubAccountType Tags""".split())
NOT_NULL = [name for name in MANDATORY if name not in (
    "BillingAccountName", "ChargeClass", "ChargeDescription", "HostProviderName", "PricingQuantity", "PricingUnit")]
NOT_NULL += ["AllocatedMethodId", "AllocatedMethodDetails", "AllocatedResourceId", "ChargeFrequency",
             "ServiceSubcategory", "ResourceId"]
DECIMALS = ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "PricingQuantity"]
ALLOWED = {
    "ChargeCategory": ["Usage", "Purchase", "Tax", "Credit", "Adjustment"],
    "ChargeClass": ["", "Correction"],
    "ChargeFrequency": ["One-Time", "Recurring", "Usage-Based"],
    "ServiceCategory": [
        "AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools",
        "Multicloud", "Identity", "Integration", "Internet of Things", "Management and Governance", "Media",
        "Migration", "Mobile", "Networking", "Security", "Storage", "Web", "Other"],
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Lint:
    def __init__(self):
        self.faults = []
        self.sums = {}
        self.ratios = {}
        self.costs = {}

    def fault(self, line, words):
        self.faults.append(f"line {line}: {words}")

    def header(self, names):
        for name in MANDATORY:
            if name not in names:
                self.fault(1, f"column {name} is missing")
        own = False
        for name in names:
            if name.startswith("x_"):
                own = True
                if not re.fullmatch(r"x_[A-Z][A-Za-z0-9]*", name):
                    self.fault(1, f"{name} is not x_ and PascalCase")
            elif name not in KNOWN:
                self.fault(1, f"{name} is no column of FOCUS 1.4")
            elif own:
                self.fault(1, f"{name} comes after columns of the provider's own")
        if len(set(names)) != len(names):
            self.fault(1, "a column stands twice")

    def row(self, line, row):
        for name in NOT_NULL:
            if not row.get(name):
                self.fault(line, f"{name} is null")
        for name, value in row.items():
            if value in ("NULL", "N/A", "null", " "):
                self.fault(line, f"{name} holds a placeholder")
        for name, allowed in ALLOWED.items():
            if row[name] not in allowed:
                self.fault(line, f"{name} is {row[name]!r}")
        for name in DECIMALS:
            try:
                if row[name]:
                    Decimal(row[name])
            except InvalidOperation:
                self.fault(line, f"{name} is not a decimal: {row[name]!r}")
        if not re.fullmatch("[A-Z]{3}", row["BillingCurrency"]):
            self.fault(line, f"BillingCurrency is {row['BillingCurrency']!r}")
        if bool(row["PricingQuantity"]) != bool(row["PricingUnit"]):
            self.fault(line, "PricingUnit is null if and only if PricingQuantity is")
        if row["ChargeCategory"] == "Tax" and row["PricingQuantity"]:
            self.fault(line, "PricingQuantity of a tax")
        self.times(line, row)
        self.allocation(line, row)

    def times(self, line, row):
        for name in ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"):
            if not TIME.fullmatch(row[name]):
                self.fault(line, f"{name} is {row[name]!r}")
        if not row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]:
            self.fault(line, "the charge period is not inside of the billing period")

    def allocation(self, line, row):
        for name in ("Tags", "AllocatedTags"):
            try:
                if not isinstance(json.loads(row[name]), dict):
                    raise ValueError
            except ValueError:
                self.fault(line, f"{name} is not a JSON object")
        try:
            elements = json.loads(row["AllocatedMethodDetails"], parse_float=Decimal, parse_int=Decimal)["Elements"]
            assert isinstance(elements, list) and elements
        except (ValueError, KeyError, AssertionError, TypeError):
            self.fault(line, "AllocatedMethodDetails has no Elements")
            return
        for element in elements:
            ratio = element.get("AllocatedRatio")
            if not isinstance(ratio, Decimal) or not 0 <= ratio <= 1:
                self.fault(line, f"AllocatedRatio is {ratio}")
                continue
            if element.get("UsageQuantity") is not None and not isinstance(element.get("UsageUnit"), str):
                self.fault(line, "UsageQuantity without UsageUnit")
            for key in element:
                if key not in ("AllocatedRatio", "UsageUnit", "UsageQuantity") and not re.fullmatch("x_[A-Z]\\w*", key):
                    self.fault(line, f"key {key} of an element")
            self.ratios.setdefault(row["ResourceId"], []).append((line, ratio, Decimal(row["EffectiveCost"])))
        owner = row["AllocatedResourceId"]
        self.sums[owner] = self.sums.get(owner, Decimal(0)) + Decimal(row["EffectiveCost"])

    def origins(self):
        for origin, parts in self.ratios.items():
            whole = sum(cost for _, _, cost in parts)
            if abs(sum(ratio for _, ratio, _ in parts) - 1) > Decimal(10) ** -15:
                self.fault(0, f"ratios of {origin} sum to {sum(ratio for _, ratio, _ in parts)}")
            for line, ratio, cost in parts:
                if whole and abs(cost / whole - ratio) > Decimal(10) ** -15:
                    self.fault(line, f"ratio {ratio} of {origin} is not its cost over the origin's")


def main():
    text = sys.stdin.read() if sys.argv[1] == "-" else open(sys.argv[1], newline="", encoding="utf-8").read()
    reader = csv.DictReader(io.StringIO(text, newline=""))
    lint = Lint()
    lint.header(reader.fieldnames)
    if not lint.faults:
        for number, row in enumerate(reader, 2):
            lint.row(number, row)
        lint.origins()
    for fault in lint.faults[:50]:
        print(fault)
    for owner, total in lint.sums.items():
        print(f"sum {owner} {total:.6f}")
    print(f"faults={len(lint.faults)}")
    sys.exit(1 if lint.faults and "--exit-zero" not in sys.argv else 0)


if __name__ == "__main__":
    main()
