#!/bin/sh
# The rest of `make bench`: microbenchmarks and 100,000 tenants in one interval, appended to bench/RESULTS.md.
set -eu
cd "$(dirname "$0")/.."
section() {
  printf '\n## %s\n\n`%s`\n\n' "$1" "$2"
  sh -c "$2" | sed 's/^/    /'
}
{
  section "Recording one request" ".build/release/MeterBench"
  section "Batch codec" ".build/release/CodecBench"
  section "100,000 tenants in one interval, plain ids" "bench/tenants.py --style acme"
  section "100,000 tenants in one interval, UUIDs" "bench/tenants.py --style uuid"
} | tee -a bench/RESULTS.md
