#!/usr/bin/env python3
"""One tenant at its limit, and the p99 of another: alone, beside a tenant that stays inside of the same limit, beside one that hammers.

A tenant sends a fixed rate far below saturation. In turns it is alone, beside a second tenant that sends exactly what its limit
admits, and beside one that sends `--factor` times that. The second case says what the admitted work itself costs in
latency; the third what the refusals add to it. Latencies count from when a request was due (paced.c).
"""

import argparse
import json
import os
import statistics
import subprocess

import harness
import peers
from harness import Failure

RATIO_MAX = 1.10


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weir", default=".build/release/weir-proxy", help="the release build of weir-proxy")
    parser.add_argument("--reps", type=int, default=7, help="repetitions of each case, interleaved")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--rate", type=float, default=500, help="requests per second of the tenant that is measured")
    parser.add_argument("--limit", type=int, default=200, help="requests per second that the other tenant may send")
    parser.add_argument("--factor", type=float, default=5, help="how many times its limit it sends when it hammers")
    parser.add_argument("--connections", type=int, default=16, help="of each tenant")
    parser.add_argument("--enforce", action="store_true", help="exit 1 when the ratio is above %.2f" % RATIO_MAX)
    return parser.parse_args()


def configuration(place, port, upstream, limit):
    """The benchmark's configuration with a limit for the tenant `noisy`."""
    values = {"DIR": place.directory, "SHM": place.memory, "PORT": port, "ADMIN": harness.free_port(),
              "UPSTREAM": upstream, "WORKERS": 1, "INTERVAL": 10}
    path = harness.fill("weir-proxy.yaml", place.directory + "/weir.yaml", values)
    with open(path, "a") as file:
        file.write("\ntenant_limits:\n  tenants:\n    noisy: { requests_per_second: %d, burst: 10 }\n" % limit)
    return path


def load(binary, port, tenant, rate, arguments):
    """Starts a paced load on core 1; the result is read by `result`."""
    return subprocess.Popen(
        [binary, str(port), tenant, str(rate), str(arguments.seconds), str(arguments.connections), "/small"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=harness.pinned(1))


def result(process):
    out, errors = process.communicate(timeout=120)
    if process.returncode:
        raise Failure("the load ended with %d: %s" % (process.returncode, errors.strip()))
    return json.loads(out)


def measure(binary, port, beside, arguments):
    """One measurement: the quiet tenant's figures, and those of the other if there is one."""
    noisy = load(binary, port, "noisy", beside, arguments) if beside else None
    quiet = result(load(binary, port, "quiet", arguments.rate, arguments))
    return quiet, result(noisy) if noisy else None


def check(case, quiet, noisy, arguments):
    """The measured tenant is never refused; the other exactly as its limit says."""
    if quiet["limited"] or quiet["other"] or quiet["good"] != quiet["sent"]:
        raise Failure("%s: the tenant without a limit was refused: %s" % (case, quiet))
    if noisy is None:
        return
    most = arguments.limit * noisy["seconds"] + 10
    if noisy["other"] or noisy["good"] > most + 1:
        raise Failure("%s: the limited tenant got more than its limit of %.0f: %s" % (case, most, noisy))
    if case == "hammering" and noisy["good"] < 0.8 * arguments.limit * arguments.seconds:
        raise Failure("%s: the limited tenant got less than its limit: %s" % (case, noisy))


def run():
    arguments = options()
    harness.require(["nginx", "cc"])
    harness.require_weir(arguments.weir)
    cases = {"alone": 0, "at its limit": arguments.limit, "hammering": arguments.limit * arguments.factor}
    figures = {case: [] for case in cases}
    with harness.Scaffold() as place:
        binary = harness.compile("paced.c", place.directory + "/paced")
        upstream = peers.start_upstream(place)
        port = harness.free_port()
        path = configuration(place, port, upstream, arguments.limit)
        place.start("weir", [arguments.weir, path], cores={0}, port=port)
        for repetition in range(-1, arguments.reps):
            for case, beside in cases.items():
                quiet, noisy = measure(binary, port, beside, arguments)
                check(case, quiet, noisy, arguments)
                if repetition >= 0:
                    figures[case].append(quiet)
    print(harness.machine())
    print("%d requests/s measured; the other tenant may send %d/s and sends %g times that; %d x %g s each, medians, in µs" % (
        arguments.rate, arguments.limit, arguments.factor, arguments.reps, arguments.seconds))
    print("| case | p50 | p90 | p99 | p99.9 | p99 of each repetition |\n|---|---|---|---|---|---|")
    medians = {}
    for case, runs in figures.items():
        row = [statistics.median(run[name] for run in runs) for name in ("p50", "p90", "p99", "p999")]
        medians[case] = row[2]
        print("| %s | %s | %s |" % (case, " | ".join("%d" % value for value in row),
                                    " ".join("%d" % run["p99"] for run in runs)))
    ratio = medians["hammering"] / medians["at its limit"]
    print("p99 beside the hammering tenant against beside the same one inside of its limit: %.2f; against alone: %.2f (target %.2f)"
          % (ratio, medians["hammering"] / medians["alone"], RATIO_MAX))
    return 1 if arguments.enforce and medians["hammering"] / medians["alone"] > RATIO_MAX else 0


harness.main(run)
