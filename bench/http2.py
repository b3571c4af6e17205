"""A checking client for HTTP/2: one request after another on one kept connection, every field and byte compared.

Frames are read here; only HPACK is left to libnghttp2, which comes with h2load.
"""

import ctypes
import socket
import struct

from harness import Failure

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
# windows so large that these few answers need no updates
WINDOW = 2**30


class Field(ctypes.Structure):
    """nghttp2_nv"""

    _fields_ = [("name", ctypes.c_void_p), ("value", ctypes.c_void_p), ("name_bytes", ctypes.c_size_t),
                ("value_bytes", ctypes.c_size_t), ("flags", ctypes.c_uint8)]


class Inflater:
    """The decoder of one connection's field blocks."""

    def __init__(self):
        self.library = ctypes.CDLL("libnghttp2.so.14")
        self.library.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
        self.library.nghttp2_hd_inflate_hd2.argtypes = [
            ctypes.c_void_p, ctypes.POINTER(Field), ctypes.POINTER(ctypes.c_int), ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
        self.pointer = ctypes.c_void_p()
        if self.library.nghttp2_hd_inflate_new(ctypes.byref(self.pointer)):
            raise Failure("libnghttp2 makes no decoder")

    def fields(self, block):
        """[(name, value)] of a whole block; the decoder's table moves on."""
        found, field, flags = [], Field(), ctypes.c_int()
        while True:
            used = self.library.nghttp2_hd_inflate_hd2(self.pointer, field, flags, block, len(block), 1)
            if used < 0:
                raise Failure("a field block cannot be decoded")
            block = block[used:]
            if flags.value & 2:
                found.append((ctypes.string_at(field.name, field.name_bytes).decode(),
                              ctypes.string_at(field.value, field.value_bytes).decode()))
            elif flags.value & 1:
                self.library.nghttp2_hd_inflate_end_headers(self.pointer)
                return found

    def close(self):
        self.library.nghttp2_hd_inflate_del(self.pointer)


def literal(text):
    """A string of HPACK without Huffman's code."""
    assert len(text) < 127
    return bytes([len(text)]) + text.encode()


class Connection:
    """One connection, over TLS when there is a context."""

    def __init__(self, port, context):
        self.scheme, self.port, self.stream = "https" if context else "http", port, -1
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
            if self.socket.selected_alpn_protocol() != "h2":
                raise Failure("port %d did not choose HTTP/2" % port)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader, self.inflater = self.socket.makefile("rb"), Inflater()
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        # SETTINGS_ENABLE_PUSH and SETTINGS_INITIAL_WINDOW_SIZE
        self.send(SETTINGS, 0, 0, struct.pack("!HIHI", 2, 0, 4, WINDOW))
        self.send(WINDOW_UPDATE, 0, 0, struct.pack("!I", WINDOW))

    def send(self, kind, flags, stream, payload):
        self.socket.sendall(struct.pack("!BHBBI", 0, len(payload), kind, flags, stream) + payload)

    def receive(self):
        """(kind, flags, stream, payload) of the next frame."""
        head = self.reader.read(9)
        if len(head) < 9:
            raise Failure("port %d ended an HTTP/2 connection" % self.port)
        high, low, kind, flags, stream = struct.unpack("!BHBBI", head)
        payload = self.reader.read(high << 16 | low)
        if flags & PADDED and kind in (DATA, HEADERS):
            payload = payload[1:len(payload) - payload[0]]
        if flags & PRIORITY and kind == HEADERS:
            payload = payload[5:]
        return kind, flags, stream, payload

    def request(self, method, path, fields, body):
        """(fields, content, trailers) of the answer; interim answers are left out."""
        self.stream += 2
        block = b"".join(b"\0" + literal(name) + literal(value) for name, value in [
            (":method", method), (":scheme", self.scheme), (":authority", "127.0.0.1:%d" % self.port), (":path", path), *fields])
        self.send(HEADERS, END_HEADERS | (0 if body else END_STREAM), self.stream, block)
        if body:
            self.send(DATA, END_STREAM, self.stream, body)
        blocks, content, gathered, last = [], b"", b"", False
        while not last:
            kind, flags, stream, payload = self.receive()
            if kind == SETTINGS and not flags & ACK:
                self.send(SETTINGS, ACK, 0, b"")
            elif kind == PING and not flags & ACK:
                self.send(PING, ACK, 0, payload)
            elif kind in (GOAWAY, RST_STREAM):
                code = payload[4:8] if kind == GOAWAY else payload
                raise Failure("%s %s: frame of type %d with code %d" % (method, path, kind, int.from_bytes(code, "big")))
            elif kind in (DATA, HEADERS, CONTINUATION) and stream == self.stream:
                # the end of the stream stands in HEADERS, also when CONTINUATION follows
                last = last or kind != CONTINUATION and bool(flags & END_STREAM)
                if kind == DATA:
                    content += payload
                    continue
                gathered += payload
                while not flags & END_HEADERS:
                    _, flags, _, payload = self.receive()
                    gathered += payload
                decoded, gathered = self.inflater.fields(gathered), b""
                if not decoded[0][1].startswith("1") or decoded[0][0] != ":status":
                    blocks.append(dict(decoded))
        return blocks[0], content, blocks[1] if len(blocks) > 1 else {}

    def close(self):
        self.reader.close()
        self.socket.close()
        self.inflater.close()


def check_answers(port, context, method, path, fields, body, expected, trailers, tenants=("acme-000001", "acme-000002")):
    """Sends requests on one kept connection and compares status, every byte of the answer, and the trailers."""
    connection = Connection(port, context)
    try:
        for tenant in tenants:
            answer, content, after = connection.request(method, path, [("x-tenant", tenant), *fields], body)
            if answer.get(":status") != "200" or content != expected or after != trailers:
                raise Failure("%s %s answered %s with %d bytes and trailers %s, expected 200 with %d and %s"
                              % (method, path, answer.get(":status"), len(content), after, len(expected), trailers))
    finally:
        connection.close()
