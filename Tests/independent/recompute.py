#!/usr/bin/env python3
"""Works a period out again from the reference pages alone, and compares it with the statements that were issued.

    recompute.py --costs BILL.csv --policy POLICY.yaml --traffic traffic.json --statements DIR [--batches DIR]
                 [--register tenants.csv] [--bridge FILE] [--summary FILE] [--ledger FILE [--import DIGEST]...]
                 [--route SEGMENT=ROUTE]...
    recompute.py --costs BILL.csv             # only reads the bill: its records, sums and faults

--statements  a folder of statements as JSON, one file a tenant
--batches     a folder with the .weirbatch files of the period, for what clients cannot know (CPU, durations)
--bridge      the reconciliation that a close answers, or the bridge in it
--summary     the weir-period/1 summary, or the answer of a close with it
--ledger      the answer of GET /v1/ledger/entries for the period
--import      SHA-256 of each import of the period; with it the ledger's chain of hashes is checked too
--route       the route that the proxy gives a first path segment; without it the route has the segment's name

One line a check. Exit status 0 when everything is the same, 1 when something differs, 2 for wrong usage.
"""

import argparse
import datetime
import hashlib
import json
import pathlib
import sys
from fractions import Fraction

import decode_batch
from allocate import allocate
from arithmetic import shortest
from focus import NotFocus, moment, read_bill
from policy import PolicyFault, read_policy
from statements import Books, ledger_text

# What a client sees of its own requests. These come from the clients' ledger; everything else from batches.
CLIENTS_KNOW = (
    "requests", "responses_2xx", "responses_3xx", "responses_4xx", "responses_5xx",
    "request_bytes", "response_bytes", "request_body_bytes", "response_body_bytes",
)
# For a client, what goes through a tunnel is no content; for the proxy it is the body of both directions.
TUNNELLED = {"request_body_bytes": "tunnel_bytes_sent", "response_body_bytes": "tunnel_bytes_received"}
# The members of a statement in their order.
STATEMENT_MEMBERS = (
    "format", "tenant", "name", "registered", "period", "version", "issued_at", "currency", "policy", "total",
    "printed_total", "attributable", "fully_loaded", "confidence", "previous_version", "previous_total",
    "previous_currency", "change", "lines", "gone", "usage", "coverage", "ledger_entries", "reconciliation",
)


class Report:
    def __init__(self):
        self.differences = 0

    def check(self, name, differences, detail=""):
        """One line for a check; under it each difference, of many the first ones."""
        if not differences:
            print(f"same       {name}{': ' + detail if detail else ''}")
            return
        self.differences += len(differences)
        print(f"DIFFERENT  {name}: {len(differences)}")
        for difference in differences[:20]:
            print(f"           {difference}")


def unequal(what, here, there):
    return [] if here == there else [f"{what}: recomputed {here}, found {there}"]


def differing_keys(what, here, there):
    """Compares two mappings where a missing value is nought."""
    return [
        f"{what} {key}: recomputed {here.get(key, 0)}, found {there.get(key, 0)}"
        for key in sorted(set(here) | set(there)) if here.get(key, 0) != there.get(key, 0)]


# Inputs


def client_value(tally, quantity):
    return tally.get(quantity, 0) + tally.get(TUNNELLED.get(quantity, ""), 0)


def clients_usage(traffic, routes):
    """{quantity: {(tenant, route): value}} as the clients counted."""
    usage = {quantity: {} for quantity in CLIENTS_KNOW}
    for tenant, entry in traffic["tenants"].items():
        for segment, tally in entry["paths"].items():
            key = (tenant, routes.get(segment, segment))
            for quantity in CLIENTS_KNOW:
                value = client_value(tally, quantity)
                if value:
                    usage[quantity][key] = usage[quantity].get(key, 0) + value
    return usage


def month_of(microseconds):
    start = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=microseconds)
    return start.strftime("%Y-%m")


