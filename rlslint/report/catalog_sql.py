"""The replayed catalog in, an SQL script that makes the final schema out, as far as the catalog knows it.

Types, tables, functions, constraints, indexes, views, row security, policies, grants, in an order that runs. Not in it:
data, triggers, operators, owners, and the wording of views, which is the author's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rlslint.analyze.definitions import (
    constraint_definition,
    expression,
    index_definition,
    is_row_type,
    policy_definition,
    quoted_name,
    role_text,
)
from rlslint.analyze.procname import arguments
from rlslint.analyze.typename import format_type, quote_identifier, quote_literal, quote_qualified
from rlslint.catalog.catalog import PG_CATALOG, PUBLIC, Catalog
from rlslint.catalog.rows import Acl, Attribute, Constraint, Proc, Relation, Type
from rlslint.nodes.primnodes import Const, FuncExpr
from rlslint.report.catalog import is_written, own_tables
from rlslint.source.extent import expression_extent, tokens

_VOLATILITY: Final = {"i": "IMMUTABLE", "s": "STABLE", "v": "VOLATILE"}
_PARALLEL: Final = {"s": "SAFE", "r": "RESTRICTED", "u": "UNSAFE"}
_MODES: Final = {"i": "", "o": "OUT ", "b": "INOUT ", "v": "VARIADIC "}


def catalog_sql(catalog: Catalog) -> str:
    """The script. Statements end with a semicolon and a line end."""
    tables = own_tables(catalog)
    made = [row for row in tables if row.origin is not None]
    procs = [row for row in catalog.procs if row.origin is not None and row.prokind in "fp" and not row.constructs]
    early = [row for row in procs if not (row.prosqlbody or _uses_row_type(catalog, row))]
    statements = [
        "SET check_function_bodies = off",
        *_roles(catalog),
        *_schemas(catalog),
        *(_extension(catalog, name) for name in sorted(catalog.extensions)),
        *(text for row in catalog.types if row.origin is not None for text in _type(catalog, row)),
        *(text for row in early for text in _function(catalog, row)),
        *(text for row in catalog.relations if row.relkind == "S" for text in _sequence(catalog, row)),
        *(_table(catalog, row) for row in made if row.relkind in "rp" and not row.relispartition),
        *(text for row in procs if row not in early for text in _function(catalog, row)),
        *_constraints(catalog, made),
        *_indexes(catalog, made),
        *(_view(catalog, row) for row in made if row.relkind in "vm"),
        *(text for row in tables for text in _row_security(catalog, row)),
        *(policy_definition(catalog, row) for row in catalog.policies if row.origin is not None),
        *(text for row in tables for text in _table_grants(catalog, row)),
        *(text for row in procs for text in _function_grants(catalog, row)),
    ]
    return "".join(f"{statement};\n" for statement in statements)


def _roles(catalog: Catalog) -> Iterator[str]:
    for role in catalog.roles:
        if role.origin is None and role.known:
            continue
        flags = [
            word
            for word, given in (
                ("SUPERUSER", role.rolsuper),
                ("NOINHERIT", not role.rolinherit),
                ("BYPASSRLS", role.rolbypassrls),
                ("LOGIN", role.rolcanlogin),
            )
            if given
        ]
        yield " ".join(["CREATE ROLE", quote_identifier(role.rolname), *flags])
    for role in catalog.roles:
        for group, inherits in role.memberof:
            if role.origin is not None:
                option = " WITH INHERIT FALSE" if role.rolinherit and not inherits else ""
                yield f"GRANT {role_text(catalog, group)} TO {quote_identifier(role.rolname)}{option}"


def _schemas(catalog: Catalog) -> Iterator[str]:
    for row in catalog.namespaces:
        if row.origin is None and row.nspname not in catalog.unknown_schemas:
            continue
        if row.nspname == "pg_temp":
            continue
        name = quote_identifier(row.nspname)
        yield f"CREATE SCHEMA IF NOT EXISTS {name}"
        yield from _grants(catalog, row.nspacl, f"SCHEMA {name}")


def _extension(catalog: Catalog, name: str) -> str:
    schema = catalog.extensions[name].extnamespace
    where = "" if schema == PG_CATALOG else f" WITH SCHEMA {quote_identifier(catalog.nspname(schema))}"
    return f"CREATE EXTENSION IF NOT EXISTS {quote_identifier(name)}{where}"


def _type(catalog: Catalog, row: Type) -> Iterator[str]:
    name = quote_qualified(catalog.nspname(row.typnamespace), row.typname)
    relation = catalog.relations.get(row.typrelid)
    match row.typtype:
        case "e":
            yield f"CREATE TYPE {name} AS ENUM ({', '.join(quote_literal(label) for label in row.labels)})"
        case "d":
            null = " NOT NULL" if row.typnotnull else ""
            yield f"CREATE DOMAIN {name} AS {format_type(catalog, row.typbasetype, row.typtypmod)}{null}"
            for constraint in catalog.constraints:
                if constraint.contypid == row.oid and constraint.conexpr is not None:
                    check = f"CHECK ({constraint.conexpr.text})"
                    yield f"ALTER DOMAIN {name} ADD CONSTRAINT {quote_identifier(constraint.conname)} {check}"
        case "r":
            many = catalog.types.get(row.rngmultitypid)
            named = "" if many is None else f", multirange_type_name = {quote_identifier(many.typname)}"
            yield f"CREATE TYPE {name} AS RANGE (subtype = {format_type(catalog, row.rngsubtype)}{named})"
        case "c" if relation is not None and relation.relkind == "c":
            columns = [
                f"{quote_identifier(one.attname)} {format_type(catalog, one.atttypid, one.atttypmod)}"
                for one in relation.attributes
                if not one.attisdropped
            ]
            yield f"CREATE TYPE {name} AS ({', '.join(columns)})"


def _sequence(catalog: Catalog, row: Relation) -> Iterator[str]:
    """A sequence of its own; a serial column's is made here too, and belongs to it once the table is there."""
    table = catalog.relations.get(row.ownedby[0])
    if row.origin is None or (table is not None and table.column(row.ownedby[1]).attidentity):
        return
    yield f"CREATE SEQUENCE {quoted_name(catalog, row)}"


