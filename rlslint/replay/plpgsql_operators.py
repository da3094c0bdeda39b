"""Values of a DO block's expression and an operator in, its value out: booleans, arrays, texts and numbers."""

from __future__ import annotations

import re

from rlslint.replay.plpgsql_functions import compare, text_of
from rlslint.replay.plpgsql_reg import Undecided
from rlslint.replay.plpgsql_stored import Value


def truth(value: Value) -> bool | None:
    """A value where a condition stands."""
    if isinstance(value, str):
        return value.strip().lower() in ("t", "tr", "tru", "true", "y", "ye", "yes", "on", "1")
    return None if value is None else bool(value)


def as_list(value: Value) -> list[Value]:
    """An array, also out of its text form. Raises Undecided for anything else."""
    if isinstance(value, list):
        return value
    if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
        return [part.strip().strip('"') for part in value[1:-1].split(",")] if value != "{}" else []
    if value is None:
        return []
    raise Undecided("not an array")


def array_test(name: str, left: Value, items: list[Value], *, every: bool) -> bool | None:
    """``value op ANY (array)``, with ``every`` ALL; None is NULL."""
    results = [binary(name, left, item) for item in items]
    if every:
        return False if False in results else (None if None in results else True)
    return True if True in results else (None if None in results else False)


def prefix(name: str, value: Value) -> Value:
    """A prefix operator's value. Raises Undecided."""
    if value is None:
        return None
    if name == "-" and isinstance(value, (int, float)):
        return -value
    raise Undecided(f"prefix {name}")


def binary(name: str, left: Value, right: Value) -> Value:
    """An operator's value. Raises Undecided for one that is not followed."""
    if name == "||":
        if isinstance(left, list) or isinstance(right, list):
            head = left if isinstance(left, list) else [left]
            return head + (right if isinstance(right, list) else [right])
        return None if left is None or right is None else text_of(left) + text_of(right)
    if left is None or right is None:
        return None
    match name:
        case "=":
            return compare(left, right) == 0
        case "<>" | "!=":
            return compare(left, right) != 0
        case "<":
            return compare(left, right) < 0
        case "<=":
            return compare(left, right) <= 0
        case ">":
            return compare(left, right) > 0
        case ">=":
            return compare(left, right) >= 0
        case "~" | "~*" | "!~" | "!~*":
            try:
                found = re.search(text_of(right), text_of(left), re.IGNORECASE if name.endswith("*") else 0)
            except re.error:
                raise Undecided("a regular expression of another dialect") from None
            return (found is not None) != name.startswith("!")
        case "@>" if isinstance(left, list):
            return all(item in left for item in as_list(right))
        case "<@" if isinstance(right, list):
            return all(item in right for item in as_list(left))
        case "&&" if isinstance(left, list):
            return any(item in left for item in as_list(right))
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        match name:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "%" if right and isinstance(left, int) and isinstance(right, int):
                return left % right
    raise Undecided(f"operator {name}")
