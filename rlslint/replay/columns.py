"""Column definitions in, attributes and the work they leave behind out (parse_utilcmd.c, transformColumnDefinition)."""

from __future__ import annotations

from typing import Final

from rlslint.analyze import types as t
from rlslint.analyze.coerce import coerce
from rlslint.analyze.entry import rejections, stored_expr
from rlslint.analyze.func import has_unseen
from rlslint.analyze.typename import SERIALS, format_type, names_of, resolve_type_name
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Attribute, Relation, StoredExpr
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import CoerceViaIO, Const, Expr, FuncExpr, Oid, RelabelType, Var
from rlslint.records import dataclass, field, replace
from rlslint.replay.grants import default_acl
from rlslint.replay.immutable import require_immutable
from rlslint.replay.naming import choose_relation_name
from rlslint.replay.session import DDLError, Missing, Session
from rlslint.source.model import Raw, Statement

_COLLATIONS: Final = {"default": 100, "C": 950, "POSIX": 951, "ucs_basic": 962, "unicode": 963, "pg_c_utf8": 811}
OTHER_COLLATION: Final = 1
"""Stands for every collation that is not told apart here."""
SYSTEM_COLUMNS: Final = frozenset({"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"})
REGCLASS: Final = 2205
NEXTVAL: Final = 1574


@dataclass(slots=True)
class ColumnPlan:
    """A column and what is still to be made for it once the table exists."""

    attribute: Attribute
    default: Raw | None = None
    generated: Raw | None = None
    sequence: str = ""
    """``serial`` or ``identity``; empty for none."""
    constraints: list[Raw] = field(default_factory=list)
    """Constraint nodes written behind the column (PRIMARY KEY, UNIQUE, CHECK, REFERENCES)."""
    options: Raw | None = None
    """The CONSTR_IDENTITY node, for its sequence options."""
    not_null_name: str | None = None
    """The name written before NOT NULL."""
    not_null_no_inherit: bool = False


def plan_column(session: Session, statement: Statement, node: Raw, number: int) -> ColumnPlan:
    """A ColumnDef's fields as an attribute and its outstanding work. Raises DDLError (42601, 42701, 42P16)."""
    name = node["colname"]
    if name in SYSTEM_COLUMNS:
        raise DDLError("42701", f'column name "{name}" conflicts with a system column name')
    oid, typmod, serial = _type(session, node["typeName"])
    plan = ColumnPlan(
        Attribute(
            attnum=number,
            attname=name,
            atttypid=oid,
            atttypmod=typmod,
            attcollation=collation(session, node, oid),
            origin=statement.span,
        ),
        sequence="serial" if serial else "",
    )
    if serial:
        plan.attribute = replace(plan.attribute, attnotnull=True)
    plan_constraints(plan, node.get("constraints", ()), name)
    return plan


