#!/usr/bin/env python3
"""A gRPC server for the tests, on Debian's grpcio: `grpc_app.py` prints its port and serves until it is killed.

Messages are bytes. `/test.Echo/Unary` returns its request and reports 0.25 ms of CPU time; `Sum` (client streaming) the number of bytes that it got; `Count` (server
streaming) as many messages of as many bytes as the request says (`N SIZE`); `Chat` (both ways) each message again; `Sleep` waits for so
many seconds and says how much time its deadline left it; `Fail` ends with the status code that the request names.
"""

import concurrent.futures
import struct
import sys
import time

import grpc


def cost_report(**costs):
    """An ORCA report (xds.data.orca.v3.OrcaLoadReport) with these entries of request_cost, field 4."""
    message = b""
    for name, value in costs.items():
        entry = b"\x0a" + bytes([len(name)]) + name.encode() + b"\x11" + struct.pack("<d", value)
        message += b"\x22" + bytes([len(entry)]) + entry
    return message


def unary(request, context):
    context.set_trailing_metadata((("x-echo", "yes"), ("endpoint-load-metrics-bin", cost_report(cpu_ms=0.25))))
    return request


def total(requests, context):
    return b"%d" % sum(len(request) for request in requests)


def count(request, context):
    number, size = (int(part) for part in request.split())
    for _ in range(number):
        yield bytes(size)


def chat(requests, context):
    yield from requests


def sleep(request, context):
    left = context.time_remaining()
    ended = time.monotonic() + float(request)
    while time.monotonic() < ended and context.is_active():
        time.sleep(0.01)
    return b"%f" % (left if left is not None else -1)


def fail(request, context):
    context.abort(next(code for code in grpc.StatusCode if code.value[0] == int(request)), "as you wish")


def health(request, context):
    # HealthCheckResponse{status: SERVING}; a request for the service "sick" (field 1) gets NOT_SERVING.
    return b"\x08\x02" if b"sick" in request else b"\x08\x01"


HANDLERS = {
    "test.Echo": {
        "Unary": grpc.unary_unary_rpc_method_handler(unary), "Sum": grpc.stream_unary_rpc_method_handler(total),
        "Count": grpc.unary_stream_rpc_method_handler(count), "Chat": grpc.stream_stream_rpc_method_handler(chat),
        "Sleep": grpc.unary_unary_rpc_method_handler(sleep), "Fail": grpc.unary_unary_rpc_method_handler(fail),
    },
    "grpc.health.v1.Health": {"Check": grpc.unary_unary_rpc_method_handler(health)},
}


def main():
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=64), options=options)
    for service, methods in HANDLERS.items():
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
    if len(sys.argv) == 3:
        with open(sys.argv[1], "rb") as certificate, open(sys.argv[2], "rb") as key:
            credentials = grpc.ssl_server_credentials([(key.read(), certificate.read())])
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
