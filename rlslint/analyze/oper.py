"""An operator name and operand types in, the operator that PostgreSQL picks out (parse_oper.c)."""

from __future__ import annotations

from rlslint.analyze import types as t
from rlslint.analyze.coerce import GenericMiss, can_coerce, enforce_generic_types
from rlslint.analyze.func import has_unseen, select_candidate
from rlslint.analyze.typename import format_type
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Operator
from rlslint.nodes.primnodes import Oid
from rlslint.records import dataclass


@dataclass(frozen=True, slots=True)
class OperMatch:
    """The operator, the types its operands are coerced to (left 0 for a prefix operator), and its result type."""

    operator: Operator
    left: Oid
    right: Oid
    result: Oid


@dataclass(frozen=True, slots=True)
class OperMiss:
    """No single operator: PostgreSQL's message and SQLSTATE, or None where it only is unknown here."""

    reason: str
    sqlstate: str | None


def resolve_operator(
    catalog: Catalog, schema: str | None, name: str, left: Oid | None, right: Oid, search_path: tuple[str, ...]
) -> OperMatch | OperMiss:
    """The operator for two operand types; ``left`` None for a prefix operator (oper, left_oper)."""
    rows = _visible(catalog.find_operators(schema, name, search_path), prefix=left is None)
    given = [right] if left is None else [left, right]
    if not rows and not catalog.operators.find("name", name):
        return OperMiss(f"operator {name} is created by no file", None)
    if 0 in given:
        return _unknown_operand(catalog, rows, name, given)
    exact = _exact(catalog, rows, given)
    if exact is not None:
        return _match(catalog, exact, given)
    usable = [row for row in rows if can_coerce(catalog, given, _operands(row))]
    if len(usable) > 1:
        best = select_candidate(catalog, [_operands(row) for row in usable], given)
        usable = [usable[i] for i in best]
    if len(usable) == 1:
        return _match(catalog, usable[0], given)
    shown = ["unknown" if oid == t.UNKNOWN else format_type(catalog, oid) for oid in given]
    text = f"{shown[0]} {name} {shown[1]}" if len(shown) > 1 else f"{name} {shown[0]}"
    if has_unseen(catalog, schema, search_path):
        return OperMiss(f"no operator {text} is created by a file", None)
    if usable:
        return OperMiss(f"operator is not unique: {text}", "42725")
    return OperMiss(f"operator does not exist: {text}", "42883")


def _visible(rows: tuple[Operator, ...], *, prefix: bool) -> list[Operator]:
    found: dict[tuple[Oid, Oid], Operator] = {}
    for row in rows:
        if (row.oprleft == 0) == prefix:
            found.setdefault((row.oprleft, row.oprright), row)
    return list(found.values())


def _operands(row: Operator) -> list[Oid]:
    return [row.oprright] if row.oprleft == 0 else [row.oprleft, row.oprright]


def _exact(catalog: Catalog, rows: list[Operator], given: list[Oid]) -> Operator | None:
    """binary_oper_exact: an unknown operand is first taken for the other's type, then for its base type."""
    tries = [list(given)]
    if len(given) == 2 and t.UNKNOWN in given and given != [t.UNKNOWN, t.UNKNOWN]:
        known = given[0] if given[1] == t.UNKNOWN else given[1]
        tries = [[known, known]]
        base = t.base_type(catalog, known)
        if base != known:
            tries.append([base, base])
    for wanted in tries:
        for row in rows:
            if _operands(row) == wanted:
                return row
    return None


def _match(catalog: Catalog, row: Operator, given: list[Oid]) -> OperMatch | OperMiss:
    made = enforce_generic_types(catalog, given, _operands(row), row.oprresult)
    if isinstance(made, GenericMiss):
        return OperMiss(made.reason, made.sqlstate)
    operands, result = made
    return OperMatch(row, operands[0] if len(operands) > 1 else 0, operands[-1], result)


def _unknown_operand(catalog: Catalog, rows: list[Operator], name: str, given: list[Oid]) -> OperMatch | OperMiss:
    """One operand's type is not known here: taken for the other's where such an operator exists."""
    known = next((oid for oid in given if oid not in (0, t.UNKNOWN)), 0)
    if known and len(given) == 2:
        base = t.base_type(catalog, known)
        for row in rows:
            if _operands(row) in ([known, known], [base, base]):
                return OperMatch(row, row.oprleft, row.oprright, row.oprresult)
    results = {row.oprresult for row in rows}
    if len(results) == 1 and rows and next(iter(results)) not in t.POLYMORPHIC:
        row = rows[0]
        return OperMatch(row, 0 if len(given) < 2 else given[0], given[-1], row.oprresult)
    return OperMiss(f"operator {name} with an operand of unknown type", None)
