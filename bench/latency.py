"""Latency at a fixed rate, alone and beside an attack."""

import os
import re
import statistics
import subprocess
import time

import cases
import harness
import peers
from harness import Failure

# at 30 % of what the slowest of these gets through; "direct" is the upstream without a proxy
NAMED = ("weir", "haproxy-metered", "nginx", "relay")
MORE = ("nginx-lua", "h2o", "envoy")
SHARE = 0.3
# no peer is asked for more than this share of what it gets through: it would measure a queue
SHARE_MAX = 0.7
CONNECTIONS = 64
ATTACKED = ("weir", "haproxy-metered")
HOSTILE = 200
ATTACK_RATE = 2_000
ATTACK_SECONDS = 4
PERCENTILES = ("p50", "p99", "p999")


def compiled(place, source):
    """The C program, compiled once."""
    target = place.directory + "/" + source.removesuffix(".c")
    return target if os.path.exists(target) else harness.compile(source, target)


def at_rate(place, port, rate, seconds):
    """Small GETs at a fixed rate: {p50, p99, p999, max, late_p99 in microseconds, errors}, after a warm-up second."""
    command = [compiled(place, "fixedrate.c"), str(port), str(rate), str(seconds), "1", str(CONNECTIONS), "/small",
               str(len(peers.SMALL))]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=harness.pinned(1))
    found = dict(re.findall(r"(\w+)=([\d.]+)", done.stdout))
    if done.returncode or "p50" not in found:
        raise Failure("the client of fixed rate gave no result: %s%s" % (done.stdout, done.stderr))
    found = {name: float(value) for name, value in found.items()}
    if found["answered"] + found["errors"] < found["requests"]:
        raise Failure("of %d requests only %d were answered in time" % (found["requests"], found["answered"]))
    return found


def saturation(load, started, results):
    """{peer: requests a second with all connections busy}: from the small GETs, else measured now for two seconds."""
    found = {}
    for name in [name for name in NAMED + MORE if name in started]:
        runs = results.get(("small-get", name))
        found[name] = (statistics.median(r["rate"] for r in runs) if runs
                       else load.run(name, started[name].port, cases.CASES["small-get"], 2)[1])
    return found


def run_latency(load, started, upstream, results, arguments):
    """(rate, {peer: [measurement]}) with CPU microseconds per request at that rate beside the percentiles."""
    place, found = load.place, {}
    most = saturation(load, started, results)
    named = [most[name] for name in NAMED if name in most]
    rate = int(SHARE * min(named or most.values())) // 100 * 100
    ports = {"direct": upstream}
    for name in most:
        if rate > SHARE_MAX * most[name]:
            print("latency peer=%s is left out: %d requests a second are more than %d %% of its %d"
                  % (name, rate, 100 * SHARE_MAX, most[name]), flush=True)
        else:
            ports[name] = started[name].port
    for repetition in range(arguments.reps):
        names = list(ports)
        turn = repetition % len(names)
        for name in names[turn:] + names[:turn]:
            if repetition >= arguments.repetitions.get(name, arguments.reps):
                continue
            pid = started[name].process.pid if name != "direct" else None
            before = harness.cpu_nanoseconds(pid) if pid else 0
            result = at_rate(place, ports[name], rate, arguments.seconds)
            result["us"] = (harness.cpu_nanoseconds(pid) - before) / 1e3 / result["answered"] if pid else 0
            if result["errors"]:
                raise Failure("%s: %d errors at %d requests a second" % (name, result["errors"], rate))
            load.count(name, int(result["answered"]), int(result["answered"]))
            found.setdefault(name, []).append(result)
            print("run rep=%d case=latency peer=%s rate=%d p50=%.0f p99=%.0f p999=%.0f max=%.0f late_p99=%.0f us=%.2f"
                  % (repetition + 1, name, rate, *(result[p] for p in PERCENTILES), result["max"], result["late_p99"],
                     result["us"]), flush=True)
    return rate, {name: found[name] for name in ports}


