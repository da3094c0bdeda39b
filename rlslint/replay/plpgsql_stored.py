"""What expressions of DO blocks come to, and PostgreSQL's words for what the catalog stores, worked out when asked for."""

from __future__ import annotations

from collections.abc import Callable

from rlslint.analyze.definitions import Words, constraint_definition, index_definition
from rlslint.analyze.ruleutils import worded
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Constraint, Index, StoredExpr
from rlslint.nodes.primnodes import Oid

Value = object
"""What an expression in a DO block comes to: None (NULL), bool, int, float, str, list (array), dict (record), Reg."""
Row = dict[str, Value]


class Later:
    """A value that is worked out when it is asked for."""

    __slots__ = ("work",)

    def __init__(self, work: Callable[[tuple[str, ...]], Value]) -> None:
        """``work`` gives it for a search_path, or raises Unworded."""
        self.work = work


class Reg(int):
    """An OID that shows as its object's name: regclass, regtype, regrole ..."""

    shown: str

    def __new__(cls, oid: int, shown: str) -> Reg:
        """``shown`` is what a cast to text gives."""
        made = super().__new__(cls, oid)
        made.shown = shown
        return made


def stored_text(catalog: Catalog, stored: StoredExpr | None, relid: Oid) -> Value:
    """pg_get_expr() of what is stored; of pg_node_tree itself nothing else is of use. None is NULL."""
    if stored is None:
        return None
    return Later(lambda path: _words(catalog, path)(stored, relid))


def _words(catalog: Catalog, path: tuple[str, ...]) -> Words:
    return lambda stored, relid: worded(catalog, stored.expr, catalog.relations.get(relid), path)


def index_text(catalog: Catalog, row: Index) -> Value:
    """pg_get_indexdef()."""
    return Later(lambda path: index_definition(catalog, row, _words(catalog, path)))


def constraint_text(catalog: Catalog, row: Constraint) -> Value:
    """pg_get_constraintdef()."""
    return Later(lambda path: constraint_definition(catalog, row, _words(catalog, path)))
