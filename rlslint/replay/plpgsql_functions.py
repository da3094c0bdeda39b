"""Built-in functions that DO blocks build statements with (format, quote_ident, string tools): values in and out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from rlslint.analyze.procname import arguments
from rlslint.analyze.ruleutils import Unworded
from rlslint.analyze.typename import quote_identifier
from rlslint.analyze.typename import quote_literal as literal
from rlslint.replay.plpgsql_stored import Later, Reg, Value, constraint_text, index_text
from rlslint.replay.session import DDLError, Session

Function = Callable[[Session, list[Value]], Value]
_FORMAT: Final = re.compile(r"%(?:(\d+)\$)?(-)?(\d+)?([sIL%])")


def text_of(value: Value) -> str:
    """A value's text form."""
    if isinstance(value, Reg):
        return value.shown
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "{" + ",".join("NULL" if item is None else text_of(item) for item in value) + "}"
    return "" if value is None else str(value)


def compare(left: Value, right: Value) -> int:
    """Negative, 0 or positive; numbers with numbers, booleans with their text, everything else as text."""
    if isinstance(left, Reg) and isinstance(right, str):
        right = right.replace('"', "")
        return 0 if right in (left.shown, str(int(left))) else 1
    if isinstance(right, Reg) and isinstance(left, str):
        return -compare(right, left)
    if isinstance(left, bool) or isinstance(right, bool):
        words = {"t": "true", "f": "false"}
        one, two = (words.get(text_of(value).lower(), text_of(value).lower()) for value in (left, right))
        return (one > two) - (one < two)
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return (left > right) - (left < right)
    one, two = text_of(left), text_of(right)
    if isinstance(left, (int, float)) or isinstance(right, (int, float)):
        try:
            number, other = float(one), float(two)
        except ValueError:
            pass
        else:
            return (number > other) - (number < other)
    return (one > two) - (one < two)


def like(text: str, pattern: str, *, ignore_case: bool) -> bool:
    """LIKE and ILIKE with backslash as escape."""
    parts = []
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if char == "\\" and position + 1 < len(pattern):
            position += 1
            parts.append(re.escape(pattern[position]))
        else:
            parts.append({"%": ".*", "_": "."}.get(char, re.escape(char)))
        position += 1
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return re.fullmatch("".join(parts), text, flags) is not None


def format_text(session: Session, args: list[Value]) -> Value:
    """format(): %s, %I, %L, %%, with positions and widths."""
    if args[0] is None:
        return None
    taken = 0

    def one(match: re.Match[str]) -> str:
        nonlocal taken
        position, left, width, kind = match.groups()
        if kind == "%":
            return "%"
        taken = int(position) if position else taken + 1
        if taken >= len(args):
            raise DDLError("22023", "too few arguments for format()")
        value = args[taken]
        if kind == "I":
            if value is None:
                raise DDLError("22004", "null values cannot be formatted as an SQL identifier")
            shown = quote_identifier(text_of(value))
        elif kind == "L":
            shown = "NULL" if value is None else literal(text_of(value))
        else:
            shown = text_of(value)
        if width:
            shown = shown.ljust(int(width)) if left else shown.rjust(int(width))
        return shown

    return _FORMAT.sub(one, text_of(args[0]))


def _strict(function: Callable[..., Value]) -> Function:
    """A function of text that gives NULL for NULL."""

    def call(session: Session, args: list[Value]) -> Value:
        if any(value is None for value in args):
            return None
        return function(*(value if isinstance(value, (int, list)) else text_of(value) for value in args))

    return call


def _substring(text: str, start: int, length: int | None = None) -> str:
    first = max(start - 1, 0)
    return text[first:] if length is None else text[first : max(start - 1 + length, first)]


def _split_part(text: str, separator: str, number: int) -> str:
    parts = text.split(separator)
    index = number - 1 if number > 0 else len(parts) + number
    return parts[index] if 0 <= index < len(parts) else ""


def _replace_pattern(text: str, pattern: str, new: str, flags: str = "") -> str:
    made = re.sub(r"\\&", r"\\g<0>", new)
    return re.sub(pattern, made, text, count=0 if "g" in flags else 1, flags=re.I if "i" in flags else 0)


def _concat_ws(session: Session, args: list[Value]) -> Value:
    return text_of(args[0]).join(text_of(value) for value in args[1:] if value is not None)


