"""Catalog rows in, the DDL that would make them out, names as they are today (ruleutils.c: pg_get_indexdef and others)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rlslint.analyze import types as t
from rlslint.analyze.deparse import deparse
from rlslint.analyze.opclass import default_opclass
from rlslint.analyze.typename import quote_identifier, quote_literal, quote_qualified
from rlslint.catalog.catalog import PG_CATALOG, PUBLIC, PUBLIC_NAMESPACE, Catalog
from rlslint.catalog.rows import Constraint, Index, IndexKey, Policy, Proc, Relation, StoredExpr
from rlslint.nodes.primnodes import CoalesceExpr, Expr, FuncExpr, Oid, OpExpr, SQLValueFunction

Words = Callable[[StoredExpr, Oid], str]
"""How an expression over a table is worded."""

_ACTIONS: Final = {"r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
COMMANDS: Final = {"*": "all", "r": "select", "a": "insert", "w": "update", "d": "delete"}
_COLLATIONS: Final = {950: '"C"', 951: '"POSIX"'}
_ORDERED: Final = ("btree",)


def expression(catalog: Catalog, stored: StoredExpr, relid: Oid, *, boolean: bool = False) -> str:
    """An expression over one table as SQL for a session with the default search_path."""
    return deparse(catalog, stored, relid, boolean=boolean).text


def key_text(catalog: Catalog, index: Index, key: IndexKey, words: Words | None = None) -> str:
    """An index's key as pg_get_indexdef(index, number, false) has it: a column's name, or an expression."""
    if key.expr is None:
        return quote_identifier(catalog.relations[index.indrelid].column(key.attnum).attname)
    if words is not None:
        text = words(key.expr, index.indrelid)
        return text if _looks_like_function(key.expr.expr) else f"({text})"
    text = expression(catalog, key.expr, index.indrelid)
    return text if "FuncCall" in key.expr.raw else f"({text})"


def _worded(catalog: Catalog, condition: StoredExpr, relid: Oid, words: Words | None) -> str:
    """A condition in these words, or in the author's."""
    return expression(catalog, condition, relid, boolean=True) if words is None else words(condition, relid)


def _looks_like_function(expr: Expr) -> bool:
    match expr:
        case FuncExpr():
            return expr.form == "call"
        case OpExpr():
            return expr.kind == "nullif"
    return isinstance(expr, (CoalesceExpr, SQLValueFunction))


def _key(catalog: Catalog, index: Index, key: IndexKey, words: Words | None) -> str:
    """A key with its collation, operator class and order where they are not the default."""
    text = key_text(catalog, index, key, words)
    if key.expr is None:
        attribute = catalog.relations[index.indrelid].column(key.attnum)
        oid, collation = attribute.atttypid, attribute.attcollation
    else:
        oid, collation = key.expr.expr.type, key.collation
    if key.collation != collation and key.collation in _COLLATIONS:
        text += f" COLLATE {_COLLATIONS[key.collation]}"
    opclass = catalog.opclasses.get(key.opclass)
    default = default_opclass(catalog, oid, index.amname)
    if opclass is not None and (default is None or default.oid != opclass.oid):
        visible = opclass.opcnamespace in (PG_CATALOG, PUBLIC_NAMESPACE)
        name = quote_identifier(opclass.opcname)
        text += f" {name}" if visible else f" {quote_qualified(catalog.nspname(opclass.opcnamespace), opclass.opcname)}"
    if index.amname not in _ORDERED:
        return text
    if key.descending:
        return text + (" DESC" if key.nulls_first else " DESC NULLS LAST")
    return text + (" NULLS FIRST" if key.nulls_first else "")


def _columns(table: Relation, numbers: tuple[int, ...]) -> str:
    return ", ".join(quote_identifier(table.column(number).attname) for number in numbers)


def _include(table: Relation, index: Index) -> str:
    return f" INCLUDE ({_columns(table, index.include)})" if index.include else ""


def _storage(options: tuple[tuple[str, str], ...]) -> str:
    parts = [f"{name}={value if quote_identifier(value) == value else quote_literal(value)}" for name, value in options]
    return f" WITH ({', '.join(parts)})" if parts else ""


def index_definition(catalog: Catalog, index: Index, words: Words | None = None) -> str:
    """CREATE INDEX, as pg_get_indexdef(index) writes it but for the author's wording of expressions, unless ``words``
    has another one."""
    table = catalog.relations[index.indrelid]
    unique = "UNIQUE " if index.indisunique else ""
    only = "ONLY " if table.relkind == "p" else ""
    name = quote_qualified(catalog.nspname(table.relnamespace), table.relname)
    keys = ", ".join(_key(catalog, index, key, words) for key in index.keys)
    nulls = " NULLS NOT DISTINCT" if index.indnullsnotdistinct else ""
    where = ""
    if index.indpred is not None:
        told = _worded(catalog, index.indpred, table.oid, words)
        # what pg_get_indexdef() writes has its parentheses already
        where = f" WHERE ({told})" if words is None else f" WHERE {told}"
    return (
        f"CREATE {unique}INDEX {quote_identifier(index.relname)} ON {only}{name} USING {index.amname} ({keys})"
        f"{_include(table, index)}{nulls}{_storage(index.reloptions)}{where}"
    )


