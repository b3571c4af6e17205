"""HTTP/2 clients of the soak: good ones on the h2 library, bad ones on frames written by hand."""

import asyncio

import h2.config
import h2.connection
import h2.events
import hpack

from wire import Gone, mutate

CONTENT = bytes(range(256)) * 512
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4


class FrameTally:
    """Adds up, from the bytes of one direction, what belongs to streams: HEADERS, CONTINUATION and DATA."""

    def __init__(self, note, skip=0):
        self.note, self.rest, self.skip = note, b"", skip

    def take(self, data):
        data = self.rest + data
        at = min(self.skip, len(data))
        self.skip -= at
        while len(data) - at >= 9:
            length = int.from_bytes(data[at:at + 3], "big")
            if len(data) - at < 9 + length:
                break
            if data[at + 3] in (DATA, HEADERS, CONTINUATION):
                self.note(int.from_bytes(data[at + 5:at + 9], "big") & 0x7FFFFFFF, 9 + length)
            at += 9 + length
        self.rest = data[at:]


class Stream:
    """What is known of one request of a good client."""

    def __init__(self, tenant, expected, content, ends_apart):
        self.tenant, self.expected, self.left, self.ends_apart = tenant, expected, content, ends_apart
        self.request = len(content)
        self.response = 0
        self.status = 0


class GoodHTTP2Client:
    """One connection with streams of many tenants at a time; a ledger of the bytes of each."""

    def __init__(self, wire, rng, ledger, scheme, host):
        self.wire, self.rng, self.ledger, self.scheme, self.host = wire, rng, ledger, scheme, host
        self.streams = {}
        self.tenants = {}
        self.http2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.outgoing = FrameTally(self.note_request, skip=len(PREFACE))
        self.incoming = FrameTally(self.note_response)

    def note_request(self, stream, count):
        self.ledger.add(self.tenants[stream], request_bytes=count)

    def note_response(self, stream, count):
        self.ledger.add(self.tenants[stream], response_bytes=count)

    async def flush(self):
        data = self.http2.data_to_send()
        self.outgoing.take(data)
        await self.wire.send(data)

    async def run(self):
        rng = self.rng
        self.http2.initiate_connection()
        to_begin, at_once = rng.randint(1, 60), rng.choice((1, 2, 10, 30))
        lag = rng.choice((0, 0, 0, 0.01))
        while to_begin or self.streams:
            while to_begin and len(self.streams) < at_once:
                to_begin -= 1
                self.begin()
            for number in list(self.streams):
                self.upload(number)
            if rng.random() < 0.1:
                self.http2.ping(b"12345678")
            await self.flush()
            await asyncio.sleep(lag)
            for event in self.http2.receive_data(await self.read()):
                self.handle(event)
        self.http2.close_connection()
        await self.flush()

    async def read(self):
        data = await self.wire.some()
        self.incoming.take(data)
        return data

    def begin(self):
        rng = self.rng
        number = self.http2.get_next_available_stream_id()
        tenant = f"good-{rng.randrange(200)}"
        method, target, expected, content = rng.choice((self.fetch, self.fetch, self.probe, self.put))()
        fields = [(":method", method), (":scheme", self.scheme), (":authority", self.host), (":path", target),
                  ("x-tenant", tenant), ("x-padding", "p" * rng.choice((1, 100, 3000)))]
        if content and rng.random() < 0.5:
            fields.append(("content-length", str(len(content))))
        self.streams[number] = Stream(tenant, expected, content, rng.random() < 0.5)
        self.tenants[number] = tenant
        self.http2.send_headers(number, fields, end_stream=not content)

    def fetch(self):
        size = self.rng.choice((0, 1, 100, 5000, 16384, 70000, 131072))
        return "GET", f"/{self.rng.choice(('length', 'chunks', 'slow', 'close'))}/{size}", size, b""

    def probe(self):
        method, target = self.rng.choice((("HEAD", "/length/100"), ("HEAD", "/chunks/100"), ("GET", "/status/204"),
                                          ("GET", "/status/304"), ("DELETE", "/status/404"), ("GET", "/status/301")))
        return method, target, 0, b""

    def put(self):
        content = CONTENT[:self.rng.choice((1, 100, 5000, 70000))]
        return "PUT", "/count", len(str(len(content))), content

    def upload(self, number):
        stream = self.streams[number]
        while stream.left:
            count = min(self.http2.local_flow_control_window(number), self.http2.max_outbound_frame_size,
                        len(stream.left), self.rng.choice((1, 1000, 16384)))
            if count == 0:
                return
            part, stream.left = stream.left[:count], stream.left[count:]
            self.http2.send_data(number, part, end_stream=not stream.left and not stream.ends_apart)
            if not stream.left and stream.ends_apart:
                self.http2.end_stream(number)

    def handle(self, event):
        if isinstance(event, h2.events.ResponseReceived):
            self.streams[event.stream_id].status = int(dict(event.headers)[":status"])
        elif isinstance(event, h2.events.DataReceived):
            self.streams[event.stream_id].response += len(event.data)
            self.http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.end(self.streams.pop(event.stream_id))
        elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
            raise ValueError(f"{event}")

    def end(self, stream):
        if stream.status >= 400 and stream.status != 404:
            raise ValueError(f"status {stream.status}")
        if stream.response != stream.expected or stream.left:
            raise ValueError(f"{stream.response} bytes of content, expected {stream.expected}")
        self.ledger.add(stream.tenant, requests=1, ended_completed=1, request_body_bytes=stream.request,
                        response_body_bytes=stream.response, **{f"responses_{stream.status // 100}xx": 1})


