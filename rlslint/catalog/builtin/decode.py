"""Arrays of the data files in, catalog rows out; the order of columns is generate.py's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rlslint.catalog import rows

OWNER: Final = 10
Raw = Sequence[Any]


def namespace(raw: Raw) -> rows.Namespace:
    """[oid, name]; everybody may use pg_catalog, public and information_schema."""
    acl = frozenset({(0, "usage")}) if not raw[1].startswith("pg_toast") else frozenset[tuple[int, str]]()
    return rows.Namespace(oid=raw[0], nspname=raw[1], nspowner=OWNER, nspacl=acl)


def role(raw: Raw) -> rows.Role:
    """[oid, name, super, bypassrls]."""
    return rows.Role(oid=raw[0], rolname=raw[1], rolsuper=raw[2], rolbypassrls=raw[3])


def type_(raw: Raw) -> rows.Type:
    """[oid, name, namespace, typtype, category, preferred, elem, array, base, relid, collation, range subtype, multirange]."""
    return rows.Type(
        oid=raw[0],
        typname=raw[1],
        typnamespace=raw[2],
        typtype=raw[3],
        typcategory=raw[4],
        typispreferred=raw[5],
        typelem=raw[6],
        typarray=raw[7],
        typbasetype=raw[8],
        typrelid=raw[9],
        typcollation=raw[10],
        rngsubtype=raw[11],
        rngmultitypid=raw[12],
        typowner=OWNER,
    )


def proc(raw: Raw) -> rows.Proc:
    """As generate.PROCS selects them."""
    return rows.Proc(
        oid=raw[0],
        proname=raw[1],
        pronamespace=raw[2],
        proowner=OWNER,
        prokind=raw[3],
        prorettype=raw[4],
        proargtypes=tuple(raw[5]),
        pronargdefaults=raw[6],
        provariadic=raw[7],
        proretset=raw[8],
        provolatile=raw[9],
        proisstrict=raw[10],
        proleakproof=raw[11],
        prolang=raw[12],
        proallargtypes=tuple(raw[13] or ()),
        proargmodes=tuple(raw[14] or ()),
        proargnames=tuple(raw[15] or ()),
    )


def operator(raw: Raw) -> rows.Operator:
    """As generate.OPERATORS selects them."""
    return rows.Operator(
        oid=raw[0],
        oprname=raw[1],
        oprnamespace=raw[2],
        oprleft=raw[3],
        oprright=raw[4],
        oprresult=raw[5],
        oprcode=raw[6],
        oprcom=raw[7],
        oprnegate=raw[8],
        oprcanhash=raw[9],
        oprcanmerge=raw[10],
    )


def cast(raw: Raw) -> rows.Cast:
    """[source, target, function, context, method]."""
    return rows.Cast(castsource=raw[0], casttarget=raw[1], castfunc=raw[2], castcontext=raw[3], castmethod=raw[4])


def opclass(raw: Raw) -> rows.OpClass:
    """As generate.OPCLASSES selects them."""
    return rows.OpClass(
        oid=raw[0],
        opcname=raw[1],
        opcnamespace=raw[2],
        opcmethod=raw[3],
        opcfamily=raw[4],
        opcintype=raw[5],
        opcdefault=raw[6],
        opckeytype=raw[7],
    )


def amop(raw: Raw) -> rows.AmOp:
    """As generate.AMOPS selects them."""
    return rows.AmOp(
        oid=raw[0],
        amopfamily=raw[1],
        amoplefttype=raw[2],
        amoprighttype=raw[3],
        amopstrategy=raw[4],
        amoppurpose=raw[5],
        amopopr=raw[6],
        amopmethod=raw[7],
    )


def relation(raw: Raw) -> rows.Relation:
    """[oid, name, namespace, relkind, [[column, type], ...]]; everybody may read them."""
    attributes = tuple(
        rows.Attribute(attnum=number, attname=name, atttypid=int(typeoid))
        for number, (name, typeoid) in enumerate(raw[4], start=1)
    )
    return rows.Relation(
        oid=raw[0],
        relname=raw[1],
        relnamespace=raw[2],
        relkind=raw[3],
        relowner=OWNER,
        attributes=attributes,
        relacl=frozenset({(0, "select")}),
    )
