"""A needed index in, CREATE INDEX CONCURRENTLY out, under a free name that PostgreSQL itself would choose."""

from __future__ import annotations

from rlslint.analyze.opclass import default_opclass
from rlslint.analyze.typename import quote_identifier, quote_qualified
from rlslint.catalog.catalog import Catalog
from rlslint.checks.model import NeedIndex
from rlslint.findings import Suggestion
from rlslint.replay.naming import make_object_name, name_addition


class IndexNames:
    """Names given so far in one run: the same need gets the same name, two needs never share one."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._given: dict[NeedIndex, str] = {}

    def name(self, need: NeedIndex, columns: list[str]) -> str:
        """``table_columns_idx``, numbered when it is taken."""
        if need in self._given:
            return self._given[need]
        table = self._catalog.relations[need.relid]
        number = 0
        while True:
            label = "idx" if number == 0 else f"idx{number}"
            name = make_object_name(table.relname, name_addition(columns), label)
            key = (table.relnamespace, name)
            used = self._catalog.indexes.find("name", key) or self._catalog.relations.find("name", key)
            if not used and name not in self._given.values():
                self._given[need] = name
                return name
            number += 1


def create_index(catalog: Catalog, names: IndexNames, need: NeedIndex) -> Suggestion | None:
    """The index, or None where a column's type has no btree operator class."""
    table = catalog.relations[need.relid]
    attributes = [table.column(number) for number in need.columns]
    if not attributes or any(default_opclass(catalog, one.atttypid, "btree") is None for one in attributes):
        return None
    columns = [one.attname for one in attributes]
    name = names.name(need, columns)
    schema = catalog.nspname(table.relnamespace)
    listed = ", ".join(quote_identifier(column) for column in columns)
    concurrently = "" if table.relkind == "p" else " CONCURRENTLY"
    return Suggestion(
        kind="create_index",
        title=f"index {table.relname} ({', '.join(columns)})",
        applicability="safe",
        up=f"CREATE INDEX{concurrently} {quote_identifier(name)} ON {quote_qualified(schema, table.relname)} ({listed});",
        down=f"DROP INDEX{concurrently} {quote_qualified(schema, name)};",
    )