def attacked(place, name, started, seconds, seed):
    """One comparison: the benign client's p99 with the hostile connections and without, before and after; microseconds."""
    quiet = [at_rate(place, started.port, ATTACK_RATE, seconds)]
    pid = started.process.pid
    command = [compiled(place, "hostile.c"), str(started.port), str(HOSTILE), str(seconds + 3), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=harness.yielding(1)) as hostile:
        # the slow ones need a moment to be there
        time.sleep(1)
        used, began = harness.cpu_nanoseconds(pid), time.monotonic_ns()
        beside = at_rate(place, started.port, ATTACK_RATE, seconds)
        busy = (harness.cpu_nanoseconds(pid) - used) / (time.monotonic_ns() - began)
        print(hostile.stdout.read().strip(), "peer=%s (opened/ended by the proxy)" % name, flush=True)
    if hostile.returncode:
        raise Failure("the hostile connections ended with status %d" % hostile.returncode)
    harness.check_answers(started.port, "GET", "/small", None, peers.SMALL)
    quiet.append(at_rate(place, started.port, ATTACK_RATE, seconds))
    alone = statistics.mean(run["p99"] for run in quiet)
    return {"quiet": alone, "attack": beside["p99"], "rise": beside["p99"] - alone,
            "errors": sum(run["errors"] for run in (*quiet, beside)), "busy": busy}


def run_attack(place, known, upstream, arguments):
    """{peer: [measurement]}; each peer in a fresh process, which its attackers may leave in any state."""
    started = {name: peers.start(place, known[name], upstream, name + "-attack") for name in ATTACKED if name in known}
    found = {}
    for name, peer in started.items():
        # the first thousands of requests of a process are its slowest: not part of any comparison
        at_rate(place, peer.port, ATTACK_RATE, ATTACK_SECONDS)
    for repetition in range(arguments.reps):
        names = list(started)
        for name in names if repetition % 2 == 0 else names[::-1]:
            result = attacked(place, name, started[name], 2 if arguments.quick else ATTACK_SECONDS, repetition + 1)
            found.setdefault(name, []).append(result)
            print("run rep=%d case=attack peer=%s quiet_p99=%.0f attack_p99=%.0f rise=%.0f errors=%d cpu=%.0f%%"
                  % (repetition + 1, name, result["quiet"], result["attack"], result["rise"], result["errors"],
                     100 * result["busy"]), flush=True)
    for peer in started.values():
        harness.stop(peer.process)
    return found


def middle(runs, name):
    """Median over repetitions."""
    return statistics.median(run[name] for run in runs)


def tables(rate, latencies, attacks):
    """Lines of Markdown."""
    lines = []
    if latencies:
        lines += ["", "## Latency at a fixed rate", "",
                  "Small GETs at %d requests a second over %d connections, measured from the moment each was due; microseconds,"
                  % (rate, CONNECTIONS),
                  "medians of the repetitions. `direct` is the upstream without a proxy. The client itself was late by at most the",
                  "last column (its p99).", "",
                  "| peer | p50 | p99 | p99.9 | p99 above direct | CPU µs/request | client late |", "|---|---|---|---|---|---|---|"]
        direct = middle(latencies["direct"], "p99")
        lines += ["| %s | %.0f | %.0f | %.0f | %s | %s | %.0f |"
                  % (name, *(middle(runs, p) for p in PERCENTILES),
                     "" if name == "direct" else "%.0f" % (middle(runs, "p99") - direct),
                     "" if name == "direct" else "%.2f" % middle(runs, "us"), middle(runs, "late_p99"))
                  for name, runs in latencies.items()]
    if attacks:
        lines += ["", "## Beside an attack", "",
                  "p99 of a benign client of %d small GETs a second, without and with %d hostile connections (slow heads, slow"
                  % (ATTACK_RATE, HOSTILE),
                  "bodies, never-reading, garbage, reset storms) on the same listener; microseconds, medians of the repetitions.",
                  "Without is the mean of before and after; the attackers yield the client's core to the client.", "",
                  "| peer | p99 alone | p99 attacked | rise | benign errors | of its core, attacked |", "|---|---|---|---|---|---|"]
        lines += ["| %s | %.0f | %.0f | %.0f | %d | %.0f %% |"
                  % (name, middle(runs, "quiet"), middle(runs, "attack"), middle(runs, "rise"),
                     sum(run["errors"] for run in runs), 100 * middle(runs, "busy"))
                  for name, runs in attacks.items()]
    return lines
