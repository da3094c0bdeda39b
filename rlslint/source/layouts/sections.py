"""A file's text and layout in, the stretches that run when migrating up out, and whether in one transaction."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from rlslint.records import dataclass

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Sections:
    """Character ranges in the order they run. A statement without a semicolon ends with its range."""

    ranges: tuple[Range, ...]
    transactional: bool = True


_FLAGS: Final = re.MULTILINE | re.IGNORECASE
_DBMATE: Final = re.compile(r"^[ \t]*--[ \t]*migrate:(up|down)\b([^\n\r]*)", re.MULTILINE)
_GOOSE: Final = re.compile(r"^[ \t]*--[ \t]*\+goose[ \t]+(up|down)\b", _FLAGS)
_GOOSE_NO_TRANSACTION: Final = re.compile(r"^[ \t]*--[ \t]*\+goose[ \t]+no[ \t]+transaction\b", _FLAGS)
_SQL_MIGRATE: Final = re.compile(r"^[ \t]*--[ \t]*\+migrate[ \t]+(up|down)\b([^\n\r]*)", _FLAGS)
_STATEMENT_MARK: Final = re.compile(r"^[ \t]*--[ \t]*\+(?:goose|migrate)[ \t]+Statement(?:Begin|End)\b", _FLAGS)
_NODE_PG: Final = re.compile(r"^[ \t]*--[ \t-]*(up|down)[ \t]+migration\b", _FLAGS)
_OTHER_TOOLS: Final = re.compile(
    # tern, MyBatis, Play, rambler, shmig
    r"^----[ \t]*create above / drop (?P<tern>below)[ \t]*----"
    r"|^--[ \t]*//[ \t]*@(?P<mybatis>undo)\b"
    r"|^(?:#|--)[ \t]*(?:---[ \t]*)?!(?P<play>ups|downs)\b"
    r"|^--[ \t]*rambler[ \t]+(?P<rambler>up|down)\b"
    r"|^--[ \t]*=+[ \t]*(?P<shmig>up|down)[ \t]*=+",
    _FLAGS,
)
_DOWN_HEADING: Final = re.compile(
    r"^[ \t]*--[ \t+@!=*-]*(?:down|rollback)(?:[ \t]+(?:migration|section|script))?[ \t]*:?[ \t=*-]*$", _FLAGS
)
_BLANK: Final = re.compile(r"(?:\s+|--[^\n\r]*)*")
_UNDOES: Final = re.compile(
    r"(?:BEGIN\s*;\s*)?(?:DROP|REVOKE|DELETE|TRUNCATE|ALTER\s+TABLE[^;]*?\bDROP)\b", re.IGNORECASE
)
_LIQUIBASE: Final = re.compile(r"^\ufeff?\s*--[ \t]*liquibase[ \t]+formatted[ \t]+sql", re.IGNORECASE)
_CHANGESET: Final = re.compile(r"^[ \t]*--[ \t]*changeset\b([^\n\r]*)", _FLAGS)
_ATTRIBUTE: Final = re.compile(r"""\b(\w+):(?:"([^"]*)"|'([^']*)'|(\S+))""")
_BREAKPOINT: Final = re.compile(r"--> statement-breakpoint[^\n\r]*")
_ATLAS: Final = re.compile(r"^--[ \t]*atlas:(delimiter|txmode)[ \t]+([^\n\r]*)", re.MULTILINE)
_GRAPHILE_NO_TRANSACTION: Final = re.compile(r"^--![ \t]*no-transaction\b", re.MULTILINE)
_ESCAPES: Final = {r"\n": "\n", r"\t": "\t", r"\r": "\r"}


def sections(text: str, layout: str = "numbered") -> Sections:
    """The stretches of a file that run.

    A layout whose tool knows no sections runs the file whole, whatever its comments say; where no tool is known, the
    marks of any of them count.
    """
    if layout in _BY_LAYOUT:
        return _BY_LAYOUT[layout](text)
    if _LIQUIBASE.match(text):
        return _liquibase(text)
    for pattern in (_DBMATE, _GOOSE, _SQL_MIGRATE):
        if pattern.search(text):
            return _marked(text, pattern)
    if _NODE_PG.search(text):
        return _node_pg(text)
    if _OTHER_TOOLS.search(text):
        return _other_tool(text)
    for heading in _DOWN_HEADING.finditer(text):
        following = _BLANK.match(text, heading.end())
        if following is not None and _UNDOES.match(text, following.end()):
            return Sections(((0, heading.start()),))
    return _cut(text, _BREAKPOINT)


def _whole(text: str) -> Sections:
    return Sections(((0, len(text)),))


