#!/usr/bin/env python3
"""Decodes .weirbatch files from docs/reference/batch-format.md, with nothing but the standard library.

    decode_batch.py FILE...        prints each batch as JSON, in the shape of the golden files
    decode_batch.py --check DIR    decodes every *.weirbatch of DIR and compares it with the .json beside it

The LZ4 frame, xxh32 and CRC-32C are implemented here, so that no code is shared with what wrote the files.
Section numbers in comments are those of the page.
"""

import json
import pathlib
import re
import sys

MASK_32 = 0xFFFFFFFF
COUNTER_MAX = 2**63 - 1

QUANTITIES = (
    "requests", "responses_2xx", "responses_3xx", "responses_4xx", "responses_5xx",
    "ended_completed", "ended_client_abort", "ended_upstream_failure", "ended_rejected", "ended_drained",
    "ended_crashed", "attempts", "failed_attempts", "request_bytes", "response_bytes", "request_body_bytes",
    "response_body_bytes", "upstream_request_bytes", "upstream_response_bytes", "duration_us", "upstream_us",
    "upstream_cpu_us", "stream_ms", "units_0", "units_1", "units_2", "units_3", "cpu_hinted_requests",
    "grpc_ok", "grpc_client_errors", "grpc_server_errors",
)
# The quantities that a version of the format has.
QUANTITIES_OF = {1: QUANTITIES[:28], 2: QUANTITIES}
ENDINGS = tuple(name for name in QUANTITIES if name.startswith("ended_"))
CONNECTION_QUANTITIES = (
    "connections_accepted", "connections_closed", "connections_refused", "connection_received_bytes",
    "connection_sent_bytes", "connection_idle_ms",
)
MAGIC = bytes.fromhex("89 57 42 54 0D 0A 1A 0A")
FLAG_MERGED = 16
FLAGS_KNOWN = 31
TIME_MAX = 2**62 - 1
BUCKETS = 464
RESERVED_TENANTS = ("~unattributed", "~invalid", "~overflow")
NAME = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
TENANT = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}\Z")
LABEL = re.compile(rb"[\x21-\x7E]{1,64}\Z")

# Limits of this reader (the page's own are those of Weir's reader).
PAYLOAD_MAX = 256 * 1024 * 1024
ROWS_MAX = 4_194_304
FILLED_MAX = 33_554_432


class Refused(Exception):
    """The file breaks a rule of the page."""


# Checksums


def crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC32C = crc32c_table()


def crc32c(data):
    crc = MASK_32
    for byte in data:
        crc = CRC32C[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ MASK_32


def rotate_left(value, bits):
    return ((value << bits) | (value >> (32 - bits))) & MASK_32


def xxh32(data, seed=0):
    p1, p2, p3, p4, p5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393
    at = 0
    if len(data) >= 16:
        lanes = [(seed + p1 + p2) & MASK_32, (seed + p2) & MASK_32, seed, (seed - p1) & MASK_32]
        while at + 16 <= len(data):
            for lane in range(4):
                word = int.from_bytes(data[at:at + 4], "little")
                lanes[lane] = rotate_left((lanes[lane] + word * p2) & MASK_32, 13) * p1 & MASK_32
                at += 4
        value = sum(rotate_left(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18)))
    else:
        value = seed + p5
    value = (value + len(data)) & MASK_32
    while at + 4 <= len(data):
        word = int.from_bytes(data[at:at + 4], "little")
        value = rotate_left((value + word * p3) & MASK_32, 17) * p4 & MASK_32
        at += 4
    for byte in data[at:]:
        value = rotate_left((value + byte * p5) & MASK_32, 11) * p1 & MASK_32
    value = (value ^ (value >> 15)) * p2 & MASK_32
    value = (value ^ (value >> 13)) * p3 & MASK_32
    return value ^ (value >> 16)


# The LZ4 frame


def extended_length(block, at, length):
    """A length nibble of 15 goes on in further bytes, each up to 255, until one is below that."""
    if length != 15:
        return length, at
    while True:
        byte = block[at]
        at += 1
        length += byte
        if byte != 255:
            return length, at


def lz4_block(block, output, window_start):
    """Appends a compressed block's content to output. Matches may reach back to window_start."""
    at = 0
    while True:
        token = block[at]
        literals, at = extended_length(block, at + 1, token >> 4)
        if at + literals > len(block):
            raise Refused("LZ4: literals run past the block")
        output += block[at:at + literals]
        at += literals
        if at == len(block):
            return
        offset = int.from_bytes(block[at:at + 2], "little")
        if at + 2 > len(block) or offset == 0 or len(output) - offset < window_start:
            raise Refused("LZ4: a match reaches before the content")
        length, at = extended_length(block, at + 2, token & 15)
        length += 4
        start = len(output) - offset
        while length > 0:
            piece = output[start:start + min(length, offset)]
            output += piece
            start += len(piece)
            length -= len(piece)
        if len(output) > PAYLOAD_MAX:
            raise Refused("LZ4: content beyond this reader's limit")


