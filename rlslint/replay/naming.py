"""Names that PostgreSQL chooses for indexes, constraints and sequences (makeObjectName, ChooseRelationName)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rlslint.nodes.primnodes import Oid
from rlslint.replay.lookup import is_taken
from rlslint.replay.session import Session

NAMEDATALEN: Final = 64


def make_object_name(name1: str, name2: str, label: str) -> str:
    """``name1_name2_label`` cut to 63 bytes: the longer of the two names is shortened first."""
    one, two = name1.encode(), name2.encode()
    overhead = (1 if name2 else 0) + (len(label) + 1 if label else 0)
    available = NAMEDATALEN - 1 - overhead
    length1, length2 = len(one), len(two)
    while length1 + length2 > available:
        if length1 > length2:
            length1 -= 1
        else:
            length2 -= 1
    parts = [clip(one, length1)]
    if name2:
        parts.append(clip(two, length2))
    if label:
        parts.append(label)
    return "_".join(parts)


def clip(name: bytes, length: int) -> str:
    """The first ``length`` bytes, no character cut in half (pg_mbcliplen)."""
    return name[:length].decode(errors="ignore")


def truncate(name: str) -> str:
    """An identifier as PostgreSQL keeps it: at most 63 bytes."""
    return clip(name.encode(), NAMEDATALEN - 1)


def choose_relation_name(
    session: Session, name1: str, name2: str, label: str, namespace: Oid, taken: Iterable[str] = ()
) -> str:
    """A free relation name, numbered on conflict. ``taken``: constraint names to avoid as well."""
    avoid = set(taken)
    number = 0
    while True:
        name = make_object_name(name1, name2, label if number == 0 else f"{label}{number}")
        if name not in avoid and not is_taken(session, namespace, name):
            return name
        number += 1


def choose_constraint_name(name1: str, name2: str, label: str, taken: set[str]) -> str:
    """A free constraint name (ChooseConstraintName)."""
    number = 0
    while True:
        name = make_object_name(name1, name2, label if number == 0 else f"{label}{number}")
        if name not in taken:
            return name
        number += 1


def name_addition(columns: Iterable[str]) -> str:
    """The columns' part of a chosen name (ChooseIndexNameAddition, ChooseForeignKeyConstraintNameAddition)."""
    text = ""
    for column in columns:
        text = f"{text}_{column}" if text else column
        if len(text.encode()) >= NAMEDATALEN:
            break
    return text


def index_name(
    session: Session, table: str, columns: list[str], namespace: Oid, *, primary: bool, unique: bool, exclusion: bool
) -> str:
    """ChooseIndexName."""
    if primary:
        return choose_relation_name(session, table, "", "pkey", namespace, constraint_names(session, namespace))
    addition = name_addition(columns)
    if exclusion:
        return choose_relation_name(session, table, addition, "excl", namespace, constraint_names(session, namespace))
    if unique:
        return choose_relation_name(session, table, addition, "key", namespace, constraint_names(session, namespace))
    return choose_relation_name(session, table, addition, "idx", namespace)


def constraint_names(session: Session, namespace: Oid) -> set[str]:
    """Names of the constraints of all tables in a schema."""
    catalog = session.catalog
    return {
        row.conname
        for row in catalog.constraints
        if (table := catalog.relations.get(row.conrelid)) is not None and table.relnamespace == namespace
    }