def _marked(text: str, pattern: re.Pattern[str]) -> Sections:
    """Ranges behind each ``up``, cut where a statement is said to begin and end."""
    marks = list(pattern.finditer(text))
    if not marks:
        return _whole(text)
    ranges: list[Range] = []
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        if mark[1].lower() == "up":
            ranges.append((mark.end(), len(text) if following is None else following.start()))
    if pattern is _GOOSE:
        transactional = _GOOSE_NO_TRANSACTION.search(text) is None
    elif pattern is _DBMATE:
        transactional = not any("transaction:false" in mark[2].replace(" ", "") for mark in marks)
    else:
        transactional = not any("notransaction" in mark[2].lower() for mark in marks)
    pieces = [piece for part in ranges for piece in cut_range(text, part, _STATEMENT_MARK)]
    return Sections(tuple(pieces), transactional)


def _node_pg(text: str) -> Sections:
    """What stands before the down mark; all of it when there is none (src/sqlMigration.ts)."""
    marks = list(_NODE_PG.finditer(text))
    up = next((mark.end() for mark in marks if mark[1].lower() == "up"), 0)
    down = next((mark.start() for mark in marks if mark[1].lower() == "down"), len(text))
    return Sections(((up, down if up <= down else len(text)),))


def _other_tool(text: str) -> Sections:
    ranges: list[Range] = []
    position, running = 0, True
    for mark in _OTHER_TOOLS.finditer(text):
        if running:
            ranges.append((position, mark.start()))
        position = mark.end()
        running = str(mark[mark.lastgroup or 0]).lower() in ("up", "ups")
    if running:
        ranges.append((position, len(text)))
    return Sections(_filled(ranges))


def _liquibase(text: str) -> Sections:
    """Each changeset is a stretch of its own; those for other databases are left out, rollbacks are comments anyway."""
    marks = list(_CHANGESET.finditer(text))
    if not marks:
        return _whole(text)
    ranges: list[Range] = []
    transactional = True
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        attributes = {name.lower(): a or b or c for name, a, b, c in _ATTRIBUTE.findall(mark[1])}
        if not changeset_runs(attributes):
            continue
        if attributes.get("runintransaction", "").lower() == "false":
            transactional = False
        part = (mark.end(), len(text) if following is None else following.start())
        ranges += cut_range(text, part, delimiter(attributes.get("enddelimiter", ";")))
    return Sections(tuple(ranges), transactional)


def changeset_runs(attributes: Mapping[str, str]) -> bool:
    """Whether Liquibase runs a changeset, or a change, with these attributes on PostgreSQL."""
    return _for_postgresql(attributes.get("dbms", "")) and attributes.get("ignore", "").lower() != "true"


def _for_postgresql(dbms: str) -> bool:
    names = [name.strip().lower() for name in dbms.split(",") if name.strip()]
    denied = [name[1:] for name in names if name.startswith("!")]
    wanted = [name for name in names if not name.startswith("!")]
    if "postgresql" in denied or "none" in wanted:
        return False
    return not wanted or "postgresql" in wanted or "all" in wanted


def delimiter(written: str) -> re.Pattern[str] | None:
    """A delimiter other than the semicolon, at the end of a line or with white space of its own."""
    for escape, char in _ESCAPES.items():
        written = written.replace(escape, char)
    if written in ("", ";"):
        return None
    if not written.strip():
        return re.compile(re.escape(written))
    return re.compile(re.escape(written) + r"(?=[ \t\r]*$)", re.MULTILINE)


def _drizzle(text: str) -> Sections:
    return _cut(text, _BREAKPOINT)


def _atlas(text: str) -> Sections:
    directives = dict(_ATLAS.findall(text))
    transactional = directives.get("txmode", "").strip() != "none"
    return _cut(text, delimiter(directives.get("delimiter", ";").strip(" \t")), transactional)


def _graphile(text: str) -> Sections:
    return Sections(((0, len(text)),), _GRAPHILE_NO_TRANSACTION.search(text) is None)


def _cut(text: str, pattern: re.Pattern[str] | None, transactional: bool = True) -> Sections:
    return Sections(tuple(cut_range(text, (0, len(text)), pattern)), transactional)


def cut_range(text: str, part: Range, pattern: re.Pattern[str] | None) -> list[Range]:
    """The pieces of a stretch between what a pattern matches."""
    if pattern is None:
        return [part]
    ranges: list[Range] = []
    position, end = part
    for mark in pattern.finditer(text, position, end):
        ranges.append((position, mark.start()))
        position = mark.end()
    return [*_filled(ranges), (position, end)]


def _filled(ranges: Iterable[Range]) -> tuple[Range, ...]:
    return tuple(part for part in ranges if part[0] < part[1])


_BY_LAYOUT: Final[dict[str, Callable[[str], Sections]]] = {
    "atlas": _atlas,
    "dbmate": lambda text: _marked(text, _DBMATE),
    "drizzle": _drizzle,
    "flyway": _whole,
    "golang-migrate": _whole,
    "goose": lambda text: _marked(text, _GOOSE),
    "graphile-migrate": _graphile,
    "hasura": _whole,
    "included": _whole,
    "prisma": _whole,
    "sql-migrate": lambda text: _marked(text, _SQL_MIGRATE),
    "sqitch": _whole,
    "supabase": _whole,
}
