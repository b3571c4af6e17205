#!/usr/bin/env python3
"""The clients of the soak: `clients.py PLAIN,CLEAR,SECURE AUTHORITY SEED SECONDS GOOD BAD LEDGER`.

The three ports are of HTTP/1.1, of HTTP/2 in clear text, and of both with TLS, whose certificate AUTHORITY verifies.

GOOD connections at a time behave well and keep a ledger of every byte for each tenant; BAD ones do, each time, one of
the things that clients do wrong. The ledger is written as JSON at the end. What a good client sees that it should
not see is a fault in the ledger.
"""

import asyncio
import json
import pathlib
import ssl
import sys
import time

import h2.exceptions

from http2 import BadHTTP2Client, GoodHTTP2Client
from wire import Gone, TLSWire, Wire, chunked, fields, generator, mutate, read_chunked, read_length

CONTENT = bytes(range(256)) * 512
CORPUS = [path.read_bytes() for path in sorted(
    (pathlib.Path(__file__).parent.parent / "HTTPCodecTests" / "Corpus").glob("request-*.bin"))]


class Ledger:
    """What the good clients did and saw, by tenant."""

    def __init__(self):
        self.tenants = {}
        self.faults = []
        self.good = self.bad = 0

    def add(self, tenant, **counts):
        row = self.tenants.setdefault(tenant, {})
        for name, count in counts.items():
            row[name] = row.get(name, 0) + count

    def fault(self, text):
        if len(self.faults) < 50:
            self.faults.append(text)


# Good


