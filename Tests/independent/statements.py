"""What docs/reference/statement.md makes of an allocation: printed figures, statements, summary and bridge."""

import hashlib
from fractions import Fraction

from allocate import MICRO
from arithmetic import fixed, half_even, round_parts, shortest, split

GRADES = ("measured", "hinted", "modelled")
# Digits of the minor unit where they are not 2 (ISO 4217).
MINOR_DIGITS = {code: 0 for code in (
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF").split()}
MINOR_DIGITS.update({code: 3 for code in "BHD IQD JOD KWD LYD OMR TND".split()})


def ledger_text(text):
    raw = text.encode("utf-8")
    return len(raw).to_bytes(4, "big") + raw


def entry_id(period, version, pool):
    """docs/reference/ledger.md, "Id"."""
    return hashlib.sha256(
        ledger_text("weir-entry") + ledger_text(period) + version.to_bytes(4, "big")
        + ledger_text("allocation") + ledger_text(pool)).hexdigest()


def unit_of(quantity, own_units):
    if quantity in own_units:
        return f"10^-6 {own_units[quantity]}"
    for ending, unit in (("_bytes", "byte"), ("_us", "us"), ("_ms", "ms")):
        if quantity.endswith(ending):
            return unit
    return "1"


class Books:
    """All figures of one period, worked out from the results of the allocation."""

    def __init__(self, policy, results, usage, own_units, period, version):
        self.policy = policy
        self.results = results
        self.usage = usage
        self.own_units = own_units
        self.period = period
        self.version = version
        self.digits = MINOR_DIGITS.get(policy.currency, 2)
        self.posted_total = sum(result.posted for result in results)
        self.exact_total = Fraction(sum(result.exact for result in results), 10**18)
        self.accounts = self.sums_of_accounts()
        self.tenants = sorted(
            (account.removeprefix("tenant:") for account in self.accounts if account.startswith("tenant:")),
            key=lambda tenant: tenant.encode())
        self.printed_total = half_even(self.in_minor_units(self.posted_total))
        self.printed = round_parts(
            {account: self.in_minor_units(amount) for account, amount in self.accounts.items()},
            self.printed_total)

    def sums_of_accounts(self):
        sums = {"platform:kept": 0, "platform:rounding": 0}
        for quantity in self.usage.values():
            for (tenant, _), value in quantity.items():
                if value and not tenant.startswith("~"):
                    sums[f"tenant:{tenant}"] = 0
        for result in self.results:
            for account, amount in result.shares.items():
                sums[account] = sums.get(account, 0) + amount
        return sums

    def in_minor_units(self, micro):
        return Fraction(micro * 10**self.digits, MICRO)

    def money(self, micro):
        return fixed(Fraction(micro, MICRO), 6)

    def print_minor(self, units):
        return fixed(Fraction(units, 10**self.digits), self.digits)

    def entry(self, pool):
        return entry_id(self.period, self.version, pool)

    def entry_members(self, result):
        """docs/reference/ledger.md, the entry of an allocation."""
        postings = {f"cost:{result.name}": -result.posted}
        postings |= {account: amount for account, amount in result.shares.items() if amount}
        return {
            "id": self.entry(result.name), "kind": "allocation", "subject": result.name,
            "period": self.period, "version": self.version, "policy": self.policy.sha256,
            "postings": [
                {"account": account, "amount": self.money(postings[account]), "currency": self.policy.currency}
                for account in sorted(postings, key=str.encode)],
        }

    # A statement

    def lines_of(self, tenant):
        """[(result, line)]: pools in the order of the policy, routes as bytes."""
        found = []
        for result in self.results:
            lines = [line for line in result.lines if line.tenant == tenant]
            lines.sort(key=lambda line: (line.route or "").encode())
            found += [(result, line) for line in lines]
        return found

    def statement(self, tenant):
        """The members that follow from the inputs; what only the product knows is not there."""
        lines = self.lines_of(tenant)
        printed_total = self.printed[f"tenant:{tenant}"]
        printed = round_parts(
            {self.line_key(line): self.in_minor_units(line.amount) for _, line in lines}, printed_total)
        entries = list(dict.fromkeys(self.entry(result.name) for result, _ in lines))
        caused = [line for _, line in lines if self.layer(line) == "attributable"]
        known = [self.known(result, line) for result, line in lines]
        return {
            "format": "weir-statement/2",
            "tenant": tenant,
            "period": self.period,
            "version": self.version,
            "currency": self.policy.currency,
            "policy": {"name": self.policy.name, "sha256": self.policy.sha256},
            "total": self.money(sum(line.amount for _, line in lines)),
            "printed_total": self.print_minor(printed_total),
            "attributable": {
                "amount": self.money(sum(line.amount for line in caused)),
                "printed": self.print_minor(sum(printed[self.line_key(line)] for line in caused))},
            "fully_loaded": {
                "amount": self.money(sum(line.amount for _, line in lines)),
                "printed": self.print_minor(printed_total)},
            "confidence": {word: self.money(sum(one[word] for one in known)) for word in GRADES},
            "lines": [self.line(result, line, printed[self.line_key(line)]) for result, line in lines],
            "usage": self.usage_of(tenant),
            "ledger_entries": entries,
        }

    @staticmethod
    def line_key(line):
        return f"{line.pool}\0{line.route or ''}"

    def line(self, result, line, printed):
        return {
            "pool": line.pool,
            "method": line.method,
            "layer": self.layer(line),
            "route": line.route,
            "drivers": [self.driver(result, driver) for driver in line.drivers],
            "share": fixed(line.share, 12),
            "amount": self.money(line.amount),
            "printed": self.print_minor(printed),
            "confidence": {word: self.money(part) for word, part in self.known(result, line).items()},
            "previous": None,
            "ledger_entry": self.entry(line.pool),
            "notes": line.notes,
        }

    @staticmethod
    def layer(line):
        """statement.md, "Two views of cost"."""
        return "attributable" if line.method in ("direct", "proportional") else "shared"

    def known(self, result, line):
        """statement.md, "Confidence": micro-units by grade."""
        parts = dict.fromkeys(GRADES, 0)
        if line.method == "direct":
            parts["measured"] = line.amount
            return parts
        printed = [self.driver(result, driver) for driver in line.drivers]
        weights = {
            f"{index:02}": Fraction(one["weight"]) * Fraction(one["value"]) / Fraction(one["total"])
            if Fraction(one["total"]) else Fraction(0) for index, one in enumerate(printed)}
        if any(weights.values()):
            for (_, part), one in zip(sorted(split(line.amount, weights).items()), printed):
                self.grade(parts, part, one, line)
        parts["modelled"] += line.amount - sum(parts.values())
        return parts

    def grade(self, parts, part, driver, line):
        if driver["quantity"] == "upstream_cpu_us":
            every, hinted = (self.requests(name, line) for name in ("requests", "cpu_hinted_requests"))
            hinted = min(hinted, every)
            halves = split(part, {"hinted": hinted, "modelled": every - hinted}) if every else {"hinted": part}
            for word, half in halves.items():
                parts[word] += half
        else:
            parts["hinted" if driver["unit"].startswith("10^-6 ") else "measured"] += part

    def requests(self, quantity, line):
        return sum(value for (tenant, route), value in self.usage.get(quantity, {}).items()
                   if tenant == line.tenant and line.route in (None, route))

    def driver(self, result, driver):
        unit_cost = None
        if driver.total:
            unit_cost = fixed(driver.weight * Fraction(result.posted, MICRO) / driver.total, 18)
        return {
            "quantity": driver.quantity,
            "unit": unit_of(driver.quantity, self.own_units),
            "value": shortest(driver.value),
            "total": shortest(driver.total),
            "weight": fixed(driver.weight, 12),
            "unit_cost": unit_cost,
        }

    def usage_of(self, tenant):
        found = [
            (route, quantity, value)
            for quantity, values in self.usage.items()
            for (owner, route), value in values.items() if owner == tenant and value]
        found.sort(key=lambda item: (item[0].encode(), item[1].encode()))
        return [
            {"route": route, "quantity": quantity, "unit": unit_of(quantity, self.own_units), "value": str(value)}
            for route, quantity, value in found]

    # The period

    def summary_rows(self):
        ordered = [f"tenant:{tenant}" for tenant in self.tenants]
        ordered += sorted(
            (account for account in self.accounts if not account.startswith("tenant:")), key=str.encode)
        return [
            {"account": account, "amount": self.money(self.accounts[account]),
             "printed": self.print_minor(self.printed[account])}
            for account in ordered]

    def reserved_usage(self):
        owners = {tenant for values in self.usage.values() for (tenant, _), value in values.items() if value}
        return {tenant: self.usage_of(tenant) for tenant in sorted(owners) if tenant.startswith("~")}

    def bridge_lines(self, bill):
        """Cause → amount, as if no total of the invoice was given."""
        billed = Fraction(sum(record.billed for record in bill), 10**18)
        rest = self.exact_total - Fraction(self.posted_total, MICRO)
        lines = {
            "invoice": billed,
            "effective-minus-billed": self.exact_total - billed,
            "below-a-micro-unit": -rest,
            "tenants": Fraction(sum(self.accounts[f"tenant:{tenant}"] for tenant in self.tenants), MICRO),
            "kept": Fraction(self.accounts["platform:kept"], MICRO),
            "rounding": Fraction(self.accounts["platform:rounding"], MICRO),
            "fx": Fraction(0),
        }
        for account, amount in self.accounts.items():
            if account.startswith("platform:unallocated:"):
                lines[account.removeprefix("platform:")] = Fraction(amount, MICRO)
        return {cause: shortest(amount) for cause, amount in lines.items()}
