#!/usr/bin/env python3
"""The close of a large month: month.py [TENANTS] [RECORDS] [--filled FILE]

Fills a store with a month of hourly rollups (MonthBench, about 20,000,000 rows of 100,000 tenants over ten routes), imports
a FOCUS bill of a million records, closes the month with `weir close`, and takes all statements as JSON in one archive with
`weir statements --zip`. Seconds are of the clock, memory is the allocator's peak. Build first:
swift build -c release --product MonthBench and --product weir. With --filled a copy of a store is taken that
`MonthBench fill FILE TENANTS` filled before.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RELEASE = os.path.join(ROOT, ".build/release")
OUT = os.path.join(ROOT, "bench/out")
WEIR = os.path.join(RELEASE, "weir")
ADDRESS, ADMIN = "127.0.0.1:18610", "127.0.0.1:18611"
POLICY = {"version": 1, "name": "month", "currency": "USD", "pools": [
    {"name": "tax", "match": {"charge_category": "Tax"}, "method": {"kind": "keep"}},
    {"name": "compute", "match": {"service": ["Machines", "Functions"]}, "method": {"kind": "proportional", "drivers": [
        {"quantity": "upstream_cpu_us", "weight": "0.7"}, {"quantity": "response_bytes", "weight": "0.3"}]}},
    {"name": "network", "match": {"service": "CDN"}, "method": {"kind": "proportional", "drivers": ["response_bytes"]}},
    {"name": "storage", "match": {"service": ["Blobs", "Disks"]}, "method": {"kind": "proportional", "drivers": ["requests"]}},
    {"name": "rest", "method": {"kind": "proportional", "drivers": ["requests"]}}]}


def field_of(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name))


def cpu_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Allocator:
    """A `weir allocator` on a store; each start is a process of its own, so that each step has its own peak."""

    def __init__(self, folder):
        self.folder = folder
        self.config, self.token = os.path.join(folder, "a.yaml"), os.path.join(folder, "token")
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(f"listen: {ADDRESS}\nadmin: {ADMIN}\nstore: {folder}/weir.sqlite\napprovals: {{ people: 1 }}\n")
        if not os.path.exists(self.token):
            subprocess.run([WEIR, "token", "create", "--role", "operator", "--store", f"{folder}/weir.sqlite",
                            "-o", self.token], check=True, stdout=subprocess.DEVNULL)

    def __enter__(self):
        with open(os.path.join(self.folder, "log"), "a", encoding="utf-8") as log:
            self.server = subprocess.Popen([WEIR, "allocator", "--config", self.config], stderr=log)
        for _ in range(1200):
            try:
                urllib.request.urlopen(f"http://{ADMIN}/readyz", timeout=1).close()
                return self
            except OSError:
                time.sleep(0.05)
        sys.exit("the allocator is not ready in a minute")

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()

    def run(self, what, *command):
        """A command of weir, with what it took."""
        start, cpu = time.monotonic(), cpu_of(self.server.pid)
        done = subprocess.run([WEIR, *command, "--server", f"http://{ADDRESS}", "--token-file", self.token],
                              capture_output=True, text=True)
        seconds = time.monotonic() - start
        if done.returncode:
            sys.exit(f"weir {' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        print(f"{what:44} {seconds:7.1f} s  {cpu_of(self.server.pid) - cpu:7.1f} s CPU"
              f"  {field_of(self.server.pid, 'VmHWM') / 1024:7.0f} MB peak", flush=True)
        return done.stdout


def fill(store, tenants):
    """A month of usage in a new store."""
    start = time.monotonic()
    text = subprocess.run([os.path.join(RELEASE, "MonthBench"), "fill", store, str(tenants)],
                          check=True, capture_output=True, text=True).stdout
    print(f"{text.splitlines()[-1]}, {time.monotonic() - start:.0f} s", flush=True)


def main():
    arguments = sys.argv[1:]
    filled = None
    if "--filled" in arguments:
        place = arguments.index("--filled")
        filled = arguments[place + 1]
        del arguments[place:place + 2]
    tenants = int(arguments[0]) if arguments else 100_000
    records = int(arguments[1]) if len(arguments) > 1 else 1_000_000
    os.makedirs(OUT, exist_ok=True)
    bill = os.path.join(OUT, f"focus-{records}.csv")
    if not os.path.exists(bill):
        subprocess.run([sys.executable, os.path.join(HERE, "focus_file.py"), str(records), bill], check=True)
    with tempfile.TemporaryDirectory(dir=OUT) as folder:
        if filled:
            shutil.copyfile(filled, f"{folder}/weir.sqlite")
        else:
            fill(f"{folder}/weir.sqlite", tenants)
        policy = os.path.join(folder, "policy.yaml")
        with open(policy, "w", encoding="utf-8") as out:
            json.dump(POLICY, out)
        allocator = Allocator(folder)
        with allocator:
            allocator.run(f"import of {records} records", "import", bill, "--source", "cloud")
            allocator.run("policy", "policy", "set", policy)
        with allocator:
            allocator.run("close", "close", "2026-10", "--reason", "bench", "--waive", "coverage-hole")
        with allocator:
            allocator.run("statements as JSON, in one archive", "statements", "--period", "2026-10", "--zip",
                          os.path.join(folder, "all.zip"), "--forms", "json")
        print(f"store {os.path.getsize(folder + '/weir.sqlite') / 1e6:.0f} MB,"
              f" archive {os.path.getsize(folder + '/all.zip') / 1e6:.0f} MB")


main()
