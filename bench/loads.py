"""The loads on core 1: wrk, h2load, and the C programs beside this file. Any error that they count is a failure."""

import os
import re
import subprocess

import harness
import peers
import tls
from harness import Failure, HERE


def http2_connections(connections):
    """How many of HTTP/2 stand for that many of HTTP/1.1: each carries many requests at a time, so there are fewer."""
    return max(1, connections // 4)


class Load:
    """The load on core 1, and how many requests it has finished at each peer."""

    def __init__(self, place, connections):
        self.place = place
        self.connections = connections
        # peer: finished requests in all, and those of the first tenant, which the one-tenant cases name
        self.finished, self.first = {}, {}
        # peer: the next tenant of the rotation over a million
        self.rotation = {}

    def run(self, name, port, case, seconds):
        """Runs the case's load once; returns finished requests and requests a second. Any error is a failure."""
        program = {"wrk": self.wrk, "h2load": self.h2load, "full": self.handshakes, "resumed": self.handshakes}[case.load]
        requests, rate = program(name, port, case, seconds)
        self.count(name, requests, requests if case.tenants == 1 else 0)
        if case.tenants == 1_000_000:
            self.rotation[name] = (self.rotation.get(name, 0) + requests) % case.tenants
        return requests, rate

    def wrk(self, name, port, case, seconds):
        """HTTP/1.1, kept connections."""
        scheme = "https" if case.way.clients == "tls" else "http"
        command = ["wrk", "-t1", "-c%d" % self.connections, "-d%ds" % seconds, "--timeout", "10s",
                   "-s", os.path.join(HERE, "load.lua"), "%s://127.0.0.1:%d" % (scheme, port),
                   "--", case.method, case.path, str(case.tenants), str(case.sent), str(self.rotation.get(name, 0))]
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=harness.pinned(1),
                              env=tls.environment() if scheme == "https" else None)
        found = re.search(r"result requests=(\d+) errors=(\d+) microseconds=(\d+)", done.stdout)
        if not found:
            raise Failure("wrk gave no result: %s %s" % (done.stdout[-500:], done.stderr[-500:]))
        requests, errors, microseconds = map(int, found.groups())
        if errors or not requests:
            raise Failure("%s %s: %d errors in %d requests\n%s" % (name, case.path, errors, requests, done.stdout))
        return requests, requests / (microseconds / 1e6)

    def h2load(self, name, port, case, seconds):
        """HTTP/2; requests that are open when the time is over are not among the finished ones."""
        scheme = "https" if case.way.clients == "tls" else "http"
        command = ["h2load", "-t1", "-c%d" % http2_connections(self.connections), "-m%d" % case.streams, "-D%d" % seconds,
                   "--tls13-ciphers=" + tls.SUITE, "--groups=" + tls.GROUP, "-H", "x-tenant: acme-000001"]
        for field in case.fields:
            command += ["-H", "%s: %s" % field]
        if case.body:
            path = self.place.directory + "/h2load.body"
            with open(path, "wb") as file:
                file.write(case.body)
            command += ["-d", path]
        done = subprocess.run([*command, "%s://127.0.0.1:%d%s" % (scheme, port, case.path)],
                              capture_output=True, text=True, preexec_fn=harness.pinned(1))
        rate = re.search(r"^finished in [\d.]+m?s, ([\d.]+) req/s", done.stdout, re.M)
        counts = dict((word, int(n)) for n, word in re.findall(r"(\d+) (\w+)", "".join(
            line for line in done.stdout.splitlines(True) if line.startswith(("requests:", "status codes:")))))
        if not rate or "done" not in counts:
            raise Failure("h2load gave no result: %s %s" % (done.stdout[-500:], done.stderr[-500:]))
        errors = sum(counts[word] for word in ("failed", "errored", "timeout", "3xx", "4xx", "5xx"))
        # of the last ones, a status may have come without the end of the answer
        if errors or not counts["done"] or not counts["done"] == counts["succeeded"] <= counts["2xx"]:
            raise Failure("%s %s: errors in %d requests\n%s" % (name, case.path, counts["done"], done.stdout))
        agreed = (["Cipher: " + tls.SUITE, "Server Temp Key: " + tls.GROUP, "protocol: h2\n"] if scheme == "https"
                  else ["protocol: h2c\n"])
        for text in agreed:
            if text not in done.stdout:
                raise Failure("%s %s: h2load does not report %s\n%s" % (name, case.path, text, done.stdout))
        return counts["done"], float(rate.group(1))

    def handshakes(self, name, port, case, seconds):
        """A connection and a handshake for each request."""
        binary = self.place.directory + "/handshake"
        if not os.path.exists(binary):
            if not os.path.exists("/usr/include/openssl/ssl.h"):
                harness.install(["libssl-dev"])
            harness.compile("handshake.c", binary, "-lssl", "-lcrypto")
        done = subprocess.run([binary, str(port), str(seconds), str(self.connections), case.load, case.path,
                               case.expected.decode(), tls.CERTIFICATE],
                              capture_output=True, text=True, preexec_fn=harness.pinned(1))
        found = re.search(r"result full=(\d+) resumed=(\d+) answered=(\d+) microseconds=(\d+)", done.stdout)
        if done.returncode or not found:
            raise Failure("%s: the handshakes failed: %s%s" % (name, done.stdout, done.stderr))
        full, resumed, answered, microseconds = map(int, found.groups())
        # the first of the resumed ones has nothing to resume yet
        if answered != full + resumed or (full > 1 if case.load == "resumed" else resumed):
            raise Failure("%s: %d full and %d resumed handshakes, %d answers" % (name, full, resumed, answered))
        return answered, answered / (microseconds / 1e6)

    def count(self, name, requests, first):
        """Remembers what a peer must have counted at least."""
        self.finished[name] = self.finished.get(name, 0) + requests
        self.first[name] = self.first.get(name, 0) + first

    def touch_million(self, name, port):
        """Sends one request for each of a million tenants, so that every table has its rows before it is measured."""
        binary = harness.compile("tenantload.c", self.place.directory + "/tenantload")
        done = subprocess.run([binary, str(port), "1000000", "1", "acme", "own", "8", "/small", str(len(peers.SMALL))],
                              capture_output=True, text=True, preexec_fn=harness.pinned(1))
        if done.returncode or "requests=1000000 " not in done.stdout:
            raise Failure("the load of a million tenants failed: %s%s" % (done.stdout, done.stderr))
        self.count(name, 1_000_000, 1)
