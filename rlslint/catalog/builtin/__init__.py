"""Built-in rows of pg_catalog and of contrib extensions, from data generated on a real server (generate.py).

The files are read when something is first looked up, and rows are made one look-up at a time.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Hashable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rlslint.catalog import rows
from rlslint.catalog.builtin import decode

if TYPE_CHECKING:
    from rlslint.catalog.catalog import Catalog

Row = TypeVar("Row")
Raw = Sequence[Any]


class BuiltinStore(Generic[Row]):
    """One kind of built-in row; `Base` of catalog/store.py."""

    def __init__(
        self,
        kind: str,
        make: Callable[[Raw], Row],
        oid: Callable[[Raw], int],
        keys: dict[str, Callable[[Raw], Hashable]],
    ) -> None:
        self._kind = kind
        self._make = make
        self._oid = oid
        self._keys = keys
        self._by_oid: dict[int, Raw] = {}
        self._indexes: dict[str, dict[Hashable, list[Raw]]] = {}
        self._made: dict[int, Row] = {}

    def get(self, oid: int) -> Row | None:
        """The row with that OID, or None."""
        made = self._made.get(oid)
        if made is not None:
            return made
        if not self._by_oid:
            self._by_oid = {self._oid(raw): raw for raw in _data()[self._kind]}
        raw = self._by_oid.get(oid)
        return None if raw is None else self._row(raw)

    def find(self, index: str, key: Hashable) -> tuple[Row, ...]:
        """Rows by a secondary key."""
        found = self._indexes.get(index)
        if found is None:
            found = self._indexes[index] = {}
            key_of = self._keys[index]
            for raw in _data()[self._kind]:
                found.setdefault(key_of(raw), []).append(raw)
        return tuple(self._row(raw) for raw in found.get(key, ()))

    def _row(self, raw: Raw) -> Row:
        oid = self._oid(raw)
        row = self._made.get(oid)
        if row is None:
            row = self._made[oid] = self._make(raw)
        return row


@lru_cache(maxsize=1)
def _data() -> dict[str, list[Raw]]:
    text = (Path(__file__).parent / "pg_catalog.json").read_text(encoding="utf-8")
    # thousands of lists that all stay: looking for garbage among them costs twice the parsing
    collecting = gc.isenabled()
    gc.disable()
    data: dict[str, list[Raw]] = json.loads(text)
    if collecting:
        gc.enable()
    return data


@lru_cache(maxsize=1)
def _extension_data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads((Path(__file__).parent / "extensions.json").read_text(encoding="utf-8"))
    return data


def _first(raw: Raw) -> int:
    oid: int = raw[0]
    return oid


@cache
def namespaces() -> BuiltinStore[rows.Namespace]:
    """pg_catalog, public, information_schema, pg_toast."""
    return BuiltinStore("namespaces", decode.namespace, _first, {"name": lambda raw: raw[1]})


@cache
def roles() -> BuiltinStore[rows.Role]:
    """The bootstrap superuser and the predefined roles."""
    return BuiltinStore("roles", decode.role, _first, {"name": lambda raw: raw[1]})


@cache
def types() -> BuiltinStore[rows.Type]:
    """pg_type."""
    return BuiltinStore("types", decode.type_, _first, {"name": lambda raw: (raw[2], raw[1])})


@cache
def relations() -> BuiltinStore[rows.Relation]:
    """Tables and views of pg_catalog and information_schema."""
    return BuiltinStore(
        "relations", decode.relation, _first, {"name": lambda raw: (raw[2], raw[1]), "child": lambda _: False}
    )


@cache
def procs() -> BuiltinStore[rows.Proc]:
    """pg_proc."""
    return BuiltinStore("procs", decode.proc, _first, {"name": lambda raw: raw[1]})


@cache
def operators() -> BuiltinStore[rows.Operator]:
    """pg_operator."""
    return BuiltinStore("operators", decode.operator, _first, {"name": lambda raw: raw[1]})


@cache
def casts() -> BuiltinStore[rows.Cast]:
    """pg_cast."""
    return BuiltinStore(
        "casts", decode.cast, lambda raw: (raw[0] << 32) | raw[1], {"pair": lambda raw: (raw[0], raw[1])}
    )


@cache
def opclasses() -> BuiltinStore[rows.OpClass]:
    """pg_opclass."""
    return BuiltinStore(
        "opclasses",
        decode.opclass,
        _first,
        {"method_name": lambda raw: (raw[3], raw[1]), "method": lambda raw: raw[3]},
    )


@cache
def amops() -> BuiltinStore[rows.AmOp]:
    """pg_amop."""
    return BuiltinStore("amops", decode.amop, _first, {"operator": lambda raw: raw[6], "family": lambda raw: raw[1]})


def extension_requires(name: str) -> tuple[str, ...] | None:
    """The extensions that one needs first; None when it is not known here."""
    data = _extension_data().get(name)
    return None if data is None else tuple(data["requires"])


def load_extension(catalog: Catalog, name: str, namespace: int) -> bool:
    """Put a contrib extension's objects into the catalog, in the given schema; False when it is not known here."""
    data = _extension_data().get(name)
    if data is None:
        return False
    catalog.types.extend(decode.type_(_placed(raw, namespace)) for raw in data["types"])
    catalog.procs.extend(decode.proc(_placed(raw, namespace)) for raw in data["procs"])
    catalog.operators.extend(decode.operator(_placed(raw, namespace)) for raw in data["operators"])
    catalog.casts.extend(decode.cast(raw) for raw in data["casts"])
    catalog.opclasses.extend(decode.opclass(_placed(raw, namespace)) for raw in data["opclasses"])
    catalog.amops.extend(decode.amop(raw) for raw in data["amops"])
    return True


def _placed(raw: Raw, namespace: int) -> Raw:
    return [*raw[:2], namespace, *raw[3:]]
