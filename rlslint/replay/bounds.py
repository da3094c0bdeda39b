"""FOR VALUES and DEFAULT of a partition in, its bound in one form out; what PostgreSQL rejects in it (partbounds.c)."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any, Final

from rlslint.analyze import types as t
from rlslint.analyze.coerce import coerce
from rlslint.analyze.entry import rejections, stored_expr
from rlslint.analyze.typename import format_type
from rlslint.catalog.rows import Relation
from rlslint.nodes.primnodes import Const, Oid
from rlslint.replay.session import DDLError, Session
from rlslint.source.model import Raw, Statement

_STRATEGIES: Final = {"l": "list", "r": "range", "h": "hash"}
_INTEGERS: Final = frozenset({t.INT2, t.INT4, t.INT8})
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_UNKNOWN: Final = ["?"]
_INFINITE: Final = {"minvalue": ["min"], "maxvalue": ["max"]}
_ORDER: Final = {"min": -1, "max": 1}


def partition_bound(session: Session, statement: Statement, parent: Relation, raw: Raw) -> str:
    """A partition's bound as JSON, for `Relation.partbound` (transformPartitionBound, check_new_partition_bound).

    Raises DDLError: 42P16 for a bound that does not fit the parent's strategy, 42804 and 22P02 for values that do not
    fit its columns, 42P17 where another partition has some of the values. Values that are not written out say nothing.
    """
    others = [
        json.loads(child.partbound)
        for child in session.catalog.children_of(parent.oid)
        if child.relispartition and child.partbound
    ]
    strategy, *keys = parent.partkey
    if raw.get("is_default"):
        if strategy == "hash":
            raise DDLError("42P16", "a hash-partitioned table may not have a default partition")
        if any(other["s"] == "d" for other in others):
            raise DDLError("42P17", "partition conflicts with existing default partition")
        return json.dumps({"s": "d"})
    if _STRATEGIES.get(raw.get("strategy", "")) != strategy:
        raise DDLError("42P16", f"invalid bound specification for a {strategy} partition")
    others = [other for other in others if other["s"] == strategy[0]]
    bound: dict[str, Any] = {"s": strategy[0]}
    if strategy == "hash":
        bound |= {"m": raw.get("modulus", 0), "r": raw.get("remainder", 0)}
        _check_hash(bound, others)
    elif strategy == "list":
        bound["v"] = [_value(session, statement, parent, keys[0], item) for item in raw["listdatums"]]
        if any(value in other["v"] for value in bound["v"] if value != _UNKNOWN for other in others):
            raise DDLError("42P17", "partition would overlap partition")
    else:
        for field, word in (("lowerdatums", "FROM"), ("upperdatums", "TO")):
            if len(raw[field]) != len(keys):
                raise DDLError("42P16", f"{word} must specify exactly one value per partitioning column")
            values = [_limit(session, statement, parent, key, item) for key, item in zip(keys, raw[field], strict=True)]
            bound[field[:2]] = values
            _check_infinite(values)
        _check_range(bound, others)
    return json.dumps(bound)


def _value(session: Session, statement: Statement, parent: Relation, key: str, raw: Raw) -> Any:
    """A value of a key's type; `_UNKNOWN` where it has to be computed, or the key is an expression."""
    catalog = session.catalog
    stored = stored_expr(catalog, statement, raw, 0, session.search_path, where="partition bound")
    for problem in rejections(stored.expr):
        raise DDLError(problem.sqlstate or "42601", problem.reason)
    column = parent.attribute(key)
    if column is None or not column.atttypid:
        return _UNKNOWN
    value = coerce(catalog, stored.expr, column.atttypid, "a")
    if value is None:
        name = format_type(catalog, column.atttypid)
        raise DDLError("42804", f'specified value cannot be cast to type {name} for column "{key}"')
    return _constant(value.value, column.atttypid) if isinstance(value, Const) else _UNKNOWN


def _constant(text: str | None, oid: Oid) -> Any:
    if text is None or oid not in _INTEGERS:
        return text
    try:
        return int(text)
    except ValueError:
        raise DDLError("22P02", f'invalid input syntax for type integer: "{text}"') from None


def _limit(session: Session, statement: Statement, parent: Relation, key: str, raw: Raw) -> Any:
    fields = raw.get("ColumnRef", {}).get("fields", ())
    word = fields[0].get("String", {}).get("sval", "") if len(fields) == 1 else ""
    if word in _INFINITE:
        return _INFINITE[word]
    value = _value(session, statement, parent, key, raw)
    if value is None:
        raise DDLError("42P16", "cannot specify NULL in range bound")
    return value


def _check_infinite(values: list[Any]) -> None:
    for value, after in pairwise(values):
        if value in _INFINITE.values() and after != value:
            raise DDLError("42804", f"every bound following {value[0]}value must also be {value[0]}value")


def _check_hash(bound: dict[str, Any], others: list[dict[str, Any]]) -> None:
    modulus, remainder = bound["m"], bound["r"]
    if modulus < 1 or not 0 <= remainder < modulus:
        raise DDLError("42P16", "remainder for hash partition must be less than modulus")
    for other in others:
        small, large = sorted((modulus, other["m"]))
        if large % small:
            raise DDLError("42P16", "every hash partition modulus must be a factor of the next larger modulus")
        if remainder % small == other["r"] % small:
            raise DDLError("42P17", "partition would overlap partition")


def _check_range(bound: dict[str, Any], others: list[dict[str, Any]]) -> None:
    if _before(bound["up"], bound["lo"], equal=True):
        raise DDLError("42P17", "empty range bound specified for partition")
    for other in others:
        if _before(bound["lo"], other["up"]) and _before(other["lo"], bound["up"]):
            raise DDLError("42P17", "partition would overlap partition")


def _before(one: list[Any], other: list[Any], *, equal: bool = False) -> bool:
    """Whether a limit certainly comes before another one."""
    for left, right in zip(one, other, strict=False):
        places = [_ORDER.get(side[0], None) if isinstance(side, list) else 0 for side in (left, right)]
        if None in places:
            return False
        if places[0] != places[1]:
            return (places[0] or 0) < (places[1] or 0)
        if left == right:
            continue
        if isinstance(left, int) and isinstance(right, int):
            return left < right
        if isinstance(left, str) and isinstance(right, str) and _DAY.fullmatch(left) and _DAY.fullmatch(right):
            return left < right
        return False
    return equal
