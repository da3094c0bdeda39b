"""The catalog in; rows of information_schema's views on constraints out, for DO blocks to ask (information_schema.sql)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Constraint, Relation
from rlslint.replay.plpgsql_stored import Row, stored_text

_CONSTRAINTS: Final = {"p": "PRIMARY KEY", "u": "UNIQUE", "f": "FOREIGN KEY", "c": "CHECK", "n": "CHECK"}
_RULES: Final = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_MATCHES: Final = {"s": "NONE", "f": "FULL", "p": "PARTIAL"}


def _table_constraints(catalog: Catalog) -> Iterator[Row]:
    for row in catalog.constraints:
        table = catalog.relations.get(row.conrelid)
        if table is not None and row.contype in _CONSTRAINTS:
            schema = catalog.nspname(table.relnamespace)
            yield {
                "constraint_schema": schema,
                "constraint_name": row.conname,
                "table_schema": schema,
                "table_name": table.relname,
                "constraint_type": _CONSTRAINTS[row.contype],
            }


def _key_columns(catalog: Catalog) -> Iterator[Row]:
    for row in catalog.constraints:
        table = catalog.relations.get(row.conrelid)
        if table is None or row.contype not in "puf":
            continue
        schema = catalog.nspname(table.relnamespace)
        for position, number in enumerate(row.conkey, start=1):
            yield {
                "constraint_schema": schema,
                "constraint_name": row.conname,
                "table_schema": schema,
                "table_name": table.relname,
                "column_name": table.column(number).attname,
                "ordinal_position": position,
            }


def _of_tables(catalog: Catalog) -> Iterator[tuple[Constraint, Relation]]:
    for row in catalog.constraints:
        table = catalog.relations.get(row.conrelid)
        if table is not None:
            yield row, table


def _column_usage(catalog: Catalog) -> Iterator[Row]:
    """Columns that constraints use: a foreign key's are those of the table it refers to."""
    for row, table in _of_tables(catalog):
        used = catalog.relations.get(row.confrelid) if row.contype == "f" else table
        if used is None or used.relkind not in "rp" or row.contype not in "pufcn":
            continue
        for number in dict.fromkeys(row.confkey if row.contype == "f" else row.conkey):
            if number > 0:
                yield {
                    "table_schema": catalog.nspname(used.relnamespace),
                    "table_name": used.relname,
                    "column_name": used.column(number).attname,
                    "constraint_schema": catalog.nspname(table.relnamespace),
                    "constraint_name": row.conname,
                }


def _referential(catalog: Catalog) -> Iterator[Row]:
    for row, table in _of_tables(catalog):
        if row.contype != "f":
            continue
        target = catalog.relations.get(row.confrelid)
        behind = [one for one in catalog.constraints_of(row.confrelid) if one.conindid and one.conindid == row.conindid]
        keys = [one for one in behind if one.contype in "pu"]
        known = target is not None
        yield {
            "constraint_schema": catalog.nspname(table.relnamespace),
            "constraint_name": row.conname,
            **({"unique_constraint_name": keys[0].conname if keys else None} if known else {}),
            "match_option": _MATCHES[row.confmatchtype],
            "update_rule": _RULES[row.confupdtype],
            "delete_rule": _RULES[row.confdeltype],
        }


def _checks(catalog: Catalog) -> Iterator[Row]:
    for row, table in _of_tables(catalog):
        if row.contype in "cn":
            found: Row = {"constraint_schema": catalog.nspname(table.relnamespace), "constraint_name": row.conname}
            if row.contype == "c":
                found["check_clause"] = stored_text(catalog, row.conexpr, row.conrelid)
            yield found


CONSTRAINT_VIEWS: Final[dict[str, Callable[[Catalog], Iterator[Row]]]] = {
    "table_constraints": _table_constraints,
    "key_column_usage": _key_columns,
    "constraint_column_usage": _column_usage,
    "referential_constraints": _referential,
    "check_constraints": _checks,
}
