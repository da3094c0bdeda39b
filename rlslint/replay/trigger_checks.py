"""A CREATE TRIGGER in, the columns that it needs out, or the error that PostgreSQL gives (trigger.c, CreateTriggerFiringOn)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rlslint.catalog.rows import Proc, Relation
from rlslint.replay.columns import SYSTEM_COLUMNS
from rlslint.replay.session import DDLError
from rlslint.source.model import Raw

_BEFORE: Final = 2
_INSERT: Final = 4
_DELETE: Final = 8
_UPDATE: Final = 16
_TRUNCATE: Final = 32
_INSTEAD: Final = 64
_TRIGGER: Final = 2279


def require_place(relation: Relation, node: Raw) -> None:
    """Whether a relation can have such a trigger at all. Raises DDLError 42809, 0A000."""
    timing, events, row = node.get("timing", 0), node.get("events", 0), bool(node.get("row"))
    if node.get("isconstraint") and node.get("replace"):
        raise DDLError("0A000", "CREATE OR REPLACE CONSTRAINT TRIGGER is not supported")
    match relation.relkind:
        case "r" | "p" if timing == _INSTEAD:
            raise DDLError("42809", f'"{relation.relname}" is a table: tables cannot have INSTEAD OF triggers')
        case "v" if (timing != _INSTEAD and (row or node.get("isconstraint"))) or events & _TRUNCATE:
            raise DDLError("42809", f'"{relation.relname}" is a view')
        case "f" if timing == _INSTEAD or node.get("isconstraint"):
            raise DDLError("42809", f'"{relation.relname}" is a foreign table')
        case "m" | "S" | "c":
            raise DDLError("42809", f'relation "{relation.relname}" cannot have triggers')
    if row and events & _TRUNCATE:
        raise DDLError("0A000", "TRUNCATE FOR EACH ROW triggers are not supported")
    if timing == _INSTEAD and (not row or "whenClause" in node or node.get("columns")):
        raise DDLError("0A000", "INSTEAD OF triggers must be FOR EACH ROW, without WHEN and without a column list")
    _require_transitions(relation, node)


def _require_transitions(relation: Relation, node: Raw) -> None:
    events = node.get("events", 0)
    for item in node.get("transitionRels", ()):
        new = bool(item["TriggerTransition"].get("isNew"))
        if node.get("timing", 0):
            raise DDLError("42P17", "transition table name can only be specified for an AFTER trigger")
        if events & _TRUNCATE:
            raise DDLError("0A000", "TRUNCATE triggers with transition tables are not supported")
        if bin(events & (_INSERT | _DELETE | _UPDATE)).count("1") != 1 or node.get("columns"):
            raise DDLError("0A000", "transition tables cannot be specified for triggers with several events or columns")
        if not events & (_UPDATE | (_INSERT if new else _DELETE)):
            raise DDLError("42P17", f"{'NEW' if new else 'OLD'} TABLE cannot be specified for that event")
        if node.get("row") and (relation.relispartition or relation.relkind == "p" or relation.inhparents):
            raise DDLError("0A000", "ROW triggers with transition tables are not supported on partitions")


def require_trigger_function(proc: Proc) -> None:
    """Raise DDLError 42P17 for a function that returns no trigger."""
    if proc.prorettype not in (0, _TRIGGER):
        raise DDLError("42P17", f"function {proc.proname} must return type trigger")


def needed_columns(relation: Relation, node: Raw) -> tuple[int, ...]:
    """Numbers of the columns that UPDATE OF and WHEN name. Raises DDLError 42701, 42703, 42P17, 0A000."""
    names = [item["String"]["sval"] for item in node.get("columns", ())]
    for at, name in enumerate(names):
        if name in names[:at]:
            raise DDLError("42701", f'column "{name}" specified more than once')
    if "whenClause" in node:
        names += _in_condition(relation, node)
    found = []
    for name in dict.fromkeys(names):
        column = relation.attribute(name)
        if column is not None:
            found.append(column.attnum)
        elif relation.complete:
            raise DDLError("42703", f'column "{name}" of relation "{relation.relname}" does not exist')
    return tuple(found)


def _in_condition(relation: Relation, node: Raw) -> Iterator[str]:
    """Names of the columns that WHEN reads, of OLD and of NEW."""
    events, before = node.get("events", 0), node.get("timing", 0) == _BEFORE
    for kind, field in _nodes(node["whenClause"]):
        if kind == "SubLink":
            raise DDLError("0A000", "cannot use subquery in trigger WHEN condition")
        if kind != "ColumnRef":
            continue
        words = [part["String"]["sval"] for part in field["fields"] if "String" in part]
        if len(words) == 1 and words[0] not in ("old", "new") and relation.complete:
            known = relation.attribute(words[0]) is not None
            raise DDLError("42702" if known else "42703", f'column reference "{words[0]}" says neither OLD nor NEW')
        if not words or words[0] not in ("old", "new"):
            continue
        if not node.get("row"):
            raise DDLError("42P17", "statement trigger's WHEN condition cannot reference column values")
        if words[0] == "old" and events & _INSERT:
            raise DDLError("42P17", "INSERT trigger's WHEN condition cannot reference OLD values")
        if words[0] == "new" and events & _DELETE:
            raise DDLError("42P17", "DELETE trigger's WHEN condition cannot reference NEW values")
        column = relation.attribute(words[1]) if len(words) > 1 else None
        if words[0] == "new" and before:
            if words[-1] in SYSTEM_COLUMNS and words[-1] != "tableoid":
                raise DDLError("0A000", "BEFORE trigger's WHEN condition cannot reference NEW system columns")
            generated = [one for one in relation.attributes if one.attgenerated and not one.attisdropped]
            if generated and (len(words) == 1 or (column is not None and column.attgenerated)):
                raise DDLError("42P17", "BEFORE trigger's WHEN condition cannot reference NEW generated columns")
        if len(words) > 1 and words[1] not in SYSTEM_COLUMNS:
            yield words[1]


def _nodes(raw: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(raw, list):
        for item in raw:
            yield from _nodes(item)
    elif isinstance(raw, dict):
        for kind, field in raw.items():
            if isinstance(field, dict):
                yield kind, field
            yield from _nodes(field)
