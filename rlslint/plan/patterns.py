"""A pattern in, the text that every match begins with out: pattern_fixed_prefix() of like_support.c.

A LIKE, regular expression or ^@ with a constant pattern is served by an index as a range of texts with the prefix, or as an
equality where the pattern has no wildcard (match_pattern_prefix).
"""

from __future__ import annotations

from typing import Final, Literal

from rlslint.analyze.collate import C_COLLATION
from rlslint.nodes.primnodes import Oid

Kind = Literal["like", "ilike", "regex", "prefix"]

KINDS: Final[dict[Oid, Kind]] = {
    1209: "like", 1211: "like", 1207: "like",
    1627: "ilike", 1629: "ilike", 1625: "ilike",
    641: "regex", 1055: "regex", 639: "regex",
    3877: "prefix",
}  # fmt: skip
"""Operators whose support function finds prefixes, with a right operand of type text: ~~, ~~* and ~ of text, bpchar
and name, ^@ of text."""
STARTS_WITH: Final[Oid] = 3696
"""The function starts_with(text, text), which ^@ stands for."""

# families that compare byte by byte: text_pattern_ops and bpchar_pattern_ops of btree, text_ops of spgist
_BYTEWISE: Final = frozenset({2095, 2097, 4017})
# text_ops and bpchar_ops of btree; the same, with their pattern classes, of hash
_COLLATED: Final = frozenset({1994, 426})
_HASHED: Final = frozenset({1995, 427, 2229, 2231})
_REGEX_SPECIAL: Final = frozenset(".[]()*+?{}|^$\\")


def serves(family: Oid, collation: Oid, pattern: str, kind: Kind) -> Literal["equal", "range"] | None:
    """How an index of the operator family and collation serves the pattern. The family of the type's own order compares
    by the collation, which is of use for a whole value alone, unless it is C."""
    prefix, exact = fixed_prefix(pattern, kind)
    if exact:
        return "equal" if family in _BYTEWISE | _COLLATED | _HASHED else None
    bytewise = family in _BYTEWISE or (family in _COLLATED and collation == C_COLLATION)
    return "range" if prefix and bytewise else None


def fixed_prefix(pattern: str, kind: Kind) -> tuple[str, bool]:
    """The prefix, and whether it is all that the pattern matches. An empty prefix that is not exact is none."""
    match kind:
        case "like":
            return _like(pattern, folded=False)
        case "ilike":
            return _like(pattern, folded=True)
        case "regex":
            return _regex(pattern)
        case "prefix":
            return pattern, False


def _like(pattern: str, *, folded: bool) -> tuple[str, bool]:
    """like_fixed_prefix()."""
    prefix = ""
    characters = iter(pattern)
    for character in characters:
        if character in "%_":
            return prefix, False
        if character == "\\":
            escaped = next(characters, None)
            if escaped is None:
                return prefix, True
            character = escaped
        if folded and (character.isalpha() or ord(character) > 127):
            return prefix, False
        prefix += character
    return prefix, True


def _regex(pattern: str) -> tuple[str, bool]:
    """regexp_fixed_prefix(), of expressions that are literal text between anchors; of others less is said than
    pg_regprefix() finds out."""
    if not pattern.startswith("^") or pattern.startswith("^*") or "\\" in pattern or _alternates(pattern):
        return "", False
    rest = pattern[1:]
    prefix = ""
    for i, character in enumerate(rest):
        if character == "$" and i == len(rest) - 1:
            return prefix, True
        if character in "*?{":
            return prefix[:-1], False
        if character in _REGEX_SPECIAL:
            return prefix, False
        prefix += character
    return prefix, False


def _alternates(pattern: str) -> bool:
    """Whether a | stands outside parentheses, or who knows where."""
    depth = 0
    for character in pattern:
        depth += (character == "(") - (character == ")")
        if character == "|" and (depth == 0 or "[" in pattern):
            return True
    return False
