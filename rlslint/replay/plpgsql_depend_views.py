"""The catalog in; rows of pg_depend, pg_attrdef and pg_aggregate out, for DO blocks to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from rlslint.catalog.builtin import load_extension
from rlslint.catalog.catalog import Catalog, Extension
from rlslint.nodes.primnodes import Oid
from rlslint.replay.plpgsql_stored import Row, stored_text
from rlslint.replay.references import Address, edges_of

_BEHAVIOURS: Final = {"normal": "n", "auto": "a", "internal": "i", "partition": "P"}
_CATALOGS: Final = {
    "relation": 1259, "index": 1259, "constraint": 2606, "policy": 3256, "default": 2604, "proc": 1255, "type": 1247,
    "namespace": 2615, "trigger": 2620, "operator": 2617,
}  # fmt: skip


def _aggregate(catalog: Catalog) -> Iterator[Row]:
    for row in catalog.procs:
        if row.prokind == "a":
            yield {"aggfnoid": row.oid}


def _default_oid(relid: Oid, number: int) -> Oid:
    """Stands for the OID of a column's default, which has none here."""
    return -(relid * 2048 + number)


def _attrdef(catalog: Catalog) -> Iterator[Row]:
    for relation in catalog.relations:
        for column in relation.attributes:
            if column.attdefault is not None and not column.attisdropped:
                yield {
                    "oid": _default_oid(relation.oid, column.attnum),
                    "adrelid": relation.oid,
                    "adnum": column.attnum,
                    **(
                        {"adbin": stored_text(catalog, column.attdefault, relation.oid)}
                        if column.attdefault.raw
                        else {}
                    ),
                }


def _depend(catalog: Catalog) -> Iterator[Row]:
    """What depends on what; of what PostgreSQL itself stands on nothing is said."""
    for extension in catalog.extensions.values():
        # of one that is not known no object is here to be asked for
        if extension.known:
            yield from _owned(catalog, extension)
    stores = (catalog.relations, catalog.types, catalog.indexes, catalog.constraints, catalog.policies)
    for store in (*stores, catalog.triggers, catalog.procs, catalog.operators):
        for row in store:
            for edge in edges_of(catalog, row):
                yield {**_end(edge.dependent, "classid", "objid", "objsubid"),
                       **_end(edge.referenced, "refclassid", "refobjid", "refobjsubid"),
                       "deptype": _BEHAVIOURS[edge.behaviour]}  # fmt: skip


def _owned(catalog: Catalog, extension: Extension) -> Iterator[Row]:
    own = Catalog(catalog.pg_version)
    load_extension(own, extension.extname, extension.extnamespace)
    for kind, oids in (
        ("proc", [row.oid for row in own.procs]),
        ("type", [row.oid for row in own.types]),
        ("operator", [row.oid for row in own.operators]),
    ):
        for oid in oids:
            yield {"classid": _CATALOGS[kind], "objid": oid, "objsubid": 0, "refclassid": 3079, "deptype": "e"}


def _end(address: Address, catalog: str, oid: str, sub: str) -> Row:
    default = address.kind == "default"
    return {
        catalog: _CATALOGS[address.kind],
        oid: _default_oid(address.oid, address.sub) if default else address.oid,
        sub: 0 if default else address.sub,
    }


DEPEND_VIEWS: Final[dict[str, Callable[[Catalog], Iterator[Row]]]] = {
    "pg_aggregate": _aggregate,
    "pg_attrdef": _attrdef,
    "pg_depend": _depend,
}