def lz4_frame(frame):
    """The content of exactly one LZ4 frame with content checksum."""
    try:
        return lz4_frame_unguarded(frame)
    except IndexError:
        raise Refused("LZ4: the frame is cut short") from None


def lz4_frame_unguarded(frame):
    if frame[:4] != bytes.fromhex("04 22 4D 18"):
        raise Refused("not an LZ4 frame")
    flags, descriptor = frame[4], frame[5]
    if flags >> 6 != 1 or flags & 2 or descriptor & 0x8F:
        raise Refused("LZ4: unknown version or reserved bits")
    independent, block_checksums = bool(flags & 0x20), bool(flags & 0x10)
    has_size, has_checksum, has_dictionary = bool(flags & 8), bool(flags & 4), bool(flags & 1)
    if not has_checksum or has_dictionary:
        raise Refused("LZ4: a frame with content checksum and without dictionary is needed")
    block_max = {4: 1 << 16, 5: 1 << 18, 6: 1 << 20, 7: 1 << 22}.get(descriptor >> 4)
    if block_max is None:
        raise Refused("LZ4: unknown block size")
    at = 6
    size = None
    if has_size:
        size = int.from_bytes(frame[at:at + 8], "little")
        at += 8
    if frame[at] != (xxh32(frame[4:at]) >> 8) & 0xFF:
        raise Refused("LZ4: checksum of the frame's head")
    at += 1
    output = bytearray()

    def number():
        nonlocal at
        if at + 4 > len(frame):
            raise IndexError
        at += 4
        return int.from_bytes(frame[at - 4:at], "little")

    while (word := number()) != 0:
        length = word & 0x7FFFFFFF
        block = frame[at:at + length]
        if len(block) != length or length > block_max:
            raise Refused("LZ4: block length")
        at += length
        if block_checksums and number() != xxh32(block):
            raise Refused("LZ4: checksum of a block")
        before = len(output)
        if word >> 31:
            output += block
        else:
            lz4_block(block, output, before if independent else max(0, before - 65536))
        if len(output) - before > block_max:
            raise Refused("LZ4: a block's content is too long")
    content = bytes(output)
    if number() != xxh32(content):
        raise Refused("LZ4: checksum of the content")
    if size is not None and size != len(content):
        raise Refused("LZ4: content size")
    if at != len(frame):
        raise Refused("something follows the LZ4 frame")
    return content


# The payload


