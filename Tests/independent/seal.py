#!/usr/bin/env python3
"""Holds statements against a seal of docs/reference/ledger.md, with nothing but the standard library.

    seal.py SEAL FOLDER      every *.json of the folder is a statement of the sealed period and version
    seal.py --selfcheck      holds this code against trees worked out by hand

The exit status is 0 when the seal holds; otherwise each difference is named.
"""

import hashlib
import json
import pathlib
import sys


def sha(data):
    return hashlib.sha256(data).digest()


def leaf(name, document):
    encoded = name.encode("utf-8")
    return sha(b"\x00" + len(encoded).to_bytes(4, "big") + encoded + sha(document))


def root(leaves):
    """RFC 9162, section 2.1.1, by its own definition: split at the largest power of two below the count."""
    if not leaves:
        return bytes(32)
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha(b"\x01" + root(leaves[:half]) + root(leaves[half:]))


def differences(seal, documents):
    """documents is a list of the bytes of statements."""
    found = []
    named = []
    for document in documents:
        statement = json.loads(document)
        if (statement["period"], statement["version"]) != (seal["period"], seal["version"]):
            found.append(f"{statement['tenant']} is of {statement['period']} version {statement['version']}")
        named.append((statement["tenant"].encode("utf-8"), document))
    named.sort()
    if len(named) != seal["statements"]:
        found.append(f"{len(named)} statements, {seal['statements']} were sealed")
    computed = root([leaf(name.decode("utf-8"), document) for name, document in named]).hex()
    if computed != seal["statements_root"]:
        found.append(f"root {computed}, sealed {seal['statements_root']}")
    for totals in seal["totals"]:
        micros = [int(value.replace(".", "")) for key, value in totals.items() if key != "currency"]
        if sum(micros) != 0:
            found.append(f"the totals in {totals['currency']} sum to {sum(micros)} micro-units")
    return found


def selfcheck():
    leaves = [leaf(name, name.encode() * 3) for name in "abcde"]

    def node(left, right):
        return sha(b"\x01" + left + right)

    ab, cd = node(leaves[0], leaves[1]), node(leaves[2], leaves[3])
    assert root([]) == bytes(32)
    assert root(leaves[:1]) == leaves[0]
    assert root(leaves[:3]) == node(ab, leaves[2])
    assert root(leaves) == node(node(ab, cd), leaves[4])
    assert leaf("a", b"x") != leaf("b", b"x") != leaf("b", b"y")
    print("seal: selfcheck passed")


def main(arguments):
    if arguments == ["--selfcheck"]:
        selfcheck()
        return 0
    if len(arguments) != 2:
        print(__doc__)
        return 2
    seal = json.loads(pathlib.Path(arguments[0]).read_bytes())
    documents = [path.read_bytes() for path in sorted(pathlib.Path(arguments[1]).glob("*.json"))]
    found = differences(seal, documents)
    for line in found:
        print(line)
    print(f"independent: seal of {seal['period']} v{seal['version']}, statements={len(documents)} "
          f"differences={len(found)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