def plan_constraints(plan: ColumnPlan, items: list[Raw] | tuple[()], name: str) -> None:
    """Take in the constraints written behind a column. Raises DDLError 42601 for those that contradict each other."""
    nullable = False
    last: Raw | None = None
    for item in items:
        one = item["Constraint"]
        match one["contype"]:
            case "CONSTR_NULL":
                if plan.attribute.attnotnull:
                    raise DDLError("42601", f'conflicting NULL/NOT NULL declarations for column "{name}"')
                nullable = True
            case "CONSTR_NOTNULL":
                if nullable:
                    raise DDLError("42601", f'conflicting NULL/NOT NULL declarations for column "{name}"')
                plan.attribute = replace(plan.attribute, attnotnull=True)
                plan.not_null_name = one.get("conname", plan.not_null_name)
                plan.not_null_no_inherit = bool(one.get("is_no_inherit"))
            case "CONSTR_DEFAULT":
                if plan.default is not None or plan.sequence == "serial":
                    raise DDLError("42601", f'multiple default values specified for column "{name}"')
                plan.default = one["raw_expr"]
            case "CONSTR_IDENTITY":
                if plan.sequence or plan.attribute.attidentity:
                    raise DDLError("42601", f'multiple identity specifications for column "{name}"')
                plan.sequence = "identity"
                plan.options = one
                always = one["generated_when"] == "a"
                plan.attribute = replace(plan.attribute, attnotnull=True, attidentity="a" if always else "d")
            case "CONSTR_GENERATED":
                plan.generated = one["raw_expr"]
                virtual = one.get("generated_kind") == "v"
                plan.attribute = replace(plan.attribute, attgenerated="v" if virtual else "s")
            case "CONSTR_ATTR_DEFERRABLE" | "CONSTR_ATTR_NOT_DEFERRABLE" | "CONSTR_ATTR_DEFERRED":
                if last is not None:
                    last["deferrable"] = one["contype"] != "CONSTR_ATTR_NOT_DEFERRABLE"
                    last["initdeferred"] = one["contype"] == "CONSTR_ATTR_DEFERRED"
            case "CONSTR_ATTR_NOT_ENFORCED" if last is not None:
                if last["contype"] not in ("CONSTR_CHECK", "CONSTR_FOREIGN"):
                    raise DDLError("42601", "misplaced NOT ENFORCED clause")
                last["is_enforced"], last["skip_validation"] = False, True
            case "CONSTR_ATTR_IMMEDIATE" | "CONSTR_ATTR_ENFORCED" | "CONSTR_ATTR_NOT_ENFORCED":
                pass
            case _:
                last = dict(one)
                plan.constraints.append(last)
    if plan.default is not None and plan.attribute.attidentity:
        raise DDLError("42601", f'both default and identity specified for column "{name}"')
    if plan.default is not None and plan.generated is not None:
        raise DDLError("42601", f'both default and generation expression specified for column "{name}"')


def _type(session: Session, raw: Raw) -> tuple[Oid, int, bool]:
    schema, name = names_of(raw["names"])
    serial = schema is None and name in SERIALS
    if serial and raw.get("arrayBounds"):
        raise DDLError("0A000", "array of serial is not implemented")
    oid, typmod = resolve_type_name(session.catalog, raw, session.search_path)
    row = session.catalog.types.get(oid)
    if row is not None and row.typtype == "p":
        raise DDLError("42P16", f"column has pseudo-type {format_type(session.catalog, oid)}")
    return oid, typmod, serial


def collation(session: Session, node: Raw, oid: Oid) -> Oid:
    """A column's collation: as written, else its type's."""
    clause = node.get("collClause")
    if clause is None:
        return t.type_collation(session.catalog, oid)
    return named_collation(clause["collname"])


def named_collation(parts: list[Raw]) -> Oid:
    """A collation by name."""
    return _COLLATIONS.get(names_of(parts)[1], OTHER_COLLATION)


def add_sequence(session: Session, statement: Statement, table: Relation, plan: ColumnPlan) -> None:
    """Make the sequence of a serial or identity column, and a serial's default."""
    catalog = session.catalog
    attribute = plan.attribute
    schema, wanted = _wanted_name(plan)
    row = catalog.types.get(attribute.atttypid)
    if attribute.atttypid not in (t.INT2, t.INT4, t.INT8) and row is not None and row.known:
        raise DDLError("22023", "identity column type must be smallint, integer, or bigint")
    namespace = table.relnamespace
    name = wanted or choose_relation_name(session, table.relname, attribute.attname, "seq", namespace)
    if schema is not None:
        namespace = catalog.namespace_oid(schema) or namespace
    sequence = catalog.relations.put(
        Relation(
            oid=catalog.new_oid(),
            relname=name,
            relnamespace=namespace,
            relkind="S",
            relowner=table.relowner,
            relacl=default_acl(session, "S", namespace, table.relowner),
            ownedby=(table.oid, attribute.attnum),
            relpersistence=table.relpersistence,
            origin=statement.span,
        )
    )
    if plan.sequence == "serial":
        set_default(session, table.oid, attribute.attnum, nextval(statement, sequence.oid))


def _wanted_name(plan: ColumnPlan) -> tuple[str | None, str]:
    for item in (plan.options or {}).get("options", ()):
        if item["DefElem"]["defname"] == "sequence_name":
            return names_of(item["DefElem"]["arg"]["List"]["items"])
    return None, ""


def nextval(statement: Statement, sequence: Oid) -> StoredExpr:
    """The default of a serial column. A regclass constant holds the relation's OID."""
    call = FuncExpr(type=t.INT8, funcid=NEXTVAL, args=(Const(type=REGCLASS, value=str(sequence)),))
    return StoredExpr(expr=call, raw={}, statement=statement)


