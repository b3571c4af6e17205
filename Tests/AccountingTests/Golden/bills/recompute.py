#!/usr/bin/env python3
"""A second implementation of reading bills: plain Python, exact fractions, none of Weir's code.

    python3 recompute.py            compares with expected.json, and the generated bills with generate.py
    python3 recompute.py --write    writes expected.json

It reads every bill of this folder, adds it up by billing period and currency, and puts it into the pools of
policy.json. The tests of Weir compare the same expected.json with what Weir reads.
"""
import csv
import glob
import json
import os
import subprocess
import sys
import tempfile
from fractions import Fraction

HERE = os.path.dirname(os.path.abspath(__file__))
ZERO = Fraction(0)


def text(value):
    """A fraction of decimal digits, as its shortest decimal."""
    scaled = value * 10 ** 18
    assert scaled.denominator == 1, value
    digits = str(abs(scaled.numerator)).rjust(19, "0")
    out = (digits[:-18] + "." + digits[-18:]).rstrip("0").rstrip(".")
    return ("-" if value < 0 else "") + out


def number(cell):
    return Fraction(cell) if cell not in (None, "") else ZERO


def charge(period, currency, billed, effective, category, service, tags=None, **more):
    return dict(period=period, currency=currency, billed=billed, effective=effective, category=category,
                service=service, tags=tags or {}, **more)