class Reader:
    """Elements of the payload (section 2), in order; whatever is missing or too much is refused."""

    def __init__(self, data, quantities=QUANTITIES):
        self.data = data
        self.quantities = quantities
        self.at = 0

    def take(self, count):
        piece = self.data[self.at:self.at + count]
        if len(piece) != count:
            raise Refused("the payload is cut short")
        self.at += count
        return piece

    def byte(self):
        return self.take(1)[0]

    def varint(self, maximum=2**64 - 1):
        value = 0
        shift = 0
        while True:
            byte = self.byte()
            if shift == 63 and byte > 1:
                raise Refused("a varint of more than 64 bits")
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                break
            shift += 7
        if byte == 0 and shift > 0:
            raise Refused("a varint that is not in the shortest form")
        if value > maximum:
            raise Refused(f"{value} is above {maximum}")
        return value

    def counter(self):
        return self.varint(COUNTER_MAX)

    def zigzag(self):
        value = self.varint()
        return -(value + 1) // 2 if value & 1 else value // 2

    def text(self, pattern, what):
        value = self.take(self.varint())
        if not pattern.match(value):
            raise Refused(f"{value!r} is no {what}")
        return value.decode("ascii")

    def boot(self):
        return self.take(16).hex()

    def column(self, count, maximum=2**64 - 1):
        """Section 4."""
        body = Reader(self.take(self.varint()))
        mode = body.byte()
        if mode == 0:
            values = [body.varint()] * count
        elif mode == 1:
            lowest = body.varint()
            values = [lowest + body.varint() for _ in range(count)]
        elif mode == 2:
            presence = int.from_bytes(body.take((count + 7) // 8), "little")
            if presence >> count:
                raise Refused("presence bits behind the last value")
            values = [body.varint() if presence >> i & 1 else 0 for i in range(count)]
        else:
            raise Refused(f"unknown column mode {mode}")
        body.end("a column")
        if any(value > maximum for value in values):
            raise Refused(f"a column's value is above {maximum}")
        return values

    def end(self, what):
        if self.at != len(self.data):
            raise Refused(f"{len(self.data) - self.at} bytes too many in {what}")


def envelope(data):
    """Section 1: checks the file's head and both checksums; the payload and the version's quantities."""
    if data[:8] != MAGIC:
        raise Refused("no .weirbatch file")
    version = int.from_bytes(data[8:12], "little")
    if len(data) >= 12 and version not in QUANTITIES_OF:
        raise Refused(f"version {version}; this reader knows 1 and 2")
    if len(data) < 40:
        raise Refused("the envelope is cut short")
    if crc32c(data[:36]) != int.from_bytes(data[36:40], "little"):
        raise Refused("checksum of the envelope")
    if data[12:16] != bytes(4):
        raise Refused("bytes 12 to 15 are not zero")
    payload_length = int.from_bytes(data[16:24], "little")
    frame = data[40:]
    if int.from_bytes(data[24:32], "little") != len(frame):
        raise Refused("the file's length is not what the envelope says")
    if crc32c(frame) != int.from_bytes(data[32:36], "little"):
        raise Refused("checksum of the frame")
    if payload_length > PAYLOAD_MAX or payload_length > 255 * len(frame):
        raise Refused("the declared payload is too long")
    payload = lz4_frame(frame)
    if len(payload) != payload_length:
        raise Refused("the payload's length is not what the envelope says")
    return payload, QUANTITIES_OF[version]


def nonzero(names, values):
    return {name: value for name, value in zip(names, values) if value != 0}


def require_unique(names, what):
    if len(set(names)) != len(names):
        raise Refused(f"two {what} of the same name")


def read_listener(reader):
    name = reader.text(LABEL, "label")
    quantities = [reader.counter() for _ in reader.quantities]
    connections = [reader.counter() for _ in CONNECTION_QUANTITIES]
    return {
        "listener": name,
        "quantities": nonzero(reader.quantities, quantities),
        "connection_quantities": nonzero(CONNECTION_QUANTITIES, connections),
        "open_start": reader.counter(),
        "open_end": reader.counter(),
        "observations": reader.counter(),
    }


def read_head(reader):
    """Section 3."""
    instance = reader.text(NAME, "instance")
    boot = reader.boot()
    worker = reader.varint(65535)
    sequence = reader.varint()
    last_sequence = sequence + reader.varint()
    start = reader.zigzag()
    end = start + reader.zigzag()
    if abs(start) > TIME_MAX or abs(end) > TIME_MAX:
        raise Refused("start or end is out of range")
    length = reader.varint()
    flags = reader.varint()
    if flags & ~FLAGS_KNOWN:
        raise Refused(f"unknown flags in {flags}")
    if last_sequence > 2**64 - 1 or (last_sequence > sequence and not flags & FLAG_MERGED):
        raise Refused("several sequences in a batch that is not merged")
    predecessor = None
    has_predecessor = reader.byte()
    if has_predecessor > 1:
        raise Refused("neither with nor without predecessor")
    if has_predecessor:
        before = reader.boot()
        count = reader.varint(65536)
        predecessor = {"boot": before, "last_sequences": [reader.varint() for _ in range(count)]}
    units = [
        [reader.text(LABEL, "label"), reader.text(LABEL, "label")] for _ in range(reader.varint(4))
    ]
    require_unique([name for name, _ in units], "units")
    listeners = [read_listener(reader) for _ in range(reader.varint(4096))]
    require_unique([listener["listener"] for listener in listeners], "listeners")
    return {
        "name": f"{instance}/{boot}/{worker}/{sequence}",
        "last_sequence": last_sequence,
        "start_us": start,
        "end_us": end,
        "length_ns": length,
        "flags": flags,
        "predecessor": predecessor,
        "units": units,
        "listeners": listeners,
    }


def read_routes(reader):
    routes = []
    for _ in range(reader.varint()):
        route = reader.take(reader.varint())
        if route != b"~none" and not NAME.match(route):
            raise Refused(f"{route!r} is no route")
        routes.append(route)
    if any(one >= next_one for one, next_one in zip(routes, routes[1:])):
        raise Refused("the routes do not ascend")
    return routes


def shared_length(one, other):
    count = 0
    for a, b in zip(one, other):
        if a != b:
            break
        count += 1
    return count


def read_tenants(reader, rows):
    shared = reader.take(rows)
    beyond = reader.take(rows)
    total = reader.varint()
    if total != sum(beyond):
        raise Refused("the tenants' bytes are not as many as the rows say")
    rest = Reader(reader.take(total))
    tenants = []
    before = b""
    for row in range(rows):
        if shared[row] > len(before):
            raise Refused("a tenant shares more bytes than there are")
        tenant = before[:shared[row]] + rest.take(beyond[row])
        if shared[row] != shared_length(tenant, before):
            raise Refused("a tenant shares more bytes than it says")
        if not TENANT.match(tenant) and tenant.decode("latin-1") not in RESERVED_TENANTS:
            raise Refused(f"{tenant!r} is no tenant")
        tenants.append(tenant)
        before = tenant
    return tenants


def read_histograms(reader, rows):
    filled = reader.column(rows, BUCKETS)
    total = sum(filled)
    if total > FILLED_MAX:
        raise Refused("more filled buckets than this reader takes")
    with_any = sum(1 for count in filled if count)
    firsts = iter(reader.column(with_any, BUCKETS - 1))
    steps = iter(reader.column(total - with_any, BUCKETS - 1))
    counts = iter(reader.column(total, COUNTER_MAX))
    histograms = []
    for count in filled:
        bins = []
        for position in range(count):
            bucket = next(firsts) if position == 0 else bins[-1][0] + 1 + next(steps)
            if bucket >= BUCKETS:
                raise Refused("a bucket that does not exist")
            bins.append([bucket, next(counts)])
        if any(value == 0 for _, value in bins) or sum(value for _, value in bins) > COUNTER_MAX:
            raise Refused("a bucket's count")
        histograms.append(bins)
    return histograms


def read_rows(reader):
    """Section 5."""
    count = reader.varint(ROWS_MAX)
    routes = read_routes(reader)
    tenants = read_tenants(reader, count)
    route_of = reader.column(count)
    if any(index >= len(routes) for index in route_of) or len(set(route_of)) != len(routes):
        raise Refused("routes and rows do not belong together")
    quantities = [reader.column(count, COUNTER_MAX) for _ in reader.quantities]
    open_start, open_end = reader.column(count, COUNTER_MAX), reader.column(count, COUNTER_MAX)
    low, high = reader.column(count, COUNTER_MAX), reader.column(count, COUNTER_MAX)
    histograms = read_histograms(reader, count)
    rows = []
    before = None
    for i in range(count):
        key = (tenants[i], routes[route_of[i]])
        if before is not None and key <= before:
            raise Refused("the rows do not ascend")
        before = key
        row = {
            "tenant": key[0].decode("ascii"),
            "route": key[1].decode("ascii"),
            "quantities": nonzero(reader.quantities, [column[i] for column in quantities]),
            "open_start": open_start[i],
            "open_end": open_end[i],
            "bins": histograms[i],
            "clamped_low": low[i],
            "clamped_high": high[i],
        }
        begun = row["open_start"] + row["quantities"].get("requests", 0)
        ended = sum(row["quantities"].get(name, 0) for name in ENDINGS)
        if begun != ended + row["open_end"]:
            raise Refused(f"{row['tenant']} {row['route']}: what began is not what ended or is open")
        rows.append(row)
    return rows


def decode(data):
    """A file's bytes as the value that the golden files hold (section 10)."""
    reader = Reader(*envelope(data))
    batch = read_head(reader)
    batch["rows"] = read_rows(reader)
    reader.end("the payload")
    return batch


def to_text(batch):
    """JSON with a line for each listener and row, as the golden files are laid out."""
    lines = []
    for key, value in batch.items():
        if key in ("listeners", "rows") and value:
            items = ",\n".join("    " + json.dumps(item) for item in value)
            lines.append(f'  "{key}": [\n{items}\n  ]')
        else:
            lines.append(f'  "{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(lines) + "\n}"


# Checking the checkers: every flipped bit of a file must be noticed.


def damage_is_noticed(data):
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << (at % 8)
        try:
            decode(bytes(damaged))
            return False
        except Refused:
            continue
    return True


def check_folder(folder):
    assert crc32c(b"123456789") == 0xE3069283, "CRC-32C of the page's example"
    assert xxh32(b"") == 0x02CC5D05 and xxh32(b"a") == 0x550D7456, "xxh32 of known texts"
    files = sorted(pathlib.Path(folder).rglob("*.weirbatch"))
    differences = 0 if files else 1
    for file in files:
        data = file.read_bytes()
        try:
            batch = decode(data)
        except Refused as refused:
            differences += 1
            print(f"{file.name}: refused: {refused}")
            continue
        expected = file.with_suffix(".json").read_text("utf-8")
        same = json.loads(expected) == batch
        same_text = expected == to_text(batch) + "\n"
        noticed = damage_is_noticed(data)
        differences += (not same) + (not noticed)
        print(f"{file.name}: {len(batch['rows'])} rows, content {'equal' if same else 'DIFFERENT'}"
              f"{', text equal' if same_text else ''}"
              f", {len(data)} flipped bits {'all refused' if noticed else 'NOT all refused'}")
    print(f"decode_batch: files={len(files)} differences={differences}")
    return 1 if differences else 0


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--check":
        return check_folder(arguments[1])
    if not arguments or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    status = 0
    for name in arguments:
        try:
            print(to_text(decode(pathlib.Path(name).read_bytes())))
        except (OSError, Refused) as fault:
            print(f"{name}: {fault}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
