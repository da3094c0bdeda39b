"""Names that PostgreSQL chooses for indexes, constraints and sequences (makeObjectName, ChooseRelationName)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
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
    session: Session, name1: str, name2: str, label: str, namespace: Oid, *, constraint: bool = False
) -> str:
    """A free relation name, numbered on conflict; with ``constraint`` no constraint has it either."""
    number = 0
    while True:
        name = make_object_name(name1, name2, label if number == 0 else f"{label}{number}")
        if not is_taken(session, namespace, name) and not (
            constraint and constraint_name_exists(session, namespace, name)
        ):
            return name
        number += 1


def choose_constraint_name(
    session: Session, name1: str, name2: str, label: str, namespace: Oid, others: Collection[str] = ()
) -> str:
    """A constraint name that no table of the schema has (ChooseConstraintName)."""
    number = 0
    while True:
        name = make_object_name(name1, name2, label if number == 0 else f"{label}{number}")
        if name not in others and not constraint_name_exists(session, namespace, name):
            return name
        number += 1


def constraint_name_exists(session: Session, namespace: Oid, name: str) -> bool:
    """Whether a constraint of some table in the schema has the name (ConstraintNameExists)."""
    relations = session.catalog.relations
    return any(
        (table := relations.get(row.conrelid)) is not None and table.relnamespace == namespace
        for row in session.catalog.constraints.find("name", name)
    )


def name_addition(columns: Iterable[str]) -> str:
    """The columns' part of a chosen name (ChooseIndexNameAddition, ChooseForeignKeyConstraintNameAddition)."""
    text = ""
    for column in columns:
        text = f"{text}_{column}" if text else column
        if len(text.encode()) >= NAMEDATALEN:
            break
    return text


def index_column_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names of an index's columns, made different by numbers (ChooseIndexColumnNames)."""
    chosen: list[str] = []
    for original in names:
        name, number = original, 0
        while name in chosen:
            number += 1
            digits = str(number)
            name = clip(original.encode(), NAMEDATALEN - 1 - len(digits)) + digits
        chosen.append(name)
    return tuple(chosen)


def index_name(
    session: Session, table: str, columns: Sequence[str], namespace: Oid, label: str, *, constraint: bool
) -> str:
    """A name for an index on columns (ChooseIndexName); label ``pkey``, ``key``, ``excl`` or ``idx``."""
    addition = "" if label == "pkey" else name_addition(index_column_names(columns))
    return choose_relation_name(session, table, addition, label, namespace, constraint=constraint)
