#!/usr/bin/env python3
"""Moves a month's FOCUS file into another month: `focus_for_month.py YYYY-MM [IN.csv] [OUT.csv]`.

The file's own month is that of its first BillingPeriodStart. Every date in the four period columns moves by the same
number of months; a day that the target month lacks becomes its last. InvoiceId carries the month and moves too. Nothing
else changes, and no amount: the totals of the template are the totals of the result. Without OUT the result goes to
standard output.
"""

import calendar
import csv
import os
import re
import sys

PERIODS = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")
TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "focus-2026-10.csv")


def months(text):
    """`YYYY-MM…` as a count of months since year 0."""
    found = re.match(r"(\d{4})-(0[1-9]|1[0-2])", text)
    if not found:
        raise SystemExit("focus_for_month: no month in %r; give it as YYYY-MM" % text)
    return int(found[1]) * 12 + int(found[2]) - 1


def moved(moment, by):
    """A date and time some months later, its day cut to the month's length."""
    year, month = divmod(months(moment) + by, 12)
    day = min(int(moment[8:10]), calendar.monthrange(year, month + 1)[1])
    return "%04d-%02d-%02d%s" % (year, month + 1, day, moment[10:])


def rewrite(source, sink, target):
    """Copies the CSV row by row with the periods moved."""
    reader = csv.DictReader(source)
    writer = csv.DictWriter(sink, reader.fieldnames, lineterminator="\n")
    writer.writeheader()
    own = None
    for row in reader:
        own = own or row["BillingPeriodStart"][:7]
        by = months(target) - months(own)
        for column in PERIODS:
            row[column] = moved(row[column], by)
        row["InvoiceId"] = row["InvoiceId"].replace(own, target)
        writer.writerow(row)


def main(arguments):
    if not 1 <= len(arguments) <= 3 or not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", arguments[0]):
        raise SystemExit(__doc__.splitlines()[0])
    path = arguments[1] if len(arguments) > 1 else TEMPLATE
    with open(path, newline="", encoding="utf-8") as source:
        if len(arguments) < 3:
            return rewrite(source, sys.stdout, arguments[0])
        with open(arguments[2], "w", newline="", encoding="utf-8") as sink:
            rewrite(source, sink, arguments[0])


if __name__ == "__main__":
    main(sys.argv[1:])
