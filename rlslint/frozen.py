"""`dataclass` and `replace` for what is made by the million: they say what those of the standard library say, for a third
of the time.

Nothing changes a frozen dataclass once it is made, and mypy sees to that. To see to it at runtime as well, Python has to
set every field of every object through a function; so here it does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass, replace
else:
    import dataclasses
    from collections.abc import Callable
    from typing import Any

    def dataclass(*, frozen: bool = False, **options: bool) -> Callable[[type], type]:
        """As `dataclasses.dataclass`, but what is frozen is so to mypy only."""

        def decorate(cls: type) -> type:
            hashed = frozen and options.get("eq", True) and cls.__dict__.get("__hash__") is None
            return dataclasses.dataclass(unsafe_hash=hashed, **options)(cls)

        return decorate

    def replace(one: Any, /, **changes: Any) -> Any:
        """As `dataclasses.replace`, for classes of this module: a copy of every field, then the changes."""
        kind = one.__class__
        copied = _COPIES.get(kind)
        if copied is None:
            copied = _COPIES[kind] = _copies(kind)
        new = copied(one)
        for name, value in changes.items():
            setattr(new, name, value)
        return new

    def _copies(kind: type) -> Callable[[Any], Any]:
        """What copies an object of the class. It is written out field by field, as dataclasses writes ``__init__``: a loop
        over the names takes four times as long."""
        lines = [f"    new.{field.name} = one.{field.name}" for field in dataclasses.fields(kind)]
        names: dict[str, Any] = {"kind": kind, "make": object.__new__}
        exec("\n".join(["def copied(one):", "    new = make(kind)", *lines, "    return new"]), names)
        return names["copied"]

    _COPIES: dict[type, Callable[[Any], Any]] = {}

__all__ = ["dataclass", "replace"]