class Batches:
    """The batches that began in the period, and their sums."""

    def __init__(self, folder, period):
        decoded = [
            decode_batch.decode(file.read_bytes()) for file in sorted(pathlib.Path(folder).rglob("*.weirbatch"))]
        self.batches = [batch for batch in decoded if month_of(batch["start_us"]) == period]
        self.usage = {}
        self.own_units = {}
        for batch in self.batches:
            names = {f"units_{index}": name for index, (name, _) in enumerate(batch["units"])}
            self.own_units.update({name: unit for name, unit in batch["units"]})
            for row in batch["rows"]:
                key = (row["tenant"], row["route"])
                for quantity, value in row["quantities"].items():
                    sums = self.usage.setdefault(names.get(quantity, quantity), {})
                    sums[key] = sums.get(key, 0) + value

    def workers(self):
        """The batches of each worker of each start, in order."""
        found = {}
        for batch in self.batches:
            instance, boot, worker, sequence = batch["name"].split("/")
            found.setdefault((instance, boot, int(worker)), []).append((int(sequence), batch))
        return {key: [batch for _, batch in sorted(of_one, key=lambda item: item[0])]
                for key, of_one in found.items()}


# Checks


def check_batches(report, batches):
    names = [batch["name"] for batch in batches.batches]
    doubled = sorted({name for name in names if names.count(name) > 1})
    report.check("batches decoded, all checksums", [f"twice: {name}" for name in doubled], f"{len(names)} batches")
    gaps, leaps = [], []
    for key, in_order in batches.workers().items():
        expected = int(in_order[0]["name"].rsplit("/", 1)[1])
        still_open = None
        for batch in in_order:
            sequence = int(batch["name"].rsplit("/", 1)[1])
            gaps += unequal(f"{batch['name']} sequence", expected, sequence)
            expected = batch["last_sequence"] + 1
            begun_open = {(row["tenant"], row["route"]): row["open_start"] for row in batch["rows"]}
            if still_open is not None:
                leaps += differing_keys(f"{batch['name']} open at the start", still_open, begun_open)
            still_open = {(row["tenant"], row["route"]): row["open_end"] for row in batch["rows"]}
    report.check("sequences of each worker have no holes", gaps, f"{len(batches.workers())} workers")
    report.check("exchanges open at an end are open at the next start", leaps)
    check_laws(report, batches)


def check_laws(report, batches):
    """docs/metering.md, "The laws"; that of one end is checked for rows when a batch is decoded."""
    unconserved, unended, unobserved = [], [], []
    for batch in batches.batches:
        rows = row_totals(batch)
        unconserved += differing_keys(batch["name"], listener_totals(batch), rows)
        for listener in batch["listeners"]:
            begun = listener["open_start"] + listener["quantities"].get("requests", 0)
            unended += unequal(f"{batch['name']} {listener['listener']}", begun,
                               ended(listener["quantities"]) + listener["open_end"])
        unobserved += unequal(f"{batch['name']} observations", ended(rows) - rows.get("ended_crashed", 0),
                              rows.get("observations", 0))
    report.check("in each batch, listeners' totals are the rows' sums", unconserved)
    report.check("in each batch, what began at a listener ended or is open", unended)
    report.check("in each batch, one latency for each exchange that ended", unobserved)


def ended(quantities):
    return sum(quantities.get(name, 0) for name in decode_batch.ENDINGS)


def listener_totals(batch):
    sums = {}
    for listener in batch["listeners"]:
        for quantity, value in listener["quantities"].items():
            sums[quantity] = sums.get(quantity, 0) + value
        for name in ("open_start", "open_end", "observations"):
            sums[name] = sums.get(name, 0) + listener[name]
    return sums


def row_totals(batch):
    sums = {}
    for row in batch["rows"]:
        for quantity, value in row["quantities"].items():
            sums[quantity] = sums.get(quantity, 0) + value
        observations = sum(count for _, count in row["bins"])
        for name, value in (("open_start", row["open_start"]), ("open_end", row["open_end"]),
                            ("observations", observations)):
            sums[name] = sums.get(name, 0) + value
    return sums


def check_clients(report, traffic, clients, batches):
    complete = [] if traffic["run"]["complete"] and not traffic["objections"] else ["the traffic is not complete"]
    report.check("the clients' ledger has no objections", complete)
    for quantity in CLIENTS_KNOW:
        in_batches = batches.usage.get(quantity, {})
        total = sum(clients[quantity].values())
        differences = unequal("total of the ledger's tallies", client_value(traffic["total"], quantity), total)
        differences += differing_keys("clients and batches,", clients[quantity], in_batches)
        report.check(f"clients = batches, {quantity}", differences,
                     f"{len(clients[quantity])} of tenant and route, sum {total}")


