#!/usr/bin/env python3
"""Recomputes a golden close from its inputs and compares every file, with nothing of Weir.

    python3 recompute.py [folder]        default: october, beside this file

Written from docs/reference (policy.md, cost-imports.md, statement.md, ledger.md). Money is Fraction
and int; no float.
"""
import csv
import hashlib
import json
import sys
from fractions import Fraction
from pathlib import Path

MICRO = 10**6
RESERVED = ["~unattributed", "~invalid", "~overflow"]
FIELDS = {
    "service": "ServiceName", "service_category": "ServiceCategory", "sku": "SkuId",
    "region": "RegionId", "resource": "ResourceId", "sub_account": "SubAccountId",
    "billing_account": "BillingAccountId", "invoice": "InvoiceId",
    "charge_category": "ChargeCategory", "charge_class": "ChargeClass",
    "charge_description": "ChargeDescription", "provider": "ProviderName",
}
UNITS = {"_bytes": "byte", "_us": "us", "_ms": "ms"}
ID_FIRST = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")


def half_even(value):
    floor = value.numerator // value.denominator
    rest = value - floor
    up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and floor % 2 == 1)
    return floor + int(up)


def fixed(count, digits):
    text = str(abs(count)).rjust(digits + 1, "0")
    text = text[:-digits] + "." + text[-digits:] if digits else text
    return ("-" if count < 0 else "") + text


def shortest(value):
    """A fraction with at most 18 digits as its shortest decimal."""
    text = fixed(int(value * 10**18), 18).rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


def key_bytes(text):
    return text.encode()


