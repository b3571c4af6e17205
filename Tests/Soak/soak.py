#!/usr/bin/env python3
"""Runs weir-proxy among clients and upstreams of every kind, and says whether anything was lost.

    soak.py --proxy PATH [--seconds 900] [--seed N] [--sanitizer none|address|thread]

README.md in this folder says what is checked. Exit status 1 when something does not hold.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "independent"))
import decode_batch  # noqa: E402

GOOD, BAD = 12, 60
MEMORY_SLACK = 16 << 20
COMPARED = ("requests", "ended_completed", "request_bytes", "response_bytes", "request_body_bytes",
            "response_body_bytes", "responses_2xx", "responses_3xx", "responses_4xx", "responses_5xx")
CONFIGURATION = """
instance: soak
workers: 2
admin: {{ address: "127.0.0.1:0" }}
listeners:
  - {{ name: plain, address: "127.0.0.1:0", trusted: ["127.0.0.0/8"] }}
  - {{ name: clear, address: "127.0.0.1:0", trusted: ["127.0.0.0/8"], http2: true }}
  - name: secure
    address: "127.0.0.1:0"
    trusted: ["127.0.0.0/8"]
    tls: {{ certificates: [{{ certificate: "{folder}/certificate.pem", key: "{folder}/key.pem" }}] }}
tenants:
  rules: [ {{ header: {{ name: X-Tenant }} }} ]
upstreams:
  good: {{ addresses: ["127.0.0.1:{good}"] }}
  streams: {{ addresses: ["127.0.0.1:{streams}"], http2: true, connections_max: 40 }}
  badstreams: {{ addresses: ["127.0.0.1:{badstreams}"], http2: true }}
  sealed: {{ addresses: ["127.0.0.1:{sealed}"], tls: {{ ca: "{folder}/certificate.pem", server_name: good.test }} }}
  bad: {{ addresses: ["127.0.0.1:{bad}"], hints: {{ server_timing_cpu: [cpu] }} }}
routes:
  - {{ name: good, host: good.test, upstream: good }}
  - {{ name: sealed, host: sealed.test, upstream: sealed }}
  - {{ name: streams, host: streams.test, upstream: streams }}
  - {{ name: badstreams, host: badstreams.test, upstream: badstreams, body_bytes_max: 50000, retry_idempotent: true }}
  - {{ name: bad, host: bad.test, upstream: bad, body_bytes_max: 50000 }}
timeouts:
  request_head_ms: 2000
  keep_alive_ms: 10000
  body_ms: 5000
  stream_ms: 5000
  connect_ms: 2000
  response_head_ms: 5000
  upstream_idle_ms: 2000
  drain_ms: 5000
  linger_ms: 300
metering: {{ directory: "{folder}/segments", active_directory: "{folder}/active", interval_seconds: 5 }}
shipping: {{ spool: "{folder}/spool", spool_bytes_max: 8589934592 }}
log: {{ level: info }}
"""


class Proxy:
    """The process under test."""

    def __init__(self, path, folder, origins, environment):
        file = folder / "weir-proxy.yaml"
        file.write_text(CONFIGURATION.format(folder=folder, **origins))
        self.log = folder / "proxy.log"
        self.process = subprocess.Popen([path, str(file)], stdout=self.log.open("w"), stderr=subprocess.STDOUT,
                                        env=dict(os.environ, **environment))
        self.ports = ",".join(str(self.find(rf"address=\S*:(\d+) listener={name}\b"))
                              for name in ("plain", "clear", "secure"))
        self.admin = self.find(r"admin=\S*:(\d+).*serving")

    def find(self, pattern):
        for _ in range(600):
            match = re.search(pattern, self.log.read_text(errors="replace"))
            if match:
                return int(match.group(1))
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        sys.exit(f"the proxy does not serve:\n{self.log.read_text(errors='replace')}")

    def metrics(self):
        values = {}
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=30) as answer:
            for line in answer.read().decode().splitlines():
                if line and not line.startswith("#"):
                    name, _, value = line.rpartition(" ")
                    values[name] = float(value)
        return values

    def await_idle(self):
        """Until no connection is left on either side."""
        values = {}
        for _ in range(300):
            values = self.metrics()
            if all(values[name] == 0 for name in ("weir_downstream_connections", "weir_upstream_connections",
                                                  "weir_open_exchanges", "weir_lent_buffers")):
                return values
            time.sleep(0.2)
        return values

    def descriptors(self, at_most=None):
        """Open descriptors; a moment is granted to those of a segment that is being sealed."""
        count = 0
        for _ in range(100):
            count = len(os.listdir(f"/proc/{self.process.pid}/fd"))
            if at_most is None or count <= at_most:
                break
            time.sleep(0.1)
        return count

    def memory(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "killed after 120 s of drain"


def issue_certificate(folder):
    """One that signs itself, for the listeners and for the upstream with TLS."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem"), "-subj", "/CN=good.test",
                    "-addext", "subjectAltName=DNS:good.test"], check=True, capture_output=True)
    (folder / "key.pem").chmod(0o600)
    return [str(folder / "certificate.pem"), str(folder / "key.pem")]


