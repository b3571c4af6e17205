"""RESULTS.md: what was measured, the ratios, and each target, met or not."""

import collections
import datetime
import statistics
import sys

import cases
import connections
import harness
import latency
import loads

# CPU per request of weir: (case, divisor, most); a divisor is a peer, or another case of weir's own
TARGETS = [
    ("small-get", "haproxy-metered", 0.70),
    ("small-get", "nginx", 0.72),
    ("small-get", "relay", 1.08),
    ("response-16k", "haproxy-metered", 0.58),
    ("response-16k", "nginx", 0.62),
    ("response-16k", "relay", 1.12),
    ("post-16k", "haproxy-metered", 0.45),
    ("post-16k", "nginx", 0.68),
    ("post-16k", "relay", 1.15),
    ("download-1m", "haproxy-metered", 0.35),
    ("download-1m", "haproxy-metered-64k", 0.62),
    ("download-1m", "nginx", 0.55),
    ("download-1m", "relay", 0.55),
    ("small-get-10k-tenants", "weir-small-get", 1.05),
    ("small-get-1m-tenants", "weir-small-get", 1.15),
    ("tls-small-get", "haproxy-metered", 0.82),
    ("h2-tls-10", "haproxy-metered", 0.85),
    ("h2c-10", "haproxy", 0.90),
    # each request with a handshake of its own
    ("tls-handshakes-full", "haproxy-metered", 1.05),
]

IDLE_BYTES_MAX = 600
RETURN_MAX = 1.10

Verdict = collections.namedtuple("Verdict", "text measured most met")


class Report:
    """All figures of one run."""

    def __init__(self, arguments, known):
        self.arguments, self.known = arguments, known
        # (case, peer) -> measurements of CPU per request; peer -> what it showed of its own counts
        self.results, self.shown = {}, {}
        # requests a second, peer -> measurements of latency; peer -> measurements beside an attack
        self.rate, self.latencies, self.attacks = 0, {}, {}
        # (case, peer) -> bytes of an idle connection; peer -> resident bytes at the start, at the peak, at the end
        self.idle, self.returned = {}, {}

    def verdicts(self):
        """One for each target that was measured."""
        measured = {(case, divisor): ratio for case, divisor, ratio in cases.ratios(self.results)}
        found = [Verdict("CPU per request, %s, weir/%s" % (case, divisor), "%.3f" % measured[case, divisor],
                         "%.2f" % most, measured[case, divisor] <= most)
                 for case, divisor, most in TARGETS if (case, divisor) in measured]
        if {"weir", "haproxy-metered"} <= set(self.latencies):
            direct, own, other = (latency.middle(self.latencies[name], "p99")
                                  for name in ("direct", "weir", "haproxy-metered"))
            found.append(Verdict("p99 above direct at %d requests a second, µs" % self.rate, "%.0f" % (own - direct),
                                 "%.0f, HAProxy's" % (other - direct), own <= other))
        for case in connections.IDLE:
            if (case, "weir") in self.idle:
                size = self.idle[case, "weir"]
                found.append(Verdict("bytes of a connection, %s" % case, "%.0f" % size, str(IDLE_BYTES_MAX),
                                     size <= IDLE_BYTES_MAX))
        if "weir" in self.returned:
            start, _, end = self.returned["weir"]
            found.append(Verdict("resident memory after 1,000,000 requests over 10,000 connections, end/start",
                                 "%.2f" % (end / start), "%.2f" % RETURN_MAX, end <= RETURN_MAX * start))
        if {"weir", "haproxy-metered"} <= set(self.attacks):
            own, other = (latency.middle(self.attacks[name], "rise") for name in ("weir", "haproxy-metered"))
            found.append(Verdict("rise of a benign p99 beside an attack, µs", "%.0f" % own,
                                 "%.0f, HAProxy's" % other, own <= other))
        return found

    def ratio_lines(self):
        """`ratio case=CASE weir/PEER=X`, for programs to read."""
        lines = ["ratio case=%s weir/%s=%.3f" % row for row in cases.ratios(self.results)]
        lines += ["ratio case=%s weir/%s=%.3f" % (case, name, self.idle[case, "weir"] / size)
                  for (case, name), size in self.idle.items() if name != "weir" and (case, "weir") in self.idle]
        if "weir" in self.latencies:
            own = latency.middle(self.latencies["weir"], "p99")
            lines += ["ratio case=latency-p99 weir/%s=%.3f" % (name, own / latency.middle(runs, "p99"))
                      for name, runs in self.latencies.items() if name != "weir"]
        return lines

    def head(self, seconds):
        """What ran where, and how much others disturbed it."""
        arguments = self.arguments
        lines = ["# Results of `make bench`", "",
                 "CPU microseconds per request of the proxy process alone, user and system, all threads. How it is",
                 "measured and what the peers are configured to do: [README.md](README.md).", "",
                 "- Date: %s" % datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
                 "- Machine: %s" % harness.machine(),
                 "- Command: `%s`, %.0f minutes" % (" ".join(["bench/run.py", *sys.argv[1:]]), seconds / 60),
                 "- Repetitions: %d of %d s each after 1 s of warm-up, %d client connections, with HTTP/2 %d; %s"
                 % (arguments.reps, arguments.seconds, arguments.connections, loads.http2_connections(arguments.connections),
                    ", ".join("%d of %s" % (count, name) for name, count in arguments.repetitions.items()
                              if count != arguments.reps) or "the same of all peers")]
        for name, peer in self.known.items():
            lines.append("- Version of %s: %s" % (name, harness.version([peer.find(), *peer.version])
                                                  if peer.version else harness.version(["cc", "--version"])))
        lines.append("- Version of wrk: %s" % harness.version(["wrk", "-v"]))
        if any(cases.CASES[case].load == "h2load" for case, _ in self.results):
            lines.append("- Version of h2load: %s" % harness.version(["h2load", "--version"]))
        if any(cases.CASES[case].way.clients == "tls" for case, _ in self.results):
            lines.append("- Version of OpenSSL, of the clients and of the peers that are Debian's: %s"
                         % harness.version(["openssl", "version"]))
        foreign = [r["foreign"] for runs in self.results.values() for r in runs]
        if foreign:
            lines.append("- Time that others took on the proxy's core: median %.0f %%, worst %.0f %% of a measurement"
                         % (100 * statistics.median(foreign), 100 * max(foreign)))
        return lines + ["- What %s showed of its own counts at the end: %s" % item for item in self.shown.items()]

    def lines(self, seconds):
        """The lines of RESULTS.md; `seconds` is how long the run took."""
        lines = self.head(seconds)
        if self.results:
            lines += [""] + cases.table(self.results)
        ratios = cases.ratios(self.results)
        if ratios:
            lines += ["", "## Ratios of medians", "", "![CPU per request as multiples of Weir's](ratios.svg)", "",
                      "| case | weir / | ratio |", "|---|---|---|"]
            lines += ["| %s | %s | %.3f |" % row for row in ratios]
        lines += latency.tables(self.rate, self.latencies, self.attacks)
        lines += connections.tables(self.idle, self.returned)
        verdicts = self.verdicts()
        if verdicts:
            lines += ["", "## Targets", "", "| target | measured | at most | |", "|---|---|---|---|"]
            lines += ["| %s | %s | %s | %s |" % (row.text, row.measured, row.most, "met" if row.met else "**missed**")
                      for row in verdicts]
        return lines
