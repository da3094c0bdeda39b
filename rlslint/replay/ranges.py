"""CREATE TYPE ... AS RANGE in, the range, its multirange, their constructors and the cast between them out (typecmds.c)."""

from __future__ import annotations

from typing import Final

from rlslint.analyze.opclass import default_opclass
from rlslint.analyze.typename import format_type, names_of, resolve_type_name
from rlslint.analyze.types import TEXT
from rlslint.catalog.catalog import BOOTSTRAP_SUPERUSER, FIRST_NORMAL_OID
from rlslint.catalog.rows import Cast, Proc, Type
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay.grants import HARD_WIRED, default_acl
from rlslint.replay.names import options
from rlslint.replay.naming import truncate
from rlslint.replay.session import DDLError, Handler, Session
from rlslint.replay.types import add_type, put_type
from rlslint.source.model import Raw, Statement

_ATTRIBUTES: Final = frozenset(
    {"subtype", "subtype_opclass", "collation", "canonical", "subtype_diff", "multirange_type_name"}
)


def create_range(session: Session, statement: Statement) -> None:
    """CREATE TYPE ... AS RANGE, with its multirange (14 and later). Raises DDLError 42601, 42704, 42710, 42723, 42883."""
    node = statement.node
    catalog = session.catalog
    given = _attributes(node)
    if "subtype" not in given:
        raise DDLError("42601", 'type attribute "subtype" is required')
    subtype, _ = resolve_type_name(catalog, given["subtype"]["TypeName"], session.search_path)
    _require_order(session, given, subtype)
    new = Type(oid=0, typname="", typnamespace=0, typtype="r", typcategory="R")
    row = add_type(session, statement, node["typeName"], new)
    name = row.typname
    multirange = name.replace("range", "multirange", 1) if "range" in name else f"{name}_multirange"
    if "multirange_type_name" in given:
        multirange = names_of(given["multirange_type_name"]["TypeName"]["names"])[1]
    many = put_type(
        session,
        statement,
        Type(
            oid=0,
            typname=truncate(multirange),
            typnamespace=row.typnamespace,
            typtype="m",
            typcategory="R",
            rngsubtype=row.oid,
        ),
    )
    row = catalog.types.put(replace(row, rngsubtype=subtype, rngmultitypid=many.oid))
    _constructor(session, statement, row, (subtype, subtype), strict=False)
    _constructor(session, statement, row, (subtype, subtype, TEXT), strict=False)
    _constructor(session, statement, many, ())
    cast = _constructor(session, statement, many, (row.oid,))
    _constructor(session, statement, many, (row.typarray,), variadic=row.oid)
    catalog.casts.put(Cast(castsource=row.oid, casttarget=many.oid, castfunc=cast.oid, castcontext="e", castmethod="f"))


def _attributes(node: Raw) -> Raw:
    given: Raw = {}
    for name, element in options(node.get("params", [])):
        if name in given:
            raise DDLError("42601", "conflicting or redundant options")
        if name not in _ATTRIBUTES:
            raise DDLError("42601", f'type attribute "{name}" not recognized')
        given[name] = element["arg"]
    return given


def _require_order(session: Session, given: Raw, subtype: Oid) -> None:
    """The subtype must have an order, and its difference must be a function. What no file creates is let through."""
    catalog = session.catalog
    row = catalog.types.get(subtype)
    if row is None or not row.known:
        if row is None:
            session.absent("42704", "the subtype is created by no file")
        return
    if "subtype_opclass" not in given and default_opclass(catalog, subtype, "btree") is None:
        if subtype < FIRST_NORMAL_OID:
            shown = format_type(catalog, subtype)
            raise DDLError("42704", f'data type {shown} has no default operator class for access method "btree"')
    if "subtype_diff" in given:
        schema, name = names_of(given["subtype_diff"]["TypeName"]["names"])
        procs = catalog.find_procs(schema, name, session.search_path)
        if not any(proc.proargtypes == (subtype, subtype) for proc in procs):
            session.absent("42883", f"function {name} of two operands of the subtype is created by no file")


def _constructor(
    session: Session,
    statement: Statement,
    of: Type,
    argtypes: tuple[Oid, ...],
    *,
    strict: bool = True,
    variadic: Oid = 0,
) -> Proc:
    """makeRangeConstructors, makeMultirangeConstructors: functions that belong to the type and to the first superuser."""
    catalog = session.catalog
    name, namespace = of.typname, of.typnamespace
    if any(row.pronamespace == namespace and row.proargtypes == argtypes for row in catalog.procs.find("name", name)):
        raise DDLError("42723", f'function "{name}" already exists with same argument types')
    acl = default_acl(session, "f", namespace, BOOTSTRAP_SUPERUSER)
    return catalog.procs.put(
        Proc(
            oid=catalog.new_oid(),
            proname=name,
            pronamespace=namespace,
            proowner=BOOTSTRAP_SUPERUSER,
            prolang="internal",
            prokind="f",
            prorettype=of.oid,
            proargtypes=argtypes,
            proallargtypes=argtypes if variadic else (),
            proargmodes=("v",) if variadic else (),
            provariadic=variadic,
            provolatile="i",
            proisstrict=strict,
            proparallel="s",
            proacl=None if acl == HARD_WIRED["f"] else acl,
            constructs=of.oid,
            origin=statement.span,
        )
    )


HANDLERS: Final[dict[str, Handler]] = {"CreateRangeStmt": create_range}