def _setting(session: Session, args: list[Value]) -> Value:
    name = text_of(args[0]).lower()
    if name == "server_version_num":
        return str(session.catalog.pg_version * 10000)
    if name == "search_path":
        return ", ".join(session.search_path_setting)
    if name in session.settings:
        return session.settings[name]
    if "." in name and len(args) > 1 and args[1] is True:
        # one that no file sets: what a server says that runs just the files
        return None
    if "." in name and session.require_known is not None:
        raise DDLError("42704", f'unrecognized configuration parameter "{name}"')
    raise ValueError(name)


def _identity_arguments(session: Session, args: list[Value]) -> Value:
    proc = session.catalog.procs.get(args[0]) if isinstance(args[0], int) else None
    if proc is None:
        raise ValueError(args[0])
    return arguments(session.catalog, proc)


def _definition(session: Session, args: list[Value]) -> Value:
    """pg_get_constraintdef(), pg_get_indexdef() of the whole."""
    if args[0] is None:
        return None
    catalog = session.catalog
    if not isinstance(args[0], int):
        raise ValueError(args)
    index, constraint = catalog.indexes.get(args[0]), catalog.constraints.get(args[0])
    # the pretty form breaks and brackets expressions in another way, and nothing else of a constraint
    plain = args[1:] in ([], [False], [0, False]) if index is not None else args[1:] in ([], [False])
    if not plain and (constraint is None or constraint.contype not in "puf" or args[1:] != [True]):
        raise ValueError(args)
    if index is not None:
        return _worked(session, index_text(catalog, index))
    return None if constraint is None else _worked(session, constraint_text(catalog, constraint))


def _worked(session: Session, value: Value) -> Value:
    try:
        return value.work(session.search_path) if isinstance(value, Later) else value
    except Unworded:
        raise ValueError("wording") from None


def _expression(session: Session, args: list[Value]) -> Value:
    """pg_get_expr(): what is stored is kept as its text; broken into other lines it is another one."""
    if len(args) > 2:
        raise ValueError(args)
    return args[0]


FUNCTIONS: Final[dict[str, Function]] = {
    "pg_get_constraintdef": _definition,
    "pg_get_indexdef": _definition,
    "pg_get_expr": _expression,
    "format": format_text,
    "quote_ident": _strict(lambda text: quote_identifier(text_of(text))),
    "quote_literal": _strict(lambda text: literal(text_of(text))),
    "quote_nullable": lambda session, args: "NULL" if args[0] is None else literal(text_of(args[0])),
    "concat": lambda session, args: "".join(text_of(value) for value in args),
    "concat_ws": _concat_ws,
    "lower": _strict(lambda text: text_of(text).lower()),
    "upper": _strict(lambda text: text_of(text).upper()),
    "length": _strict(lambda text: len(text_of(text))),
    "btrim": _strict(lambda text, chars=" ": text_of(text).strip(chars)),
    "ltrim": _strict(lambda text, chars=" ": text_of(text).lstrip(chars)),
    "rtrim": _strict(lambda text, chars=" ": text_of(text).rstrip(chars)),
    "replace": _strict(lambda text, old, new: text_of(text).replace(text_of(old), text_of(new))),
    "regexp_replace": _strict(_replace_pattern),
    "left": _strict(lambda text, count: text[:count]),
    "right": _strict(lambda text, count: text[-count:] if count else ""),
    "substr": _strict(_substring),
    "substring": _strict(_substring),
    "split_part": _strict(_split_part),
    "starts_with": _strict(lambda text, prefix: text.startswith(prefix)),
    "strpos": _strict(lambda text, part: text.find(part) + 1),
    "repeat": _strict(lambda text, count: text * count),
    "md5": _strict(lambda text: __import__("hashlib").md5(text.encode(), usedforsecurity=False).hexdigest()),
    "array_length": _strict(lambda items, dimension: len(items) or None),
    "cardinality": _strict(len),
    "array_append": lambda session, args: [*(args[0] or []), args[1]],  # type: ignore[misc]
    "array_cat": lambda session, args: [*(args[0] or []), *(args[1] or [])],  # type: ignore[misc]
    "array_to_string": _strict(lambda items, separator: separator.join(text_of(item) for item in items)),
    "string_to_array": _strict(lambda text, separator: text.split(separator) if text else []),
    "current_schema": lambda session, args: session.search_path[0] if session.search_path else None,
    "current_setting": _setting,
    "pg_get_function_identity_arguments": _identity_arguments,
    "pg_get_userbyid": lambda session, args: session.catalog.rolname(int(args[0])),  # type: ignore[call-overload]
}
