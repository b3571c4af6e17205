"""CPU microseconds per request of one proxy process: the cases, and how one of them is measured."""

import dataclasses
import statistics
import time

import harness
import http2
import peers
import tls
from harness import Failure

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
    # only these peers
    peers: tuple
    # whether the case is also told in CPU seconds for each GB of answers
    gigabytes: bool = False
    # how many workers, which may use as many cores; two share the second core with the load
    workers: int = 1
    # what is spoken with clients and with the upstream
    way: peers.Way = peers.PLAIN
    # wrk, h2load, or full or resumed handshakes
    load: str = "wrk"
    # of each connection, at a time
    streams: int = 1
    # further fields of the request, its content when it is not `sent` bytes of any kind, and the answer's trailers
    fields: tuple = ()
    message: bytes = None
    trailers: tuple = ()

    @property
    def body(self):
        return self.message or (b"x" * self.sent if self.sent else None)


METERED = ("weir", "haproxy-metered", "nginx-lua")
# the stock configurations; larger buffers and splice say nothing new about small messages
PLAIN = METERED + ("nginx", "relay", "relay-uring", "envoy", "h2o")
BODIES = PLAIN + ("haproxy-metered-64k", "relay-splice")
TLS_1 = ("weir", "haproxy-metered", "nginx", "h2o", "nghttpx", "envoy")
TLS_2 = TLS_1 + ("haproxy",)
HANDSHAKES = ("weir", "haproxy-metered", "nginx", "h2o", "nghttpx")
# nginx and h2o 2.2 speak only HTTP/1.1 to upstreams
TO_HTTP2 = ("weir", "haproxy-metered", "nghttpx", "envoy")
CASES = {
    "small-get": Case("GET", "/small", 0, peers.SMALL, 1, PLAIN),
    "small-get-10k-tenants": Case("GET", "/small", 0, peers.SMALL, 10_000, METERED + ("nginx", "relay", "envoy")),
    "small-get-1m-tenants": Case("GET", "/small", 0, peers.SMALL, 1_000_000, METERED + ("nginx", "relay")),
    "response-16k": Case("GET", "/16k", 0, peers.LARGE, 1, BODIES),
    "post-16k": Case("POST", "/post", 16_384, b"ok", 1, PLAIN + ("haproxy-metered-64k",)),
    "download-1m": Case("GET", "/1m", 0, peers.DOWNLOAD, 1, BODIES, True),
    "two-workers": Case("GET", "/small", 0, peers.SMALL, 1, ("weir", "haproxy-metered", "nginx"), False, 2),
    "tls-small-get": Case("GET", "/small", 0, peers.SMALL, 1, TLS_1, way=peers.TLS),
    "h2-tls-10": Case("GET", "/small", 0, peers.SMALL, 1, TLS_2, way=peers.TLS, load="h2load", streams=10),
    "h2-tls-32": Case("GET", "/small", 0, peers.SMALL, 1, TLS_2, way=peers.TLS, load="h2load", streams=32),
    "h2c-10": Case("GET", "/small", 0, peers.SMALL, 1, TLS_2, way=peers.H2C, load="h2load", streams=10),
    "h2-to-h2": Case("GET", "/small", 0, peers.SMALL, 1, TO_HTTP2, way=peers.TLS_TO_H2, load="h2load", streams=10),
    "grpc-unary": Case("POST", peers.METHOD, 0, peers.REPLY, 1, TO_HTTP2, way=peers.GRPC, load="h2load", streams=10,
                       fields=(("content-type", "application/grpc"), ("te", "trailers")),
                       message=peers.message(b"q" * 32), trailers=(peers.STATUS,)),
    "tls-handshakes-full": Case("GET", "/small", 0, peers.SMALL, 1, HANDSHAKES, way=peers.TLS, load="full"),
    "tls-handshakes-resumed": Case("GET", "/small", 0, peers.SMALL, 1, HANDSHAKES, way=peers.TLS, load="resumed"),
}


def wait_for_seal():
    """Waits until the interval has ended and what it cost to seal, encode and store it has been paid.

    With a million tenants most requests make a row, and each row is written into a batch at the end of its interval:
    that is part of the price of a request and must not fall outside of the measurement.
    """
    time.sleep(INTERVAL - time.time() % INTERVAL + 2)


def check(port, case):
    """Two answers on one kept connection, in the protocol of the case, compared byte for byte."""
    context = tls.context("h2" if case.load == "h2load" else "http/1.1") if case.way.clients == "tls" else None
    if case.load == "h2load":
        http2.check_answers(port, context, case.method, case.path, case.fields, case.body, case.expected, dict(case.trailers))
    else:
        harness.check_answers(port, case.method, case.path, case.body, case.expected, context)


def measure(load, name, started, case, seconds):
    """One measurement: answers checked, a warm-up second, then CPU time of the proxy over counted requests."""
    process, port = started.process, started.port
    check(port, case)
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
    check(port, case)
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
                if name not in case.peers or repetition >= arguments.repetitions[name]:
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