def start_origin(kind, seed, files=()):
    process = subprocess.Popen([sys.executable, str(HERE / "origins.py"), kind, str(seed), *files], stdout=subprocess.PIPE,
                               text=True)
    return process, int(process.stdout.readline())


def run_clients(seed, seconds, folder, proxy):
    """Two processes of clients; their ledgers, added up."""
    paths = [folder / f"ledger-{seed.replace('/', '-')}-{number}.json" for number in range(2)]
    processes = [subprocess.Popen([sys.executable, str(HERE / "clients.py"), proxy.ports, str(folder / "certificate.pem"),
                                   f"{seed}/{number}", str(seconds), str(GOOD // 2), str(BAD // 2), str(path)]) for number, path in enumerate(paths)]
    for process in processes:
        process.wait(seconds + 300)
    return [json.loads(path.read_text()) for path in paths if path.exists()]


def usage_of_batches(folder):
    """Rows of all batches, added up by tenant; and what the batches themselves say is wrong."""
    rows = collections.defaultdict(collections.Counter)
    wrong = []
    for path in sorted((folder / "spool").rglob("*.weirbatch")):
        batch = decode_batch.decode(path.read_bytes())
        sums, totals = collections.Counter(), collections.Counter()
        for row in batch["rows"]:
            quantities = row["quantities"]
            rows[row["tenant"]].update(quantities)
            sums.update(quantities)
            ended = sum(count for name, count in quantities.items() if name.startswith("ended_"))
            if row["open_start"] + quantities.get("requests", 0) != ended + row["open_end"]:
                wrong.append(f"{path.name}: {row['tenant']}: requests are not ends and open ones")
        for listener in batch["listeners"]:
            totals.update(listener["quantities"])
        if sums != totals:
            wrong.append(f"{path.name}: rows {sums - totals} above, {totals - sums} below the listeners' totals")
    return rows, wrong


class Report:
    def __init__(self):
        self.failed = 0

    def check(self, holds, text):
        self.failed += not holds
        print(f"{'ok    ' if holds else 'FAILED'}  {text}", flush=True)


def compare_ledgers(report, ledgers, usage):
    expected = collections.defaultdict(collections.Counter)
    faults = []
    for ledger in ledgers:
        faults += ledger["faults"]
        for tenant, counts in ledger["tenants"].items():
            expected[tenant].update(counts)
    report.check(not faults, f"well-behaved clients saw nothing wrong {faults[:10]}")
    different = []
    for tenant, counts in expected.items():
        for name in COMPARED:
            if usage[tenant][name] != counts.get(name, 0):
                different.append(f"{tenant} {name}: counted {usage[tenant][name]}, seen {counts.get(name, 0)}")
    report.check(not different, f"usage of {len(expected)} well-behaved tenants is what they saw {different[:10]}")


def check_totals(report, values):
    differences = [value for name, value in values.items() if name.startswith("weir_conservation_difference")]
    report.check(differences and not any(differences), f"the conservation difference is 0 {differences}")
    quantities = {re.search(r'quantity="(\w+)"', name).group(1): value for name, value in values.items()
                  if name.startswith("weir_usage_total")}
    ended = sum(value for name, value in quantities.items() if name.startswith("ended_"))
    report.check(quantities["requests"] == ended + values["weir_open_exchanges"],
                 f"{quantities['requests']:.0f} requests are {ended:.0f} ends and {values['weir_open_exchanges']:.0f} open")
    for name in ("weir_downstream_connections", "weir_upstream_connections", "weir_open_exchanges", "weir_lent_buffers"):
        report.check(values[name] == 0, f"{name} is 0 at rest: {values[name]:.0f}")
    for name in ('weir_tls_handshakes_total{result="full"}', 'weir_tls_handshakes_total{result="resumed"}',
                 'weir_upstream_tls_handshakes_total{result="resumed"}', 'weir_http2_connection_errors_total{cause="abuse"}',
                 'weir_http2_connection_errors_total{cause="protocol"}', "weir_http2_resets_sent_total"):
        report.check(values[name] > 0, f"the soak was hard enough: {name} {values[name]:.0f}")
    for name in sorted(quantities):
        if name.startswith("ended_"):
            print(f"        {name} {quantities[name]:.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--proxy", required=True)
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--seed", default=os.environ.get("WEIR_SEED") or str(random.getrandbits(63)))
    parser.add_argument("--sanitizer", default="none", choices=("none", "address", "thread"))
    options = parser.parse_args()
    print(f"WEIR_SEED={options.seed}", flush=True)
    environment = {"ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=16:abort_on_error=1",
                   "TSAN_OPTIONS": "halt_on_error=0:exitcode=66", "SWIFT_BACKTRACE": "enable=no"}
    report = Report()
    processes = []
    with tempfile.TemporaryDirectory(prefix="weir-soak-") as name:
        folder = pathlib.Path(name)
        try:
            files = issue_certificate(folder)
            ports = {}
            for kind in ("good", "bad", "sealed", "streams", "badstreams"):
                process, ports[kind] = start_origin(kind, options.seed, files if kind == "sealed" else ())
                processes.append(process)
            proxy = Proxy(options.proxy, folder, ports, environment)
            processes.append(proxy.process)
            soak(report, proxy, folder, options)
        finally:
            for process in processes:
                process.kill()
        if report.failed:
            print("".join(proxy.log.open(errors="replace").readlines()[-60:]))
    print("the soak holds" if report.failed == 0 else f"{report.failed} checks failed")
    return 1 if report.failed else 0


def soak(report, proxy, folder, options):
    at_start = proxy.descriptors()
    warm_up = max(5, min(60, options.seconds / 4))
    ledgers = run_clients(f"{options.seed}/warm", warm_up, folder, proxy)
    proxy.await_idle()
    warm = proxy.memory()
    ledgers += run_clients(f"{options.seed}/main", options.seconds - warm_up, folder, proxy)
    values = proxy.await_idle()
    at_end, memory = proxy.descriptors(at_start), proxy.memory()
    print(f"        {sum(l['good'] for l in ledgers)} good and {sum(l['bad'] for l in ledgers)} bad connections")
    report.check(len(ledgers) == 4, "every process of clients came to its end")
    report.check(proxy.process.poll() is None, "the proxy runs to the end")
    check_totals(report, values)
    report.check(at_end <= at_start, f"descriptors: {at_start} at the start, {at_end} at the end")
    bound = max(warm * 1.1, warm + MEMORY_SLACK)
    report.check(options.sanitizer != "none" or memory <= bound,
                 f"memory: {warm >> 10} KiB after the warm-up, {memory >> 10} KiB at the end")
    status = proxy.stop()
    report.check(status == 0, f"the drain ends in good order: {status}")
    log = proxy.log.read_text(errors="replace")
    signs = [line for line in log.splitlines()
             if re.search(r"Sanitizer|Fatal error|Precondition failed| error |conservation", line)]
    report.check(not signs, f"no report of a sanitizer, no crash, no error in the log {signs[:5]}")
    usage, wrong = usage_of_batches(folder)
    report.check(not wrong, f"the batches conserve every quantity {wrong[:5]}")
    compare_ledgers(report, ledgers, usage)


if __name__ == "__main__":
    sys.exit(main())
