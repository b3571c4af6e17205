#!/usr/bin/env python3
"""Closes the months of worlds.jsonl again, with nothing of Weir, and compares every share.

    python3 recompute_worlds.py [file]        default: worlds.jsonl, beside this file

Written from docs/reference/policy.md. Money is Fraction and int; no float.
"""
import json
import sys
from fractions import Fraction
from pathlib import Path

from recompute import fixed, half_even, is_tenant, key_bytes, round_parts, shortest, split

MICRO = 10**6
UNIT = 10**18
RESERVED = ["~unattributed", "~invalid", "~overflow"]
START, LAST_DAY, END = "2026-10-01", "2026-10-31", "2026-11-01"
DIGITS = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "KWD": 3}


def rounded(value):
    """To 18 digits, half to even."""
    return Fraction(half_even(value * UNIT), UNIT)


def sign(value):
    return (value > 0) - (value < 0)


def account(tenant):
    return f"platform:unallocated:{tenant[1:]}" if tenant in RESERVED else f"tenant:{tenant}"


class World:
    def __init__(self, inputs):
        self.policy = json.loads(inputs["policy"])
        self.currency = self.policy["currency"]
        self.relations = inputs["relations"]
        self.plans = inputs["plans"]
        self.excluded = {"~" + name for name, word in self.policy.get("reserved_tenants", {}).items()
                         if word == "exclude"}
        self.usage = {}
        for tenant, route, quantity, value in inputs["usage"]:
            if int(value):
                key = (tenant, route, quantity)
                self.usage[key] = self.usage.get(key, 0) + int(value)
        self.series = {}
        for _, tenant, value in inputs["externals"]:
            name = self.follow("alias", tenant, LAST_DAY)
            self.series[name] = self.series.get(name, 0) + Fraction(value)
        self.rates = inputs["rates"]
        self.records = inputs["records"]
        self.pools = {pool["name"]: pool for pool in self.policy["pools"]}
        self.order = self.policy["order"]
        self.done = {}
        self.close()

    def follow(self, kind, tenant, day):
        for _ in self.relations:
            for found, name, target, start, end in self.relations:
                if found == kind and name == tenant and start <= day and (not end or day < end):
                    tenant = target
                    break
            else:
                break
        return tenant

    def bearer(self, tenant):
        """Who has the shares of a tenant: the topmost parent, every end under its name of the last moment."""
        parents = {}
        for kind, name, target, start, end in self.relations:
            if kind == "parent" and start <= LAST_DAY and (not end or LAST_DAY < end):
                child, parent = (self.follow("alias", text, LAST_DAY) for text in (name, target))
                assert child != parent and parents.get(child, parent) == parent, name
                parents[child] = parent
        name = self.follow("alias", tenant, LAST_DAY)
        if name not in parents:
            return tenant
        while name in parents:
            name = parents[name]
        return name

    # Currencies

    def rate_of(self, record):
        """(what is allocated, what the invoice is paid at); None for the policy's own currency."""
        if record["currency"] == self.currency:
            return None, None
        invoice = next((Fraction(rate) for _, source, _, rate, name in self.rates
                        if source == record["currency"] and name and name == record["invoice"]), None)
        table = next((Fraction(rate) for _, source, _, rate, name in self.rates
                      if source == record["currency"] and not name), None)
        row = None
        if record["exchange_rate"] and record["exchange_currency"] == self.currency:
            row = Fraction(record["exchange_rate"])
        candidates = [("row", row), ("invoice", invoice), ("table", table)]
        kind, rate = next((kind, rate) for kind, rate in candidates if rate is not None)
        source = record["invoice"] if kind == "invoice" else ""
        allocated = (record["currency"], kind, source, rate)
        paid = allocated if invoice is None else (record["currency"], "invoice", record["invoice"], invoice)
        return allocated, paid

    def converted(self, records):
        """The sum of some records, each rate's sum converted as a whole."""
        sums = {}
        for record in records:
            allocated, _ = self.rate_of(record)
            sums[allocated] = sums.get(allocated, 0) + Fraction(record["effective"])
        return sum(rounded(value * rate[3]) if rate else value for rate, value in sums.items())

    def fx(self):
        pairs = {}
        for record in self.records:
            allocated, paid = self.rate_of(record)
            if allocated != paid:
                pairs[allocated, paid] = pairs.get((allocated, paid), 0) + Fraction(record["effective"])
        return sum(rounded(value * paid[3]) - rounded(value * allocated[3])
                   for (allocated, paid), value in pairs.items())

    # Pools

    def pool_of(self, record):
        return next((pool["name"] for pool in self.policy["pools"]
                     if pool["match"]["service"] == record["service"]), "~unmatched")

    def owner(self, record):
        text = record["tenant"]
        if not text:
            return "platform:unallocated:no-owner"
        if not is_tenant(text):
            return "platform:unallocated:invalid-tenant"
        return "tenant:" + self.follow("alias", text, record["charge"])

    def grouped(self, records, key):
        groups = {}
        for record in records:
            groups.setdefault(key(record), []).append(record)
        return {name: self.converted(group) for name, group in groups.items()}

    def texts(self, pool):
        fields = pool["method"]["by"]

        def key(record):
            found = tuple(record[field] or "" for field in fields)
            return found if any(found) else ()
        return key

    def close(self):
        self.rows = {}
        for record in self.records:
            self.rows.setdefault(self.pool_of(record), []).append(record)
        exact, self.parts = {}, {}
        for name, records in self.rows.items():
            kind = self.pools[name]["method"]["kind"] if name in self.pools else "unmatched"
            if kind == "direct":
                self.parts[name] = self.grouped(records, self.owner)
            elif kind == "follow":
                self.parts[name] = self.grouped(records, self.texts(self.pools[name]))
            exact[name] = sum(self.parts[name].values()) if name in self.parts else self.converted(records)
        difference = self.fx()
        if difference:
            exact["~fx"] = difference
        self.exact = sum(exact.values(), Fraction(0))
        self.total = half_even(self.exact * MICRO)
        posted = round_parts({name: value * MICRO for name, value in exact.items()}, self.total)
        for name in [*self.order, "~unmatched", "~fx"]:
            if name in exact:
                self.done[name] = self.allocate(name, exact[name], posted[name])
        names = [pool["name"] for pool in self.policy["pools"]] + ["~unmatched", "~fx"]
        self.results = [part for name in names for part in self.done.get(name, [])]
        for part in self.results:
            shares = {}
            for name, amount in part["shares"].items():
                if name.startswith("tenant:"):
                    name = "tenant:" + self.bearer(name[7:])
                shares[name] = shares.get(name, 0) + amount
            part["shares"] = shares

    def allocate(self, name, exact, posted):
        if name == "~unmatched":
            return [self.part(name, exact, posted, {"platform:unallocated:unmatched": posted})]
        if name == "~fx":
            return [self.part(name, exact, posted, {"platform:fx": posted})]
        pool = self.pools[name]
        if "idle" not in pool:
            return [self.part(name, exact, posted, self.method(pool, posted))]
        return self.idle(pool, exact, posted)

    def part(self, name, exact, posted, shares):
        assert sum(shares.values()) == posted, name
        return {"pool": name, "exact": exact, "posted": posted, "shares": shares}

    def method(self, pool, posted, with_minimum=True):
        method = pool["method"]
        kind = method["kind"]
        if kind == "keep":
            return {"platform:kept": posted}
        if kind == "direct":
            return round_parts({key: value * MICRO for key, value in self.parts[pool["name"]].items()}, posted)
        if kind == "fixed":
            return self.stated(method, posted)
        if kind == "follow":
            return self.following(pool, posted)
        if kind == "even":
            return self.even(pool, posted, method["over"])
        weights = getattr(self, kind)(pool, method)
        if weights == "even":
            return self.even(pool, posted, "active")
        if not weights:
            return {"platform:unallocated:no-driver": posted}
        minimum = method.get("minimum") if with_minimum else None
        return self.with_minimum(pool, posted, weights, Fraction(minimum)) if minimum else split(posted, weights)

    def active(self, pool):
        return sorted({tenant for tenant, _, quantity in self.usage
                       if quantity == "requests" and tenant not in RESERVED
                       and tenant not in pool.get("exclude", [])})

    def participants(self, pool, over):
        if over == "active":
            return self.active(pool)
        return [tenant for tenant in self.plans if tenant not in pool.get("exclude", [])
                and self.follow("alias", tenant, LAST_DAY) == tenant]

    def even(self, pool, posted, over):
        tenants = self.participants(pool, over)
        if not tenants:
            return {"platform:unallocated:no-driver": posted}
        return split(posted, {account(tenant): 1 for tenant in tenants})

    def stated(self, method, posted):
        if "percents" in method:
            return split(posted, {"platform:kept" if name == "~kept" else account(name): Fraction(percent)
                                  for name, percent in method["percents"].items()})
        direction = -1 if posted < 0 else 1
        shares = {account(name): direction * int(Fraction(amount) * MICRO)
                  for name, amount in method["amounts"].items()}
        rest = posted - sum(shares.values())
        if rest:
            name = "platform:kept" if method["rest"] == "keep" else "platform:unallocated:fixed-rest"
            shares[name] = rest
        return shares

    # Weights: {account: weight}, "even" for the fallback of that name, None for nobody

    def values(self, driver, pool):
        driver = {"quantity": driver} if isinstance(driver, str) else driver
        left_out = self.excluded | set(pool.get("exclude", []))
        if "external" in driver:
            return {tenant: value for tenant, value in self.series.items() if value and tenant not in left_out}
        sums = {}
        for (tenant, route, quantity), value in self.usage.items():
            if quantity != driver["quantity"] or tenant in left_out:
                continue
            if "routes" in driver and route not in driver["routes"]:
                continue
            value *= Fraction(driver.get("route_weights", {}).get(route, 1))
            if value:
                sums[tenant] = sums.get(tenant, 0) + value
        return sums

    def proportional(self, pool, method):
        drivers = [(Fraction(driver.get("weight", 1)), self.values(driver, pool)) for driver in method["drivers"]]
        alive = [(weight, values) for weight, values in drivers if values]
        weights = {}
        for weight, values in alive:
            for tenant, value in values.items():
                part = weight * value / sum(values.values())
                weights[account(tenant)] = weights.get(account(tenant), 0) + part
        return weights or self.fallback(pool, method.get("fallback", "unallocated"))

    def fallback(self, pool, fallback):
        if fallback == "even":
            return "even"
        if fallback == "unallocated":
            return None
        return {account(tenant): value for tenant, value in self.values(fallback, pool).items()}

    def tiered(self, pool, method):
        weights = {account(tenant): Fraction(method["plans"].get(self.plans.get(tenant, ""), method["otherwise"]))
                   for tenant in self.active(pool)}
        return {name: weight for name, weight in weights.items() if weight}

    def sources(self, pool, is_following):
        if "of" in pool["method"]:
            return pool["method"]["of"]
        before = self.order[:self.order.index(pool["name"])]
        return [name for name in before if not (is_following and self.pools[name]["method"]["kind"] == "follow")]

    def overhead(self, pool, method):
        sums = {}
        for name in self.sources(pool, False):
            for part in self.done.get(name, []):
                for owner, amount in part["shares"].items():
                    if owner.startswith("tenant:") and owner[7:] not in pool.get("exclude", []):
                        sums[owner] = sums.get(owner, 0) + amount
        # A sum of nought over all counts as a cost.
        direction = -1 if sum(sums.values()) < 0 else 1
        weights = {owner: abs(value) for owner, value in sums.items() if value and sign(value) == direction}
        return weights or self.fallback(pool, method["fallback"])

    def with_minimum(self, pool, posted, weights, minimum):
        active = {account(tenant) for tenant in self.active(pool)}
        least, total = int(minimum * MICRO), abs(posted)
        if len(active) * least >= total:
            if not active or not posted:
                return split(posted, weights)
            return split(posted, {name: 1 for name in active})
        weights = {**{name: 0 for name in active}, **weights}
        raised = set()
        while True:
            rest = total - len(raised) * least
            whole = sum(weight for name, weight in weights.items() if name not in raised)
            short = {name for name in active - raised if rest * weights[name] < least * whole}
            if not short:
                break
            raised |= short
        direction = -1 if posted < 0 else 1
        shares = split(direction * rest, {name: weight for name, weight in weights.items() if name not in raised})
        return {**shares, **{name: direction * least for name in raised}}

    def following(self, pool, posted):
        groups = self.parts[pool["name"]]
        parts = round_parts({"\0".join(texts): value * MICRO for texts, value in groups.items()}, posted)
        shares, taken = {}, {}

        def add(sums, key, amount):
            sums[key] = sums.get(key, 0) + amount

        for texts in groups:
            weights = self.followed(pool, texts)
            amount = parts["\0".join(texts)]
            found = split(amount, weights) if weights else {"platform:unallocated:no-target": amount}
            for target, part in found.items():
                add(taken if target.startswith("cost:") else shares, target, part)
        for target, amount in taken.items():
            for owner, part in split(amount, self.given(target[5:])).items():
                add(shares, owner, part)
        return shares

    def followed(self, pool, texts):
        """{owner of rows in direct pools, or "cost:" and a pool: what the rows with these texts cost}"""
        key, sums = self.texts(pool), {}
        for name in self.sources(pool, True):
            matching = [record for record in self.rows.get(name, []) if texts and key(record) == texts]
            if self.pools[name]["method"]["kind"] == "direct":
                for owner, value in self.grouped(matching, self.owner).items():
                    sums[name, owner] = value
            elif matching:
                sums[name, f"cost:{name}"] = self.converted(matching)
        direction = sign(sum(sums.values()))
        weights = {}
        for (name, target), value in sums.items():
            is_pool = target.startswith("cost:")
            if direction and sign(value) == direction and not (is_pool and not self.given(name)):
                weights[target] = weights.get(target, 0) + abs(value)
        return weights

    def given(self, name):
        sums, posted = {}, 0
        for part in self.done.get(name, []):
            posted += part["posted"]
            for owner, amount in part["shares"].items():
                sums[owner] = sums.get(owner, 0) + amount
        direction = -1 if posted < 0 else 1
        kept = {owner: abs(value) for owner, value in sums.items() if sign(value) == direction}
        return kept

    def idle(self, pool, exact, posted):
        rule, name = pool["idle"], pool["name"]
        used = sum(value for (_, _, quantity), value in self.usage.items() if quantity == rule["used"])
        capacity = Fraction(rule["capacity"])
        parts = split(posted, {"idle": capacity - used, "used": used})
        rest = parts["idle"]
        results = [self.part(name, exact - Fraction(rest, MICRO), parts["used"], self.method(pool, parts["used"]))]
        treatment = rule["treatment"]
        pieces = []
        if isinstance(treatment, dict) and "threshold" in treatment:
            limit = abs(posted) * Fraction(treatment["threshold"]) / 100
            spread = min(abs(rest), limit.numerator // limit.denominator) * (-1 if posted < 0 else 1)
            pieces.append(("idle", spread, "usage"))
            if rest != spread:
                pieces.append(("idle-kept", rest - spread, "keep"))
        else:
            pieces.append(("idle", rest, treatment))
        for suffix, amount, how in pieces:
            if how == "keep":
                shares = {"platform:kept": amount}
            elif how == "even":
                shares = self.even(pool, amount, "active")
            elif how == "usage":
                shares = self.method(pool, amount, with_minimum=False)
            else:
                weights = self.proportional(pool, {"drivers": how["drivers"]})
                shares = split(amount, weights) if weights else {"platform:unallocated:no-driver": amount}
            results.append(self.part(f"{name}~{suffix}", Fraction(amount, MICRO), amount, shares))
        return results

    # What is compared

    def outcome(self):
        pools = [{"pool": part["pool"], "exact": shortest(part["exact"]), "posted": fixed(part["posted"], 6),
                  "shares": {name: fixed(amount, 6) for name, amount in part["shares"].items()}}
                 for part in self.results]
        return {"exact_total": shortest(self.exact), "pools": pools, "printed": self.printed()}

    def printed(self):
        sums = {"platform:kept": 0, "platform:rounding": 0}
        for part in self.results:
            for name, amount in part["shares"].items():
                sums[name] = sums.get(name, 0) + amount
        for tenant in {key[0] for key in self.usage} - set(RESERVED):
            sums.setdefault("tenant:" + tenant, 0)
        digits = DIGITS[self.currency]
        unit = 10 ** (6 - digits)
        total = half_even(Fraction(self.total, unit))
        parts = round_parts({name: Fraction(value, unit) for name, value in sums.items()}, total)
        order = sorted(parts, key=lambda name: (not name.startswith("tenant:"), key_bytes(name)))
        return {name: fixed(parts[name], digits) for name in order}


def main():
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "worlds.jsonl"
    differing, shares = 0, 0
    lines = file.read_text("utf-8").splitlines()
    for line in lines:
        world = json.loads(line)
        here, there = World(world["inputs"]).outcome(), world["outcome"]
        shares += sum(len(pool["shares"]) for pool in there["pools"])
        if here != there:
            differing += 1
            print(f"world {world['inputs']['number']} differs")
            for one, other in zip(here["pools"], there["pools"]):
                if one != other:
                    print(f"  recomputed {one}\n  found      {other}")
                    break
            else:
                print(f"  recomputed {here['printed']}\n  found      {there['printed']}")
    print(f"worlds: {len(lines)}, shares: {shares}, worlds that differ: {differing}")
    return 1 if differing or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
