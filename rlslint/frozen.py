"""`dataclass` and `replace` for what is made by the million: they say what those of the standard library say, for a third
of the time.

Nothing changes a frozen dataclass once it is made, and mypy sees to that. To see to it at runtime as well, Python has to
set every field of every object through a function; so here it does not.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dataclasses import dataclass, replace
else:
    import dataclasses

    def dataclass(*, frozen: bool = False, **options: bool) -> Callable[[type], type]:
        """As `dataclasses.dataclass`, but what is frozen is so to mypy only."""

        def decorate(cls: type) -> type:
            hashed = frozen and options.get("eq", True) and cls.__dict__.get("__hash__") is None
            return dataclasses.dataclass(unsafe_hash=hashed, **options)(cls)

        return decorate

    def replace(one: Any, /, **changes: Any) -> Any:
        """As `dataclasses.replace`, for classes all of whose fields can be given."""
        kind = one.__class__
        known = _FIELDS.get(kind)
        if known is None:
            names = tuple(field.name for field in dataclasses.fields(kind))
            # of a single name attrgetter gives the value, not a tuple
            known = _FIELDS[kind] = names, attrgetter(*names, names[0])
        return kind(**{**dict(zip(known[0], known[1](one), strict=False)), **changes})


_FIELDS: Final[dict[type, tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]]] = {}
"""Of a class the names of its fields, and what reads them all, the first once more behind them."""

__all__ = ["dataclass", "replace"]
