"""Memory: bytes of an idle connection, and what remains after many requests over many connections."""

import os
import statistics
import subprocess
import time

import harness
import peers
from harness import Failure

IDLE = {"idle-1k": 1_000, "idle-10k": 10_000}
IDLE_PEERS = ("weir", "haproxy-metered", "nginx")
RETURN_PEERS = ("weir",)
# memory-return: connections, requests over them, how many at a time, and how long to wait for the memory to come back
CONNECTIONS, REQUESTS, IN_FLIGHT, PATIENCE = 10_000, 1_000_000, 1_000, 60


class Hold:
    """Connections that another process holds open from core 1; leaving the block closes them."""

    def __init__(self, place, port, connections, requests, in_flight):
        binary = place.directory + "/hold"
        if not os.path.exists(binary):
            harness.compile("hold.c", binary)
        self.connections = connections
        self.process = subprocess.Popen(
            [binary, str(port), str(connections), str(requests), str(in_flight), "/small", str(len(peers.SMALL))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=harness.pinned(1))

    def __enter__(self):
        line = self.process.stdout.readline()
        if not line.startswith("held connections=%d " % self.connections):
            raise Failure("the connections could not be held: %s" % (line or "no answer"))
        return self

    def __exit__(self, kind, *_):
        rest, _ = self.process.communicate()
        if kind is None and rest != "alive connections=%d\n" % self.connections:
            raise Failure("not all %d connections were still open: %s" % (self.connections, rest))


def idle(place, peer, upstream, count, label):
    """{kind of memory: bytes that one more idle connection takes}, in a process that has had one connection before."""
    started = peers.start(place, peer, upstream, label)
    pid = started.process.pid
    with Hold(place, started.port, 1, 200, 1):
        pass
    time.sleep(0.5)
    before = harness.memory(pid)
    # one request at a time, so that no connection to the upstream and no buffer is added with them
    with Hold(place, started.port, count, count, 1):
        time.sleep(0.5)
        after = harness.memory(pid)
    harness.stop(started.process)
    return {kind: (after[kind] - before[kind]) / count for kind in before}


def run_idle(place, known, upstream, arguments):
    """{(case, peer): bytes of a connection}, the larger of resident and proportional memory, medians."""
    found = {}
    for case in [case for case in IDLE if case in arguments.cases]:
        for name in [name for name in IDLE_PEERS if name in known]:
            runs = []
            for repetition in range(min(arguments.reps, 3)):
                label = "%s-%s-%d" % (name, case, repetition)
                runs.append(max(idle(place, known[name], upstream, IDLE[case], label).values()))
                print("run rep=%d case=%s peer=%s bytes=%.0f" % (repetition + 1, case, name, runs[-1]), flush=True)
            found[case, name] = statistics.median(runs)
    return found


def run_return(place, known, upstream):
    """{peer: (start, peak, end) resident bytes} around a million requests over ten thousand connections."""
    found, waiting = {}, {}
    for name in [name for name in RETURN_PEERS if name in known]:
        started = peers.start(place, known[name], upstream, name + "-memory-return")
        harness.check_answers(started.port, "GET", "/small", None, peers.SMALL)
        time.sleep(1)
        start = harness.memory(started.process.pid)["Rss"]
        with Hold(place, started.port, CONNECTIONS, REQUESTS, IN_FLIGHT):
            peak = harness.peak(started.process.pid)
        waiting[name] = (started, start, peak, time.monotonic())
    for name, (started, start, peak, since) in waiting.items():
        while True:
            end = harness.memory(started.process.pid)["Rss"]
            if end <= 1.1 * start or time.monotonic() - since > PATIENCE:
                break
            time.sleep(1)
        harness.check_answers(started.port, "GET", "/small", None, peers.SMALL)
        found[name] = (start, peak, end)
        print("run case=memory-return peer=%s start=%d peak=%d end=%d after_seconds=%.0f"
              % (name, start, peak, end, time.monotonic() - since), flush=True)
        harness.stop(started.process)
    return found


def tables(idle_bytes, returned):
    """Lines of Markdown."""
    lines = []
    if idle_bytes:
        lines += ["", "## Memory of an idle connection", "",
                  "Bytes of process memory for each kept connection that has had one request and waits for the next: the larger",
                  "of the growth of `Rss` and of `Pss`, divided by the connections. Kernel memory of the sockets is not in it.", "",
                  "| case | peer | bytes a connection |", "|---|---|---|"]
        lines += ["| %s | %s | %.0f |" % (case, name, size) for (case, name), size in idle_bytes.items()]
    if returned:
        lines += ["", "## Memory after 1,000,000 requests over 10,000 connections", "",
                  "Resident MiB of a fresh process after its first request, at its peak, and when the connections are gone (at most",
                  "%d s later)." % PATIENCE, "", "| peer | start | peak | end | end / start |", "|---|---|---|---|---|"]
        lines += ["| %s | %.1f | %.1f | %.1f | %.2f |" % (name, start / 2**20, peak / 2**20, end / 2**20, end / start)
                  for name, (start, peak, end) in returned.items()]
    return lines
