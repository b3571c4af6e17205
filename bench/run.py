#!/usr/bin/env python3
"""weir-proxy beside its peers, on one machine, in one run: CPU per request, memory, latency.

The proxy has core 0 for itself; the load (wrk, one thread) and the upstream (nginx, one worker) share core 1. All peers
are up for the whole run and take turns inside every repetition, so a slow minute of the machine hits all of them.
"""

import argparse
import os
import sys

import cases
import harness
import peers
import report
from harness import Failure, HERE


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
    peer, case = names_of("peer", peers.PEERS), names_of("case", list(cases.CASES))
    parser.add_argument("--weir", default=".build/release/weir-proxy", help="the release build of weir-proxy")
    parser.add_argument("--peers", type=peer, default=peers.PEERS, help="only these, with commas between")
    parser.add_argument("--without", type=peer, action="extend", default=[], help="leave peers out")
    parser.add_argument("--cases", type=case, default=list(cases.CASES), help="only these, with commas between")
    parser.add_argument("--reps", type=int, default=5, help="interleaved repetitions")
    parser.add_argument("--more-reps", type=int, default=2, help="repetitions of the peers that no target names")
    parser.add_argument("--seconds", type=int, default=4, help="length of one measurement")
    parser.add_argument("--connections", type=int, default=32, help="client connections, the same for all")
    parser.add_argument("--quick", action="store_true", help="one repetition of one second, to see that all works")
    parser.add_argument("--results", help="where to write the tables (default bench/RESULTS.md, if all ran in full)")
    parser.add_argument("--enforce", action="store_true", help="exit 1 when a target is missed")
    arguments = parser.parse_args()
    arguments.partial = bool(
        arguments.quick or arguments.without or arguments.peers != peers.PEERS
        or arguments.cases != list(cases.CASES))
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


def prove(load, started, known, arguments):
    """Each metered peer shows its counts; {name: what it showed}."""
    shown = {}
    for name, peer in started.items():
        if known[name].proof and name in load.finished:
            tenants = max(cases.CASES[label].tenants for label in arguments.cases
                          if not cases.CASES[label].peers or name in cases.CASES[label].peers)
            # a short run does not get through a whole rotation of ten thousand
            tenants = tenants if tenants == 1_000_000 else min(tenants, load.finished[name] // 10)
            shown[name] = known[name].proof(peer, load.finished[name], load.first[name], tenants)
            print("proof peer=%s %s" % (name, shown[name]), flush=True)
    return shown


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
    with harness.Scaffold() as place:
        load = cases.Load(place, arguments.connections)
        upstream = peers.start_upstream(place)
        started = {name: peers.start(place, peer, upstream) for name, peer in known.items()}
        results = cases.run_all(load, started, arguments)
        shown = prove(load, started, known, arguments)
    found = report.Report(arguments, known, results, shown)
    lines = found.lines()
    print("\n".join(lines[lines.index("") :]))
    target = arguments.results or (None if arguments.partial else os.path.join(HERE, "RESULTS.md"))
    if target:
        with open(target, "w") as file:
            file.write("\n".join(lines) + "\n")
    for case, divisor, ratio in found.ratios:
        print("ratio case=%s weir/%s=%.3f" % (case, divisor, ratio))
    return 1 if arguments.enforce and not all(row.met for row in found.verdicts()) else 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    harness.main(run)
