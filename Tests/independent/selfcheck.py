#!/usr/bin/env python3
"""Holds this implementation against the examples of the documentation, and shows that it notices faults.

    python3 Tests/independent/selfcheck.py
"""

import contextlib
import io
import json
import pathlib
import re
import sys
import tempfile
import unittest
from fractions import Fraction
from unittest import mock

import recompute
from allocate import allocate
from arithmetic import fixed, half_even, round_parts, shortest, split
from focus import decimal, read_bill
from policy import read_policy
from statements import Books, entry_id

ROOT = pathlib.Path(__file__).resolve().parents[2]
BILL = ROOT / "demo" / "data" / "focus-2026-10.csv"
POLICY = ROOT / "demo" / "policy.yaml"


class Arithmetic(unittest.TestCase):
    def test_worked_example_of_allocation_md(self):
        used = {"tenant:acme": Fraction(1), "tenant:bolt": Fraction(1), "tenant:core": Fraction(1)}
        self.assertEqual(
            split(100_000_000, used),
            {"tenant:acme": 33333334, "tenant:bolt": 33333333, "tenant:core": 33333333})
        self.assertEqual(split(-100_000_000, used)["tenant:acme"], -33333334)

    def test_rounding_keeps_the_sum_whatever_the_signs(self):
        exact = {"a": Fraction(5, 2), "b": Fraction(-7, 4), "c": Fraction(1, 4)}
        self.assertEqual(round_parts(exact, 1), {"a": 3, "b": -2, "c": 0})
        negative = {"a": Fraction(-5, 2), "b": Fraction(-1, 2)}
        self.assertEqual(round_parts(negative, -3), {"a": -3, "b": 0})

    def test_decimals(self):
        self.assertEqual([half_even(Fraction(n, 2)) for n in (1, 3, -1, -3, 5)], [0, 2, 0, -2, 2])
        self.assertEqual(fixed(Fraction(-5, 1000), 2), "0.00")
        self.assertEqual(fixed(Fraction(-1, 4), 6), "-0.250000")
        self.assertEqual(shortest(Fraction(-5, 4)), "-1.25")
        self.assertEqual(decimal("1.2345678901234567895"), (1234567890123456790, True))
        self.assertIsNone(decimal("1.7e21"))


class Documents(unittest.TestCase):
    def test_the_broken_bill_has_the_faults_that_the_demo_page_lists(self):
        page = (ROOT / "demo" / "README.md").read_text("utf-8")
        table = dict(re.findall(r"^\| (\d+) \| (.*?) \|$", page, re.MULTILINE))
        bill = read_bill((ROOT / "demo" / "data" / "focus-broken.csv").read_bytes())
        self.assertEqual({str(record.line) for record in bill.records},
                         {line for line, what in table.items() if what == "good"})
        faults = {str(line): wrong for line, wrong in bill.faults}
        self.assertEqual(set(faults), {line for line, what in table.items() if what != "good"})
        for line, what in table.items():
            if what.split()[0].endswith(("Cost", "Period", "Start", "End", "Currency", "Category", "Class", "Id")):
                self.assertEqual(faults[line], [what.split()[0]])
        effective = Fraction(sum(record.effective for record in bill.records), 10**18)
        self.assertEqual(shortest(effective), "32.123456789012345678")  # the 19th digit, 5, to even

    def test_the_bill_sums_to_what_the_demo_page_says(self):
        bill = read_bill(BILL.read_bytes())
        self.assertEqual((bill.version, len(bill.records), bill.faults), ("1.2", 88, []))
        self.assertEqual(shortest(Fraction(sum(r.billed for r in bill.records), 10**18)), "5613.59")
        self.assertEqual(shortest(Fraction(sum(r.effective for r in bill.records), 10**18)), "5856.56453")

    def test_both_policies_are_understood(self):
        self.assertEqual(len(read_policy(POLICY.read_bytes()).pools), 7)
        with self.assertRaisesRegex(Exception, "method follow"):
            read_policy((ROOT / "config" / "policy.example.yaml").read_bytes())


