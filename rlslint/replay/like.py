"""CREATE TABLE ... LIKE in, the columns and what else it copies out (parse_utilcmd.c, transformTableLikeClause)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rlslint.catalog.rows import Relation
from rlslint.nodes.primnodes import Oid
from rlslint.records import dataclass, field, replace
from rlslint.replay.columns import ColumnPlan, set_default
from rlslint.replay.indexes import clone_index
from rlslint.replay.inherit import inherited_check, mapped
from rlslint.replay.lookup import relation
from rlslint.replay.not_null import not_null_of
from rlslint.replay.session import DDLError, Session
from rlslint.source.model import Raw, Statement

_CONSTRAINTS: Final = 1 << 2
_DEFAULTS: Final = 1 << 3
_GENERATED: Final = 1 << 4
_IDENTITY: Final = 1 << 5
_INDEXES: Final = 1 << 6


@dataclass(slots=True)
class LikeParts:
    """What the elements of CREATE TABLE add up to."""

    plans: list[ColumnPlan] = field(default_factory=list)
    constraints: list[Raw] = field(default_factory=list)
    later: list[Callable[[Session, Oid], None]] = field(default_factory=list)
    """To be done once the table exists."""
    not_null: set[str] = field(default_factory=set)
    """Columns that the table itself declares NOT NULL."""
    complete: bool = True
    oftype: Oid = 0
    """The type of a typed table."""


def like_columns(session: Session, statement: Statement, node: Raw, parts: LikeParts) -> None:
    """Add the columns of a LIKE clause, and what its INCLUDING options bring. Raises DDLError 42809, NotFollowed."""
    source = relation(session, node["relation"])
    if source.relkind not in "rvmcfp":
        raise DDLError("42809", f'relation "{source.relname}" is invalid in LIKE clause')
    wanted = int(node.get("options", 0))
    parts.complete = parts.complete and source.complete
    for column in source.attributes:
        if column.attisdropped:
            continue
        identity = column.attidentity if wanted & _IDENTITY else ""
        keeps = wanted & (_GENERATED if column.attgenerated else _DEFAULTS)
        plan = ColumnPlan(
            replace(
                column,
                attnum=len(parts.plans) + 1,
                attdefault=None,
                attgenerated=column.attgenerated if keeps else "",
                attidentity=identity,
                attislocal=True,
                attacl=frozenset(),
                origin=statement.span,
            ),
            sequence="identity" if identity else "",
        )
        named = not_null_of(session.catalog, source.oid, column.attnum)
        if named is not None:
            plan.not_null_name, plan.not_null_no_inherit = named.conname, named.connoinherit
        parts.plans.append(plan)
        if column.attdefault is not None and keeps:
            parts.later.append(_copy_default(source, column.attname))
    if wanted & _CONSTRAINTS:
        parts.later.append(lambda session, relid: _copy_checks(session, source, relid))
    if wanted & _INDEXES:
        parts.later.append(lambda session, relid: _copy_indexes(session, statement, source, relid))


def _copy_default(source: Relation, name: str) -> Callable[[Session, Oid], None]:
    def copy(session: Session, relid: Oid) -> None:
        table = session.catalog.relations[relid]
        old, new = source.attribute(name), table.attribute(name)
        if old is not None and new is not None:
            set_default(session, relid, new.attnum, mapped(session, old.attdefault, source, table))

    return copy


def _copy_checks(session: Session, source: Relation, relid: Oid) -> None:
    for row in session.catalog.constraints_of(source.oid):
        if row.contype == "c":
            inherited_check(session, row, source, relid)
    for row in session.catalog.constraints_of(relid):
        session.catalog.constraints.put(replace(row, conislocal=True))


def _copy_indexes(session: Session, statement: Statement, source: Relation, relid: Oid) -> None:
    for index in session.catalog.indexes_of(source.oid):
        clone_index(session, statement, index, source, relid, parent=0)
