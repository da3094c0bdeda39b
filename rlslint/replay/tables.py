"""CREATE TABLE in, the table's rows with everything it brings along out (tablecmds.c, DefineRelation)."""

from __future__ import annotations

from typing import Final

from rlslint.catalog.rows import Attribute, Relation
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay.bounds import partition_bound
from rlslint.replay.columns import (
    ColumnPlan,
    add_sequence,
    cook_default,
    plan_column,
    plan_constraints,
    set_default,
)
from rlslint.replay.constraints import add_constraints, inherit_checks
from rlslint.replay.grants import default_acl
from rlslint.replay.inherit import merge_parents, require_persistence
from rlslint.replay.like import LikeParts, like_columns
from rlslint.replay.lookup import is_taken, relation, require_free, target_relation
from rlslint.replay.not_null import name_not_nulls
from rlslint.replay.partitions import clone_from_parent, partition_key
from rlslint.replay.reloptions import changed_options
from rlslint.replay.rowtypes import add_row_type
from rlslint.replay.session import DDLError, Handler, Session
from rlslint.replay.typed import composite_type
from rlslint.source.model import Raw, Statement


def create_table(session: Session, statement: Statement) -> None:
    """CREATE TABLE in all its forms. Raises DDLError (42701, 42704, 42710, 42P07, 42P16 ...), NotFollowed."""
    node = statement.node
    catalog = session.catalog
    target = node["relation"]
    namespace, persistence = target_relation(session, target)
    name = target["relname"]
    if node.get("if_not_exists") and is_taken(session, namespace, name):
        return
    require_free(session, namespace, name)
    parents = [relation(session, item["RangeVar"]) for item in node.get("inhRelations", ())]
    partbound = node.get("partbound")
    for at, parent in enumerate(parents):
        if parent in parents[:at]:
            raise DDLError("42P07", f'relation "{parent.relname}" would be inherited from more than once')
        _check_parent(parent, partition=partbound is not None)
        require_persistence(parent, persistence, partition=partbound is not None)
    bound = None if partbound is None else partition_bound(session, statement, parents[0], partbound)
    relid = catalog.new_oid()
    parts = _elements(session, statement, relid)
    _check_names(parts.plans)
    parts.not_null.update(plan.attribute.attname for plan in parts.plans if plan.attribute.attnotnull)
    plans, attributes, complete = merge_parents(session, parents, parts.plans, partition=partbound is not None)
    partspec = node.get("partspec")
    if partspec is not None and persistence == "u" and catalog.pg_version >= 18:
        raise DDLError("0A000", "partitioned tables cannot be unlogged")
    row = Relation(
        oid=relid,
        relname=name,
        relnamespace=namespace,
        relkind="p" if partspec is not None else "r",
        relowner=session.role,
        relacl=default_acl(session, "r", namespace),
        attributes=attributes,
        relpersistence=persistence,
        reloftype=parts.oftype,
        inhparents=tuple(parent.oid for parent in parents),
        relispartition=partbound is not None,
        partbound=bound,
        reloptions=changed_options((), "table" if partspec is None else "partitioned", node.get("options", ())),
        complete=complete and parts.complete,
        origin=statement.span,
    )
    row = add_row_type(session, row)
    if partspec is not None:
        row = catalog.relations.put(replace(row, partkey=partition_key(session, statement, row, partspec)))
    _finish(session, statement, row, plans, parts, parents)


def _check_parent(parent: Relation, *, partition: bool) -> None:
    if partition:
        if parent.relkind != "p":
            raise DDLError("42P17", f'"{parent.relname}" is not partitioned')
        return
    if parent.relkind == "p":
        raise DDLError("42809", f'cannot inherit from partitioned table "{parent.relname}"')
    if parent.relkind not in ("r", "f"):
        raise DDLError("42809", f'inherited relation "{parent.relname}" is not a table or foreign table')
    if parent.relispartition:
        raise DDLError("42809", f'cannot inherit from partition "{parent.relname}"')


