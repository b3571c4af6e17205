#!/usr/bin/env python3
"""Closes the demo's usage again under other policies, bills and currencies, and recomputes each.

    scenarios.py [--demo demo/out] [--weir .build/debug/weir]

After `demo/run`, without --keep. Each scenario has an allocator of its own on a store of its own: it is given the
batches of the demo's spool, a bill and a policy over its API, closes the month, and recompute.py compares everything
that it answers: statements, summary, bridge, ledger entries and their chain. Exit status 0 when all are the same.
"""

import argparse
import csv
import decimal
import io
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WAIVED = ["period-not-over", "coverage-hole", "rows-quarantined"]
COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")


# Bills


def split_bill(data, month):
    """The bill as FOCUS 1.3: five charges also split by the provider, and rows at the edges of the rules."""
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8"))))
    added = {"AllocatedMethodId": "", "AllocatedTags": "", "HostProviderName": "Host", "ServiceProviderName": "Service"}
    for row in rows:
        row.update(added)
    result = []
    left = 5
    for row in rows:
        result.append(row)
        if left and row["ResourceId"] and row["ChargeCategory"] == "Usage":
            left -= 1
            result.append(part(row, "0.25", '{"tenant":"granite-media"}'))
            result.append(part(row, "0.75", '{"tenant":"only-split","note":null}'))
    result += [changed(rows[0], tags, cost) for tags, cost in (
        ('{"tenant":"net-zero"}', "10.5"), ('{"tenant":"net-zero"}', "-10.5"), ('{"tenant":""}', "1.0000001"),
        ('{"tenant":null}', "2.3333333333333333333"), ('{"tenant":true}', "0.0000004"), ('{"tenant":1.50}', "1e-7"),
        ('{"tenant":"no id"}', "3.25e0"), ('{"tenant":"~invalid"}', "1.25"), ('{"tenant":"tiny"}', "0.0000001"),
        ('{"tenant":"credited"}', "-17.77777777"), ('{"tenant":[]}', "7"), ("{}", "abc"))]
    result.append(changed(rows[0], "{}", "7", ServiceCategory="Other", ServiceName="Nobody's"))
    result.append(changed(rows[0], "{}", "99", BillingPeriodStart="2020-01-01"))
    result.append(changed(rows[0], "{}", "5", BillingPeriodStart=f"{month}-28T23:59:59.999999Z"))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(result)
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8")


def part(row, share, tags):
    with decimal.localcontext() as context:
        context.prec = 60
        costs = {name: format(decimal.Decimal(row[name]) * decimal.Decimal(share), "f") for name in COSTS}
    return {**row, **costs, "AllocatedMethodId": "even", "AllocatedTags": tags}


def changed(row, tags, cost, **more):
    return {**row, "ResourceId": "", "Tags": tags, "BilledCost": cost, "EffectiveCost": cost, **more}


# The allocator


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Allocator:
    def __init__(self, weir, folder):
        self.tokens = {}
        for role in ("ingest", "operator"):
            file = folder / f"{role}.token"
            subprocess.run(
                [weir, "token", "create", "--role", role, "--name", role, "--store", folder / "weir.sqlite",
                 "--output", file], check=True, stdout=subprocess.DEVNULL)
            self.tokens[role] = file.read_text().strip()
        self.port, admin = free_ports(2)
        configuration = folder / "allocator.yaml"
        configuration.write_text(
            f"listen: 127.0.0.1:{self.port}\nadmin: 127.0.0.1:{admin}\nstore: {folder}/weir.sqlite\n"
            "proxies:\n  expected: [demo]\napprovals:\n  people: 1\n")
        with open(folder / "allocator.log", "wb") as log:
            self.process = subprocess.Popen(
                [weir, "allocator", "--config", configuration], stdout=log, stderr=log)

    def __enter__(self):
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise SystemExit("the allocator did not start")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=60)

    def call(self, method, path, body=None, role="operator"):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=body, method=method,
            headers={"Authorization": f"Bearer {self.tokens[role]}"})
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()[:2000]}") from None

    def close(self, month, dry_run):
        body = {"dry_run": dry_run, "reason": "scenario", "waive": WAIVED}
        return json.loads(self.call("POST", f"/v1/periods/{month}/close", json.dumps(body).encode()))


