"""Needed indexes in, the smallest set of CREATE INDEX that meets them all out, under names that PostgreSQL would choose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rlslint.analyze.collate import C_COLLATION, DEFAULT_COLLATION
from rlslint.analyze.opclass import default_opclass
from rlslint.analyze.typename import quote_identifier, quote_qualified
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Relation
from rlslint.checks.model import NeedIndex
from rlslint.findings import Suggestion
from rlslint.nodes.primnodes import Oid
from rlslint.replay.naming import make_object_name, name_addition

Columns = tuple[int, ...]

_COLLATIONS: Final = {DEFAULT_COLLATION: '"default"', C_COLLATION: '"C"'}


class IndexSet:
    """The indexes of one run: a need that is the beginning of another is met by the other's index, and equal needs by
    one; each index has one name, and no two share one."""

    def __init__(
        self, catalog: Catalog, needs: Iterable[NeedIndex], useful: Iterable[tuple[Oid, Columns]] = ()
    ) -> None:
        """``useful``: columns that an index may as well hold, where it is needed anyway."""
        self.catalog = catalog
        self._wanted: dict[tuple[Oid, Oid], list[Columns]] = {}
        self._names: dict[tuple[Oid, str], str] = {}
        self._tried: dict[tuple[Oid, str], list[str]] = {}
        """Names that were looked at for an index."""
        self.asked: set[tuple[Oid, Oid]] = set()
        """Tables and collations that were asked for since it was emptied last."""
        self.names: set[tuple[str, Oid]] = set()
        """Names, with their schemas, that were looked at since it was emptied last."""
        self.crowded = False
        """Whether a name was taken by another index of this run."""
        for need in needs:
            self._wanted.setdefault((need.relid, need.collation), []).append(need.columns)
        for relid, columns in useful:
            self._wanted.setdefault((relid, 0), []).append(columns)

    def covering(self, need: NeedIndex) -> Columns:
        """The longest wanted column list that begins with the need's own; the first of equally long ones."""
        self.asked.add((need.relid, need.collation))
        wanted = self.wanted(need.relid, need.collation)
        longer = [one for one in wanted if one[: len(need.columns)] == need.columns]
        return max(longer, key=len, default=need.columns)

    def wanted(self, relid: Oid, collation: Oid) -> Sequence[Columns]:
        """The column lists that are wanted of a table."""
        return self._wanted.get((relid, collation), ())

    def used(self, name: str, schema: Oid) -> bool:
        """Whether a relation of the catalog bears the name."""
        place = (schema, name)
        return bool(self.catalog.indexes.find("name", place) or self.catalog.relations.find("name", place))

    def name(self, table: Relation, columns: list[str], definition: str) -> str:
        """``table_columns_idx``, numbered when it is taken."""
        key = (table.oid, definition)
        number = 0
        while key not in self._names:
            label = "idx" if number == 0 else f"idx{number}"
            name = make_object_name(table.relname, name_addition(columns), label)
            self.crowded = self.crowded or name in self._names.values()
            self._tried.setdefault(key, []).append(name)
            if not self.used(name, table.relnamespace) and name not in self._names.values():
                self._names[key] = name
            number += 1
        self.names.update((name, table.relnamespace) for name in self._tried[key])
        return self._names[key]


def is_covered(catalog: Catalog, need: NeedIndex) -> bool:
    """Whether a valid btree index of all rows already leads with the columns."""
    return any(
        index.indisvalid
        and index.indpred is None
        and index.amname == "btree"
        and tuple(key.attnum for key in index.keys[: len(need.columns)]) == need.columns
        and need.collation in (0, index.keys[0].collation)
        for index in catalog.indexes_of(need.relid)
    )


def create_index(names: IndexSet, need: NeedIndex) -> Suggestion | None:
    """The index that meets the need, or None where there is one or a column's type has no btree operator class."""
    catalog = names.catalog
    table = catalog.relations.get(need.relid)
    if table is None or not need.columns or min(need.columns) < 1 or is_covered(catalog, need):
        return None
    attributes = [table.column(number) for number in names.covering(need)]
    if any(default_opclass(catalog, one.atttypid, "btree") is None for one in attributes):
        return None
    columns = [one.attname for one in attributes]
    keys = [quote_identifier(column) for column in columns]
    if need.collation:
        if need.collation not in _COLLATIONS:
            return None
        keys[0] += f" COLLATE {_COLLATIONS[need.collation]}"
    listed = ", ".join(keys)
    return index_suggestion(
        names, table, columns, listed, f"index {table.relname} ({listed if need.collation else ', '.join(columns)})"
    )


def index_suggestion(names: IndexSet, table: Relation, columns: list[str], keys: str, title: str) -> Suggestion:
    """CREATE INDEX on ``keys`` and DROP INDEX; ``columns`` give it its name.

    Concurrently, so that writers are not held up; a partitioned table knows no such thing.
    """
    name = names.name(table, columns, keys)
    schema = names.catalog.nspname(table.relnamespace)
    concurrently = "" if table.relkind == "p" else " CONCURRENTLY"
    return Suggestion(
        kind="create_index",
        title=title,
        applicability="safe",
        up=f"CREATE INDEX{concurrently} {quote_identifier(name)} ON {quote_qualified(schema, table.relname)} ({keys});",
        down=f"DROP INDEX{concurrently} {quote_qualified(schema, name)};",
    )
