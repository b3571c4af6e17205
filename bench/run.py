#!/usr/bin/env python3
"""weir-proxy beside its peers, on one machine, in one run: CPU per request, memory, latency.

The proxy has core 0 for itself; the load (wrk, one thread) and the upstream (nginx, one worker) share core 1. All peers
are up for the whole run and take turns inside every repetition, so a slow minute of the machine hits all of them.
"""

import argparse
import os
import sys
import time

import cases
import connections
import harness
import latency
import peers
import plot
import report
from harness import Failure, HERE


# what is measured in another way than CPU per request of a loaded proxy
OTHERS = ["latency", *connections.IDLE, "memory-return", "attack"]
CASES = list(cases.CASES) + OTHERS


def names_of(kind, known):
    """A parser of comma-separated names."""
    def parse(text):
        names = [name for name in text.split(",") if name]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError("no such %s: %s; there are %s"
                                             % (kind, ", ".join(unknown), ", ".join(known)))
        return names
    return parse


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    peer, case = names_of("peer", peers.PEERS), names_of("case", CASES)
    parser.add_argument("--weir", default=".build/release/weir-proxy", help="the release build of weir-proxy")
    parser.add_argument("--peers", type=peer, default=peers.PEERS, help="only these, with commas between")
    parser.add_argument("--without", type=peer, action="extend", default=[], help="leave peers out")
    parser.add_argument("--cases", type=case, default=CASES, help="only these, with commas between")
    parser.add_argument("--reps", type=int, default=5, help="interleaved repetitions")
    parser.add_argument("--more-reps", type=int, default=2, help="repetitions of the peers that no target names")
    parser.add_argument("--seconds", type=int, default=3, help="length of one measurement")
    parser.add_argument("--connections", type=int, default=32, help="client connections, the same for all")
    parser.add_argument("--quick", action="store_true", help="one repetition of one second, to see that all works")
    parser.add_argument("--results", help="where to write the tables (default bench/RESULTS.md, if all ran in full)")
    parser.add_argument("--enforce", action="store_true", help="exit 1 when a target is missed")
    arguments = parser.parse_args()
    arguments.partial = bool(
        arguments.quick or arguments.without or arguments.peers != peers.PEERS
        or arguments.cases != CASES)
    if arguments.quick:
        arguments.reps = arguments.more_reps = arguments.seconds = 1
    return arguments


def chosen_peers(arguments):
    """{name: Peer} of those that were asked for and are there; the run says which are not and goes on."""
    known = peers.all_peers(arguments.weir)
    chosen = {name: known[name] for name in peers.PEERS
              if name in arguments.peers and name not in arguments.without}
    if "weir" in chosen:
        harness.require_weir(arguments.weir)
    there = {name: peer for name, peer in chosen.items() if peer.find()}
    for name in chosen:
        if name not in there:
            print("peer %s is not there and is left out" % name, flush=True)
    return there


def prove(load, started, known, labels):
    """Each metered peer shows its counts; {name: what it showed}."""
    shown = {}
    for name, peer in started.items():
        if known[name].proof and name in load.finished:
            rotated = [cases.CASES[label].tenants for label in labels
                       if not cases.CASES[label].peers or name in cases.CASES[label].peers]
            # a short run does not get through a whole rotation of ten thousand
            tenants = max([n if n == 1_000_000 else min(n, load.finished[name] // 10) for n in rotated], default=1)
            shown[name] = known[name].proof(peer, load.finished[name], load.first[name], tenants)
            print("proof peer=%s %s" % (name, shown[name]), flush=True)
    return shown


def measure_all(place, known, arguments):
    """Everything that was asked for, as a report."""
    upstream, load = peers.start_upstream(place), cases.Load(place, arguments.connections)
    figures = report.Report(arguments, known)
    wanted = [label for label in cases.CASES if label in arguments.cases]
    labels = [label for label in wanted if cases.CASES[label].workers == 1]
    if labels or "latency" in arguments.cases:
        started = {name: peers.start(place, peer, upstream) for name, peer in known.items()}
        figures.results = cases.run_all(load, started, labels, arguments)
        if "latency" in arguments.cases:
            figures.rate, figures.latencies = latency.run_latency(load, started, upstream, figures.results, arguments)
        figures.shown = prove(load, started, known, labels)
        for peer in started.values():
            harness.stop(peer.process)
    for label in [label for label in wanted if cases.CASES[label].workers > 1]:
        case = cases.CASES[label]
        started = {name: peers.start(place, known[name], upstream, "%s-%s" % (name, label), case.workers,
                                     frozenset(range(case.workers)))
                   for name in case.peers if name in known}
        figures.results.update(cases.run_all(load, started, [label], arguments) if started else {})
        for peer in started.values():
            harness.stop(peer.process)
    figures.idle = connections.run_idle(place, known, upstream, arguments)
    if "memory-return" in arguments.cases:
        figures.returned = connections.run_return(place, known, upstream)
    if "attack" in arguments.cases:
        figures.attacks = latency.run_attack(place, known, upstream, arguments)
    return figures


def run():
    arguments = options()
    if os.cpu_count() < 2:
        raise Failure("two cores are needed: one for the proxy, one for load and upstream")
    harness.require(["nginx", "wrk", "cc"])
    known = chosen_peers(arguments)
    if not known:
        raise Failure("no peer is left")
    arguments.repetitions = {name: arguments.reps if peer.named else min(arguments.reps, arguments.more_reps)
                             for name, peer in known.items()}
    began = time.monotonic()
    with harness.Scaffold() as place:
        figures = measure_all(place, known, arguments)
    lines = figures.lines(time.monotonic() - began)
    print("\n".join(lines[lines.index("") :]))
    target = arguments.results or (None if arguments.partial else os.path.join(HERE, "RESULTS.md"))
    if target:
        with open(target, "w") as file:
            file.write("\n".join(lines) + "\n")
        plot.write(os.path.join(os.path.dirname(os.path.abspath(target)), "ratios.svg"), figures.results)
    for line in figures.ratio_lines():
        print(line)
    return 1 if arguments.enforce and not all(row.met for row in figures.verdicts()) else 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    harness.main(run)
