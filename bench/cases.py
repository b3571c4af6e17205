"""CPU microseconds per request of one proxy process: the cases, and how one of them is measured."""

import dataclasses
import os
import re
import statistics
import subprocess
import time

import harness
import peers
from harness import Failure, HERE

INTERVAL = 10


@dataclasses.dataclass(frozen=True)
class Case:
    """One kind of request."""

    method: str
    path: str
    # bytes of the request's body, and the answer that every byte is compared with
    sent: int
    expected: bytes
    # how many tenants rotate
    tenants: int
    # only these peers; None: all
    peers: tuple = None
    # whether the case is also told in CPU seconds for each GB of answers
    gigabytes: bool = False
    # how many workers, which may use as many cores; two share the second core with the load
    workers: int = 1


METERED = ("weir", "haproxy-metered", "nginx-lua")
# the stock configurations; larger buffers and splice say nothing new about small messages
PLAIN = METERED + ("nginx", "relay", "relay-uring", "envoy", "h2o")
CASES = {
    "small-get": Case("GET", "/small", 0, peers.SMALL, 1, PLAIN),
    "small-get-10k-tenants": Case("GET", "/small", 0, peers.SMALL, 10_000, METERED + ("nginx", "relay", "envoy")),
    "small-get-1m-tenants": Case("GET", "/small", 0, peers.SMALL, 1_000_000, METERED + ("nginx", "relay")),
    "response-16k": Case("GET", "/16k", 0, peers.LARGE, 1),
    "post-16k": Case("POST", "/post", 16_384, b"ok", 1, PLAIN + ("haproxy-metered-64k",)),
    "download-1m": Case("GET", "/1m", 0, peers.DOWNLOAD, 1, None, True),
    "two-workers": Case("GET", "/small", 0, peers.SMALL, 1, ("weir", "haproxy-metered", "nginx"), False, 2),
}


class Load:
    """The load on core 1, and how many requests it has finished at each peer."""

    def __init__(self, place, connections):
        self.place = place
        self.connections = connections
        # peer: finished requests in all, and those of the first tenant, which the one-tenant cases name
        self.finished, self.first = {}, {}
        # peer: the next tenant of the rotation over a million
        self.rotation = {}

    def run(self, name, port, case, seconds):
        """Runs wrk once; returns finished requests and requests a second. Any error is a failure."""
        command = ["wrk", "-t1", "-c%d" % self.connections, "-d%ds" % seconds, "--timeout", "10s",
                   "-s", os.path.join(HERE, "load.lua"), "http://127.0.0.1:%d" % port,
                   "--", case.method, case.path, str(case.tenants), str(case.sent), str(self.rotation.get(name, 0))]
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=harness.pinned(1))
        found = re.search(r"result requests=(\d+) errors=(\d+) microseconds=(\d+)", done.stdout)
        if not found:
            raise Failure("wrk gave no result: %s %s" % (done.stdout[-500:], done.stderr[-500:]))
        requests, errors, microseconds = map(int, found.groups())
        if errors or not requests:
            raise Failure("%s %s: %d errors in %d requests\n%s" % (name, case.path, errors, requests, done.stdout))
        self.count(name, requests, requests if case.tenants == 1 else 0)
        if case.tenants == 1_000_000:
            self.rotation[name] = (self.rotation.get(name, 0) + requests) % case.tenants
        return requests, requests / (microseconds / 1e6)

    def count(self, name, requests, first):
        """Remembers what a peer must have counted at least."""
        self.finished[name] = self.finished.get(name, 0) + requests
        self.first[name] = self.first.get(name, 0) + first

    def touch_million(self, name, port):
        """Sends one request for each of a million tenants, so that every table has its rows before it is measured."""
        binary = harness.compile("tenantload.c", self.place.directory + "/tenantload")
        done = subprocess.run([binary, str(port), "1000000", "1", "acme", "own", "8", "/small", str(len(peers.SMALL))],
                              capture_output=True, text=True, preexec_fn=harness.pinned(1))
        if done.returncode or "requests=1000000 " not in done.stdout:
            raise Failure("the load of a million tenants failed: %s%s" % (done.stdout, done.stderr))
        self.count(name, 1_000_000, 1)


