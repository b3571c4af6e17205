"""Reads the policy document of docs/reference/policy.md, and puts records in pools.

Only the part of YAML that the demo's and the example's policies use: block mappings and lists, flow mappings and lists
on one line, comments, quoted and plain texts. Every scalar stays text, so weights are read exactly.
"""

import hashlib
import re
from dataclasses import dataclass
from fractions import Fraction

# Quoted text, punctuation, or plain text; a colon inside a word and a blank inside a text belong to it.
FLOW_TOKEN = re.compile(
    r"""\s*("[^"]*"|'[^']*'|[\[\]{},]|:(?=\s|\Z)|"""
    r"""(?:[^\s\[\]{},:]|:(?=\S)|\s(?=[^\s\[\]{},:]))+)""")
TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}\Z")


class PolicyFault(Exception):
    pass


# YAML


def without_comment(line):
    quote = None
    for at, character in enumerate(line):
        if quote:
            if character == quote:
                quote = None
        elif character in "\"'":
            quote = character
        elif character == "#" and (at == 0 or line[at - 1] in " \t"):
            return line[:at].rstrip()
    return line.rstrip()


def parse_yaml(text):
    lines = []
    for line in text.splitlines():
        line = without_comment(line)
        if line and line != "---":
            lines.append((len(line) - len(line.lstrip(" ")), line.lstrip(" ")))
    value, end = block(lines, 0, lines[0][0])
    if end != len(lines):
        raise PolicyFault(f"not understood: {lines[end][1]}")
    return value


def key_of(content):
    """(key, rest) of `key: rest`, or None."""
    match = re.match(r"""("[^"]*"|'[^']*'|[^\s\[{"'][^:#]*?)\s*:(?:\s+(.*))?\Z""", content)
    return (unquoted(match.group(1)), match.group(2) or "") if match else None


def unquoted(text):
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'" else text


def block(lines, at, indent):
    if lines[at][1].startswith("- ") or lines[at][1] == "-":
        return block_list(lines, at, indent)
    return block_mapping(lines, at, indent)


def block_list(lines, at, indent):
    values = []
    while at < len(lines) and lines[at][0] == indent and lines[at][1].startswith("-"):
        rest = lines[at][1][1:].lstrip(" ")
        if rest and not key_of(rest):
            values.append(flow(rest))
            at += 1
            continue
        if rest:
            inner = indent + len(lines[at][1]) - len(rest)
            lines[at] = (inner, rest)
        else:
            at += 1
            inner = lines[at][0]
        value, at = block(lines, at, inner)
        values.append(value)
    return values, at


def block_mapping(lines, at, indent):
    values = {}
    while at < len(lines) and lines[at][0] == indent and not lines[at][1].startswith("- "):
        pair = key_of(lines[at][1])
        if not pair or pair[0] in values:
            raise PolicyFault(f"not understood, or twice: {lines[at][1]}")
        at += 1
        if pair[1]:
            values[pair[0]] = flow(pair[1])
        elif at < len(lines) and lines[at][0] > indent:
            values[pair[0]], at = block(lines, at, lines[at][0])
        else:
            raise PolicyFault(f"no value: {pair[0]}")
    return values, at


def flow(text):
    tokens = FLOW_TOKEN.findall(text)
    if text[0] not in "[{":
        return unquoted(text)
    value, end = flow_value(tokens, 0)
    if end != len(tokens):
        raise PolicyFault(f"not understood: {text}")
    return value


def flow_value(tokens, at):
    if tokens[at] == "[":
        values = []
        at += 1
        while tokens[at] != "]":
            value, at = flow_value(tokens, at)
            values.append(value)
            at += tokens[at] == ","
        return values, at + 1
    if tokens[at] == "{":
        values = {}
        at += 1
        while tokens[at] != "}":
            if tokens[at + 1] != ":":
                raise PolicyFault(f"no colon behind {tokens[at]}")
            values[unquoted(tokens[at])], next_at = flow_value(tokens, at + 2)
            at = next_at + (tokens[next_at] == ",")
        return values, at + 1
    return unquoted(tokens[at]), at + 1


# The policy


@dataclass
class Driver:
    quantity: str
    weight: Fraction
    routes: list | None
    route_weights: dict

    def factor(self, route):
        if self.routes is not None and route not in self.routes:
            return Fraction(0)
        return self.route_weights.get(route, Fraction(1))


@dataclass
class Pool:
    name: str
    match: dict
    kind: str
    method: dict
    drivers: list
    fallback: object  # "unallocated", "even" or a Driver

    def takes(self, record):
        return matches(self.match, record)


@dataclass
class Policy:
    name: str
    currency: str
    sha256: str
    units: list
    excluded: set
    pools: list


def read_policy(data):
    tree = parse_yaml(data.decode("utf-8"))
    if tree.get("version") != "1":
        raise PolicyFault(f"version {tree.get('version')}")
    reserved = tree.get("reserved_tenants", {})
    return Policy(
        name=tree["name"], currency=tree["currency"], sha256=hashlib.sha256(data).hexdigest(),
        units=tree.get("units", []),
        excluded={"~" + name for name, fate in reserved.items() if fate == "exclude"},
        pools=[read_pool(pool) for pool in tree["pools"]])


def read_pool(tree):
    method = tree["method"]
    kind = method["kind"]
    if kind not in ("keep", "direct", "proportional"):
        raise PolicyFault(f"method {kind}")
    drivers = [read_driver(driver) for driver in method.get("drivers", [])]
    if kind == "proportional" and sum(driver.weight for driver in drivers) != 1:
        raise PolicyFault(f"the weights of {tree['name']} do not sum to 1")
    fallback = method.get("fallback", "unallocated")
    if fallback not in ("unallocated", "even"):
        fallback = read_driver(fallback)
    return Pool(tree["name"], tree.get("match", {}), kind, method, drivers, fallback)


def read_driver(tree):
    if isinstance(tree, str):
        tree = {"quantity": tree}
    if "external" in tree:
        raise PolicyFault("external series are not part of this implementation")
    weights = {route: Fraction(weight) for route, weight in tree.get("route_weights", {}).items()}
    return Driver(tree["quantity"], Fraction(tree.get("weight", "1")), tree.get("routes"), weights)


def matches(match, record):
    return all(holds(key, value, record) for key, value in match.items())


def holds(key, value, record):
    if key == "tags":
        return all(passes(test, record.tag(tag)) for tag, test in value.items())
    if key == "all":
        return all(matches(match, record) for match in value)
    if key == "any":
        return any(matches(match, record) for match in value)
    if key == "not":
        return not matches(value, record)
    return passes(value, record.text(key))


def passes(test, text):
    if isinstance(test, dict) and "present" in test:
        return (text is not None) == (test["present"] == "true")
    if text is None:
        return False
    if isinstance(test, str):
        return text == test
    if isinstance(test, list):
        return text in test
    if "equals" in test:
        return text == test["equals"]
    if "in" in test:
        return text in test["in"]
    return text.startswith(test["prefix"])


def pool_of(policy, record):
    """The name of the first pool that takes the record."""
    return next((pool.name for pool in policy.pools if pool.takes(record)), "~unmatched")


def owner_account(pool, record):
    """The ledger account of a record in a direct pool."""
    method = pool.method
    text = record.tag(method["tag"]) if "tag" in method else record.text(method["field"])
    if not text:
        return "platform:unallocated:no-owner"
    if "map" in method:
        mapped = method["map"].get(text)
        return f"tenant:{mapped}" if mapped else "platform:unallocated:unmapped"
    return f"tenant:{text}" if TENANT.match(text) else "platform:unallocated:invalid-tenant"
