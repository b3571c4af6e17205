"""Exact arithmetic of docs/reference/policy.md and statement.md: splitting, rounding, decimals as text."""

from fractions import Fraction


def as_bytes(key):
    return key.encode("utf-8")


def hand_out(total, floors, remainders, sizes):
    """Gives the units that are missing from total one each to the largest remainders."""
    missing = total - sum(floors.values())
    order = sorted(
        (key for key in floors if remainders[key] > 0),
        key=lambda key: (-remainders[key], -sizes[key], as_bytes(key)))
    if not 0 <= missing <= len(order):
        raise ValueError(f"{missing} units are missing and {len(order)} parts can take one")
    parts = dict(floors)
    for key in order[:missing]:
        parts[key] += 1
    return parts


def split(total, weights):
    """Split(T, w): a whole number over weights that are not negative and not all zero."""
    whole = sum(weights.values())
    if whole <= 0 or any(weight < 0 for weight in weights.values()):
        raise ValueError("weights must not be negative, and their sum must be above zero")
    exact = {key: Fraction(abs(total) * weight) / whole for key, weight in weights.items()}
    floors = {key: value.numerator // value.denominator for key, value in exact.items()}
    remainders = {key: exact[key] - floors[key] for key in exact}
    parts = hand_out(abs(total), floors, remainders, weights)
    return {key: -part for key, part in parts.items()} if total < 0 else parts


def round_parts(exact, total):
    """Round(x, T): exact parts of any sign to whole units that sum to T."""
    if any(value < 0 for value in exact.values()) and not any(value > 0 for value in exact.values()):
        negated = round_parts({key: -value for key, value in exact.items()}, -total)
        return {key: -part for key, part in negated.items()}
    floors = {key: Fraction(value).numerator // Fraction(value).denominator for key, value in exact.items()}
    remainders = {key: value - floors[key] for key, value in exact.items()}
    return hand_out(total, floors, remainders, {key: abs(value) for key, value in exact.items()})


def half_even(value):
    """The nearest whole number; of two, the even one. (What Python's round does with a Fraction.)"""
    return round(Fraction(value))


def fixed(value, digits):
    """A decimal with exactly so many fraction digits, half to even."""
    units = half_even(Fraction(value) * 10**digits)
    text = str(abs(units)).rjust(digits + 1, "0")
    sign = "-" if units < 0 else ""
    return sign + (text if digits == 0 else f"{text[:-digits]}.{text[-digits:]}")


def shortest(value):
    """A decimal without digits that say nothing. The value must have a finite decimal form."""
    value = Fraction(value)
    digits = 0
    while (value * 10**digits).denominator != 1:
        digits += 1
        if digits > 60:
            raise ValueError(f"{value} has no short decimal form")
    return fixed(value, digits)