# A scenario


def issue(allocator, folder, demo, month, bill, policy):
    """Feeds an allocator, closes the month, and keeps everything that it answers."""
    register = (ROOT / "demo" / "tenants.csv").read_bytes()
    for batch in sorted((demo / "spool" / "acked").glob("*.weirbatch")):
        allocator.call("POST", "/v1/batches", batch.read_bytes(), "ingest")
    allocator.call("POST", "/v1/costs?source=scenario", bill)
    allocator.call("PUT", "/v1/policy", policy)
    allocator.call("POST", "/v1/tenants", register)
    (folder / "summary.json").write_text(json.dumps(allocator.close(month, True)["summary"]))
    (folder / "bridge.json").write_text(json.dumps(allocator.close(month, False)["reconciliation"]))
    (folder / "ledger.json").write_bytes(allocator.call("GET", "/v1/ledger/entries?limit=1000"))
    state = json.loads(allocator.call("GET", f"/v1/periods/{month}"))
    listed = json.loads(allocator.call("GET", f"/v1/periods/{month}/statements"))["statements"]
    (folder / "statements").mkdir()
    for statement in listed:
        tenant = statement["tenant"]
        raw = allocator.call("GET", f"/v1/periods/{month}/statements/{tenant}?format=json")
        (folder / "statements" / f"{tenant}.json").write_bytes(raw)
    return [digest["sha256"] for digest in state["close"]["imports"]]


def run_scenario(name, weir, demo, month, bill, policy):
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"weir-{name}-"))
    (folder / "bill.csv").write_bytes(bill)
    (folder / "policy.yaml").write_bytes(policy)
    with Allocator(weir, folder) as allocator:
        imports = issue(allocator, folder, demo, month, bill, policy)
    command = [sys.executable, HERE / "recompute.py", "--costs", folder / "bill.csv",
               "--policy", folder / "policy.yaml", "--traffic", demo / "traffic.json",
               "--statements", folder / "statements", "--batches", demo / "spool" / "acked",
               "--register", ROOT / "demo" / "tenants.csv", "--bridge", folder / "bridge.json",
               "--summary", folder / "summary.json", "--ledger", folder / "ledger.json", "--route", "ws=live"]
    for digest in imports:
        command += ["--import", digest]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if result.returncode == 0:
        print(f"{name}: {result.stdout.splitlines()[-1]}")
        shutil.rmtree(folder)
    else:
        print(f"{result.stdout}{name}: not the same; everything is in {folder}")
    return result.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=pathlib.Path, default=ROOT / "demo" / "out")
    parser.add_argument("--weir", type=pathlib.Path, default=ROOT / ".build" / "debug" / "weir")
    options = parser.parse_args()
    costs = next(options.demo.glob("focus-*.csv"))
    month = costs.stem.removeprefix("focus-")
    bill = costs.read_bytes()
    demo_policy = (ROOT / "demo" / "policy.yaml").read_bytes()
    wide_policy = (HERE / "wide-policy.yaml").read_bytes()
    split = split_bill(bill, month)
    scenarios = {
        "demo": (bill, demo_policy),
        "wide": (bill, wide_policy),
        "yen": (bill.replace(b",USD,", b",JPY,"), demo_policy.replace(b"USD", b"JPY")),
        "dinar": (bill.replace(b",USD,", b",KWD,"), wide_policy.replace(b"USD", b"KWD")),
        "split": (split, demo_policy),
        "split-wide": (split, wide_policy),
    }
    same = [run_scenario(name, options.weir.resolve(), options.demo.resolve(), month, *inputs)
            for name, inputs in scenarios.items()]
    print(f"scenarios: {len(same)}, the same: {sum(same)}")
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
