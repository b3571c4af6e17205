"""The allocation of docs/reference/policy.md: records and usage to shares, and to the lines of statements."""

from dataclasses import dataclass, field
from fractions import Fraction

from arithmetic import half_even, round_parts, shortest, split
from policy import Policy, owner_account, pool_of

MICRO = 10**6
AMOUNT = 10**18  # records are counted in units of 10^-18


@dataclass
class DriverFigures:
    quantity: str
    value: Fraction
    total: Fraction
    weight: Fraction


@dataclass
class Line:
    tenant: str
    pool: str
    method: str
    route: str | None
    drivers: list
    share: Fraction
    amount: int
    notes: list


@dataclass
class PoolResult:
    name: str
    records: int
    exact: int  # of 10^-18
    posted: int = 0  # micro-units
    shares: dict = field(default_factory=dict)  # account → micro-units
    lines: list = field(default_factory=list)


def account_of(tenant):
    return f"platform:unallocated:{tenant[1:]}" if tenant.startswith("~") else f"tenant:{tenant}"


def allocate(policy: Policy, records, usage):
    """usage maps a quantity to {(tenant, route): value}. The results stand in the order of the policy's pools."""
    by_pool = {}
    for record in records:
        by_pool.setdefault(pool_of(policy, record), []).append(record)
    exact = {name: sum(record.effective for record in group) for name, group in by_pool.items()}
    total = half_even(Fraction(sum(exact.values()), AMOUNT // MICRO))
    posted = round_parts({name: Fraction(value, AMOUNT // MICRO) for name, value in exact.items()}, total)
    results = []
    for pool in policy.pools:
        if pool.name in by_pool:
            result = PoolResult(pool.name, len(by_pool[pool.name]), exact[pool.name], posted[pool.name])
            share_out(policy, pool, result, by_pool[pool.name], usage)
            results.append(result)
    if "~unmatched" in by_pool:
        result = PoolResult("~unmatched", len(by_pool["~unmatched"]), exact["~unmatched"], posted["~unmatched"])
        result.shares = {"platform:unallocated:unmatched": result.posted}
        results.append(result)
    return results


def share_out(policy, pool, result, records, usage):
    if pool.kind == "keep":
        result.shares = {"platform:kept": result.posted}
    elif pool.kind == "direct":
        share_direct(pool, result, records)
    else:
        share_proportional(policy, pool, result, usage)


def share_direct(pool, result, records):
    costs = {}
    for record in records:
        account = owner_account(pool, record)
        costs[account] = costs.get(account, 0) + record.effective
    exact = {account: Fraction(cost, AMOUNT // MICRO) for account, cost in costs.items()}
    result.shares = round_parts(exact, result.posted)
    for account, cost in costs.items():
        if account.startswith("tenant:"):
            share = Fraction(cost, result.exact) if result.exact else Fraction(0)
            result.lines.append(Line(
                account.removeprefix("tenant:"), pool.name, "direct", None, [], share, result.shares[account], []))


def driver_values(policy, driver, usage):
    """{(tenant, route): d}, without what `exclude` and the driver's routes leave out."""
    values = {}
    for (tenant, route), value in usage.get(driver.quantity, {}).items():
        weighted = value * driver.factor(route)
        if weighted and tenant not in policy.excluded:
            values[tenant, route] = weighted
    return values


def share_proportional(policy, pool, result, usage):
    drivers = pool.drivers
    values = [driver_values(policy, driver, usage) for driver in drivers]
    totals = [sum(of_driver.values(), Fraction(0)) for of_driver in values]
    names = ", ".join(driver.quantity for driver in drivers)
    if any(totals):
        notes = [
            f"driver {driver.quantity} was zero: its weight {shortest(driver.weight)} went to the others"
            for driver, total in zip(drivers, totals) if not total]
        share_by_drivers(pool, result, drivers, values, totals, notes)
        return
    if pool.fallback == "even":
        share_evenly(pool, result, usage, f"all drivers were zero ({names})")
        return
    if pool.fallback != "unallocated":
        values = driver_values(policy, pool.fallback, usage)
        if values:
            note = f"all drivers were zero ({names}): split by fallback {pool.fallback.quantity}"
            share_by_drivers(
                pool, result, [pool.fallback], [values], [sum(values.values(), Fraction(0))], [note])
            return
    result.shares = {"platform:unallocated:no-driver": result.posted}


def share_evenly(pool, result, usage, note):
    active = {tenant for (tenant, _), value in usage.get("requests", {}).items()
              if value > 0 and not tenant.startswith("~")}
    if not active:
        result.shares = {"platform:unallocated:no-driver": result.posted}
        return
    result.shares = split(result.posted, {account_of(tenant): Fraction(1) for tenant in active})
    for tenant in active:
        result.lines.append(Line(
            tenant, pool.name, "proportional", None, [], Fraction(1, len(active)),
            result.shares[account_of(tenant)], [f"{note}: split evenly over active tenants"]))


def share_by_drivers(pool, result, drivers, values, totals, notes):
    given = sum(driver.weight for driver, total in zip(drivers, totals) if total)
    weights = [driver.weight / given if total else Fraction(0) for driver, total in zip(drivers, totals)]
    by_route = {}
    for weight, of_driver, total in zip(weights, values, totals):
        for key, value in of_driver.items():
            by_route[key] = by_route.get(key, Fraction(0)) + weight * value / total
    by_tenant = {}
    for (tenant, route), share in by_route.items():
        by_tenant.setdefault(tenant, {})[route] = share
    result.shares = split(
        result.posted, {account_of(tenant): sum(routes.values()) for tenant, routes in by_tenant.items()})
    for tenant, routes in by_tenant.items():
        if tenant.startswith("~"):
            continue
        parts = split(result.shares[account_of(tenant)], routes)
        for route, amount in parts.items():
            figures = [
                DriverFigures(driver.quantity, of_driver.get((tenant, route), Fraction(0)), total, weight)
                for driver, of_driver, total, weight in zip(drivers, values, totals, weights)]
            result.lines.append(Line(
                tenant, pool.name, "proportional", route, figures, routes[route], amount, notes))