# Bad


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


class BadHTTP2Client:
    """A connection on which each deed writes what frames it likes."""

    def __init__(self, wire, rng, scheme):
        self.wire, self.rng, self.scheme = wire, rng, scheme
        self.encoder = hpack.Encoder()
        self.next = 1

    def opening(self, *settings):
        return PREFACE + frame(SETTINGS, 0, 0, b"".join(
            name.to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in settings))

    def head(self, *more, method="GET", target=None, ends=True):
        rng = self.rng
        target = target or rng.choice(("/length/131072", "/chunks/70000", "/slow/1000", "/close/5000", "/a/b?c"))
        fields = [(":method", method), (":scheme", self.scheme),
                  (":authority", rng.choice(("good.test", "bad.test", "badstreams.test", "streams.test"))), (":path", target),
                  ("x-tenant", f"bad-{rng.randrange(50)}"), *more]
        number, self.next = self.next, self.next + 2
        return frame(HEADERS, END_HEADERS | (END_STREAM if ends else 0), number, self.encoder.encode(fields)), number

    async def read_for_a_while(self):
        try:
            await asyncio.wait_for(self.wire.drain(), self.rng.choice((0.05, 0.5, 3)))
        except asyncio.TimeoutError:
            pass

    async def run(self):
        deed = self.rng.choice((
            self.requests, self.requests, self.requests, self.nothing, self.garbage, self.mutated, self.mutated, self.resets,
            self.floods, self.endless_head, self.cut_upload, self.long_upload, self.no_window, self.never_reading, self.half_closed,
            self.wrong_frames))
        await deed()

    async def requests(self):
        await self.wire.send(self.opening())
        for _ in range(self.rng.randint(1, 20)):
            await self.wire.send(self.head()[0])
        await self.read_for_a_while()

    async def nothing(self):
        await self.wire.send(self.opening()[:self.rng.randrange(40)])
        await asyncio.sleep(self.rng.choice((0, 0.1, 2)))

    async def garbage(self):
        await self.wire.send(self.opening() + bytes(self.rng.randrange(256) for _ in range(self.rng.choice((1, 50, 3000)))))
        await self.read_for_a_while()

    async def mutated(self):
        parts = [self.head()[0] for _ in range(3)]
        head, number = self.head(method="PUT", ends=False)
        parts += [head, frame(DATA, 0, number, CONTENT[:500]), frame(DATA, END_STREAM, number, b"end")]
        await self.wire.send(self.opening() + mutate(b"".join(parts), self.rng))
        await self.read_for_a_while()

    async def resets(self):
        await self.wire.send(self.opening())
        for _ in range(self.rng.choice((5, 300))):
            head, number = self.head(ends=self.rng.random() < 0.5)
            await self.wire.send(head + frame(RST_STREAM, 0, number, (8).to_bytes(4, "big")))
            if self.rng.random() < 0.2:
                await asyncio.sleep(0.01)
        await self.read_for_a_while()

    async def floods(self):
        head, number = self.head(method="PUT", ends=False)
        one = self.rng.choice((
            frame(PING, 0, 0, b"x" * 8), frame(SETTINGS, 0, 0), frame(DATA, 0, number), frame(200, 0, 0, b"y" * 50),
            frame(PRIORITY, 0, 9, bytes(5)), frame(WINDOW_UPDATE, 0, 0, (1).to_bytes(4, "big"))))
        await self.wire.send(self.opening() + head)
        for _ in range(self.rng.choice((3, 40))):
            await self.wire.send(one * 50)
            await asyncio.sleep(0.001)
        await self.read_for_a_while()

    async def endless_head(self):
        await self.wire.send(self.opening() + frame(HEADERS, END_STREAM, 1, self.encoder.encode([(":method", "GET")])))
        for _ in range(self.rng.choice((3, 30))):
            await self.wire.send(frame(CONTINUATION, 0, 1, self.encoder.encode([("x-more", "y" * 500)])))
        await asyncio.sleep(self.rng.choice((0, 0.1, 2.5)))

    async def cut_upload(self):
        head, number = self.head(("content-length", "100000"), method="PUT", ends=False)
        await self.wire.send(self.opening() + head)
        for _ in range(self.rng.randint(0, 6)):
            await self.wire.send(frame(DATA, 0, number, CONTENT[:10000]))
        await asyncio.sleep(self.rng.choice((0, 0.05, 6)))

    async def long_upload(self):
        head, number = self.head(method="PUT", ends=False)
        await self.wire.send(self.opening() + head)
        for _ in range(self.rng.choice((3, 9))):
            await self.wire.send(frame(DATA, 0, number, CONTENT[:16384]))
        await self.wire.send(frame(DATA, END_STREAM, number))
        await self.read_for_a_while()

    async def no_window(self):
        await self.wire.send(self.opening((4, self.rng.choice((0, 1, 100)))))
        for _ in range(5):
            await self.wire.send(self.head(target="/length/131072")[0])
        await self.read_for_a_while()
        await asyncio.sleep(self.rng.choice((0, 5)))

    async def never_reading(self):
        await self.wire.send(self.opening((4, 1 << 30)) + frame(WINDOW_UPDATE, 0, 0, (1 << 30).to_bytes(4, "big")))
        for _ in range(30):
            await self.wire.send(self.head(target="/length/131072")[0])
        await asyncio.sleep(self.rng.choice((0.1, 1, 7)))

    async def half_closed(self):
        await self.wire.send(self.opening() + self.head()[0])
        await self.wire.half_close()
        await self.read_for_a_while()

    async def wrong_frames(self):
        await self.wire.send(self.opening() + self.head()[0] + self.rng.choice((
            frame(DATA, 0, 7, b"x"), frame(HEADERS, END_HEADERS, 2, b"\x82"), frame(SETTINGS, 0, 0, b"odd"),
            frame(WINDOW_UPDATE, 0, 0, bytes(4)), frame(PUSH_PROMISE, END_HEADERS, 1, bytes(4)), frame(CONTINUATION, 0, 1),
            frame(PING, 0, 0, b"short"), frame(RST_STREAM, 0, 99, bytes(4)), frame(GOAWAY, 0, 0, bytes(8)),
            frame(DATA, 0, 1, b"z" * 20000), self.head(("Upper", "case"))[0], self.head(("connection", "close"))[0],
            self.head(("content-length", "5"))[0], self.head(target="*")[0])))
        await self.read_for_a_while()