class Period(unittest.TestCase):
    """A period of this implementation's own making: the same is the same, and every change is noticed."""

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        tally = {"requests": 3, "responses_2xx": 3, "request_bytes": 600, "response_bytes": 1000}
        self.traffic = {
            "run": {"complete": True}, "objections": [],
            "total": {key: value * 3 for key, value in tally.items()},
            "tenants": {
                tenant: {"paths": {"api": tally}} for tenant in ("acme", "bolt", "~unattributed")},
        }
        (self.folder / "traffic.json").write_text(json.dumps(self.traffic))
        policy = read_policy(POLICY.read_bytes())
        usage = recompute.clients_usage(self.traffic, {})
        records = read_bill(BILL.read_bytes()).records
        self.books = Books(policy, allocate(policy, records, usage), usage, {}, "2026-10", 1)
        (self.folder / "statements").mkdir()
        for tenant in self.books.tenants:
            self.write(tenant, self.issue(tenant))

    def issue(self, tenant):
        statement = self.books.statement(tenant)
        statement |= {"name": None, "registered": False, "issued_at": "2026-11-01T00:00:00Z",
                      "previous_version": None, "previous_total": None, "previous_currency": None, "change": None,
                      "gone": [], "coverage": {"complete": True, "proxies": []}, "reconciliation": "tied-out"}
        return {name: statement[name] for name in recompute.STATEMENT_MEMBERS}

    def write(self, tenant, statement):
        text = json.dumps(statement, ensure_ascii=False, separators=(",", ":"))
        (self.folder / "statements" / f"{tenant}.json").write_text(text, "utf-8")

    def run_recompute(self):
        arguments = ["recompute.py", "--costs", str(BILL), "--policy", str(POLICY),
                     "--traffic", str(self.folder / "traffic.json"), "--statements", str(self.folder / "statements")]
        output = io.StringIO()
        with mock.patch.object(sys, "argv", arguments), contextlib.redirect_stdout(output):
            status = recompute.main()
        return status, output.getvalue()

    def test_the_same_is_the_same(self):
        status, output = self.run_recompute()
        self.assertEqual((status, output.splitlines()[-1]), (0, "independent: statements=4 differences=0"), output)

    def test_a_micro_unit_is_noticed(self):
        statement = self.issue("acme")
        amount = Fraction(statement["lines"][0]["amount"]) + Fraction(1, 10**6)
        statement["lines"][0]["amount"] = fixed(amount, 6)
        self.write("acme", statement)
        status, output = self.run_recompute()
        self.assertEqual(status, 1)
        self.assertIn("lines[0].amount", output)

    def test_another_order_of_members_is_noticed(self):
        statement = self.issue("acme")
        self.write("acme", dict(reversed(statement.items())))
        self.assertIn("canonical bytes", self.run_recompute()[1])

    def test_a_missing_statement_is_noticed(self):
        (self.folder / "statements" / "bolt.json").unlink()
        self.assertIn("missing: bolt", self.run_recompute()[1])

    def test_a_byte_of_the_clients_is_noticed(self):
        self.traffic["tenants"]["acme"]["paths"]["api"]["response_bytes"] += 1
        (self.folder / "traffic.json").write_text(json.dumps(self.traffic))
        self.assertEqual(self.run_recompute()[0], 1)

    def test_everything_is_shared_out(self):
        self.assertEqual(self.books.posted_total, 5856564530)
        self.assertEqual(sum(self.books.accounts.values()), self.books.posted_total)
        self.assertEqual(sum(self.books.printed.values()), 585656)
        self.assertGreater(self.books.accounts["platform:unallocated:unattributed"], 0)

    def test_ids_depend_on_nothing_but_the_four(self):
        self.assertEqual(entry_id("2026-10", 1, "compute"), entry_id("2026-10", 1, "compute"))
        self.assertNotEqual(entry_id("2026-10", 1, "compute"), entry_id("2026-10", 2, "compute"))


if __name__ == "__main__":
    unittest.main()
