"""A journaled container of catalog rows with look-up by key, over an optional read-only base of built-in rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from itertools import count
from typing import Generic, Protocol, TypeVar

from rlslint.nodes.primnodes import Oid

Row = TypeVar("Row")
Row_co = TypeVar("Row_co", covariant=True)
_VERSIONS = count()
EVERYTHING = "*"
Read = tuple[int, Hashable]
"""A store's number, and an OID, an index with its key, or EVERYTHING."""


class Journal(list[Callable[[], None]]):
    """Undo steps of the open transaction, newest last."""

    changes: int = 0
    """How often any of the stores changed, what was undone included: while it stays, nothing is other than it was."""


class Base(Protocol[Row_co]):
    """Built-in rows, loaded when first asked for."""

    def get(self, oid: Oid) -> Row_co | None:
        """The row with that OID."""
        ...

    def find(self, index: str, key: Hashable) -> tuple[Row_co, ...]:
        """Rows by a secondary key."""
        ...


class Store(Generic[Row]):
    """Rows by OID with named secondary indexes.

    Every change is written to ``journal`` while a transaction is open, so that `Catalog.rollback` can undo it.
    """

    def __init__(
        self,
        journal: Journal,
        oid: Callable[[Row], Oid],
        indexes: Mapping[str, Callable[[Row], Hashable]],
        base: Base[Row] | None = None,
    ) -> None:
        self._journal = journal
        self._oid = oid
        self._keys = indexes
        self._base = base
        self._rows: dict[Oid, Row] = {}
        self._found: dict[str, dict[Hashable, dict[Oid, None]]] = {name: {} for name in indexes}
        self.version = next(_VERSIONS)
        """A number that stands for these very rows: another one after every change, the old one when it is undone."""
        self.reads: set[Read] | None = None
        """While it is a set: everything that is asked for, each with this store's number."""
        self.number = 0
        self.before: dict[Oid, Row | None] | None = None
        """While it is a dictionary: the rows that change, as they were."""
        # answers of `find` since the last change; look-ups come in their thousands between changes
        self._answers: dict[tuple[str, Hashable], tuple[Row, ...]] = {}

    def get(self, oid: Oid) -> Row | None:
        """The row with that OID, or None."""
        if self.reads is not None:
            self.reads.add((self.number, oid))
        row = self._rows.get(oid)
        if row is None and self._base is not None:
            return self._base.get(oid)
        return row

    def __getitem__(self, oid: Oid) -> Row:
        row = self.get(oid)
        if row is None:
            raise KeyError(oid)
        return row

    def find(self, index: str, key: Hashable) -> tuple[Row, ...]:
        """Rows whose secondary key equals ``key``: built-in ones first, then in order of creation."""
        if self.reads is not None:
            self.reads.add((self.number, (index, key)))
        answer = self._answers.get((index, key))
        if answer is None:
            answer = tuple(self._rows[oid] for oid in sorted(self._found[index].get(key, ())))
            if self._base is not None:
                built_in = self._base.find(index, key)
                answer = tuple(row for row in built_in if self._oid(row) not in self._rows) + answer
            self._answers[index, key] = answer
        return answer

    def first(self, index: str, key: Hashable) -> Row | None:
        """The first of `find`, or None."""
        rows = self.find(index, key)
        return rows[0] if rows else None

    def __iter__(self) -> Iterator[Row]:
        """The rows that replay made, in order of their OIDs, which is order of creation; not the built-in ones."""
        self.read_all()
        return iter([self._rows[oid] for oid in sorted(self._rows)])

    def __len__(self) -> int:
        self.read_all()
        return len(self._rows)

    def read_all(self) -> None:
        """What follows may hang on any row."""
        if self.reads is not None:
            self.reads.add((self.number, EVERYTHING))

    def keys_of(self, oid: Oid, row: Row | None) -> Iterator[Read]:
        """What may be asked for and is answered otherwise where this row is another one."""
        yield self.number, oid
        yield self.number, EVERYTHING
        if row is not None:
            for name, key_of in self._keys.items():
                yield self.number, (name, key_of(row))

    def rows(self) -> dict[Oid, Row]:
        """The rows that replay made, by OID, as they are now; for those who watch, it counts as no read."""
        return dict(self._rows)

    def put(self, row: Row) -> Row:
        """Add the row, or replace the one with its OID; returns it."""
        oid = self._oid(row)
        old = self._rows.get(oid)
        before = self._change()
        if self.before is not None:
            # a built-in row that this one takes the place of is no longer found under its keys
            built_in = self._base.get(oid) if old is None and self._base is not None else None
            self.before.setdefault(oid, old or built_in)
        self._set(row)
        self._journal.append(lambda: self._undo(oid, old, before))
        return row

    def remove(self, oid: Oid) -> None:
        """Take the row away. Raises KeyError when there is none."""
        old = self._rows[oid]
        before = self._change()
        if self.before is not None:
            self.before.setdefault(oid, old)
        self._unset(oid)
        self._journal.append(lambda: self._undo(oid, old, before))

    def load(self, rows: Iterable[Row]) -> None:
        """Take over the rows of a store as new as this one; there is no way back to before."""
        for row in rows:
            self._set(row)
        self.version = next(_VERSIONS)
        self._journal.changes += 1

    def extend(self, rows: Iterable[Row]) -> None:
        """`put` each."""
        for row in rows:
            self.put(row)

    def _change(self) -> int:
        before, self.version = self.version, next(_VERSIONS)
        self._journal.changes += 1
        return before

    def _undo(self, oid: Oid, old: Row | None, version: int) -> None:
        if old is None:
            self._unset(oid)
        else:
            self._set(old)
        self.version = version
        self._journal.changes += 1

    def _set(self, row: Row) -> None:
        self._answers.clear()
        oid = self._oid(row)
        old = self._rows.get(oid)
        self._rows[oid] = row
        for name, key_of in self._keys.items():
            key = key_of(row)
            if old is not None:
                old_key = key_of(old)
                if old_key == key:
                    continue
                self._drop_key(name, old_key, oid)
            self._found[name].setdefault(key, {})[oid] = None

    def _unset(self, oid: Oid) -> None:
        self._answers.clear()
        old = self._rows.pop(oid)
        for name, key_of in self._keys.items():
            self._drop_key(name, key_of(old), oid)

    def _drop_key(self, name: str, key: Hashable, oid: Oid) -> None:
        bucket = self._found[name][key]
        del bucket[oid]
        if not bucket:
            del self._found[name][key]