def constraint_definition(catalog: Catalog, row: Constraint, words: Words | None = None) -> str:
    """What follows ADD CONSTRAINT name, as pg_get_constraintdef() but for the author's wording of expressions, unless
    ``words`` has another one."""
    table = catalog.relations[row.conrelid]
    match row.contype:
        case "p" | "u":
            text = _key_constraint(catalog, table, row)
        case "f":
            text = _foreign_key(catalog, table, row)
        case "x":
            text = _exclusion(catalog, table, row, words)
        case _:
            told = "" if row.conexpr is None else _worded(catalog, row.conexpr, row.conrelid, words)
            text = f"CHECK ({told})" + (" NO INHERIT" if row.connoinherit else "")
    text += " DEFERRABLE" if row.condeferrable else ""
    text += " INITIALLY DEFERRED" if row.condeferred else ""
    if not row.conenforced:
        return text + " NOT ENFORCED"
    return text + ("" if row.convalidated else " NOT VALID")


def _key_constraint(catalog: Catalog, table: Relation, row: Constraint) -> str:
    index = catalog.indexes.get(row.conindid)
    word = "PRIMARY KEY" if row.contype == "p" else "UNIQUE"
    nulls = " NULLS NOT DISTINCT" if index is not None and index.indnullsnotdistinct else ""
    include = _include(table, index) if index is not None else ""
    return f"{word}{nulls} ({_columns(table, row.conkey)}){include}"


def _foreign_key(catalog: Catalog, table: Relation, row: Constraint) -> str:
    target = catalog.relations[row.confrelid]
    columns = f"({_columns(target, row.confkey)})" if row.confkey else ""
    text = f"FOREIGN KEY ({_columns(table, row.conkey)}) REFERENCES {table_name(catalog, target)}{columns}"
    text += " MATCH FULL" if row.confmatchtype == "f" else ""
    text += f" ON UPDATE {_ACTIONS[row.confupdtype]}" if row.confupdtype in _ACTIONS else ""
    if row.confdeltype not in _ACTIONS:
        return text
    only = f" ({_columns(table, row.confdelsetcols)})" if row.confdelsetcols else ""
    return f"{text} ON DELETE {_ACTIONS[row.confdeltype]}{only}"


def _exclusion(catalog: Catalog, table: Relation, row: Constraint, words: Words | None) -> str:
    index = catalog.indexes[row.conindid]
    keys = []
    for key in index.keys:
        operator = catalog.operators.get(key.exclude_op)
        keys.append(f"{_key(catalog, index, key, words)} WITH {'=' if operator is None else operator.oprname}")
    where = ""
    if index.indpred is not None:
        where = f" WHERE ({_worded(catalog, index.indpred, table.oid, words)})"
    return (
        f"EXCLUDE USING {index.amname} ({', '.join(keys)}){_include(table, index)}{_storage(index.reloptions)}{where}"
    )


def table_name(catalog: Catalog, table: Relation) -> str:
    """The table's name as it needs to be written with the default search_path."""
    if table.relnamespace == PUBLIC_NAMESPACE:
        return quote_identifier(table.relname)
    return quote_qualified(catalog.nspname(table.relnamespace), table.relname)


def role_text(catalog: Catalog, oid: Oid) -> str:
    """A role as it is written after TO."""
    return "PUBLIC" if oid == PUBLIC else quote_identifier(catalog.rolname(oid))


def policy_definition(catalog: Catalog, row: Policy) -> str:
    """CREATE POLICY."""
    table = catalog.relations[row.polrelid]
    roles = ", ".join(sorted(role_text(catalog, oid) for oid in row.polroles))
    text = f"CREATE POLICY {quote_identifier(row.polname)} ON {quoted_name(catalog, table)}"
    text += "" if row.polpermissive else " AS RESTRICTIVE"
    text += f" FOR {COMMANDS[row.polcmd].upper()} TO {roles}"
    if row.polqual is not None:
        text += f" USING ({expression(catalog, row.polqual, row.polrelid, boolean=True)})"
    if row.polwithcheck is not None:
        text += f" WITH CHECK ({expression(catalog, row.polwithcheck, row.polrelid, boolean=True)})"
    return text


def quoted_name(catalog: Catalog, row: Relation | Proc) -> str:
    """``schema.name``, quoted."""
    if isinstance(row, Proc):
        return quote_qualified(catalog.nspname(row.pronamespace), row.proname)
    return quote_qualified(catalog.nspname(row.relnamespace), row.relname)


def is_row_type(catalog: Catalog, oid: Oid) -> bool:
    """Whether the type, or an array's element, is a table's row type."""
    row = catalog.types.get(t.element_type(catalog, oid) or oid)
    return row is not None and row.typtype == "c" and row.typrelid != 0
