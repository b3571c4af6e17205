#!/usr/bin/env python3
"""The same pools by DuckDB: duck.py FILE. Prints the pools, then CPU seconds of this process for it."""
import resource
import sys

import duckdb

QUERY = """
SELECT pool, count(*), sum(billed), sum(effective) FROM (
  SELECT CAST(BilledCost AS DECIMAL(38, 18)) AS billed, CAST(EffectiveCost AS DECIMAL(38, 18)) AS effective,
    CASE WHEN ChargeCategory = 'Tax' THEN 'tax' WHEN ChargeCategory = 'Credit' THEN 'credits'
      WHEN ServiceName = 'Blobs' AND RegionId IN ('region-1', 'region-2') THEN 'blobs'
      WHEN json_extract_string(Tags, '$.team') = 't3' THEN 'team'
      WHEN json_extract_string(Tags, '$.tenant') IS NOT NULL THEN 'tenants' ELSE '~unmatched' END AS pool
  FROM read_csv(?, header = true, all_varchar = true)
  WHERE CAST(BillingPeriodStart AS TIMESTAMPTZ) >= TIMESTAMPTZ '2026-10-01 00:00:00+00'
    AND CAST(BillingPeriodStart AS TIMESTAMPTZ) < TIMESTAMPTZ '2026-11-01 00:00:00+00' AND BillingCurrency = 'USD')
GROUP BY pool ORDER BY pool
"""


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


connection = duckdb.connect()
connection.execute("SET threads = 2")
start = cpu()
for row in connection.execute(QUERY, [sys.argv[1]]).fetchall():
    print(row[0], row[1], *[format(value, "f").rstrip("0").rstrip(".") for value in row[2:]])
print("cpu", round(cpu() - start, 3), "rss_kb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
