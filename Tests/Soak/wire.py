"""Sockets of the soak: asyncio on raw sockets, every byte counted, resets at will."""

import asyncio
import random
import socket
import ssl
import struct


class Gone(Exception):
    """The other side closed or reset."""


class Wire:
    """One connection. `sent` and `received` count what the kernel took and gave."""

    def __init__(self, sock):
        self.sock = sock
        self.loop = asyncio.get_running_loop()
        self.buffer = b""
        self.sent = 0
        self.received = 0
        sock.setblocking(False)

    @classmethod
    async def connect(cls, port, receive_buffer=None):
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port)), 10)
        except BaseException:
            sock.close()
            raise
        return cls(sock)

    async def send(self, data):
        await self._push(data, self._count)

    def _count(self, count):
        self.sent += count

    async def _push(self, data, note=lambda count: None):
        view = memoryview(data)
        while view:
            try:
                count = self.sock.send(view)
            except (BlockingIOError, InterruptedError):
                await self._writable()
                continue
            except OSError as error:
                raise Gone(str(error)) from None
            note(count)
            view = view[count:]

    def _writable(self):
        future = self.loop.create_future()
        number = self.sock.fileno()
        if number < 0:
            raise Gone("closed")
        self.loop.add_writer(number, lambda: future.done() or future.set_result(None))
        future.add_done_callback(lambda _: self.loop.remove_writer(number))
        return future

    async def some(self, count=65536):
        """Bytes that are there or come next; raises Gone at the end."""
        if self.buffer:
            data, self.buffer = self.buffer[:count], self.buffer[count:]
            return data
        data = await self._pull(count)
        self.received += len(data)
        return data

    async def _pull(self, count):
        try:
            data = await self.loop.sock_recv(self.sock, count)
        except OSError as error:
            raise Gone(str(error)) from None
        if not data:
            raise Gone("end")
        return data

    async def exactly(self, count):
        data = b""
        while len(data) < count:
            data += await self.some(count - len(data))
        return data

    async def until(self, mark, limit=1 << 20):
        """Bytes through `mark`."""
        data = self.buffer
        self.buffer = b""
        while mark not in data:
            if len(data) > limit:
                raise Gone("too long")
            data += await self.some()
        end = data.index(mark) + len(mark)
        self.buffer = data[end:] + self.buffer
        return data[:end]

    async def drain(self):
        try:
            while True:
                await self.some()
        except Gone:
            pass

    async def half_close(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.sock.close()

    def reset(self):
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        self.sock.close()


class TLSWire(Wire):
    """A connection with TLS. `sent` and `received` count what is inside of it."""

    async def handshake(self, context, name=None, session=None):
        """As a client of `name`, or as a server without one."""
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        try:
            self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=name is None, server_hostname=name,
                                        session=session)
            while True:
                try:
                    self.tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    await self._flush()
                    self.incoming.write(await super()._pull(65536))
        except ssl.SSLError as error:
            await self._flush()
            raise Gone(str(error)) from None
        await self._flush()

    async def _flush(self):
        await self._push(self.outgoing.read())

    async def send(self, data):
        self.tls.write(data)
        await self._flush()
        self.sent += len(data)

    async def _pull(self, count):
        while True:
            try:
                data = self.tls.read(count)
            except ssl.SSLWantReadError:
                await self._flush()
                self.incoming.write(await super()._pull(65536))
                continue
            except ssl.SSLError as error:
                raise Gone(str(error)) from None
            if not data:
                raise Gone("end")
            return data

    async def half_close(self):
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass
        try:
            await self._flush()
        except Gone:
            pass

    def break_off(self):
        """The end of the connection without that of TLS."""
        self.sock.close()


def fields(head):
    """Field values of a head by lower-case name."""
    values = {}
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name:
            values[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
    return values


async def read_chunked(wire, take):
    """Reads a chunked body and its trailers; `take` gets the content."""
    while True:
        size = int((await wire.until(b"\r\n")).split(b";")[0], 16)
        if size == 0:
            break
        rest = size
        while rest:
            data = await wire.some(min(rest, 65536))
            rest -= len(data)
            take(data)
        if await wire.exactly(2) != b"\r\n":
            raise Gone("chunk without end")
    while await wire.until(b"\r\n") != b"\r\n":
        pass


async def read_length(wire, count, take):
    while count:
        data = await wire.some(min(count, 65536))
        count -= len(data)
        take(data)


def chunked(content, rng, extension=True, trailer=b""):
    """Content in random chunks."""
    data = b""
    while content:
        count = min(len(content), rng.choice((1, 7, 100, 4096, 20000)))
        mark = b";a=b" if extension and rng.random() < 0.2 else b""
        data += b"%x%s\r\n%s\r\n" % (count, mark, content[:count])
        content = content[count:]
    return data + b"0\r\n" + trailer + b"\r\n"


def mutate(data, rng):
    """A few random changes."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(data))
        choice = rng.random()
        if choice < 0.3:
            data[at:at] = bytes([rng.randrange(256)])
        elif choice < 0.5:
            data[at:at] = rng.choice((b"\r\n", b"\n", b"\0", b":", b"chunked", b"\r\n\r\n", b"Content-Length: 1\r\n"))
        elif choice < 0.7 and at < len(data):
            del data[at]
        elif at < len(data):
            data[at] ^= 1 << rng.randrange(8)
    return bytes(data)


def generator(seed, *path):
    """An independent generator for each place in the soak."""
    return random.Random(f"{seed}/" + "/".join(str(part) for part in path))