def _table(catalog: Catalog, row: Relation) -> str:
    unlogged = "UNLOGGED " if row.relpersistence == "u" else ""
    columns = [f"    {_column(catalog, row, one)}" for one in row.attributes if not one.attisdropped]
    return f"CREATE {unlogged}TABLE {quoted_name(catalog, row)} (\n" + ",\n".join(columns) + "\n)" + _partitioned(row)


def _partitioned(row: Relation) -> str:
    if row.relkind != "p" or "(expression)" in row.partkey:
        return ""
    columns = ", ".join(quote_identifier(name) for name in row.partkey[1:])
    return f" PARTITION BY {row.partkey[0].upper()} ({columns})"


def _column(catalog: Catalog, table: Relation, one: Attribute) -> str:
    text = f"{quote_identifier(one.attname)} {format_type(catalog, one.atttypid, one.atttypmod)}"
    if one.attidentity:
        text += f" GENERATED {'ALWAYS' if one.attidentity == 'a' else 'BY DEFAULT'} AS IDENTITY"
    elif one.attgenerated and one.attdefault is not None:
        kind = "STORED" if one.attgenerated == "s" else "VIRTUAL"
        text += f" GENERATED ALWAYS AS ({expression(catalog, one.attdefault, table.oid)}) {kind}"
    elif one.attdefault is not None:
        text += f" DEFAULT {_default(catalog, one)}"
    return text + (" NOT NULL" if one.attnotnull else "")


