"""HTTP/2 upstreams of the soak: the good one on the h2 library, the bad one on frames written by hand."""

import asyncio
import sys

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import hpack

from http2 import (ACK, CONTENT, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM,
                   SETTINGS, WINDOW_UPDATE, frame)
from wire import Gone, mutate


class GoodServer:
    """Answers what the path says, as the good origin of HTTP/1.1 does."""

    def __init__(self, wire, rng):
        self.wire, self.rng = wire, rng
        self.http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.requests = {}
        # By stream: what is still to be sent, whether more will be added, and the trailers.
        self.pending = {}
        self.lock = asyncio.Lock()
        self.leaves_at = rng.choice((None, None, rng.randint(1, 300)))
        self.tasks = set()

    async def run(self):
        self.http2.initiate_connection()
        self.http2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: self.rng.choice((2, 10, 100))})
        await self.flush()
        try:
            while not (self.leaves_at == 0 and not self.requests):
                for event in self.http2.receive_data(await self.wire.some()):
                    try:
                        self.handle(event)
                    except h2.exceptions.ProtocolError:
                        # Reset by what comes behind it.
                        self.forget(event.stream_id)
                await self.flush()
        finally:
            for task in self.tasks:
                task.cancel()

    def handle(self, event):
        number = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.RequestReceived):
            self.requests[number] = [dict(event.headers), 0]
            if dict(event.headers).get("expect") == "100-continue":
                self.http2.send_headers(number, [(":status", "100")])
        elif isinstance(event, h2.events.DataReceived):
            if number in self.requests:
                self.requests[number][1] += len(event.data)
            self.http2.acknowledge_received_data(event.flow_controlled_length, number)
        elif isinstance(event, h2.events.StreamEnded):
            self.answer(number, *self.requests[number])
            self.leave()
        elif isinstance(event, h2.events.StreamReset):
            self.forget(number)

    def forget(self, number):
        self.requests.pop(number, None)
        self.pending.pop(number, None)

    def leave(self):
        """Says that it will leave, and from which request on only when what was on its way has come."""
        if not self.leaves_at:
            return
        self.leaves_at -= 1
        if self.leaves_at == 0:
            self.leaves_at = -1
            self.start(self.say_goodbye())

    async def say_goodbye(self):
        async with self.lock:
            await self.wire.send(frame(GOAWAY, 0, 0, (2 ** 31 - 1).to_bytes(4, "big") + bytes(4)))
        await asyncio.sleep(0.2)
        last = max(self.requests, default=self.http2.highest_inbound_stream_id)
        async with self.lock:
            await self.wire.send(frame(GOAWAY, 0, 0, max(last, self.http2.highest_inbound_stream_id).to_bytes(4, "big") + bytes(4)))

    def start(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.finished)

    def finished(self, task):
        self.tasks.discard(task)
        if not task.cancelled():
            task.exception()

    def answer(self, number, fields, count):
        kind, _, size = fields[":path"].strip("/").partition("/")
        size = int(size) if size.isdigit() else 0
        if self.rng.random() < 0.1:
            self.http2.send_headers(number, [(":status", "103"), ("link", "</a>")])
        if kind == "status":
            self.http2.send_headers(number, [(":status", str(size))], end_stream=True)
            self.requests.pop(number)
            return
        content = CONTENT[:size] if kind != "count" else b"%d" % count
        head = [(":status", "200")]
        if kind in ("length", "slow", "count"):
            head.append(("content-length", str(len(content))))
        if fields[":method"] == "HEAD":
            self.http2.send_headers(number, head, end_stream=True)
            self.requests.pop(number)
            return
        self.http2.send_headers(number, head)
        trailers = [("x-t", "1")] if kind == "chunks" else None
        if kind == "slow":
            self.pending[number] = [b"", False, None]
            self.start(self.send_slowly(number, content))
        else:
            self.pending[number] = [content, True, trailers]

    async def send_slowly(self, number, content):
        step = max(1, len(content) // 5)
        for at in range(0, len(content), step):
            await asyncio.sleep(0.02)
            if number not in self.pending:
                return
            self.pending[number][0] += content[at:at + step]
            await self.flush()
        if number in self.pending:
            self.pending[number][1] = True
            await self.flush()

    async def flush(self):
        async with self.lock:
            for number in list(self.pending):
                try:
                    self.push(number)
                except h2.exceptions.StreamClosedError:
                    self.forget(number)
            data = self.http2.data_to_send()
            if data:
                await self.wire.send(data)

    def push(self, number):
        rest, is_whole, trailers = self.pending[number]
        while rest:
            count = min(self.http2.local_flow_control_window(number), self.http2.max_outbound_frame_size, len(rest))
            if count == 0:
                break
            self.http2.send_data(number, rest[:count], end_stream=is_whole and count == len(rest) and not trailers)
            rest = rest[count:]
            if not rest and is_whole and not trailers:
                self.over(number)
                return
        self.pending[number][0] = rest
        if not rest and is_whole:
            if trailers:
                self.http2.send_headers(number, trailers, end_stream=True)
            else:
                self.http2.end_stream(number)
            self.over(number)

    def over(self, number):
        del self.pending[number]
        self.requests.pop(number, None)
        if self.leaves_at == -1 and not self.requests and not any(not task.done() for task in self.tasks):
            self.leaves_at = 0


async def serve_good(wire, rng):
    try:
        await GoodServer(wire, rng).run()
    except h2.exceptions.ProtocolError as fault:
        print(f"good HTTP/2 origin: {type(fault).__name__} {fault}", file=sys.stderr, flush=True)


class BadServer:
    """Does, for each request, one of the things that servers of HTTP/2 do wrong."""

    def __init__(self, wire, rng):
        self.wire, self.rng = wire, rng
        self.encoder = hpack.Encoder()

    async def run(self):
        await self.wire.send(frame(SETTINGS, 0, 0, self.rng.choice((b"", b"\0\3\0\0\0\2", b"\0\4\0\0\0\7"))))
        await self.wire.exactly(len(PREFACE))
        while True:
            header = await self.wire.exactly(9)
            payload = await self.wire.exactly(int.from_bytes(header[:3], "big"))
            kind, flags, number = header[3], header[4], int.from_bytes(header[5:], "big")
            if kind == SETTINGS and not flags & ACK:
                await self.wire.send(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                await self.wire.send(frame(PING, ACK, 0, payload))
            elif kind == DATA and payload and self.rng.random() < 0.9:
                size = len(payload).to_bytes(4, "big")
                await self.wire.send(frame(WINDOW_UPDATE, 0, 0, size) + frame(WINDOW_UPDATE, 0, number, size))
            elif kind == HEADERS:
                await self.misbehave(number)

    def head(self, number, *fields, ends=False):
        return frame(HEADERS, END_HEADERS | (END_STREAM if ends else 0), number,
                     self.encoder.encode([(":status", "200"), *fields]))

    def raw_head(self, number, *fields):
        return frame(HEADERS, END_HEADERS, number, self.encoder.encode(fields))

    async def misbehave(self, number):
        rng = self.rng
        content = CONTENT[:rng.choice((0, 10, 1000, 16000))]
        good = self.head(number, ("content-length", str(len(content)))) + frame(DATA, END_STREAM, number, content)
        deeds = (
            good, good, good, good, good,
            self.head(number) + frame(DATA, 0, number, content) + frame(HEADERS, END_HEADERS | END_STREAM, number,
                                                                       self.encoder.encode([("x-t", "1")])),
            frame(RST_STREAM, 0, number, rng.choice((0, 1, 2, 7, 8, 11)).to_bytes(4, "big")),
            self.head(number) + frame(DATA, 0, number, content)
            + frame(RST_STREAM, 0, number, rng.choice((0, 2, 7)).to_bytes(4, "big")),
            self.head(number, ("content-length", "5")) + frame(DATA, END_STREAM, number, b"abc"),
            self.head(number, ("content-length", "2")) + frame(DATA, END_STREAM, number, b"abc"),
            self.head(number, ("connection", "close"), ends=True), self.head(number, ("Upper", "case"), ends=True),
            self.raw_head(number, ("x", "y")), self.raw_head(number, (":status", "101")), self.raw_head(number, (":status", "1x")),
            self.head(number, *[("x", "y" * 500)] * 100, ends=True), self.head(number, *[("x", "y")] * 150, ends=True),
            b"".join(frame(HEADERS, END_HEADERS, number, self.encoder.encode([(":status", "103")]))
                     for _ in range(rng.choice((3, 40)))) + good,
            frame(GOAWAY, 0, 0, rng.choice((0, number, 2 ** 31 - 1)).to_bytes(4, "big") + bytes(4)),
            frame(HEADERS, 0, number, self.encoder.encode([(":status", "200")]))
            + b"".join(frame(CONTINUATION, 0, number, self.encoder.encode([("x", "y")])) for _ in range(20)),
            frame(PING, 0, 0, b"x" * 8) * 300, frame(SETTINGS, 0, 0) * 100, frame(DATA, 0, number, b"before the head"),
            frame(DATA, 0, number + 100, b"nobody's"), frame(WINDOW_UPDATE, 0, number, bytes(4)),
            frame(WINDOW_UPDATE, 0, 0, (2 ** 31 - 1).to_bytes(4, "big")), frame(200, 0, 0, b"unknown") + good,
            mutate(good, rng), mutate(good, rng), self.head(number), b"",
        )
        await self.wire.send(rng.choice(deeds))
        choice = rng.random()
        if choice < 0.05:
            raise Gone("on purpose")
        if choice < 0.08:
            self.wire.reset()
            raise Gone("on purpose")


async def serve_bad(wire, rng):
    await BadServer(wire, rng).run()
