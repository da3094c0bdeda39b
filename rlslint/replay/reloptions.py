"""WITH and SET options of tables, views and indexes in, (name, value) pairs as pg_class keeps them out (reloptions.c)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from rlslint.replay.names import flag, word
from rlslint.replay.session import DDLError
from rlslint.source.model import Raw

_BOOLEAN: Final = re.compile(r"(t|tr|tru|true|f|fa|fal|fals|false|y|ye|yes|n|no|on|of|off|0|1)\Z", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d*)?\Z")
_AUTOVACUUM: Final = """vacuum_threshold vacuum_max_threshold vacuum_insert_threshold analyze_threshold vacuum_cost_limit
    vacuum_cost_delay vacuum_scale_factor vacuum_insert_scale_factor analyze_scale_factor freeze_min_age freeze_max_age
    freeze_table_age multixact_freeze_min_age multixact_freeze_max_age multixact_freeze_table_age"""
_TABLE: Final = {
    **dict.fromkeys(("autovacuum_enabled", "user_catalog_table", "vacuum_truncate"), "bool"),
    **{f"autovacuum_{name}": "" for name in _AUTOVACUUM.split()},
    **dict.fromkeys(
        ("toast_tuple_target", "log_autovacuum_min_duration", "parallel_workers", "vacuum_index_cleanup",
         "vacuum_max_eager_freeze_failure_rate"), ""),
    "fillfactor": "fillfactor",
}  # fmt: skip
_OPTIONS: Final[dict[str, dict[str, str]]] = {
    "table": _TABLE,
    "view": {"security_barrier": "bool", "security_invoker": "bool", "check_option": ""},
    "btree": {"fillfactor": "fillfactor", "deduplicate_items": "bool"},
    "hash": {"fillfactor": "fillfactor"},
    "gist": {"fillfactor": "fillfactor", "buffering": ""},
    "spgist": {"fillfactor": "fillfactor"},
    "gin": {"fastupdate": "bool", "gin_pending_list_limit": ""},
    "brin": {"pages_per_range": "", "autosummarize": "bool"},
}
"""The options of each kind of relation and what is looked at in their values; access methods of extensions have others."""

Options = tuple[tuple[str, str], ...]


def changed_options(old: Options, kind: str, elements: Sequence[Raw], *, reset: bool = False) -> Options:
    """The options after WITH, SET or RESET: what is named goes, what is set comes last (transformRelOptions).

    ``kind``: ``table``, ``view``, ``partitioned`` or an index's access method. Raises DDLError 22023, 42809, 42601.
    """
    given = [(_name(item["DefElem"]), item["DefElem"]) for item in elements]
    names = {name for name, _ in given}
    kept = tuple((name, value) for name, value in old if name not in names)
    if reset:
        if any("arg" in element for _, element in given):
            raise DDLError("42601", "RESET must not include values for parameters")
        return kept
    added: dict[str, str] = {}
    for name, element in given:
        if name == "oids" and kind in ("table", "partitioned") and not old:
            if flag(element):
                raise DDLError("0A000", "tables declared WITH OIDS are not supported")
            continue
        if name in added:
            raise DDLError("22023", f'parameter "{name}" specified more than once')
        added[name] = word(element) if "arg" in element else "true"
        if "defnamespace" not in element:
            _check(kind, name, added[name])
    if added and kind == "partitioned":
        raise DDLError("42809", "cannot specify storage parameters for a partitioned table")
    return (*kept, *added.items())


def _name(element: Raw) -> str:
    space = element.get("defnamespace")
    return f"{space}.{element['defname']}" if space else str(element["defname"])


def _check(kind: str, name: str, value: str) -> None:
    known = _OPTIONS.get(kind)
    if known is None:
        return
    if name not in known:
        raise DDLError("22023", f'unrecognized parameter "{name}"')
    if known[name] == "bool" and not _BOOLEAN.match(value):
        raise DDLError("22023", f'invalid value for boolean option "{name}": {value}')
    if known[name] == "fillfactor":
        if not _NUMBER.match(value):
            raise DDLError("22023", f'invalid value for integer option "{name}": {value}')
        if not 10 <= round(float(value)) <= 100:
            raise DDLError("22023", f'value {value} out of bounds for option "{name}"')