def _default(catalog: Catalog, one: Attribute) -> str:
    stored = one.attdefault
    assert stored is not None
    if stored.raw:
        return f"({expression(catalog, stored, 0)})"
    # a serial column's nextval() was written by nobody
    call = stored.expr
    sequence = call.args[0] if isinstance(call, FuncExpr) and call.args else None
    row = catalog.relations.get(int(sequence.value or 0)) if isinstance(sequence, Const) else None
    return "NULL" if row is None else f"nextval({quote_literal(quoted_name(catalog, row))}::regclass)"


def _constraints(catalog: Catalog, made: Sequence[Relation]) -> Iterator[str]:
    """Keys first, then what may refer to them; each belongs to its table, partitions follow their parent."""
    tables = {row.oid for row in made if row.relkind in "rp" and not row.relispartition}
    rows = [row for row in catalog.constraints if row.conrelid in tables and is_written(row)]
    for row in sorted(rows, key=lambda row: row.contype == "f"):
        yield _constraint(catalog, row)
    for sequence in catalog.relations:
        if sequence.relkind == "S" and sequence.ownedby[0] in tables:
            table = catalog.relations[sequence.ownedby[0]]
            column = table.column(sequence.ownedby[1])
            if not column.attidentity:
                owner = f"{quoted_name(catalog, table)}.{quote_identifier(column.attname)}"
                yield f"ALTER SEQUENCE {quoted_name(catalog, sequence)} OWNED BY {owner}"


def _constraint(catalog: Catalog, row: Constraint) -> str:
    table = quoted_name(catalog, catalog.relations[row.conrelid])
    definition = constraint_definition(catalog, row)
    return f"ALTER TABLE {table} ADD CONSTRAINT {quote_identifier(row.conname)} {definition}"


def _indexes(catalog: Catalog, made: Sequence[Relation]) -> Iterator[str]:
    tables = {row.oid for row in made if not row.relispartition and row.relkind in "rp"}
    of_constraints = {row.conindid for row in catalog.constraints if row.contype in "pux"}
    for index in catalog.indexes:
        if index.indrelid in tables and index.oid not in of_constraints:
            yield index_definition(catalog, index)


def _view(catalog: Catalog, row: Relation) -> str:
    """The author's query; columns as they are named today."""
    columns = ", ".join(quote_identifier(one.attname) for one in row.attributes if not one.attisdropped)
    kind = "MATERIALIZED VIEW" if row.relkind == "m" else "VIEW"
    options = ", ".join(f"{name} = {value}" for name, value in row.reloptions)
    with_ = f" WITH ({options})" if options else ""
    return f"CREATE {kind} {quoted_name(catalog, row)} ({columns}){with_} AS {_query_text(row.query_text)}"


def _query_text(text: str) -> str:
    """The query in a CREATE VIEW statement: what stands after its first AS outside of brackets."""
    depth = 0
    for token in tokens(text):
        if token.name in ("ASCII_40", "ASCII_41"):
            depth += 1 if token.name == "ASCII_40" else -1
        elif token.name == "AS" and not depth:
            return text[token.end :].strip()
    return text


def _row_security(catalog: Catalog, row: Relation) -> Iterator[str]:
    if row.relrowsecurity:
        yield f"ALTER TABLE {quoted_name(catalog, row)} ENABLE ROW LEVEL SECURITY"
    if row.relforcerowsecurity:
        yield f"ALTER TABLE {quoted_name(catalog, row)} FORCE ROW LEVEL SECURITY"


def _uses_row_type(catalog: Catalog, row: Proc) -> bool:
    return any(is_row_type(catalog, oid) for oid in (row.prorettype, *row.proargtypes, *row.proallargtypes))


