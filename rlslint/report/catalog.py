"""The replayed catalog in, the final schema as the JSON of the public contract out.

What presets and extensions bring is left out: it is the schema that the migrations add up to.
"""

from __future__ import annotations

import json
from typing import Any, Final

from rlslint.analyze.definitions import (
    COMMANDS,
    constraint_definition,
    expression,
    index_definition,
    key_text,
)
from rlslint.analyze.deparse import deparse
from rlslint.analyze.procname import arguments
from rlslint.analyze.typename import format_type
from rlslint.catalog.catalog import PG_CATALOG, Catalog
from rlslint.catalog.rows import Constraint, Index, Policy, Proc, Relation
from rlslint.replay.replay import Replayed

Entry = dict[str, Any]
KINDS: Final = {
    "r": "table",
    "p": "partitioned_table",
    "v": "view",
    "m": "materialized_view",
    "f": "foreign_table",
}
_VOLATILITY: Final = {"i": "immutable", "s": "stable", "v": "volatile"}
_CONSTRAINTS: Final = "pufcx"


def render_json(replayed: Replayed) -> str:
    """The JSON text, with a line end."""
    return json.dumps(catalog_json(replayed), indent=1, ensure_ascii=False) + "\n"


def catalog_json(replayed: Replayed) -> Entry:
    """The schema as plain dictionaries and lists, everything sorted by schema, table and name."""
    catalog = replayed.catalog
    tables = own_tables(catalog)
    constraints = [row for row in catalog.constraints if is_written(row)]
    notes = {
        (problem.span.source.path, problem.span.source.position(problem.span.start)[0], problem.reason)
        for problem in replayed.problems
        if problem.code == "RLS002"
    }
    notes |= {_unwritable(row) for row in catalog.policies if row.origin is not None and not _is_exact(catalog, row)}
    return {
        "version": 1,
        "tables": _sorted([_table(catalog, row) for row in tables]),
        "indexes": _sorted([_index(catalog, row) for row in catalog.indexes if _is_own(catalog, row)]),
        "constraints": _sorted([_constraint(catalog, row) for row in constraints if _is_own(catalog, row)]),
        "policies": _sorted([_policy(catalog, row) for row in catalog.policies if row.origin is not None]),
        "functions": sorted(
            (_function(catalog, row) for row in catalog.procs if _is_shown(catalog, row)),
            key=lambda entry: (entry["schema"], entry["name"], entry["arguments"]),
        ),
        "not_analysed": [{"path": path, "line": line, "reason": reason} for path, line, reason in sorted(notes)],
    }


def _is_shown(catalog: Catalog, row: Proc) -> bool:
    """Whether a function is the files' own, in a schema of theirs."""
    own = row.origin is not None and not row.constructs and row.pronamespace != PG_CATALOG
    return own and catalog.nspname(row.pronamespace) != "pg_temp"


def _is_exact(catalog: Catalog, row: Policy) -> bool:
    """Whether the policy's expressions can be written as SQL that means the same today."""
    stored = (row.polqual, row.polwithcheck)
    return all(deparse(catalog, one, row.polrelid, boolean=True).exact for one in stored if one is not None)


def _unwritable(row: Policy) -> tuple[str, int, str]:
    assert row.origin is not None
    reason = f'policy "{row.polname}": no SQL is known that means today what it meant when it was made'
    return row.origin.source.path, row.origin.source.position(row.origin.start)[0], reason


def own_tables(catalog: Catalog) -> list[Relation]:
    """Tables and views that the migrations made or changed, in order of creation."""
    return [
        row
        for row in catalog.relations
        if row.relkind in KINDS
        and catalog.nspname(row.relnamespace) != "pg_temp"
        and (row.origin is not None or row.rls_origin is not None)
    ]


def _is_own(catalog: Catalog, row: Index | Constraint) -> bool:
    relid = row.indrelid if isinstance(row, Index) else row.conrelid
    table = catalog.relations.get(relid)
    return row.origin is not None and table is not None and catalog.nspname(table.relnamespace) != "pg_temp"


def is_written(row: Constraint) -> bool:
    """Whether a constraint is shown: not one of a domain, not NOT NULL, not a foreign key to a table that is unknown."""
    return row.contype in _CONSTRAINTS and row.conrelid != 0 and (row.contype != "f" or row.confrelid != 0)


def _sorted(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry["schema"], entry.get("table", ""), entry["name"]))


def _names(catalog: Catalog, relid: int) -> Entry:
    table = catalog.relations[relid]
    return {"schema": catalog.nspname(table.relnamespace), "table": table.relname}


def _table(catalog: Catalog, row: Relation) -> Entry:
    return {
        "schema": catalog.nspname(row.relnamespace),
        "name": row.relname,
        "kind": KINDS[row.relkind],
        "rls": row.relrowsecurity,
        "force_rls": row.relforcerowsecurity,
        "columns": [
            {
                "name": one.attname,
                "type": format_type(catalog, one.atttypid, one.atttypmod),
                "not_null": one.attnotnull,
            }
            for one in row.attributes
            if not one.attisdropped
        ],
    }


def _index(catalog: Catalog, row: Index) -> Entry:
    table = catalog.relations[row.indrelid]
    where = None if row.indpred is None else expression(catalog, row.indpred, row.indrelid, boolean=True)
    return {
        **_names(catalog, row.indrelid),
        "name": row.relname,
        "method": row.amname,
        "unique": row.indisunique,
        "keys": [
            table.column(key.attnum).attname if key.expr is None else key_text(catalog, row, key) for key in row.keys
        ],
        "include": [table.column(number).attname for number in row.include],
        "where": where,
        "definition": index_definition(catalog, row),
    }


def _constraint(catalog: Catalog, row: Constraint) -> Entry:
    return {
        **_names(catalog, row.conrelid),
        "name": row.conname,
        "type": row.contype,
        "definition": constraint_definition(catalog, row),
    }


def _policy(catalog: Catalog, row: Policy) -> Entry:
    qual, check = (
        None if stored is None else expression(catalog, stored, row.polrelid, boolean=True)
        for stored in (row.polqual, row.polwithcheck)
    )
    return {
        **_names(catalog, row.polrelid),
        "name": row.polname,
        "permissive": row.polpermissive,
        "command": COMMANDS[row.polcmd],
        "roles": sorted(catalog.rolname(oid) for oid in row.polroles),
        "using": qual,
        "check": check,
    }


def _function(catalog: Catalog, row: Proc) -> Entry:
    return {
        "schema": catalog.nspname(row.pronamespace),
        "name": row.proname,
        "arguments": arguments(catalog, row),
        "language": row.prolang,
        "volatility": _VOLATILITY[row.provolatile],
        "security_definer": row.prosecdef,
        "strict": row.proisstrict,
        "config": [f"{name}={value}" for name, value in row.proconfig],
    }
