#!/usr/bin/env python3
"""CPU microseconds per request of weir-proxy beside its peers, on one machine, in one run.

The proxy has core 0 for itself; the load (wrk, one thread) and the upstream (nginx, one worker) share core 1. All peers
are up for the whole run and take turns inside every repetition, so a slow minute of the machine hits all of them.
"""

import argparse
import datetime
import os
import re
import statistics
import subprocess
import sys

import harness
from harness import Failure, HERE

SMALL = b"s" * 100
LARGE = bytes(range(65, 91)) * 630 + b"x" * 4
PEERS = ["weir", "haproxy-metered", "nginx", "relay"]
# case: method, path, body bytes sent, expected answer, tenants that rotate
CASES = {
    "small-get": ("GET", "/small", 0, SMALL, 1),
    "small-get-10k-tenants": ("GET", "/small", 0, SMALL, 10_000),
    "response-16k": ("GET", "/16k", 0, LARGE, 1),
    "post-16k": ("POST", "/post", 16_384, b"ok", 1),
}
# what is promised: (case, divisor, most); a divisor is a peer, or another case of weir's own
TARGETS = [
    ("small-get", "haproxy-metered", 0.85),
    ("small-get", "relay", 1.20),
    ("small-get-10k-tenants", "weir-small-get", 1.05),
]


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weir", default=".build/release/weir-proxy", help="the release build of weir-proxy")
    parser.add_argument("--without", action="append", default=[], choices=PEERS, help="leave a peer out")
    parser.add_argument("--case", action="append", choices=list(CASES), help="only these cases")
    parser.add_argument("--reps", type=int, default=5, help="interleaved repetitions")
    parser.add_argument("--seconds", type=int, default=4, help="length of one measurement")
    parser.add_argument("--connections", type=int, default=32, help="client connections, the same for all")
    parser.add_argument("--results", help="where to write the table (default bench/RESULTS.md, if all peers ran)")
    parser.add_argument("--enforce", action="store_true", help="exit 1 when a target is missed")
    return parser.parse_args()


def start_upstream(place):
    port = harness.free_port()
    os.mkdir(place.directory + "/www")
    with open(place.directory + "/www/16k", "wb") as file:
        file.write(LARGE)
    values = {"DIR": place.directory, "UPSTREAM": port, "SMALL": SMALL.decode()}
    config = harness.fill("nginx-upstream.conf", place.directory + "/upstream.conf", values)
    place.start("upstream", [harness.find("nginx"), "-c", config], core=1, port=port)
    return port


def start_peer(place, name, upstream, weir):
    """Starts one peer on core 0; returns its process and port."""
    port = harness.free_port()
    values = {"DIR": place.directory, "SHM": place.memory, "PORT": port, "UPSTREAM": upstream}
    target = place.directory + "/" + name
    if name == "weir":
        config = harness.fill("weir-proxy.yaml", target + ".yaml", values)
        command = [os.path.abspath(weir), config]
    elif name == "haproxy-metered":
        config = harness.fill("haproxy.cfg", target + ".cfg", values)
        command = [harness.find("haproxy"), "-db", "-f", config]
    elif name == "nginx":
        config = harness.fill("nginx-proxy.conf", target + ".conf", values)
        command = [harness.find("nginx"), "-c", config]
    else:
        subprocess.run(["cc", "-O2", "-o", target, os.path.join(HERE, "relay.c")], check=True)
        command = [target, str(port), str(upstream)]
    return place.start(name, command, core=0, port=port), port