def _function(catalog: Catalog, row: Proc) -> Iterator[str]:
    kind = "PROCEDURE" if row.prokind == "p" else "FUNCTION"
    returns = "" if row.prokind == "p" else f" RETURNS {_result(catalog, row)}"
    parts = [f"CREATE {kind} {quoted_name(catalog, row)}({_parameters(catalog, row)}){returns} LANGUAGE {row.prolang}"]
    if row.prokind == "f":
        parts += [_VOLATILITY[row.provolatile], *(["STRICT"] if row.proisstrict else [])]
        parts += [*(["LEAKPROOF"] if row.proleakproof else []), f"PARALLEL {_PARALLEL[row.proparallel]}"]
    parts += ["SECURITY DEFINER"] if row.prosecdef else []
    parts += [f"SET {name} = {_setting(name, value)}" for name, value in row.proconfig]
    yield " ".join(parts) + f" AS {_dollar_quoted(row.prosrc)}"


def _setting(name: str, value: str) -> str:
    if name != "search_path":
        return quote_literal(value)
    return ", ".join(quote_literal(item.strip().strip('"')) for item in value.split(","))


def _dollar_quoted(text: str) -> str:
    tag = "$body$"
    while tag in text:
        tag = f"{tag[:-1]}_$"
    return f"{tag}{text}{tag}"


def _result(catalog: Catalog, row: Proc) -> str:
    columns = [i for i, mode in enumerate(row.proargmodes) if mode == "t"]
    if columns:
        named = [
            f"{quote_identifier(row.proargnames[i])} {format_type(catalog, row.proallargtypes[i])}" for i in columns
        ]
        return f"TABLE ({', '.join(named)})"
    return ("SETOF " if row.proretset else "") + format_type(catalog, row.prorettype)


def _parameters(catalog: Catalog, row: Proc) -> str:
    defaults = _default_texts(row)
    parts = []
    for i, oid in enumerate(row.proallargtypes or row.proargtypes):
        mode = row.proargmodes[i] if row.proargmodes else "i"
        if mode == "t":
            continue
        name = row.proargnames[i] if i < len(row.proargnames) else ""
        text = _MODES[mode] + (f"{quote_identifier(name)} " if name else "") + format_type(catalog, oid)
        parts.append(text + (f" DEFAULT {defaults[i]}" if i in defaults else ""))
    return ", ".join(parts)


def _default_texts(row: Proc) -> dict[int, str]:
    """The defaults of parameters as they were written, by the parameter's place."""
    found: dict[int, str] = {}
    statement = row.statement
    if statement is None or not row.pronargdefaults:
        return found
    for i, item in enumerate(statement.node.get("parameters", ())):
        raw = item["FunctionParameter"].get("defexpr")
        if raw is not None:
            start, end = expression_extent(statement, raw)
            found[i] = statement.text[start:end]
    return found


def _table_grants(catalog: Catalog, row: Relation) -> Iterator[str]:
    name = f"TABLE {quoted_name(catalog, row)}"
    yield from _grants(catalog, row.relacl, name)
    for one in row.attributes:
        if not one.attisdropped and one.attacl:
            yield from _grants(catalog, one.attacl, name, f" ({quote_identifier(one.attname)})")


def _function_grants(catalog: Catalog, row: Proc) -> Iterator[str]:
    if row.proacl is None:
        return
    name = f"{'PROCEDURE' if row.prokind == 'p' else 'FUNCTION'} {quoted_name(catalog, row)}({arguments(catalog, row)})"
    if (PUBLIC, "execute") not in row.proacl:
        yield f"REVOKE ALL ON {name} FROM PUBLIC"
    yield from _grants(catalog, frozenset(one for one in row.proacl if one[0] != PUBLIC), name)


def _grants(catalog: Catalog, acl: Acl, what: str, column: str = "") -> Iterator[str]:
    by_role: dict[str, list[str]] = {}
    for role, privilege in acl:
        if privilege == "maintain" and catalog.pg_version < 17:
            continue
        by_role.setdefault(role_text(catalog, role), []).append(privilege.upper() + column)
    for name in sorted(by_role):
        yield f"GRANT {', '.join(sorted(by_role[name]))} ON {what} TO {name}"
