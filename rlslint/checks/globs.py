"""Globs that the options of rules hold in, whether they mean an object out."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from rlslint.catalog.rows import Proc, Relation
from rlslint.checks.model import Facts


def fits(globs: Sequence[str], *names: str) -> bool:
    """Whether one of the names is meant."""
    return any(fnmatchcase(name, glob) for glob in globs for name in names)


def means_table(facts: Facts, globs: Sequence[str], relation: Relation) -> bool:
    """Whether the table is meant, by ``table`` or ``schema.table``."""
    return fits(globs, relation.relname, facts.catalog.qualified_name(relation))


def means_function(facts: Facts, globs: Sequence[str], proc: Proc) -> bool:
    """Whether the function is meant, by ``function`` or ``schema.function``."""
    return fits(globs, proc.proname, facts.catalog.qualified_name(proc))
