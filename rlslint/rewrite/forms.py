"""A statement's form in, the row security and privileges that it meets out: what rowsecurity.c and execMain.c ask of it.

`row_security` (rowsecurity.py) answers for the statements that are predicted by name; this is the whole of SQL's DML.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rlslint.catalog.acl import has_column_privilege, has_privilege
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Relation
from rlslint.nodes.primnodes import Oid
from rlslint.rewrite.model import Quals, RowSecurity, StatementName, WithCheckOption
from rlslint.rewrite.privileges import has_any_column
from rlslint.rewrite.rowsecurity import PolCmd, applicable_quals, bypasses


@dataclass(frozen=True, slots=True)
class Form:
    """What a statement does to its table; columns by attribute number.

    ``reads``: columns that it reads (WHERE, RETURNING, the right side of SET, the arbiter of ON CONFLICT); None where it
    reads none, () where it needs the table without a column of it (SELECT count(*)).
    """

    command: Literal["select", "insert", "update", "delete", "merge"]
    reads: tuple[int, ...] | None = None
    inserts: tuple[int, ...] = ()
    updates: tuple[int, ...] = ()
    deletes: bool = False
    """For MERGE: it has a DELETE action."""
    locks: bool = False
    """SELECT ... FOR UPDATE or SHARE."""
    on_conflict_update: bool = False


_NAMES: dict[str, StatementName] = {
    "select": "select",
    "insert": "insert",
    "update": "update",
    "delete": "delete",
    "merge": "update",
}


def row_security_of(catalog: Catalog, relid: Oid, role: Oid, form: Form) -> RowSecurity:
    """What row security does to a statement of this form (get_row_security_policies).

    Where it reads columns it needs the SELECT privilege, and with it the SELECT policies: as a filter of what is scanned
    and as a check of what it writes.
    """
    name = _NAMES[form.command]
    bypass = bypasses(catalog, catalog.relations[relid], role)
    if bypass is not None:
        return RowSecurity(relid, role, name, bypass)

    def quals(command: PolCmd, *, check: bool = False) -> Quals:
        return applicable_quals(catalog, relid, role, command, check=check)

    seen = (quals("r"),) if form.reads is not None else ()
    inserted = tuple(WithCheckOption("select", one) for one in seen)
    updated = tuple(WithCheckOption("select", one, "updated") for one in seen)
    security: tuple[Quals, ...] = ()
    options: tuple[WithCheckOption, ...] = ()
    match form.command:
        case "select":
            security = (quals("r"), quals("w")) if form.locks else (quals("r"),)
        case "insert":
            options = (WithCheckOption("insert", quals("a", check=True)), *inserted)
            if form.on_conflict_update:
                options += (
                    WithCheckOption("conflict", quals("w"), "conflicting"),
                    *(WithCheckOption("conflict", one, "conflicting") for one in seen),
                    WithCheckOption("update", quals("w", check=True), "updated"),
                    *updated,
                )
        case "update":
            security = (quals("w"), *seen)
            options = (WithCheckOption("update", quals("w", check=True), "updated"), *updated)
        case "delete":
            security = (quals("d"), *seen)
        case "merge":
            # the policies of all three actions are brought in, whichever the statement has; a row that is matched and
            # then fails USING is an error, not passed over
            security = seen
            options = (
                WithCheckOption("merge_update", quals("w"), "conflicting"),
                WithCheckOption("update", quals("w", check=True), "updated"),
                *updated,
                WithCheckOption("merge_delete", quals("d"), "conflicting"),
                WithCheckOption("insert", quals("a", check=True)),
            )
    return RowSecurity(relid, role, name, None, security, options)


def lacks_privilege(catalog: Catalog, relation: Relation, role: Oid, form: Form) -> bool:
    """Whether the statement fails with 42501 for want of a privilege on its table or on the table's schema, policies
    aside (ExecCheckOneRelPerms, LookupExplicitNamespace)."""
    namespace = catalog.namespaces[relation.relnamespace]
    if not has_privilege(catalog, role, namespace, "usage"):
        return True
    if form.reads is not None and not _has_all(catalog, role, relation, form.reads, "select"):
        return True
    if form.command == "insert" or form.inserts:
        if not _has_all(catalog, role, relation, form.inserts, "insert"):
            return True
    if (form.updates or form.locks) and not _has_all(catalog, role, relation, form.updates, "update"):
        return True
    return (form.command == "delete" or form.deletes) and not has_privilege(catalog, role, relation, "delete")


def _has_all(catalog: Catalog, role: Oid, relation: Relation, columns: tuple[int, ...], privilege: str) -> bool:
    if not columns:
        return has_any_column(catalog, role, relation, privilege)
    return all(has_column_privilege(catalog, role, relation, column, privilege) for column in columns)
