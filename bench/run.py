#!/usr/bin/env python3
"""weir-proxy beside its peers, on one machine, in one run: CPU per request, memory, latency.

The proxy has core 0 for itself; the load (wrk, one thread) and the upstream (nginx, one worker) share core 1. All peers
of a case are up together and take turns inside every repetition, so a slow minute of the machine hits all of them.
"""

import argparse
import os
import sys
import time

import cases
import connections
import harness
import latency
import loads
import peers
import plot
import report
import tls
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


def needed(labels):
    """The peers that these cases are measured with."""
    found = {name for label in labels if label in cases.CASES for name in cases.CASES[label].peers}
    found.update(latency.NAMED + latency.MORE if "latency" in labels else ())
    found.update(connections.IDLE_PEERS if set(connections.IDLE) & set(labels) else ())
    found.update(connections.RETURN_PEERS if "memory-return" in labels else ())
    found.update(latency.ATTACKED if "attack" in labels else ())
    return found


def chosen_peers(arguments):
    """{name: Peer} of those that were asked for, have a case, and are there; the run says which are not and goes on."""
    known, used = peers.all_peers(arguments.weir), needed(arguments.cases)
    chosen = {name: known[name] for name in peers.PEERS
              if name in used and name in arguments.peers and name not in arguments.without}
    if "weir" in chosen:
        harness.require_weir(arguments.weir)
    there = {name: peer for name, peer in chosen.items() if peer.find()}
    for name in chosen:
        if name not in there:
            print("peer %s is not there and is left out" % name, flush=True)
    return there


def prove(load, started, known, labels, way):
    """Each metered peer shows its counts; {name and way: what it showed}."""
    shown = {}
    for name, peer in started.items():
        if known[name].proof and name in load.finished:
            rotated = [cases.CASES[label].tenants for label in labels if name in cases.CASES[label].peers]
            # a short run does not get through a whole rotation of ten thousand
            tenants = max([n if n == 1_000_000 else min(n, load.finished[name] // 10) for n in rotated], default=1)
            text = known[name].proof(peer, load.finished[name], load.first[name], tenants)
            shown[name if way == peers.PLAIN else "%s, %s," % (name, way.name)] = text
            print("proof peer=%s way=%s %s" % (name, way.name, text), flush=True)
    return shown


def measure_way(place, known, upstream, way, labels, figures, arguments):
    """The cases in `labels`, all of one way; every peer that one of them names is up for all of them."""
    load, names = loads.Load(place, arguments.connections), needed(labels)
    started = {name: peers.start(place, peer, upstream, name if way == peers.PLAIN else "%s-%s" % (name, way.name), way=way)
               for name, peer in known.items() if name in names}
    if not started:
        return
    figures.results.update(cases.run_all(load, started, [label for label in labels if label in cases.CASES], arguments))
    if "latency" in labels:
        figures.rate, figures.latencies = latency.run_latency(load, started, upstream, figures.results, arguments)
    figures.shown.update(prove(load, started, known, [label for label in labels if label in cases.CASES], way))
    for peer in started.values():
        harness.stop(peer.process)


def measure_all(place, known, arguments):
    """Everything that was asked for, as a report."""
    upstream, figures = peers.start_upstream(place), report.Report(arguments, known)
    upstreams = {"h1": upstream}
    wanted = [label for label in cases.CASES if label in arguments.cases]
    ways = {peers.PLAIN: ["latency"] if "latency" in arguments.cases else []}
    for label in [label for label in wanted if cases.CASES[label].workers == 1]:
        ways.setdefault(cases.CASES[label].way, []).append(label)
    if any(way.clients == "tls" for way in ways):
        tls.prepare()
    for way, labels in ways.items():
        if labels and way.upstream not in upstreams:
            upstreams[way.upstream] = peers.start_http2_upstream(place, way.upstream)
        measure_way(place, known, upstreams.get(way.upstream), way, labels, figures, arguments)
    for label in [label for label in wanted if cases.CASES[label].workers > 1]:
        case = cases.CASES[label]
        started = {name: peers.start(place, known[name], upstream, "%s-%s" % (name, label), case.workers,
                                     frozenset(range(case.workers)))
                   for name in case.peers if name in known}
        load = loads.Load(place, arguments.connections)
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
    programs = ["nginx", "wrk", "cc"]
    if any(label in cases.CASES and cases.CASES[label].load == "h2load" for label in arguments.cases):
        programs.append("h2load")
    harness.require(programs)
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
