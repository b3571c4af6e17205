#!/usr/bin/env python3
"""An upstream of the soak: `origins.py good|sealed|streams|bad|badstreams SEED [CERTIFICATE KEY]`; prints its port.

The good one answers what the path says, and so do the sealed one, over TLS, and the one with streams, over HTTP/2. The bad one does, for each request, one of the things that upstreams
do wrong, and now and then goes away as a whole for a moment.
"""

import asyncio
import socket
import ssl
import sys

import http2_origins
from wire import Gone, TLSWire, Wire, chunked, fields, generator, mutate, read_chunked, read_length

CONTENT = bytes(range(256)) * 512


async def read_request(wire):
    """Head fields, target, method and content length of the next request."""
    head = await wire.until(b"\r\n\r\n")
    method, target, _ = head.split(b"\r\n")[0].split(b" ", 2)
    return method.decode(), target.decode(), fields(head)


async def read_body(wire, values):
    count = 0

    def take(data):
        nonlocal count
        count += len(data)

    if "chunked" in values.get("transfer-encoding", ""):
        await read_chunked(wire, take)
    else:
        await read_length(wire, int(values.get("content-length", "0")), take)
    return count


# Good


async def serve_good(wire, rng):
    while True:
        method, target, values = await read_request(wire)
        if values.get("upgrade", "") == "websocket":
            return await tunnel(wire)
        if values.get("expect", "") == "100-continue":
            await wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        count = await read_body(wire, values)
        kind, _, number = target.strip("/").partition("/")
        size = int(number or 0)
        if rng.random() < 0.1:
            await wire.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        if kind == "length":
            await answer(wire, method, CONTENT[:size])
        elif kind == "chunks":
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            await wire.send(head + (b"" if method == "HEAD" else chunked(CONTENT[:size], rng, trailer=b"X-T: 1\r\n")))
        elif kind == "close":
            await wire.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            if method != "HEAD":
                await wire.send(CONTENT[:size])
            await wire.half_close()
            return
        elif kind == "status":
            await wire.send(b"HTTP/1.1 %d Something\r\n%s\r\n"
                            % (size, b"" if size in (204, 304) else b"Content-Length: 0\r\n"))
        elif kind == "slow":
            await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            for at in range(0, size, max(1, size // 5)):
                await asyncio.sleep(0.02)
                await wire.send(CONTENT[at:min(size, at + max(1, size // 5))])
        else:
            await answer(wire, method, b"%d" % count)


async def answer(wire, method, content):
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content)
                    + (b"" if method == "HEAD" else content))


async def tunnel(wire):
    """Says the same again until the other side is done."""
    await wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    try:
        while True:
            await wire.send(await wire.some())
    except Gone:
        await wire.half_close()


# Bad

BAD_HEADS = (
    b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", b"HTTP/1.1 99 Low\r\n\r\n", b"HTTP/2.0 200 OK\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", b"\r\n\r\n", b"\0" * 40,
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nsurprise",
)
BAD_CHUNKS = (b"zz\r\n", b"-1\r\n\r\n", b"5\r\nabcdeX\r\n", b"5\nabcde\r\n", b"ffffffffffffffff\r\n",
              b"0\r\nNoColon\r\n\r\n", b"5;a=\r\nabcde\r\n", b"0\r\n" + b"X: y\r\n" * 300 + b"\r\n")
OK = b"HTTP/1.1 200 OK\r\n"


async def serve_bad(wire, rng):
    """True endings only by `return`; `reset` where a reset is meant."""
    if rng.random() < 0.03:
        await wire.send(OK + b"Content-Length: 5\r\n\r\nearly")
    while True:
        method, target, values = await read_request(wire)
        size = rng.choice((0, 10, 1000, 60000, 100000))
        content = CONTENT[:size]
        deed = rng.choice(DEEDS)
        if rng.random() < 0.5 and deed not in (early_end, early_answer):
            try:
                await asyncio.wait_for(read_body(wire, values), 3)
            except (asyncio.TimeoutError, ValueError):
                return
        if not await deed(wire, rng, content):
            return


async def good_answer(wire, rng, content):
    await wire.send(OK + b"Content-Length: %d\r\n\r\n" % len(content) + content)
    return True


async def good_chunks(wire, rng, content):
    await wire.send(OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(content, rng, trailer=b"Server-Timing: cpu;dur=1\r\n"))
    return True


async def early_answer(wire, rng, content):
    await wire.send(OK + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(content) + content)
    return False


async def early_end(wire, rng, content):
    return False


async def reset_now(wire, rng, content):
    wire.reset()
    return False


async def half_a_head(wire, rng, content):
    head = OK + b"Content-Length: 5\r\nX-Padding: %s\r\n\r\n" % (b"p" * 200)
    await wire.send(head[:rng.randrange(len(head))])
    if rng.random() < 0.5:
        wire.reset()
    return False


async def bad_head(wire, rng, content):
    await wire.send(rng.choice(BAD_HEADS))
    await asyncio.sleep(rng.random() * 0.2)
    return False


async def mutated_answer(wire, rng, content):
    await wire.send(mutate(OK + b"Content-Length: 20\r\nX-A: b\r\n\r\n" + CONTENT[:20], rng))
    await asyncio.sleep(rng.random() * 0.2)
    return rng.random() < 0.5


async def short_body(wire, rng, content):
    await wire.send(OK + b"Content-Length: %d\r\n\r\n" % (len(content) + 100) + content)
    if rng.random() < 0.5:
        wire.reset()
    return False


async def long_body(wire, rng, content):
    await wire.send(OK + b"Content-Length: %d\r\n\r\n" % (len(content) // 2) + content + OK + b"\r\npoison")
    return True


async def bad_chunks(wire, rng, content):
    await wire.send(OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n" + rng.choice(BAD_CHUNKS))
    await asyncio.sleep(rng.random() * 0.1)
    return False


async def cut_chunks(wire, rng, content):
    data = OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(content, rng)
    await wire.send(data[:rng.randrange(len(data))])
    return False


async def interim_flood(wire, rng, content):
    for _ in range(rng.choice((5, 50, 300))):
        await wire.send(b"HTTP/1.1 10%d Wait\r\nX: y\r\n\r\n" % rng.choice((2, 3)))
    return await good_answer(wire, rng, content)


async def slow_answer(wire, rng, content):
    for byte in OK + b"Content-Length: 3\r\n\r\nabc":
        await wire.send(bytes([byte]))
        await asyncio.sleep(rng.random() * 0.02)
    return True


async def no_answer(wire, rng, content):
    await asyncio.sleep(rng.choice((0.5, 6)))
    return False


async def stalled_body(wire, rng, content):
    await wire.send(OK + b"Content-Length: 1000\r\n\r\nabc")
    await asyncio.sleep(rng.choice((0.2, 4)))
    return False


async def until_close(wire, rng, content):
    await wire.send(b"HTTP/1.%d 200 OK\r\n\r\n" % rng.randrange(2) + content)
    if rng.random() < 0.3:
        wire.reset()
    return False


async def broken_tunnel(wire, rng, content):
    await wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + content)
    if rng.random() < 0.5:
        await asyncio.sleep(rng.random())
    if rng.random() < 0.5:
        wire.reset()
    return False


DEEDS = (good_answer,) * 6 + (good_chunks,) * 4 + (
    early_answer, early_end, reset_now, half_a_head, bad_head, mutated_answer, short_body, long_body, bad_chunks,
    cut_chunks, interim_flood, slow_answer, no_answer, stalled_body, until_close, broken_tunnel)


# Serving


SERVE = {"good": serve_good, "sealed": serve_good, "bad": serve_bad, "streams": http2_origins.serve_good,
         "badstreams": http2_origins.serve_bad}


class Origin:
    def __init__(self, kind, seed, files):
        self.context = None
        if files:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*files)
        self.kind, self.seed, self.count = kind, seed, 0
        self.listener = self.listen(0)
        self.port = self.listener.getsockname()[1]
        self.tasks = set()

    @staticmethod
    def listen(port):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(1024)
        listener.setblocking(False)
        return listener

    async def run(self):
        loop = asyncio.get_running_loop()
        rng = generator(self.seed, self.kind, "life")
        while True:
            life = rng.uniform(3, 15) if self.kind.startswith("bad") else 1e9
            try:
                await asyncio.wait_for(self.accept(loop), life)
            except asyncio.TimeoutError:
                pass
            # A restart: everything open is cut, and for a moment nobody listens.
            self.listener.close()
            for task in self.tasks:
                task.cancel()
            await asyncio.sleep(rng.uniform(0, 0.4))
            self.listener = self.listen(self.port)

    async def accept(self, loop):
        while True:
            sock, _ = await loop.sock_accept(self.listener)
            self.count += 1
            task = loop.create_task(self.serve(sock, generator(self.seed, self.kind, self.count)))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def serve(self, sock, rng):
        wire = TLSWire(sock) if self.context else Wire(sock)
        try:
            if self.context:
                await wire.handshake(self.context)
            await SERVE[self.kind](wire, rng)
        except (Gone, ValueError, asyncio.CancelledError):
            pass
        finally:
            wire.close()


async def main():
    origin = Origin(sys.argv[1], sys.argv[2], sys.argv[3:])
    print(origin.port, flush=True)
    await origin.run()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
