"""RESULTS.md: what was measured, the ratios, and each target, met or not."""

import collections
import datetime
import statistics
import sys

import cases
import harness

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
]

Verdict = collections.namedtuple("Verdict", "text measured most met")


class Report:
    """All figures of one run."""

    def __init__(self, arguments, known, results, shown):
        self.arguments, self.known, self.results, self.shown = arguments, known, results, shown
        self.ratios = cases.ratios(results)

    def verdicts(self):
        """One for each target that was measured."""
        measured = {(case, divisor): ratio for case, divisor, ratio in self.ratios}
        return [Verdict("CPU per request, %s, weir/%s" % (case, divisor), "%.3f" % measured[case, divisor],
                        "%.2f" % most, measured[case, divisor] <= most)
                for case, divisor, most in TARGETS if (case, divisor) in measured]

    def head(self):
        """What ran where, and how much others disturbed it."""
        arguments = self.arguments
        lines = ["# Results of `make bench`", "",
                 "CPU microseconds per request of the proxy process alone, user and system, all threads. How it is",
                 "measured and what the peers are configured to do: [README.md](README.md).", "",
                 "- Date: %s" % datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
                 "- Machine: %s" % harness.machine(),
                 "- Command: `bench/run.py %s`" % " ".join(sys.argv[1:]),
                 "- Repetitions: %d of %d s each after 1 s of warm-up, %d client connections; %s"
                 % (arguments.reps, arguments.seconds, arguments.connections,
                    ", ".join("%d of %s" % (count, name) for name, count in arguments.repetitions.items()
                              if count != arguments.reps) or "the same of all peers")]
        for name, peer in self.known.items():
            lines.append("- Version of %s: %s" % (name, harness.version([peer.find(), *peer.version])
                                                  if peer.version else harness.version(["cc", "--version"])))
        lines.append("- Version of wrk: %s" % harness.version(["wrk", "-v"]))
        foreign = [r["foreign"] for runs in self.results.values() for r in runs]
        if foreign:
            lines.append("- Time that others took on the proxy's core: median %.0f %%, worst %.0f %% of a measurement"
                         % (100 * statistics.median(foreign), 100 * max(foreign)))
        return lines + ["- What %s showed of its own counts at the end: %s" % item for item in self.shown.items()]

    def lines(self):
        """The lines of RESULTS.md."""
        lines = self.head() + [""] + cases.table(self.results)
        if self.ratios:
            lines += ["", "## Ratios of medians", "", "| case | weir / | ratio |", "|---|---|---|"]
            lines += ["| %s | %s | %.3f |" % row for row in self.ratios]
        verdicts = self.verdicts()
        if verdicts:
            lines += ["", "## Targets", "", "| target | measured | at most | |", "|---|---|---|---|"]
            lines += ["| %s | %s | %s | %s |" % (row.text, row.measured, row.most, "met" if row.met else "**missed**")
                      for row in verdicts]
        return lines
