#!/usr/bin/env python3
"""100,000 tenants in one interval: memory of weir-proxy, and bytes of a row in the batches it ships.

Starts weir-proxy with two workers and no allocator to ship to, sends every tenant three requests within one interval,
waits until the interval's batches are in the spool, and divides their bytes by the tenants that were active. Two
styles of id: `acme-000123`, and UUIDs.
"""

import argparse
import glob
import os
import subprocess
import sys
import time

import harness
import peers
from harness import Failure, HERE

sys.path.insert(0, os.path.join(HERE, "..", "Tests", "independent"))
import decode_batch

# style: most bytes of a row, compressed
STYLES = {"acme": 40, "uuid": 64}
RESIDENT_MEBIBYTES_MAX = 160


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weir", default=".build/release/weir-proxy", help="the release build of weir-proxy")
    parser.add_argument("--tenants", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3, help="requests of each tenant")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--batches", default="*.weirbatch", help="file name pattern of batches in the spool")
    parser.add_argument("--interval", type=int, default=60, help="seconds, 1 to 60; all load must fit in one")
    parser.add_argument("--style", action="append", choices=list(STYLES), help="only this style of id")
    parser.add_argument("--spread", action="store_true",
                        help="let every tenant move between connections, so that both workers see most of them")
    parser.add_argument("--direct", action="store_true",
                        help="send to the upstream without weir-proxy, to test the load alone")
    parser.add_argument("--enforce", action="store_true", help="exit 1 when a target is missed")
    return parser.parse_args()


def configuration(place, style, port, upstream, interval):
    """The benchmark's configuration with two workers and a longer interval, in a directory of its own."""
    directory, memory = "%s/%s" % (place.directory, style), "%s/%s" % (place.memory, style)
    os.mkdir(directory)
    os.mkdir(memory)
    values = {"DIR": directory, "SHM": memory, "PORT": port, "ADMIN": harness.free_port(), "UPSTREAM": upstream,
              "WORKERS": 2, "INTERVAL": interval}
    config = harness.fill("weir-proxy.yaml", directory + "/weir.yaml", values)
    return config, directory + "/spool"


def resident_mebibytes(pid):
    """(peak, now, of it shared memory) of a process, from /proc/PID/status."""
    values = {}
    with open("/proc/%d/status" % pid) as status:
        for line in status:
            if line.startswith(("VmHWM:", "VmRSS:", "RssShmem:")):
                name, kibibytes = line.split()[:2]
                values[name.rstrip(":")] = int(kibibytes) / 1024
    return values["VmHWM"], values["VmRSS"], values["RssShmem"]


def wait_for_start_of_interval(interval):
    """Intervals are cut at multiples of their length in UTC; starting just after a cut leaves the most room."""
    rest = interval - time.time() % interval
    if rest < interval - 1:
        time.sleep(rest + 0.2)


def drive(port, arguments, style, binary):
    """Sends the load; returns its seconds."""
    total = arguments.tenants * arguments.rounds
    done = subprocess.run(
        [binary, str(port), str(arguments.tenants), str(arguments.rounds), style,
         "spread" if arguments.spread else "own", str(arguments.connections), "/small", "100"], capture_output=True, text=True)
    if done.returncode or ("requests=%d " % total) not in done.stdout:
        raise Failure("the load failed: %s%s" % (done.stdout, done.stderr))
    return float(done.stdout.split("seconds=")[1])


def batches(spool, pattern):
    """{path: bytes} of the batch files, at any depth."""
    found = glob.glob(os.path.join(spool, "**", pattern), recursive=True)
    return {path: os.path.getsize(path) for path in found}


def wait_for_batches(spool, pattern, limit):
    """Waits until the spool holds batches and two seconds pass without a further one of weight."""
    deadline, last, since = time.monotonic() + limit, {}, time.monotonic()
    while time.monotonic() < deadline:
        now = batches(spool, pattern)
        if now != last:
            last, since = now, time.monotonic()
        elif sum(last.values()) > 100_000 and time.monotonic() - since > 2:
            return last
        time.sleep(0.2)
    raise Failure("no batches like %s in %s after %d s; there: %s"
                  % (pattern, spool, limit, [name for _, _, names in os.walk(spool) for name in names][:10]))


def check_contents(found, arguments):
    """Every tenant must be there under its own name with all its requests: a row in ~overflow is a name lost."""
    requests = {}
    for path in found:
        with open(path, "rb") as file:
            for row in decode_batch.decode(file.read())["rows"]:
                requests[row["tenant"]] = requests.get(row["tenant"], 0) + int(row["quantities"]["requests"])
    wrong = [tenant for tenant, count in requests.items() if count != arguments.rounds]
    if len(requests) != arguments.tenants or wrong:
        raise Failure("%d tenants in the batches instead of %d, %d with a wrong number of requests, for example %s"
                      % (len(requests), arguments.tenants, len(wrong), wrong[:3]))


def measure(place, upstream, arguments, style, binary):
    """One style of id: (seconds of load, resident figures, bytes, files, rows)."""
    port = harness.free_port()
    config, spool = configuration(place, style, port, upstream, arguments.interval)
    process = place.start("weir-" + style, [os.path.abspath(arguments.weir), config], port=port)
    wait_for_start_of_interval(arguments.interval)
    began = time.time() // arguments.interval
    seconds = drive(port, arguments, style, binary)
    if time.time() // arguments.interval != began:
        raise Failure("the load took %.1f s and did not fit one interval" % seconds)
    found = wait_for_batches(spool, arguments.batches, arguments.interval + 30)
    memory = resident_mebibytes(process.pid)
    harness.stop(process)
    check_contents(found, arguments)
    # One row a tenant: a tenant keeps to one connection, and a connection to one worker. With --spread most tenants
    # have a row in each worker's batch, and the bytes of both are divided by the tenants.
    return seconds, memory, sum(found.values()), len(found)


def show(style, tenants, figures):
    """Prints one style's figures; true when both targets are met."""
    seconds, (peak, now, shared), size, files = figures
    row = size / tenants
    print("tenants style=%s load_seconds=%.2f" % (style, seconds))
    print("tenants style=%s peak_rss_mib=%.1f rss_mib=%.1f of_it_shared_mib=%.1f at_most=%d"
          % (style, peak, now, shared, RESIDENT_MEBIBYTES_MAX))
    print("tenants style=%s batch_bytes=%d batches=%d bytes_per_row=%.2f at_most=%d"
          % (style, size, files, row, STYLES[style]), flush=True)
    return row <= STYLES[style] and peak <= RESIDENT_MEBIBYTES_MAX


def run():
    arguments = options()
    harness.require(["nginx", "cc"])
    if not arguments.direct:
        harness.require_weir(arguments.weir)
    met = True
    with harness.Scaffold() as place:
        binary = harness.compile("tenantload.c", place.directory + "/tenantload")
        upstream = peers.start_upstream(place)
        for style in arguments.style or STYLES:
            if arguments.direct:
                print("tenants style=%s direct load_seconds=%.2f" % (style, drive(upstream, arguments, style, binary)))
            else:
                met = show(style, arguments.tenants, measure(place, upstream, arguments, style, binary)) and met
    return 1 if arguments.enforce and not met else 0


if __name__ == "__main__":
    harness.main(run)