def set_default(session: Session, relid: Oid, number: int, value: StoredExpr | None) -> None:
    """Give a column its default or generation expression."""
    table = session.catalog.relations[relid]
    put_attribute(session, relid, replace(table.column(number), attdefault=value))


def put_attribute(session: Session, relid: Oid, attribute: Attribute) -> None:
    """Replace one column of a table."""
    table = session.catalog.relations[relid]
    attributes = list(table.attributes)
    attributes[attribute.attnum - 1] = attribute
    session.catalog.relations.put(replace(table, attributes=tuple(attributes)))


def cook_default(
    session: Session, statement: Statement, relid: Oid, attribute: Attribute, raw: Raw
) -> StoredExpr | None:
    """Resolve a default or generation expression (cookDefault). Raises DDLError (0A000, 42804 and what it meets).

    None for a default of NULL, which is none (AddRelationNewConstraints).
    """
    catalog = session.catalog
    generated = bool(attribute.attgenerated)
    if not generated and _has_column(raw):
        raise DDLError("0A000", "cannot use column reference in DEFAULT expression")
    where = "column generation expressions" if generated else "DEFAULT expressions"
    stored = stored_expr(catalog, statement, raw, relid if generated else 0, session.search_path, where=where)
    for problem in rejections(stored.expr):
        raise DDLError(problem.sqlstate or "42601", problem.reason)
    coerced = coerce(catalog, stored.expr, attribute.atttypid, "a")
    if coerced is None:
        raise DDLError(
            "42804",
            f'column "{attribute.attname}" is of type {format_type(catalog, attribute.atttypid, attribute.atttypmod)} '
            f"but default expression is of type {format_type(catalog, stored.expr.type)}",
        )
    if generated and any(
        isinstance(one, Var) and one.attnum > 0 and catalog.relations[relid].column(one.attnum).attgenerated
        for one, _ in walk_deep(coerced)
    ):
        raise DDLError("42P17", "cannot use generated column in column generation expression")
    if generated:
        require_immutable(session, coerced, "generation expression is not immutable")
    elif isinstance(coerced, Const) and coerced.value is None and _is_plain(catalog, attribute):
        return None
    return replace(stored, expr=_with_oids(session, coerced))


def _is_plain(catalog: Catalog, attribute: Attribute) -> bool:
    """Whether NULL stays a constant: no domain to be checked, no length to be cut to (coerce_type_typmod)."""
    row = catalog.types.get(attribute.atttypid)
    return attribute.atttypmod < 0 and (row is None or row.typtype != "d")


def _with_oids(session: Session, expr: Expr) -> Expr:
    """Relation names in regclass constants become OIDs, so that a rename changes nothing."""
    match expr:
        case Const(type=2205, value=str() as name) if not name.isdigit():
            schema, _, relname = name.replace('"', "").rpartition(".")
            found = session.catalog.find_relation(schema or None, relname, session.search_path)
            if found is None and not has_unseen(session.catalog, schema or None, session.search_path):
                session.absent("42P01", f'relation "{relname}" is created by no file')
            return expr if found is None else replace(expr, value=str(found.oid))
        case CoerceViaIO() | RelabelType():
            return replace(expr, arg=_with_oids(session, expr.arg))
        case FuncExpr():
            return replace(expr, args=tuple(_with_oids(session, arg) for arg in expr.args))
    return expr


def _has_column(raw: object) -> bool:
    if isinstance(raw, dict):
        if "ColumnRef" in raw:
            return True
        return any(_has_column(value) for key, value in raw.items() if key != "SubLink")
    return isinstance(raw, list) and any(_has_column(item) for item in raw)


def required_column(table: Relation, name: str) -> Attribute:
    """The column of that name. Raises DDLError 42703, NotFollowed where columns are not all known."""
    found = table.attribute(name)
    if found is not None:
        return found
    if not table.complete:
        raise Missing("42703", f'column "{name}" of {table.relname} is created by no file')
    if name in SYSTEM_COLUMNS:
        raise DDLError("0A000", f'cannot alter system column "{name}"')
    raise DDLError("42703", f'column "{name}" of relation "{table.relname}" does not exist')