def rows(name, delimiter=","):
    with open(os.path.join(HERE, name), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def focus(name):
    charges = []
    for row in rows(name):
        tags = json.loads(row["Tags"]) if row.get("Tags") else {}
        if row.get("AllocatedTags"):
            tags = {**tags, **json.loads(row["AllocatedTags"])}
        charges.append(charge(
            row["BillingPeriodStart"][:7], row["BillingCurrency"], number(row["BilledCost"]),
            number(row["EffectiveCost"]), row["ChargeCategory"], row["ServiceName"], tags,
            method=row.get("AllocatedMethodId") or "", resource=row.get("ResourceId") or "", origin=row))
    return charges


def settle_focus(charges):
    """Split rows count in the place of the origin that sums to the same."""
    groups = {}
    for one in charges:
        row = one["origin"]
        key = (row.get("ResourceId"), row["BillingPeriodStart"], row["ChargePeriodStart"], row["ChargePeriodEnd"],
               row["BillingCurrency"], row["ServiceName"], row.get("SkuId"), row.get("SkuPriceId"),
               row["ChargeCategory"], row["ChargeClass"], row.get("SubAccountId"), row.get("CommitmentDiscountId"),
               row.get("CommitmentDiscountStatus"), row.get("PricingCategory"))
        one["group"] = key if row.get("ResourceId") else None
        if one["group"]:
            groups.setdefault(key, ([], []))[1 if one["method"] else 0].append(one)
    kept = []
    for one in charges:
        origins, parts = groups.get(one["group"], ([], []))
        if origins and parts:
            same = all(sum(o[k] for o in origins) == sum(p[k] for p in parts) for k in ("billed", "effective"))
            if bool(one["method"]) != same:
                continue
        kept.append(one)
    return kept


def aws(name):
    charges = []
    hours = {}
    for row in rows(name):
        tags = json.loads(row["resource_tags"]) if row["resource_tags"] else {}
        kind = row["line_item_line_item_type"]
        billed = number(row["line_item_unblended_cost"])
        effective = billed
        category = {"Tax": "Tax", "Credit": "Credit", "Refund": "Adjustment", "EdpDiscount": "Adjustment",
                    "SavingsPlanRecurringFee": "Purchase", "RIFee": "Purchase"}.get(kind, "Usage")
        if kind == "SavingsPlanCoveredUsage":
            effective = number(row["savings_plan_savings_plan_effective_cost"])
        if kind == "SavingsPlanNegation":
            effective = ZERO
        if kind == "SavingsPlanRecurringFee":
            effective = number(row["savings_plan_total_commitment_to_date"]) - number(
                row["savings_plan_used_commitment"])
        if kind == "DiscountedUsage":
            effective = number(row["reservation_effective_cost"])
        if kind == "RIFee":
            effective = number(row["reservation_unused_amortized_upfront_fee_for_billing_period"]) + number(
                row["reservation_unused_recurring_fee"])
        month = row["bill_billing_period_start_date"][:7]
        common = (month, row["line_item_currency_code"])
        span = row["line_item_usage_start_date"]
        parent = row["split_line_item_parent_resource_id"]
        if not parent:
            one = charge(*common, billed, effective, category, row["line_item_product_code"], tags, method="")
            is_time = any(word in row["line_item_usage_type"] for word in ("BoxUsage", "SpotUsage", "DedicatedUsage"))
            if row["line_item_operation"].startswith("RunInstances") and is_time:
                hours.setdefault((row["line_item_resource_id"], span), [[], []])[0].append(one)
            charges.append(one)
            continue
        # What a pod used and its share of the idle part. The row called Unused is the same idle part again.
        if row["line_item_resource_id"].endswith("/Unused"):
            continue
        for method, column in (("aws-split-used", "split_line_item_split_cost"),
                               ("aws-split-idle", "split_line_item_unused_cost")):
            cost = number(row[column])
            if cost or method == "aws-split-used":
                one = charge(*common, ZERO, cost, "Usage", row["line_item_product_code"], tags, method=method)
                hours.setdefault((parent, span), [[], []])[1].append(one)
                charges.append(one)
    return charges, hours


def settle_aws(charges, hours):
    """Pods count; the instance's own row keeps its billed cost and what rounding left of its effective."""
    for origins, pods in hours.values():
        if not origins or not pods:
            continue
        rest = sum(o["effective"] for o in origins) - sum(p["effective"] for p in pods)
        assert abs(rest) <= Fraction(len(pods), 10 ** 9), "the fixture has settled splits only"
        assert len(origins) == 1
        origins[0]["effective"] = rest
    return charges


def azure(name):
    kinds = {"Usage": "Usage", "Purchase": "Purchase", "Refund": "Adjustment", "RoundingAdjustment": "Adjustment",
             "UnusedReservation": "Usage"}
    charges = []
    for row in rows(name):
        row = {key.lower(): value for key, value in row.items()}
        tags = row["tags"]
        tags = json.loads(tags if tags.startswith("{") else "{" + tags + "}")
        date = row["billingperiodstartdate"]
        month = date[:7] if date[4] == "-" else date[6:] + "-" + date[:2]
        cost = number(row["costinbillingcurrency"])
        billed = ZERO if row["chargetype"] == "UnusedReservation" else cost
        currency = row.get("billingcurrency") or row.get("billingcurrencycode")
        charges.append(charge(month, currency, billed, cost, kinds[row["chargetype"]], row["metercategory"], tags))
    return charges


def exact(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return [json.loads(line, parse_float=str, parse_int=str) for line in file]


def google(name):
    kinds = {"regular": "Usage", "tax": "Tax", "adjustment": "Adjustment", "rounding_error": "Adjustment"}
    charges = []
    for row in exact(name):
        month = row["invoice"]["month"]
        tags = {}
        for label in ((row["project"] or {}).get("labels") or []) + row["labels"]:
            tags[label["key"]] = label["value"]
        where = (f"{month[:4]}-{month[4:]}", row["currency"])
        cost = number(row["cost"])
        charges.append(charge(*where, cost, cost, kinds[row["cost_type"]], row["service"]["description"], tags))
        for credit in row["credits"]:
            amount = number(credit["amount"])
            charges.append(charge(*where, amount, amount, "Credit", row["service"]["description"], tags))
    return charges


def opencost(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        answer = json.load(file, parse_float=str, parse_int=str)
    charges = []
    for group in answer["data"]:
        for one in group.values():
            tags = one["properties"]["labels"]
            parts = [number(one[key]) for key in (
                "cpuCost", "gpuCost", "ramCost", "pvCost", "networkCost", "loadBalancerCost", "sharedCost",
                "externalCost")]
            rest = number(one["totalCost"]) - sum(parts)
            for cost, category in [(part, "Usage") for part in parts] + [(rest, "Adjustment")]:
                if cost:
                    charges.append(charge(one["window"]["start"][:7], "USD", cost, cost, category, "Kubernetes", tags))
    return charges


def generic(name):
    charges = []
    for row in rows(name, ";"):
        kind = row["Type"]
        if kind == "Subtotal":
            continue
        cost = sum(number(row[key].replace(".", "").replace(",", ".")) for key in ("Net", "Surcharge"))
        if kind == "Voucher":
            cost = -cost
        category = {"VAT": "Tax", "Voucher": "Credit"}.get(kind, "Usage")
        tags = dict(part.strip().split("=") for part in row["Labels"].split(",") if part.strip())
        charges.append(charge(row["BillingMonth"], row["Currency"], cost, cost, category, row["Product"], tags))
    return charges


def pool(one, policy):
    for candidate in policy["pools"]:
        match = candidate.get("match", {})
        fits = True
        for key, test in match.items():
            if key == "tags":
                fits &= all(one["tags"].get(tag) == value for tag, value in test.items())
            elif key == "charge_category":
                fits &= one["category"] == test
            elif key == "allocated_method":
                fits &= one.get("method") == test
            else:
                raise ValueError(key)
        if fits:
            return candidate["name"]
    return "~unmatched"


def total(read, settled, policy):
    sums, pools = {}, {}
    for one in read:
        sums.setdefault(f"{one['period']} {one['currency']}", [0, ZERO, ZERO])
        entry = sums[f"{one['period']} {one['currency']}"]
        entry[0] += 1
        entry[1] += one["billed"]
        entry[2] += one["effective"]
    for one in settled:
        if one["currency"] == policy["currency"]:
            name = pool(one, policy)
            pools.setdefault(one["period"], {})
            pools[one["period"]][name] = pools[one["period"]].get(name, ZERO) + one["effective"]
    return {
        "totals": {key: {"records": n, "billed": text(b), "effective": text(e)} for key, (n, b, e) in sums.items()},
        "pools": {month: {name: text(v) for name, v in found.items() if v} for month, found in pools.items()}}


def compute():
    with open(os.path.join(HERE, "policy.json"), encoding="utf-8") as file:
        policy = json.load(file)
    found = {}
    for path in sorted(glob.glob(os.path.join(HERE, "focus*.csv"))):
        name = os.path.basename(path)
        read = focus(name)
        found[name] = total(read, settle_focus(read), policy)
    read, hours = aws("aws.csv")
    copy = [dict(one) for one in read]
    settled = settle_aws(read, hours)
    found["aws.csv"] = total(copy, settled, policy)
    for name, reader in (("azure-ea.csv", azure), ("azure-mca.csv", azure), ("google.jsonl", google),
                         ("opencost.json", opencost), ("generic.csv", generic)):
        read = reader(name)
        found[name] = total(read, read, policy)
    invoices = {}
    for row in rows("invoice-detail.csv"):
        key = f"{row['BillingPeriodStart'][:7]} {row['InvoiceId']} {row['BillingCurrency']}"
        invoices[key] = invoices.get(key, ZERO) + number(row["BilledCost"])
    found["invoice-detail.csv"] = {"invoices": {key: text(value) for key, value in invoices.items()}}
    return found


def check_generated():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, os.path.join(HERE, "generate.py"), folder], check=True)
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "rb") as new, open(os.path.join(HERE, name), "rb") as old:
                if new.read() != old.read():
                    sys.exit(f"{name} is not what generate.py writes")


def main():
    path = os.path.join(HERE, "expected.json")
    found = json.dumps(compute(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if "--write" in sys.argv:
        with open(path, "w", encoding="utf-8") as out:
            out.write(found)
        return
    check_generated()
    with open(path, encoding="utf-8") as file:
        if file.read() != found:
            sys.exit("expected.json is not what this implementation computes")
    print(f"bills: {len(json.loads(found))} files agree")


main()