def _elements(session: Session, statement: Statement, relid: Oid) -> LikeParts:
    """Columns, constraints and LIKE clauses in the order they are written."""
    node = statement.node
    parts = LikeParts()
    if "ofTypename" in node:
        _columns_of_type(session, statement, parts)
    partition = "partbound" in node
    for item in node.get("tableElts", ()):
        tag, fields = next(iter(item.items()))
        match tag:
            case "ColumnDef" if "typeName" not in fields:
                _column_options(statement, fields, parts, partition=partition)
            case "ColumnDef":
                parts.plans.append(plan_column(session, statement, fields, len(parts.plans) + 1))
            case "Constraint":
                parts.constraints.append(fields)
            case "TableLikeClause":
                like_columns(session, statement, fields, parts)
    return parts


def _column_options(statement: Statement, fields: Raw, parts: LikeParts, *, partition: bool) -> None:
    """``column WITH OPTIONS ...`` of a typed table or a partition: constraints for a column made elsewhere."""
    name = fields["colname"]
    for plan in parts.plans:
        if plan.attribute.attname == name:
            plan_constraints(plan, fields.get("constraints", ()), name)
            return
    if not partition:
        raise DDLError("42703", f'column "{name}" does not exist')
    plan = ColumnPlan(Attribute(attnum=0, attname=name, atttypid=0, origin=statement.span))
    plan_constraints(plan, fields.get("constraints", ()), name)
    parts.plans.append(plan)


def _columns_of_type(session: Session, statement: Statement, parts: LikeParts) -> None:
    row, source = composite_type(session, statement.node["ofTypename"])
    parts.oftype = row.oid
    for attribute in source.attributes:
        if not attribute.attisdropped:
            number = len(parts.plans) + 1
            parts.plans.append(ColumnPlan(replace(attribute, attnum=number, origin=statement.span)))


def _check_names(plans: list[ColumnPlan]) -> None:
    seen: set[str] = set()
    for plan in plans:
        name = plan.attribute.attname
        if name in seen:
            raise DDLError("42701", f'column "{name}" specified more than once')
        seen.add(name)


def _finish(
    session: Session,
    statement: Statement,
    row: Relation,
    plans: list[ColumnPlan],
    parts: LikeParts,
    parents: list[Relation],
) -> None:
    """Sequences, defaults, checks, keys and foreign keys, in PostgreSQL's order."""
    relid = row.oid
    for plan in plans:
        if plan.sequence:
            add_sequence(session, statement, row, plan)
    for plan in plans:
        raw = plan.default if plan.default is not None else plan.generated
        if raw is not None:
            set_default(
                session, relid, plan.attribute.attnum, cook_default(session, statement, relid, plan.attribute, raw)
            )
    inherit_checks(session, statement, relid, parents)
    if row.relispartition:
        clone_from_parent(session, statement, relid, parents[0])
    written = [(one, plan.attribute.attname) for plan in plans for one in plan.constraints]
    keys = [one for one in (*(node for node, _ in written), *parts.constraints) if one["contype"] == "CONSTR_PRIMARY"]
    primary = {key["String"]["sval"] for one in keys for key in one.get("keys", ())}
    primary |= {column for node, column in written if node["contype"] == "CONSTR_PRIMARY"}

    def not_nulls() -> None:
        name_not_nulls(
            session,
            relid,
            local=primary | {plan.attribute.attname for plan in plans if plan.attribute.attname in parts.not_null},
            names={plan.attribute.attname: plan.not_null_name for plan in plans if plan.not_null_name},
            no_inherit={plan.attribute.attname for plan in plans if plan.not_null_no_inherit},
        )

    add_constraints(session, statement, relid, [*written, *((one, None) for one in parts.constraints)], not_nulls)
    for make in parts.later:
        make(session, relid)


def create_foreign_table(session: Session, statement: Statement) -> None:
    """CREATE FOREIGN TABLE."""
    inner = Statement("CreateStmt", statement.node["base"], statement.text, statement.span, statement.synthetic)
    create_table(session, inner)
    target = statement.node["base"]["relation"]
    made = relation(session, target)
    if made.origin == statement.span:
        session.catalog.relations.put(replace(made, relkind="f"))


HANDLERS: Final[dict[str, Handler]] = {"CreateStmt": create_table, "CreateForeignTableStmt": create_foreign_table}