def check_pools(report, bill, books, period):
    foreign = [record for record in bill.records if record.currency != books.policy.currency]
    differences = [f"line {record.line} is in {record.currency}" for record in foreign]
    differences += [f"{bill.unsettled} groups of split rows do not sum to their origin"] if bill.unsettled else []
    report.check("the bill", differences,
                 f"FOCUS {bill.version}, {len(bill.records)} records, {len(bill.faults)} faults, "
                 f"{bill.set_aside} set aside, exact sum {shortest(books.exact_total)}")
    unbalanced = []
    for result in books.results:
        unbalanced += unequal(f"{result.name} shares", result.posted, sum(result.shares.values()))
    for result in books.results:
        print(f"           pool {result.name}: {result.records} records, "
              f"exact {shortest(Fraction(result.exact, 10**18))}, posted {books.money(result.posted)}, "
              f"{sum(1 for account in result.shares if account.startswith('tenant:'))} tenants")
    for row in books.summary_rows():
        if row["account"].startswith("platform:"):
            print(f"           {row['account']}: {row['amount']}, printed {row['printed']}")
    report.check("shares of the pools sum to the pools", unbalanced,
                 f"{len(books.results)} pools, {period}, posted {books.money(books.posted_total)}")


def check_statement(report, books, found, raw, register):
    tenant = found["tenant"]
    if tenant not in books.tenants:
        report.check(f"statement {tenant}", ["there should be none"])
        return
    expected = books.statement(tenant)
    expected["registered"] = tenant in register if register is not None else found["registered"]
    for name in ("name", "issued_at", "coverage", "reconciliation", "previous_version", "previous_total",
                 "previous_currency", "change", "gone"):
        expected[name] = found.get(name)
    for here, there in zip(expected["lines"], found["lines"]):
        here["previous"] = there.get("previous")
    expected = {name: expected[name] for name in STATEMENT_MEMBERS}
    differences = []
    for name in STATEMENT_MEMBERS:
        if expected[name] != found.get(name):
            differences += differing_parts(name, expected[name], found.get(name))
    if found.get("previous_total") is not None:
        change = Fraction(found["total"]) - Fraction(found["previous_total"])
        if found["previous_currency"] == found["currency"]:
            differences += unequal("change", change, Fraction(found["change"]))
            before = sum(Fraction(line["previous"] or 0) for line in found["lines"] + found["gone"])
            differences += unequal("previous lines", before, Fraction(found["previous_total"]))
    canonical = json.dumps(expected, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    if not differences:
        differences += unequal("canonical bytes", canonical, raw)
    report.check(f"statement {tenant}", differences,
                 f"{len(expected['lines'])} lines, {len(expected['usage'])} usage sums, total {expected['total']}, "
                 f"printed {expected['printed_total']}, {len(raw)} bytes")


def differing_parts(name, here, there):
    """Names where two JSON values differ."""
    if isinstance(here, dict) and isinstance(there, dict):
        keys = list(dict.fromkeys([*here, *there]))
        return [difference for key in keys if here.get(key) != there.get(key)
                for difference in differing_parts(f"{name}.{key}", here.get(key), there.get(key))]
    if isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        return [difference for index, pair in enumerate(zip(here, there)) if pair[0] != pair[1]
                for difference in differing_parts(f"{name}[{index}]", *pair)]
    return unequal(name, json.dumps(here), json.dumps(there))


def check_statements(report, books, folder, register, batches):
    statements = {}
    for file in sorted(pathlib.Path(folder).glob("*.json")):
        raw = file.read_bytes()
        found = json.loads(raw)
        statements[found["tenant"]] = found
        check_statement(report, books, found, raw, register)
    report.check("there is a statement for each tenant with usage or an amount",
                 [f"missing: {tenant}" for tenant in books.tenants if tenant not in statements],
                 f"{len(books.tenants)} tenants")
    all_found = list(statements.values())
    for name in ("coverage", "reconciliation"):
        values = {json.dumps(found[name]) for found in all_found}
        report.check(f"all statements have the same {name}",
                     [] if len(values) == 1 else [f"{len(values)} versions"])
    if batches and all_found:
        check_coverage(report, all_found[0]["coverage"], batches)
    printed = sum(Fraction(found["printed_total"]) for found in all_found)
    platform = sum(Fraction(row["printed"]) for row in books.summary_rows()
                   if row["account"].startswith("platform:"))
    report.check("printed statements and the platform's rows sum to the printed period",
                 unequal("sum", Fraction(books.print_minor(books.printed_total)), printed + platform),
                 books.print_minor(books.printed_total))
    return len(statements)


def check_coverage(report, coverage, batches):
    counted = {}
    for batch in batches.batches:
        instance, _, _, sequence = batch["name"].split("/")
        counted[instance] = counted.get(instance, 0) + batch["last_sequence"] - int(sequence) + 1
    found = {proxy["instance"]: proxy["batches"] for proxy in coverage["proxies"]}
    differences = differing_keys("batches of", counted, found)
    for proxy in coverage["proxies"]:
        own = [batch for batch in batches.batches if batch["name"].startswith(proxy["instance"] + "/")]
        if own:
            differences += unequal("from", min(batch["start_us"] for batch in own), moment(proxy["from"]))
            differences += unequal("to", max(batch["end_us"] for batch in own), moment(proxy["to"]))
    holes = any(proxy["holes"] for proxy in coverage["proxies"])
    differences += unequal("complete", not holes, coverage["complete"])
    report.check("coverage: number of batches, first start, last end, complete", differences,
                 ", ".join(f"{instance} {count}" for instance, count in counted.items()))


def check_summary(report, books, summary, register):
    expected = {
        "format": "weir-period/1", "period": books.period, "currency": books.policy.currency,
        "policy": {"name": books.policy.name, "sha256": books.policy.sha256},
        "rows": books.summary_rows(),
        "total": books.money(books.posted_total), "printed_total": books.print_minor(books.printed_total),
        "exact_total": shortest(books.exact_total),
        "rest": shortest(books.exact_total - Fraction(books.posted_total, 10**6)),
        "reserved_usage": books.reserved_usage(),
    }
    found = dict(summary)
    found["rows"] = [{key: value for key, value in row.items() if key != "registered"} for row in summary["rows"]]
    differences = []
    for row in summary["rows"] if register is not None else []:
        if row["account"].startswith("tenant:"):
            differences += unequal(f"{row['account']} registered",
                                   row["account"].removeprefix("tenant:") in register, row["registered"])
    for name, value in expected.items():
        if value != found.get(name):
            differences += differing_parts(name, value, found.get(name))
    report.check("summary of the period", differences, f"{len(expected['rows'])} accounts")


def check_bridge(report, books, bill, bridge, batches):
    if batches and "usage" in bridge:
        sums = {quantity: sum(values.values()) for quantity, values in batches.usage.items()}
        rows = {row["quantity"]: int(row["batches"]) for row in bridge["usage"]["rows"]}
        report.check("usage of the reconciliation", differing_keys("sum of", sums, rows), f"{len(sums)} quantities")
    bridge = bridge.get("costs", bridge)
    expected = books.bridge_lines(bill)
    found = {line["cause"]: line["amount"] for line in bridge["lines"]}
    differences = [
        f"{cause}: recomputed {expected.get(cause, '0')}, found {found.get(cause, '0')}"
        for cause in sorted(set(expected) | set(found))
        if Fraction(expected.get(cause, "0")) != Fraction(found.get(cause, "0"))]
    differences += unequal("currency", books.policy.currency, bridge["currency"])
    differences += unequal("ties_out", True, bridge["ties_out"])
    differences += unequal("difference", Fraction(0), Fraction(bridge["difference"]))
    report.check("bridge", differences, ", ".join(f"{cause} {amount}" for cause, amount in expected.items()))


def check_ledger(report, books, entries, imports):
    entries = [entry for entry in entries if entry["period"] == books.period]
    report.check("ledger has an entry for each pool, in the order of the policy", unequal(
        "pools", [result.name for result in books.results], [entry["subject"] for entry in entries]))
    for result, entry in zip(books.results, entries):
        expected = books.entry_members(result)
        differences = []
        for name, value in expected.items():
            if value != entry.get(name):
                differences += differing_parts(name, value, entry.get(name))
        report.check(f"ledger entry {result.name}", differences, f"{len(expected['postings'])} postings")
    if imports:
        broken = []
        before = bytes.fromhex(entries[0]["previous"]) if entries else b""
        for entry in entries:
            broken += unequal(f"{entry['subject']} previous", before.hex(), entry["previous"])
            before = hashlib.sha256(before + canonical_entry(entry, imports)).digest()
            broken += unequal(f"{entry['subject']} hash", before.hex(), entry["hash"])
        report.check("chain of the ledger", broken, f"{len(entries)} entries")


def canonical_entry(entry, imports):
    """The bytes of docs/reference/ledger.md, "Canonical form"."""
    parts = [
        b"\x01", entry["sequence"].to_bytes(8, "big"), bytes.fromhex(entry["id"]),
        ledger_text(entry["kind"]), ledger_text(entry["subject"]), ledger_text(entry["period"]),
        entry["version"].to_bytes(4, "big"), moment(entry["posted_at"]).to_bytes(8, "big", signed=True),
        ledger_text(entry["by"]), ledger_text(entry["reason"]), b"\x01" + bytes.fromhex(entry["policy"]),
        len(imports).to_bytes(4, "big"), *sorted(bytes.fromhex(digest) for digest in imports),
        b"\x00", len(entry["postings"]).to_bytes(4, "big")]
    for posting in entry["postings"]:
        micro = int(Fraction(posting["amount"]) * 10**6)
        parts += [ledger_text(posting["account"]), ledger_text(posting["currency"]),
                  micro.to_bytes(8, "big", signed=True)]
    return b"".join(parts)


# The program


def show_bill(name):
    bill = read_bill(pathlib.Path(name).read_bytes())
    effective = Fraction(sum(record.effective for record in bill.records), 10**18)
    billed = Fraction(sum(record.billed for record in bill.records), 10**18)
    print(f"FOCUS {bill.version}: {len(bill.records)} records, effective {shortest(effective)}, "
          f"billed {shortest(billed)}, {bill.rounded_values} values rounded, {bill.set_aside} set aside, "
          f"{bill.unsettled} groups unsettled, {len(bill.faults)} faults")
    for line, wrong in bill.faults:
        print(f"line {line}: {', '.join(wrong)}")
    return 0


def read_register(name):
    lines = pathlib.Path(name).read_text("utf-8").splitlines()[1:]
    return {line.split(",")[0] for line in lines if line}


def first_statement(folder):
    for file in sorted(pathlib.Path(folder).glob("*.json")):
        return json.loads(file.read_bytes())
    raise SystemExit(f"no statements in {folder}")


def usage_of_statements(folder, summary):
    """Without batches: what the statements themselves say, for the quantities that clients cannot know."""
    usage = {}
    owners = [(found["tenant"], found["usage"]) for found in
              (json.loads(file.read_bytes()) for file in sorted(pathlib.Path(folder).glob("*.json")))]
    owners += list((summary or {}).get("reserved_usage", {}).items())
    for tenant, items in owners:
        for item in items:
            usage.setdefault(item["quantity"], {})[tenant, item["route"]] = int(item["value"])
    return usage


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--costs", required=True)
    for option in ("policy", "traffic", "statements", "batches", "register", "summary", "bridge", "ledger"):
        parser.add_argument(f"--{option}")
    parser.add_argument("--route", action="append", default=[])
    parser.add_argument("--import", action="append", default=[], dest="imports")
    options = parser.parse_args()
    if not options.statements:
        return show_bill(options.costs)
    if not options.policy or not options.traffic:
        parser.error("--policy and --traffic are needed")
    report = Report()
    first = first_statement(options.statements)
    period, version = first["period"], first["version"]
    policy = read_policy(pathlib.Path(options.policy).read_bytes())
    traffic = json.loads(pathlib.Path(options.traffic).read_bytes())
    summary = json.loads(pathlib.Path(options.summary).read_bytes()) if options.summary else None
    summary = summary and summary.get("summary", summary)
    clients = clients_usage(traffic, dict(pair.split("=", 1) for pair in options.route))
    batches = Batches(options.batches, period) if options.batches else None
    if batches:
        check_batches(report, batches)
        check_clients(report, traffic, clients, batches)
        unknown_to_clients = batches.usage
    else:
        unknown_to_clients = usage_of_statements(options.statements, summary)
    usage = {**unknown_to_clients, **clients}
    bill = read_bill(pathlib.Path(options.costs).read_bytes())
    records = [record for record in bill.records if record.period == period]
    results = allocate(policy, records, usage)
    books = Books(policy, results, usage, batches.own_units if batches else {}, period, version)
    check_pools(report, bill, books, period)
    register = read_register(options.register) if options.register else None
    count = check_statements(report, books, options.statements, register, batches)
    if summary:
        check_summary(report, books, summary, register)
    if options.bridge:
        check_bridge(report, books, records, json.loads(pathlib.Path(options.bridge).read_bytes()), batches)
    if options.ledger:
        entries = json.loads(pathlib.Path(options.ledger).read_bytes())["entries"]
        check_ledger(report, books, entries, options.imports)
    print(f"independent: statements={count} differences={report.differences}")
    return 1 if report.differences else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (NotFocus, PolicyFault, OSError, decode_batch.Refused) as fault:
        print(f"recompute: {fault}", file=sys.stderr)
        sys.exit(1)