def load(port, case, seconds, connections):
    """Runs wrk once on core 1; returns finished requests and requests a second. Any error is a failure."""
    method, path, sent, _, tenants = CASES[case]
    command = ["wrk", "-t1", "-c%d" % connections, "-d%ds" % seconds, "--timeout", "10s",
               "-s", os.path.join(HERE, "load.lua"), "http://127.0.0.1:%d" % port,
               "--", method, path, str(tenants), str(sent)]
    done = subprocess.run(command, capture_output=True, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, {1}))
    found = re.search(r"result requests=(\d+) errors=(\d+) microseconds=(\d+)", done.stdout)
    if not found:
        raise Failure("wrk gave no result: %s %s" % (done.stdout[-500:], done.stderr[-500:]))
    requests, errors, microseconds = map(int, found.groups())
    if errors or not requests:
        raise Failure("case %s: %d errors in %d requests\n%s" % (case, errors, requests, done.stdout))
    return requests, requests / (microseconds / 1e6)


def measure(process, port, case, arguments):
    """One measurement: answers checked, a warm-up second, then CPU time of the proxy over counted requests."""
    method, path, sent, expected, _ = CASES[case]
    harness.check_answers(port, method, path, b"x" * sent if sent else None, expected)
    load(port, case, 1, arguments.connections)
    busy = harness.busy_seconds(0)
    before, (user, system) = harness.cpu_nanoseconds(process.pid), harness.cpu_ticks(process.pid)
    requests, rate = load(port, case, arguments.seconds, arguments.connections)
    used = (harness.cpu_nanoseconds(process.pid) - before) / 1e9
    user_after, system_after = harness.cpu_ticks(process.pid)
    foreign = max(0.0, harness.busy_seconds(0) - busy - used) / arguments.seconds
    ticked = user_after - user + system_after - system
    if abs(ticked - used) > 0.05 + 0.1 * used:
        raise Failure("two clocks disagree: %.3f s by the CPU clock, %.3f s by /proc/PID/stat" % (used, ticked))
    if process.poll() is not None:
        raise Failure("a proxy ended during case %s" % case)
    harness.check_answers(port, method, path, b"x" * sent if sent else None, expected)
    share = (user_after - user) / ticked if ticked else 0
    return {"us": used * 1e6 / requests, "rate": rate, "user": share, "foreign": foreign}


def run_all(place, arguments, peers, cases):
    """{(case, peer): [measurement]}; the order of peers turns with every repetition."""
    upstream = start_upstream(place)
    started = {peer: start_peer(place, peer, upstream, arguments.weir) for peer in peers}
    results = {(case, peer): [] for case in cases for peer in peers}
    for repetition in range(arguments.reps):
        turn = repetition % len(peers)
        for case in cases:
            for peer in peers[turn:] + peers[:turn]:
                process, port = started[peer]
                result = measure(process, port, case, arguments)
                results[case, peer].append(result)
                print("run rep=%d case=%s peer=%s us=%.2f user=%.0f%% rps=%.0f others=%.0f%%"
                      % (repetition + 1, case, peer, result["us"], 100 * result["user"], result["rate"],
                         100 * result["foreign"]),
                      flush=True)
    if "haproxy-metered" in peers:
        check_stick_table(place, 10_000 if "small-get-10k-tenants" in cases else 1)
    return results


def check_stick_table(place, least):
    """HAProxy must really have kept its rows, or it was not the metered HAProxy."""
    import socket
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(place.directory + "/haproxy.sock")
        control.sendall(b"show table tenants\n")
        first = control.makefile().readline()
    used = int(re.search(r"used:(\d+)", first).group(1))
    if used < least:
        raise Failure("HAProxy kept %d rows, expected at least %d: %s" % (used, least, first))


def median(results, case, peer):
    return statistics.median(r["us"] for r in results[case, peer])


def ratios(results, peers, cases):
    """[(case, divisor, ratio)] of weir to everything it is compared with."""
    found = []
    for case in cases:
        own = median(results, case, "weir")
        found += [(case, peer, own / median(results, case, peer)) for peer in peers if peer != "weir"]
    if "small-get" in cases and "small-get-10k-tenants" in cases:
        own = median(results, "small-get-10k-tenants", "weir") / median(results, "small-get", "weir")
        found.append(("small-get-10k-tenants", "weir-small-get", own))
    return found