class GoodClient:
    """One connection of one tenant; all bytes on it are that tenant's."""

    def __init__(self, wire, rng, ledger, tenant, host):
        self.wire, self.rng, self.ledger, self.tenant, self.host = wire, rng, ledger, tenant, host

    def head(self, method, target, *lines):
        return "\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {self.host}", f"X-Tenant: {self.tenant}", *lines,
                            "", ""]).encode()

    async def run(self):
        rng = self.rng
        for _ in range(rng.randint(1, 30)):
            await rng.choice((self.fetch, self.fetch, self.upload, self.pipeline, self.slow_upload, self.slow_read,
                              self.expect, self.probe))()
        if rng.random() < 0.2 and self.host != "streams.test":
            await self.tunnel()

    def note(self, status, request=0, response=0):
        # A 101 is counted as 2xx.
        kind = 2 if status == 101 else status // 100
        self.ledger.add(self.tenant, requests=1, ended_completed=1, request_body_bytes=request,
                        response_body_bytes=response, **{f"responses_{kind}xx": 1})

    async def read(self, method, expected):
        """The final answer; its content must be as long as `expected` (None: as it comes)."""
        while True:
            head = await self.wire.until(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
            if status >= 200:
                break
        count = 0

        def take(data):
            nonlocal count
            count += len(data)

        values = fields(head)
        if method != "HEAD" and status not in (204, 304):
            if "chunked" in values.get("transfer-encoding", ""):
                await read_chunked(self.wire, take)
            else:
                await read_length(self.wire, int(values["content-length"]), take)
        if status >= 400 and status != 404:
            raise ValueError(f"status {status}: {values}")
        if expected is not None and count != expected:
            raise ValueError(f"{count} bytes of content, expected {expected}")
        return status, count

    def target(self):
        size = self.rng.choice((0, 1, 100, 5000, 16384, 70000, 131072))
        kind = self.rng.choice(("length", "chunks", "slow", "close"))
        return f"/{kind}/{size}", size

    async def fetch(self):
        target, size = self.target()
        await self.wire.send(self.head("GET", target))
        status, count = await self.read("GET", size)
        self.note(status, 0, count)

    async def probe(self):
        method, target = self.rng.choice((("HEAD", "/length/100"), ("HEAD", "/chunks/100"), ("GET", "/status/204"),
                                          ("GET", "/status/304"), ("DELETE", "/status/404"), ("GET", "/status/301")))
        await self.wire.send(self.head(method, target))
        status, count = await self.read(method, 0)
        self.note(status)

    async def upload(self, pause=0):
        content = CONTENT[:self.rng.choice((1, 100, 5000, 70000))]
        if self.rng.random() < 0.5:
            data = self.head("PUT", "/count", f"Content-Length: {len(content)}") + content
        else:
            data = self.head("PUT", "/count", "Transfer-Encoding: chunked") + chunked(content, self.rng)
        if pause:
            for at in range(0, len(data), max(1, len(data) // 6)):
                await self.wire.send(data[at:at + max(1, len(data) // 6)])
                await asyncio.sleep(pause)
        else:
            await self.wire.send(data)
        status, count = await self.read("PUT", len(str(len(content))))
        self.note(status, len(content), count)

    async def slow_upload(self):
        await self.upload(pause=0.02)

    async def slow_read(self):
        await self.wire.send(self.head("GET", "/length/131072"))
        await asyncio.sleep(0.1)
        status, count = await self.read("GET", 131072)
        self.note(status, 0, count)

    async def expect(self):
        await self.wire.send(self.head("PUT", "/count", "Content-Length: 100", "Expect: 100-continue"))
        head = await self.wire.until(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 100 "):
            raise ValueError(f"not 100: {head[:40]}")
        await self.wire.send(CONTENT[:100])
        status, count = await self.read("PUT", 3)
        self.note(status, 100, count)

    async def pipeline(self):
        targets = [self.target() for _ in range(self.rng.randint(2, 12))]
        await self.wire.send(b"".join(self.head("GET", target) for target, _ in targets))
        for _, size in targets:
            status, count = await self.read("GET", size)
            self.note(status, 0, count)

    async def tunnel(self):
        await self.wire.send(self.head("GET", "/ws", "Connection: Upgrade", "Upgrade: websocket"))
        head = await self.wire.until(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise ValueError(f"not 101: {head[:40]}")
        total = 0
        for _ in range(self.rng.randint(0, 5)):
            data = CONTENT[:self.rng.choice((1, 100, 20000))]
            await self.wire.send(data)
            if await self.wire.exactly(len(data)) != data:
                raise ValueError("the tunnel changed bytes")
            total += len(data)
        await self.wire.half_close()
        await self.wire.drain()
        self.note(101, total, total)


async def good_client(doors, rng, ledger):
    way = rng.choice(("plain", "plain", "clear", "secure", "secure"))
    speaks_http2 = way == "clear" or way == "secure" and rng.random() < 0.6
    host = rng.choice(("good.test", "good.test", "sealed.test", "streams.test"))
    tenant = f"good-{rng.randrange(200)}"
    wire = await doors.enter(way, rng, "h2" if speaks_http2 else "http/1.1")
    if speaks_http2:
        client = GoodHTTP2Client(wire, rng, ledger, "https" if way == "secure" else "http", host)
    else:
        client = GoodClient(wire, rng, ledger, tenant, host)
    try:
        await asyncio.wait_for(client.run(), 120)
        doors.keep(wire, "h2" if speaks_http2 else "http/1.1")
        if isinstance(wire, TLSWire) and rng.random() < 0.5:
            await wire.half_close()
        ledger.good += 1
    except (Gone, ValueError, KeyError, asyncio.TimeoutError, h2.exceptions.ProtocolError) as fault:
        ledger.fault(f"{way} {host} {type(client).__name__} {tenant}: {type(fault).__name__} {fault}")
    finally:
        wire.close()
        if not speaks_http2:
            ledger.add(tenant, request_bytes=wire.sent, response_bytes=wire.received)


# Bad


def bad_head(rng, *lines, method="GET", target=None):
    host = rng.choice(("good.test", "bad.test", "bad.test", "badstreams.test", "streams.test"))
    target = target or rng.choice(("/length/131072", "/chunks/70000", "/slow/1000", "/close/5000", "/a/b?c"))
    return "\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {host}", f"X-Tenant: bad-{rng.randrange(50)}", *lines,
                        "", ""]).encode()


async def read_for_a_while(wire, rng):
    try:
        await asyncio.wait_for(wire.drain(), rng.choice((0.05, 0.5, 3)))
    except asyncio.TimeoutError:
        pass


async def plain(wire, rng):
    for _ in range(rng.randint(1, 20)):
        await wire.send(bad_head(rng))
        await wire.until(b"\r\n\r\n")
        await asyncio.sleep(0)
    await read_for_a_while(wire, rng)


async def nothing(wire, rng):
    await asyncio.sleep(rng.choice((0, 0.1, 2)))


async def garbage(wire, rng):
    await wire.send(bytes(rng.randrange(256) for _ in range(rng.choice((1, 50, 3000)))))
    await read_for_a_while(wire, rng)


async def mutated(wire, rng):
    for _ in range(rng.randint(1, 5)):
        await wire.send(mutate(rng.choice(CORPUS), rng))
    await read_for_a_while(wire, rng)


async def huge_head(wire, rng):
    await wire.send(bad_head(rng, *["X: " + "y" * rng.choice((10, 1000))] * rng.choice((90, 150))))
    await read_for_a_while(wire, rng)


async def half_a_head(wire, rng):
    head = bad_head(rng)
    await wire.send(head[:rng.randrange(len(head))])
    await asyncio.sleep(rng.choice((0, 0.1, 2.5)))


async def slow_head(wire, rng):
    for byte in bad_head(rng):
        await wire.send(bytes([byte]))
        await asyncio.sleep(rng.choice((0.001, 0.01, 0.05)))
    await read_for_a_while(wire, rng)


async def short_body(wire, rng):
    size = rng.choice((10, 5000, 100000))
    await wire.send(bad_head(rng, f"Content-Length: {size + 50}", method="PUT") + CONTENT[:size])
    await asyncio.sleep(rng.choice((0, 0.05, 6)))


async def bad_chunks(wire, rng):
    data = bad_head(rng, "Transfer-Encoding: chunked", method="PUT") + mutate(chunked(CONTENT[:300], rng), rng)
    await wire.send(data)
    await read_for_a_while(wire, rng)


async def cut_chunks(wire, rng):
    data = bad_head(rng, "Transfer-Encoding: chunked", method="PUT") + chunked(CONTENT[:30000], rng)
    await wire.send(data[:rng.randrange(len(data))])
    await asyncio.sleep(rng.choice((0, 0.05, 0.5)))


async def slow_body(wire, rng):
    await wire.send(bad_head(rng, "Content-Length: 200", method="PUT"))
    for _ in range(rng.choice((20, 200))):
        await wire.send(b"x")
        await asyncio.sleep(0.02)
    await read_for_a_while(wire, rng)


async def never_reading(wire, rng):
    for _ in range(30):
        await wire.send(bad_head(rng, target="/length/131072"))
    await asyncio.sleep(rng.choice((0.1, 1, 7)))


async def pipelined_and_gone(wire, rng):
    await wire.send(b"".join(bad_head(rng) for _ in range(rng.randint(2, 60))))
    await read_for_a_while(wire, rng)


async def half_closed(wire, rng):
    await wire.send(bad_head(rng))
    await wire.half_close()
    await read_for_a_while(wire, rng)


async def upgrade(wire, rng):
    await wire.send(bad_head(rng, "Connection: Upgrade", "Upgrade: websocket", target="/ws"))
    for _ in range(rng.randint(0, 20)):
        await wire.send(CONTENT[:rng.choice((1, 1000, 60000))])
    if rng.random() < 0.3:
        await wire.half_close()
    await read_for_a_while(wire, rng)


async def waits_for_100(wire, rng):
    await wire.send(bad_head(rng, "Expect: 100-continue", "Content-Length: 10", method="PUT"))
    await read_for_a_while(wire, rng)


async def old_client(wire, rng):
    await wire.send(bad_head(rng).replace(b"HTTP/1.1", b"HTTP/1.0"))
    await read_for_a_while(wire, rng)


DEEDS = (plain,) * 4 + (nothing, garbage, mutated, mutated, huge_head, half_a_head, slow_head, short_body, bad_chunks,
                        cut_chunks, slow_body, never_reading, pipelined_and_gone, half_closed, upgrade, waits_for_100,
                        old_client)


async def half_a_handshake(doors, rng):
    """What is no TLS, a part of a hello, or a whole one and then nothing."""
    wire = await Wire.connect(doors.ports["secure"])
    hello = ssl.MemoryBIO()
    tls = doors.context("http/1.1").wrap_bio(ssl.MemoryBIO(), hello, server_hostname="good.test")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    data = hello.read()
    await wire.send(rng.choice((b"GET / HTTP/1.1\r\nHost: good.test\r\n\r\n", data, data[:rng.randrange(len(data))],
                                mutate(data, rng))))
    return wire


async def bad_client(doors, rng, ledger):
    way = rng.choice(("plain", "plain", "clear", "secure", "secure", "hello"))
    deed = rng.choice(DEEDS)
    wire = None
    try:
        if way == "hello":
            wire = await half_a_handshake(doors, rng)
            await read_for_a_while(wire, rng)
        elif way == "clear" or way == "secure" and rng.random() < 0.5:
            wire = await doors.enter(way, rng, "h2", rng.choice((4096, None, None)))
            await asyncio.wait_for(BadHTTP2Client(wire, rng, "https" if way == "secure" else "http").run(), 20)
        else:
            wire = await doors.enter(way, rng, "http/1.1", 4096 if deed is never_reading else None)
            await asyncio.wait_for(deed(wire, rng), 20)
    except (Gone, asyncio.TimeoutError):
        pass
    finally:
        ledger.bad += 1
        if wire and rng.random() < 0.4:
            wire.reset()
        elif wire:
            wire.close()


# All of them


class Doors:
    """The listeners of the proxy, and what TLS needs for one of them."""

    def __init__(self, ports, authority):
        self.ports = dict(zip(("plain", "clear", "secure"), (int(port) for port in ports.split(","))))
        self.authority = authority
        self.contexts = {}
        self.sessions = {}

    def context(self, protocol):
        if protocol not in self.contexts:
            context = ssl.create_default_context(cafile=self.authority)
            context.set_alpn_protocols([protocol])
            self.contexts[protocol] = context
        return self.contexts[protocol]

    async def enter(self, way, rng, protocol, receive_buffer=None):
        if way != "secure":
            return await Wire.connect(self.ports[way], receive_buffer)
        wire = await TLSWire.connect(self.ports[way], receive_buffer)
        try:
            session = self.sessions.get(protocol) if rng.random() < 0.7 else None
            await asyncio.wait_for(wire.handshake(self.context(protocol), "good.test", session), 30)
            if wire.tls.selected_alpn_protocol() != protocol:
                raise Gone(f"not {protocol}")
        except BaseException:
            wire.close()
            raise
        return wire

    def keep(self, wire, protocol):
        """The session of a connection that has read, for one that comes later: its ticket follows the handshake."""
        if isinstance(wire, TLSWire) and wire.tls.session.has_ticket:
            self.sessions[protocol] = wire.tls.session


async def keep_busy(kind, number, client, doors, seed, end, ledger):
    count = 0
    while time.monotonic() < end:
        count += 1
        rng = generator(seed, kind, number, count)
        try:
            await client(doors, rng, ledger)
        except (OSError, Gone, asyncio.TimeoutError) as error:
            # Under a storm of resets the kernel may run out of local ports for a moment.
            if kind == "good":
                ledger.fault(f"cannot connect: {error}")
            await asyncio.sleep(0.2)


async def main(ports, authority, seed, seconds, good, bad, path):
    ledger = Ledger()
    doors = Doors(ports, authority)
    end = time.monotonic() + seconds
    tasks = [keep_busy("good", number, good_client, doors, seed, end, ledger) for number in range(good)]
    tasks += [keep_busy("bad", number, bad_client, doors, seed, end, ledger) for number in range(bad)]
    await asyncio.gather(*tasks)
    pathlib.Path(path).write_text(json.dumps(ledger.__dict__))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6]), sys.argv[7]))
