#!/usr/bin/env python3
"""gRPC clients for the tests, on Debian's grpcio: `grpc_calls.py ADDRESS [AUTHORITY]` makes every kind of call and prints, as JSON, what each
tenant sent and got. With AUTHORITY, a PEM file, it speaks TLS. A call that goes wrong ends it with the reason, status 1.

Counted are calls, and bytes of content: each message with the five bytes in front of it. What became of calls that were given up is not
known to the byte by a client, so they have tenants of their own.
"""

import collections
import concurrent.futures
import json
import sys
import time

import grpc

PREFIX = 5
LARGE, LARGE_COUNT = 1_000_000, 100


class Ledger:
    def __init__(self):
        self.tenants = collections.defaultdict(collections.Counter)

    def note(self, tenant, sent, got, status=0):
        """A call that came to its end: sizes of the messages each way."""
        self.tenants[tenant].update({
            "requests": 1, "request_body_bytes": sum(size + PREFIX for size in sent),
            "response_body_bytes": sum(size + PREFIX for size in got), f"grpc_{status}": 1})


class Calls:
    def __init__(self, channel, ledger):
        self.ledger = ledger
        self.unary = channel.unary_unary("/test.Echo/Unary")
        self.sum = channel.stream_unary("/test.Echo/Sum")
        self.count = channel.unary_stream("/test.Echo/Count")
        self.chat = channel.stream_stream("/test.Echo/Chat")
        self.sleep = channel.unary_unary("/test.Echo/Sleep")
        self.fail = channel.unary_unary("/test.Echo/Fail")

    @staticmethod
    def of(tenant, **more):
        return dict(metadata=(("x-tenant", tenant),), timeout=120, **more)

    def unary_calls(self, tenant, number):
        for index in range(number):
            message = bytes([index % 256]) * (index * 37 % 3000)
            answer, call = self.unary.with_call(message, **self.of(tenant))
            expect(answer == message, f"unary: {len(answer)} bytes for {len(message)}")
            trailing = [tuple(item) for item in call.trailing_metadata()]
            expect(("x-echo", "yes") in trailing, "unary: no trailing metadata")
            expect(all(name == "x-echo" for name, _ in trailing), f"unary: cost reports are not for clients: {trailing}")
            self.ledger.note(tenant, [len(message)], [len(answer)])
            self.ledger.tenants[tenant].update(upstream_cpu_us=250, cpu_hinted_requests=1)

    def client_streams(self, tenant, number):
        for index in range(number):
            sizes = [size * 100 for size in range(index * 3)]
            answer = self.sum((bytes(size) for size in sizes), **self.of(tenant))
            expect(int(answer) == sum(sizes), f"sum: {answer} for {sum(sizes)}")
            self.ledger.note(tenant, sizes, [len(answer)])

    def server_streams(self, tenant, number):
        for index in range(number):
            request = b"%d %d" % (index * 3, index * 100)
            sizes = [len(message) for message in self.count(request, **self.of(tenant))]
            expect(sizes == [index * 100] * (index * 3), f"count: {sizes}")
            self.ledger.note(tenant, [len(request)], sizes)

    def chats(self, tenant, number):
        for index in range(number):
            sent = [bytes(size * 200) for size in range(index * 2)]
            got = list(self.chat(iter(sent), **self.of(tenant)))
            expect(got == sent, "chat: other messages than were sent")
            self.ledger.note(tenant, [len(m) for m in sent], [len(m) for m in got])

    def failures(self, tenant):
        for code in (1, 3, 5, 7, 13, 14, 16):
            request = b"%d" % code
            try:
                self.fail(request, **self.of(tenant))
                expect(False, f"fail: {code} was a success")
            except grpc.RpcError as error:
                expect(error.code().value[0] == code and error.details() == "as you wish", f"fail: {error.code()} for {code}")
            self.ledger.note(tenant, [len(request)], [], status=code)

    def deadlines(self, tenant, number):
        """The server sees the deadline, and a call that takes longer than it is over in time."""
        left = float(self.sleep(b"0", metadata=(("x-tenant", tenant),), timeout=7))
        expect(3 < left <= 7.1, f"the server has {left} s of 7")
        for _ in range(number):
            began = time.monotonic()
            try:
                self.sleep(b"20", metadata=(("x-tenant", tenant),), timeout=0.3)
                expect(False, "a deadline passed unnoticed")
            except grpc.RpcError as error:
                expect(error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, f"deadline: {error.code()}")
            expect(time.monotonic() - began < 10, "a deadline came late")
        self.ledger.tenants[tenant].update(requests=1 + number)

    def cancellations(self, tenant, number):
        for _ in range(number):
            call = self.count(b"100000 10000", metadata=(("x-tenant", tenant),), timeout=120)
            for _ in range(3):
                next(call)
            call.cancel()
            try:
                for _ in call:
                    pass
                expect(False, "a cancelled call came to its end")
            except grpc.RpcError as error:
                expect(error.code() == grpc.StatusCode.CANCELLED, f"cancel: {error.code()}")
        self.ledger.tenants[tenant].update(requests=number)

    def large(self, tenant):
        """100 MB each way."""
        sizes = [LARGE] * LARGE_COUNT
        answer = self.sum((bytes(size) for size in sizes), **self.of(tenant))
        expect(int(answer) == LARGE * LARGE_COUNT, f"large sum: {answer}")
        self.ledger.note(tenant, sizes, [len(answer)])
        request = b"%d %d" % (LARGE_COUNT, LARGE)
        got = [len(message) for message in self.count(request, **self.of(tenant))]
        expect(got == sizes, f"large count: {len(got)} messages")
        self.ledger.note(tenant, [len(request)], got)


def expect(holds, text):
    if not holds:
        sys.exit(f"grpc_calls: {text}")


def main():
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    if len(sys.argv) > 2:
        with open(sys.argv[2], "rb") as authority:
            credentials = grpc.ssl_channel_credentials(authority.read())
        channel = grpc.secure_channel(sys.argv[1], credentials, options)
    else:
        channel = grpc.insecure_channel(sys.argv[1], options)
    ledger = Ledger()
    calls = Calls(channel, ledger)
    work = [(calls.unary_calls, "unary", 200), (calls.client_streams, "client", 12), (calls.server_streams, "server", 12),
            (calls.chats, "chat", 12), (calls.failures, "fail"), (calls.deadlines, "deadline", 3),
            (calls.cancellations, "cancel", 5), (calls.large, "large"), (calls.unary_calls, "mixed", 100),
            (calls.chats, "mixed", 5)]
    # All at one time on one connection, so that streams of many tenants are open together.
    with concurrent.futures.ThreadPoolExecutor(len(work)) as pool:
        for future in [pool.submit(call, *arguments) for call, *arguments in work]:
            future.result()
    print(json.dumps(ledger.tenants))


if __name__ == "__main__":
    main()