def verdicts(found):
    """[(text, met)] for each target that was measured."""
    measured = {(case, divisor): ratio for case, divisor, ratio in found}
    return [("%s weir/%s" % (case, divisor), measured[case, divisor], most, measured[case, divisor] <= most)
            for case, divisor, most in TARGETS if (case, divisor) in measured]


def table(results, peers, cases):
    lines = ["| case | peer | median µs/request | min to max | user share | requests/s |", "|---|---|---|---|---|---|"]
    for case in cases:
        for peer in peers:
            runs = results[case, peer]
            values = [r["us"] for r in runs]
            lines.append("| %s | %s | %.2f | %.2f to %.2f | %.0f %% | %.0f |" % (
                case, peer, statistics.median(values), min(values), max(values),
                100 * statistics.median(r["user"] for r in runs), statistics.median(r["rate"] for r in runs)))
    return lines


def report(results, peers, cases, arguments):
    """The lines of RESULTS.md."""
    lines = ["# Results of `make bench`", "",
             "CPU microseconds per request of the proxy process alone, user and system, all threads. How it is measured",
             "and what the peers are configured to do: [README.md](README.md).", "",
             "- Date: %s" % datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
             "- Machine: %s" % harness.machine(),
             "- Command: `bench/run.py %s`" % " ".join(sys.argv[1:]),
             "- Repetitions: %d of %d s each after 1 s of warm-up, %d client connections"
             % (arguments.reps, arguments.seconds, arguments.connections)]
    versions = {"haproxy-metered": [harness.find("haproxy"), "-v"], "nginx": [harness.find("nginx"), "-v"],
                "relay": ["cc", "--version"], "weir": [arguments.weir, "--version"]}
    lines += ["- Version of %s: %s" % (peer, harness.version(versions[peer])) for peer in peers]
    foreign = [r["foreign"] for runs in results.values() for r in runs]
    lines += ["- Version of wrk: %s" % harness.version(["wrk", "-v"]),
              "- Time that others took on the proxy's core: median %.0f %%, worst %.0f %% of a measurement"
              % (100 * statistics.median(foreign), 100 * max(foreign)), ""] + table(results, peers, cases)
    if "weir" in peers:
        found = ratios(results, peers, cases)
        lines += ["", "## Ratios of medians", "", "| case | weir / | ratio |", "|---|---|---|"]
        lines += ["| %s | %s | %.3f |" % row for row in found]
        lines += ["", "## Targets", "", "| target | measured | at most | |", "|---|---|---|---|"]
        lines += ["| %s | %.3f | %.2f | %s |" % (text, ratio, most, "met" if met else "**missed**")
                  for text, ratio, most, met in verdicts(found)]
    return lines


def run():
    arguments = options()
    peers = [peer for peer in PEERS if peer not in arguments.without]
    cases = [case for case in CASES if not arguments.case or case in arguments.case]
    if os.cpu_count() < 2:
        raise Failure("two cores are needed: one for the proxy, one for load and upstream")
    harness.require(["haproxy", "nginx", "wrk", "cc"])
    if "weir" in peers:
        harness.require_weir(arguments.weir)
    with harness.Scaffold() as place:
        results = run_all(place, arguments, peers, cases)
    lines = report(results, peers, cases, arguments)
    print("\n".join(lines[lines.index("") :]))
    target = arguments.results or (os.path.join(HERE, "RESULTS.md") if len(peers) == len(PEERS) else None)
    if target:
        with open(target, "w") as file:
            file.write("\n".join(lines) + "\n")
    if "weir" not in peers:
        return 0
    found = ratios(results, peers, cases)
    for case, divisor, ratio in found:
        print("ratio case=%s weir/%s=%.3f" % (case, divisor, ratio))
    missed = [text for text, _, _, met in verdicts(found) if not met]
    return 1 if missed and arguments.enforce else 0


if __name__ == "__main__":
    harness.main(run)