def wait_for_seal():
    """Waits until the interval has ended and what it cost to seal, encode and store it has been paid.

    With a million tenants most requests make a row, and each row is written into a batch at the end of its interval:
    that is part of the price of a request and must not fall outside of the measurement.
    """
    time.sleep(INTERVAL - time.time() % INTERVAL + 2)


def measure(load, name, started, case, seconds):
    """One measurement: answers checked, a warm-up second, then CPU time of the proxy over counted requests."""
    process, port = started.process, started.port
    body = b"x" * case.sent if case.sent else None
    harness.check_answers(port, case.method, case.path, body, case.expected)
    sealed = name == "weir" and case.tenants == 1_000_000
    if sealed:
        wait_for_seal()
    else:
        load.run(name, port, case, 1)
    busy, began = harness.busy_seconds(0), time.monotonic()
    before, (user, system) = harness.cpu_nanoseconds(process.pid), harness.cpu_ticks(process.pid)
    requests, rate = load.run(name, port, case, seconds)
    if sealed:
        wait_for_seal()
    used = (harness.cpu_nanoseconds(process.pid) - before) / 1e9
    user_after, system_after = harness.cpu_ticks(process.pid)
    foreign = max(0.0, harness.busy_seconds(0) - busy - used) / (time.monotonic() - began)
    ticked = user_after - user + system_after - system
    if abs(ticked - used) > 0.05 + 0.1 * used:
        raise Failure("two clocks disagree: %.3f s by the CPU clock, %.3f s by /proc/PID/stat" % (used, ticked))
    if process.poll() is not None:
        raise Failure("%s ended during %s %s" % (name, case.method, case.path))
    harness.check_answers(port, case.method, case.path, body, case.expected)
    share = (user_after - user) / ticked if ticked else 0
    return {"us": used * 1e6 / requests, "rate": rate, "user": share, "foreign": foreign}


def run_all(load, started, labels, arguments):
    """{(case, peer): [measurement]} of the cases in `labels`; the order of peers turns with every repetition."""
    names, results = list(started), {}
    for name in names:
        if "small-get-1m-tenants" in labels and name in METERED:
            load.touch_million(name, started[name].port)
    for repetition in range(arguments.reps):
        turn = repetition % len(names)
        for label in labels:
            for name in names[turn:] + names[:turn]:
                case = CASES[label]
                if (case.peers and name not in case.peers) or repetition >= arguments.repetitions[name]:
                    continue
                result = measure(load, name, started[name], case, arguments.seconds)
                results.setdefault((label, name), []).append(result)
                print("run rep=%d case=%s peer=%s us=%.2f user=%.0f%% rps=%.0f others=%.0f%%"
                      % (repetition + 1, label, name, result["us"], 100 * result["user"], result["rate"],
                         100 * result["foreign"]), flush=True)
    return results


def median(results, case, peer):
    """Median CPU microseconds per request."""
    return statistics.median(r["us"] for r in results[case, peer])


def ratios(results):
    """[(case, divisor, ratio)] of weir to everything it is compared with."""
    found = []
    for case, peer in results:
        if peer != "weir" and (case, "weir") in results:
            found.append((case, peer, median(results, case, "weir") / median(results, case, peer)))
    for case in ("small-get-10k-tenants", "small-get-1m-tenants"):
        if (case, "weir") in results and ("small-get", "weir") in results:
            found.append((case, "weir-small-get", median(results, case, "weir") / median(results, "small-get", "weir")))
    order = list(CASES)
    return sorted(found, key=lambda row: order.index(row[0]))


def table(results):
    """The medians, as lines of Markdown."""
    lines = ["| case | peer | median µs/request | min to max | user share | requests/s | CPU s/GB |",
             "|---|---|---|---|---|---|---|"]
    for label, case in CASES.items():
        for name in peers.PEERS:
            runs = results.get((label, name))
            if not runs:
                continue
            values = [r["us"] for r in runs]
            gigabyte = "%.3f" % (statistics.median(values) * 1e3 / len(case.expected)) if case.gigabytes else ""
            lines.append("| %s | %s | %.2f | %.2f to %.2f | %.0f %% | %.0f | %s |" % (
                label, name, statistics.median(values), min(values), max(values),
                100 * statistics.median(r["user"] for r in runs), statistics.median(r["rate"] for r in runs), gigabyte))
    return lines