def split(total, weights):
    """total over {key: weight}, largest remainder; ties: larger weight, then key bytes."""
    if total == 0:
        return {key: 0 for key in weights}
    whole = sum(weights.values())
    exact = {key: Fraction(abs(total)) * weight / whole for key, weight in weights.items()}
    parts = {key: value.numerator // value.denominator for key, value in exact.items()}
    missing = abs(total) - sum(parts.values())
    order = sorted(
        (key for key in parts if exact[key] != parts[key]),
        key=lambda key: (-(exact[key] - parts[key]), -weights[key], key_bytes(key)))
    for key in order[:missing]:
        parts[key] += 1
    return {key: part if total > 0 else -part for key, part in parts.items()}


def round_parts(parts, total):
    """Exact {key: Fraction of units} to whole units that sum to total."""
    if parts and all(value <= 0 for value in parts.values()) and any(parts.values()):
        mirrored = round_parts({key: -value for key, value in parts.items()}, -total)
        return {key: -value for key, value in mirrored.items()}
    floors = {key: value.numerator // value.denominator for key, value in parts.items()}
    missing = total - sum(floors.values())
    order = sorted(
        (key for key in parts if parts[key] != floors[key]),
        key=lambda key: (-(parts[key] - floors[key]), -abs(parts[key]), key_bytes(key)))
    assert 0 <= missing <= len(order)
    for key in order[:missing]:
        floors[key] += 1
    return floors


def is_tenant(text):
    rest = ID_FIRST | set("._:@-")
    return 0 < len(text.encode()) <= 128 and text[0] in ID_FIRST and set(text) <= rest


def test_passes(test, text):
    if isinstance(test, dict):
        ((kind, value),) = test.items()
        if kind == "present":
            return (text is not None) == (value is True or value == "true")
        if text is None:
            return False
        return {"equals": lambda: text == value, "in": lambda: text in value,
                "prefix": lambda: text.startswith(value)}[kind]()
    if text is None:
        return False
    return text in test if isinstance(test, list) else text == test


def takes(match, row):
    for key, value in match.items():
        if key == "all":
            passed = all(takes(one, row) for one in value)
        elif key == "any":
            passed = any(takes(one, row) for one in value)
        elif key == "not":
            passed = not takes(value, row)
        elif key == "tags":
            passed = all(test_passes(test, row["tags"].get(tag)) for tag, test in value.items())
        else:
            passed = test_passes(value, row.get(FIELDS[key]) or None)
        if not passed:
            return False
    return True


def unit_of(name, known):
    if name in known:
        for suffix, unit in UNITS.items():
            if name.endswith(suffix):
                return unit
        return "1"
    return "10^-6 " + name


class Close:
    def __init__(self, folder):
        self.folder = folder
        document = (folder / "policy.json").read_bytes()
        self.policy = json.loads(document, parse_float=Fraction, parse_int=str)
        self.policy_digest = hashlib.sha256(document).hexdigest()
        self.read_bill()
        self.read_usage()
        self.allocate()
        self.entry_ids = {pool["name"]: self.entry_id(pool["name"]) for pool in self.pools}

    def read_bill(self):
        self.rows = []
        with open(self.folder / "bill.csv", newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                row["tags"] = json.loads(row["Tags"]) if row["Tags"] else {}
                row["cost"] = Fraction(row["EffectiveCost"])
                row["billed"] = Fraction(row["BilledCost"])
                self.rows.append(row)

    def read_usage(self):
        self.usage = {}
        with open(self.folder / "usage.csv", newline="") as file:
            for row in csv.DictReader(file):
                if int(row["value"]) > 0:
                    key = (row["tenant"], row["route"], row["quantity"])
                    self.usage[key] = self.usage.get(key, 0) + int(row["value"])
        self.series = {}
        with open(self.folder / "series.csv", newline="") as file:
            for row in csv.DictReader(file):
                values = self.series.setdefault(row["series"], (row["unit"], {}))[1]
                values[row["tenant"]] = Fraction(row["value"])

    # Allocation

    def allocate(self):
        definitions = self.policy["pools"] + [{"name": "~unmatched", "method": {"kind": "unmatched"}}]
        self.pools = []
        for index, pool in enumerate(definitions):
            rows = [row for row in self.rows if self.first_match(row) == index]
            if rows:
                self.pools.append({
                    "name": pool["name"], "method": pool["method"], "rows": rows,
                    "exact": sum(row["cost"] for row in rows), "notes": [], "drivers": []})
        self.exact = sum(pool["exact"] for pool in self.pools)
        self.total = half_even(self.exact * MICRO)
        posted = round_parts({pool["name"]: pool["exact"] * MICRO for pool in self.pools}, self.total)
        for pool in self.pools:
            pool["posted"] = posted[pool["name"]]
            getattr(self, pool["method"]["kind"])(pool)
            assert sum(share["micros"] for share in pool["shares"].values()) == pool["posted"]

    def first_match(self, row):
        for index, pool in enumerate(self.policy["pools"]):
            if takes(pool.get("match", {}), row):
                return index
        return len(self.policy["pools"])

    def whole(self, pool, account):
        pool["shares"] = {account: {"micros": pool["posted"], "share": Fraction(1), "routes": []}}

    def keep(self, pool):
        self.whole(pool, "platform:kept")

    def unmatched(self, pool):
        self.whole(pool, "platform:unallocated:unmatched")

    def direct(self, pool):
        method = pool["method"]
        owners = {}
        for row in pool["rows"]:
            text = row["tags"].get(method["tag"]) if "tag" in method else row[FIELDS[method["field"]]]
            if not text:
                account = "platform:unallocated:no-owner"
            elif "map" in method:
                tenant = method["map"].get(text)
                account = f"tenant:{tenant}" if tenant else "platform:unallocated:unmapped"
            else:
                account = f"tenant:{text}" if is_tenant(text) else "platform:unallocated:invalid-tenant"
            owners[account] = owners.get(account, 0) + row["cost"]
        micros = round_parts({key: value * MICRO for key, value in owners.items()}, pool["posted"])
        pool["shares"] = {
            key: {"micros": micros[key], "share": value / pool["exact"] if pool["exact"] else Fraction(0),
                  "routes": []} for key, value in owners.items()}

    def values(self, driver):
        """{(tenant, route): value} of a driver, and its unit."""
        if "external" in driver:
            unit, values = self.series[driver["external"]]
            found = {(tenant, ""): value for tenant, value in values.items() if value > 0}
        else:
            unit = unit_of(driver["quantity"], set(METERED))
            factors = driver.get("route_weights", {})
            found = {}
            for (tenant, route, quantity), value in self.usage.items():
                if quantity != driver["quantity"]:
                    continue
                if "routes" in driver and route not in driver["routes"]:
                    continue
                value = value * Fraction(factors.get(route, 1))
                if value > 0:
                    found[(tenant, route)] = value
        excluded = {"~" + name for name, word in self.policy.get("reserved_tenants", {}).items()
                    if word == "exclude"}
        return {key: value for key, value in found.items() if key[0] not in excluded}, unit

    def proportional(self, pool):
        drivers = []
        for one in pool["method"]["drivers"]:
            one = {"quantity": one} if isinstance(one, str) else one
            values, unit = self.values(one)
            drivers.append({
                "name": one.get("quantity") or one["external"], "unit": unit, "values": values,
                "weight": Fraction(one.get("weight", 1)), "total": sum(values.values())})
        active = [driver for driver in drivers if driver["total"] > 0]
        assert active, "fallbacks do not occur in the golden files"
        scale = sum(driver["weight"] for driver in active)
        for driver in drivers:
            is_active = driver["total"] > 0
            driver["effective"] = driver["weight"] / scale if is_active else Fraction(0)
            if not is_active:
                pool["notes"].append(f"driver {driver['name']} was zero: its weight "
                                     f"{shortest(driver['weight'])} went to the others")
        weights, routes = {}, {}
        for driver in active:
            for (tenant, route), value in driver["values"].items():
                part = driver["effective"] * value / driver["total"]
                weights[tenant] = weights.get(tenant, 0) + part
                routes.setdefault(tenant, {})[route] = routes.get(tenant, {}).get(route, 0) + part
        account = {
            tenant: f"platform:unallocated:{tenant[1:]}" if tenant in RESERVED else f"tenant:{tenant}"
            for tenant in weights}
        micros = split(pool["posted"], {account[tenant]: weight for tenant, weight in weights.items()})
        pool["drivers"] = drivers
        pool["shares"] = {}
        for tenant, weight in weights.items():
            detail = split(micros[account[tenant]], routes[tenant])
            pool["shares"][account[tenant]] = {
                "micros": micros[account[tenant]], "share": weight,
                "routes": [(route, detail[route], routes[tenant][route], tenant)
                           for route in sorted(detail, key=key_bytes)]}

    # Ledger

    def entry_id(self, pool):
        def text(value):
            return len(value.encode()).to_bytes(4, "big") + value.encode()
        return hashlib.sha256(text("weir-entry") + text("2026-10") + (1).to_bytes(4, "big")
                              + text("allocation") + text(pool)).hexdigest()

    # Statements

    def statements(self):
        accounts = {}
        for pool in self.pools:
            for account, share in pool["shares"].items():
                accounts[account] = accounts.get(account, 0) + share["micros"]
        for tenant in {key[0] for key in self.usage} - set(RESERVED):
            accounts.setdefault(f"tenant:{tenant}", 0)
        for account in ("platform:kept", "platform:rounding"):
            accounts.setdefault(account, 0)
        cent = 10_000
        printed_total = half_even(Fraction(self.total, cent))
        printed = round_parts({key: Fraction(value, cent) for key, value in accounts.items()}, printed_total)
        order = sorted(accounts, key=lambda key: (not key.startswith("tenant:"), key_bytes(key)))
        self.files = {}
        for account in order:
            if account.startswith("tenant:"):
                self.statement(account[7:], accounts[account], printed[account], cent)
        self.period(order, accounts, printed, printed_total)
        self.bridge(accounts)
        return self.files

    def lines(self, tenant):
        for pool in self.pools:
            share = pool["shares"].get(f"tenant:{tenant}")
            if share is None:
                continue
            details = share["routes"] or [(None, share["micros"], share["share"], tenant)]
            for route, micros, part, _ in details:
                drivers = [
                    {"quantity": driver["name"], "unit": driver["unit"],
                     "value": shortest(driver["values"].get((tenant, route), Fraction(0))),
                     "total": shortest(Fraction(driver["total"])),
                     "weight": fixed(half_even(driver["effective"] * 10**12), 12),
                     "unit_cost": fixed(half_even(
                         driver["effective"] * pool["posted"] / MICRO / driver["total"] * 10**18), 18)
                     if driver["total"] else None}
                    for driver in pool["drivers"]]
                yield pool, route or None, drivers, part, micros

    def statement(self, tenant, micros, printed, cent):
        lines = list(self.lines(tenant))
        keys = [line[0]["name"] + "\0" + (line[1] or "") for line in lines]
        shown = round_parts({key: Fraction(line[4], cent) for key, line in zip(keys, lines)}, printed)
        previous = 100_000_000 if tenant == "acme" else None
        before = PREVIOUS_LINES if tenant == "acme" else {}
        present = {(line[0]["name"], line[1]) for line in lines}
        attributable = [
            (key, line[4]) for key, line in zip(keys, lines)
            if line[0]["method"]["kind"] in ("direct", "proportional")]
        policy = {"name": self.policy["name"], "sha256": self.policy_digest}
        rendered = [
            {"pool": pool["name"], "method": pool["method"]["kind"],
             "layer": "attributable" if pool["method"]["kind"] in ("direct", "proportional") else "shared",
             "route": route, "drivers": drivers,
             "share": fixed(half_even(part * 10**12), 12), "amount": fixed(amount, 6),
             "printed": fixed(shown[key], 2),
             "confidence": self.confidence(tenant, pool, route, drivers, amount),
             "previous": fixed(before[(pool["name"], route)], 6) if (pool["name"], route) in before else None,
             "ledger_entry": self.entry_ids[pool["name"]],
             "notes": pool["notes"]}
            for key, (pool, route, drivers, part, amount) in zip(keys, lines)]
        entries = list(dict.fromkeys(line["ledger_entry"] for line in rendered))
        document = {
            "format": "weir-statement/2", "tenant": tenant, "name": NAMES.get(tenant),
            "registered": tenant in ("acme", "bolt"), "period": "2026-10", "version": 1,
            "issued_at": "2026-11-01T00:00:00Z", "currency": "USD", "policy": policy,
            "total": fixed(micros, 6), "printed_total": fixed(printed, 2),
            "attributable": {
                "amount": fixed(sum(amount for _, amount in attributable), 6),
                "printed": fixed(sum(shown[key] for key, _ in attributable), 2)},
            "fully_loaded": {"amount": fixed(micros, 6), "printed": fixed(printed, 2)},
            "confidence": {
                word: fixed(sum(round(Fraction(line["confidence"][word]) * MICRO) for line in rendered), 6)
                for word in ("measured", "hinted", "modelled")},
            "previous_version": None if previous is None else 1,
            "previous_total": None if previous is None else fixed(previous, 6),
            "previous_currency": None if previous is None else "USD",
            "change": None if previous is None else fixed(micros - previous, 6),
            "lines": rendered,
            "gone": [{"pool": pool, "route": route, "previous": fixed(amount, 6)}
                     for (pool, route), amount in before.items() if (pool, route) not in present], "usage": self.usage_lines(tenant), "coverage": COVERAGE,
            "ledger_entries": entries, "reconciliation": "tied-out"}
        self.files[f"statement-{tenant}.json"] = canonical(document)
        rows = [",".join([
            "tenant", "registered", "period", "version", "pool", "method", "route", "quantities",
            "unit_costs", "share", "amount", "printed", "currency", "ledger_entry", "policy_sha256",
            "reconciliation", "notes", "name", "layer", "measured", "hinted", "modelled", "previous"])]
        for line in rendered:
            rows.append(",".join([
                tenant, "yes" if document["registered"] else "no", "2026-10", "1", line["pool"],
                line["method"], line["route"] or "",
                "; ".join(f"{d['quantity']}={d['value']} {d['unit']}" for d in line["drivers"]),
                "; ".join(f"{d['quantity']}={d['unit_cost']}" for d in line["drivers"] if d["unit_cost"]),
                line["share"], line["amount"], line["printed"], "USD", line["ledger_entry"],
                self.policy_digest, "tied-out", "; ".join(line["notes"]), document["name"] or "", line["layer"],
                line["confidence"]["measured"], line["confidence"]["hinted"], line["confidence"]["modelled"],
                line["previous"] or ""]))
        self.files[f"statement-{tenant}.csv"] = "".join(row + "\r\n" for row in rows)

    def confidence(self, tenant, pool, route, drivers, amount):
        """statement.md, "Confidence"."""
        parts = {"measured": 0, "hinted": 0, "modelled": 0}
        if pool["method"]["kind"] == "direct":
            parts["measured"] = amount
            drivers = []
        # A line with one driver is that driver's in full; else by weight * value / total, as printed.
        weights = {
            f"{index:02}": Fraction(one["weight"]) * Fraction(one["value"]) / Fraction(one["total"])
            if Fraction(one["total"]) else Fraction(0) for index, one in enumerate(drivers)}
        by_driver = split(amount, weights) if any(weights.values()) else {key: 0 for key in weights}
        for (key, part), one in zip(by_driver.items(), drivers):
            if one["quantity"] == "upstream_cpu_us":
                every, hinted = (sum(
                    value for (owner, where, quantity), value in self.usage.items()
                    if owner == tenant and quantity == name and route in (None, where))
                    for name in ("requests", "cpu_hinted_requests"))
                halves = {"hinted": part, "modelled": 0}
                if every:
                    halves = split(part, {"hinted": min(hinted, every), "modelled": every - min(hinted, every)})
                for word, half in halves.items():
                    parts[word] += half
            elif one["unit"].startswith("10^-6 "):
                parts["hinted"] += part
            else:
                parts["measured"] += part
        parts["modelled"] += amount - sum(parts.values())
        return {word: fixed(part, 6) for word, part in parts.items()}

    def usage_lines(self, tenant):
        keys = sorted((key for key in self.usage if key[0] == tenant),
                      key=lambda key: (key_bytes(key[1]), key_bytes(key[2])))
        return [{"route": route, "quantity": quantity, "unit": unit_of(quantity, set(METERED)),
                 "value": str(self.usage[(tenant, route, quantity)])} for tenant, route, quantity in keys]

    def period(self, order, accounts, printed, printed_total):
        rows = [{"account": account, "registered": account in ("tenant:acme", "tenant:bolt"),
                 "amount": fixed(accounts[account], 6), "printed": fixed(printed[account], 2)}
                for account in order]
        reserved = sorted(key for key in RESERVED if any(one[0] == key for one in self.usage))
        self.files["period.json"] = canonical({
            "format": "weir-period/1", "period": "2026-10", "version": 1, "currency": "USD",
            "policy": {"name": self.policy["name"], "sha256": self.policy_digest}, "rows": rows,
            "total": fixed(self.total, 6), "printed_total": fixed(printed_total, 2),
            "exact_total": shortest(self.exact), "rest": shortest(self.exact - Fraction(self.total, MICRO)),
            "reserved_usage": {tenant: self.usage_lines(tenant) for tenant in reserved},
            "coverage": COVERAGE, "reconciliation": "tied-out"})
        lines = ["period,version,account,registered,amount,printed,currency"]
        lines += [f"2026-10,1,{row['account']},{'yes' if row['registered'] else 'no'},"
                  f"{row['amount']},{row['printed']},USD" for row in rows]
        self.files["period.csv"] = "".join(line + "\r\n" for line in lines)

    def bridge(self, accounts):
        billed = sum(row["billed"] for row in self.rows)
        rest = self.exact - Fraction(self.total, MICRO)
        lines = [("invoice", billed), ("effective-minus-billed", self.exact - billed),
                 ("below-a-micro-unit", -rest)]
        tenants = sum(value for key, value in accounts.items() if key.startswith("tenant:"))
        lines.append(("tenants", Fraction(tenants, MICRO)))
        for key in sorted(accounts, key=key_bytes):
            if key.startswith("platform:unallocated:"):
                lines.append((key[9:], Fraction(accounts[key], MICRO)))
        lines += [("kept", Fraction(accounts["platform:kept"], MICRO)), ("rounding", Fraction(0)),
                  ("fx", Fraction(0))]
        self.files["bridge.json"] = canonical({
            "currency": "USD",
            "lines": [{"cause": cause, "amount": shortest(amount)} for cause, amount in lines],
            "difference": "0", "ties_out": True, "reasons": []})


NAMES = {"acme": "Acme GmbH"}
PREVIOUS_LINES = {("compute", "api"): 90_000_000, ("licences", None): 10_000_000}
METERED = """requests responses_2xx responses_3xx responses_4xx responses_5xx ended_completed
ended_client_abort ended_upstream_failure ended_rejected ended_drained ended_crashed attempts
failed_attempts request_bytes response_bytes request_body_bytes response_body_bytes
upstream_request_bytes upstream_response_bytes duration_us upstream_us upstream_cpu_us
stream_ms cpu_hinted_requests""".split()
COVERAGE = {"complete": True, "proxies": [{
    "instance": "proxy-1", "batches": 1, "from": "2026-10-01T00:00:00Z",
    "to": "2026-11-01T00:00:00Z", "holes": []}]}


def canonical(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else "october"
    folder = Path(__file__).parent / name
    files = Close(folder).statements()
    wrong = [name for name, text in files.items() if (folder / name).read_bytes() != text.encode()]
    for name in wrong:
        print(f"differs: {name}")
        print("  file      ", (folder / name).read_bytes().decode()[:2000])
        print("  recomputed", files[name][:2000])
    print(f"recompute: files={len(files)} differing={len(wrong)}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
