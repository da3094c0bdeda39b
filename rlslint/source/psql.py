"""A script's text in, what psql would send and do out: variables replaced, conditions decided, includes and connections.

Follows the documentation of psql's meta-commands and its lexers (psqlscan.l, psqlscanslash.l). Commands that change
nothing a policy depends on (\\echo, \\timing, \\restrict ...) are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rlslint.records import dataclass, field
from rlslint.source.model import Edit, Span

_COMMANDS: Final = re.compile(
    r"\\(?P<name>[A-Za-z_!?.]+|;)(?P<rest>(?:'(?:[^'\\]|\\.|'')*'|\"[^\"]*\"|`[^`]*`|[^\\'\"`])*)"
)
_WHOLE_LINE: Final = frozenset({"copy", "help", "h", "!", "ef", "ev", "sf", "sv"})
"""Commands whose argument is the rest of the line, backslashes and quotes included (OT_WHOLE_LINE of command.c)."""
_ARGUMENT: Final = re.compile(
    r"'((?:[^'\\]|\\.|'')*)'|`[^`]*`|\"([^\"]*)\"|:\{\?(\w+)\}|:(['\"]?)(\w+)\4|([^\s'\"`:]+|:)|(\s+)"
)
_ESCAPE: Final = re.compile(r"\\([0-7]{1,3}|.)|''", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "b": "\b", "r": "\r", "f": "\f"}
_VARIABLE: Final = re.compile(
    r"""
    (?P<skip> --[^\n\r]* | /\*.*?\*/ | (?<![\w$])[eE]'(?:[^'\\]|\\.|'')*' | '[^']*'
      | (?<![\w$])(?P<tag>\$(?:[^\x00-@\[-^`{-\x7f]\w*)?\$).*?(?P=tag) | :: )
  | :\{\?(?P<test>\w+)\}
  | :'(?P<string>\w+)'
  | :"(?P<name>\w+)"
  | (?P<quoted>"[^"]*")
  | (?<!:):(?P<plain>\w+)
    """,
    re.VERBOSE | re.DOTALL,
)
_TRUE: Final = ("true", "yes", "on", "1")
_FALSE: Final = ("false", "no", "off", "0")
UNKNOWN: Final = None
"""The value of a variable that only a shell or a query knows."""


@dataclass(frozen=True, slots=True)
class Include:
    """``\\i`` and ``\\ir``."""

    name: str
    relative: bool


@dataclass(frozen=True, slots=True)
class Connect:
    """``\\connect``: a new session. ``database`` is None for the same one."""

    database: str | None


@dataclass(frozen=True, slots=True)
class Note:
    """Something that could not be followed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Quit:
    """``\\q``: the script ends here."""


Event = Include | Connect | Note | Quit


@dataclass(slots=True)
class Psql:
    """What psql remembers from command to command."""

    variables: dict[str, str | None] = field(default_factory=dict)
    conditions: list[tuple[bool, bool]] = field(default_factory=list)
    """Of each open \\if: whether this branch runs, and whether one of its branches ran already."""

    @property
    def active(self) -> bool:
        """Whether what comes now is run."""
        return not self.conditions or all(running for running, _ in self.conditions)

    def obey(self, text: str) -> Iterator[Event]:
        """Run the backslash commands of a line."""
        for match in _COMMANDS.finditer(text):
            name = match["name"]
            if name in _WHOLE_LINE:
                return
            if name in ("if", "elif", "else", "endif"):
                yield from self._condition(name, match["rest"])
            elif self.active:
                yield from self._command(name, match["rest"])

    def statement(self, span: Span, holes: tuple[tuple[int, int], ...]) -> tuple[str, tuple[Edit, ...], list[Event]]:
        """The statement that is sent, where its pieces come from, and what its inner commands ask for."""
        text = span.text
        events: list[Event] = []
        for index, (start, end) in enumerate(holes):
            first, last = start - span.start, end - span.start
            events += self.obey(text[first:last])
            text = text[:first] + " " * (last - first) + text[last:]
            following = holes[index + 1][0] - span.start if index + 1 < len(holes) else len(text)
            if not self.active:
                text = text[:last] + re.sub(r"[^\s]", " ", text[last:following]) + text[following:]
        text, edits = self.interpolate(text)
        return text, edits, events

    def interpolate(self, text: str) -> tuple[str, tuple[Edit, ...]]:
        """``:name``, ``:'name'``, ``:"name"`` and ``:{?name}`` replaced where the variable's value is known."""
        if not self.variables or ":" not in text:
            return text, ()
        parts: list[str] = []
        edits: list[Edit] = []
        position = length = 0
        for match in _VARIABLE.finditer(text):
            value = self._value(match)
            if value is None:
                continue
            parts.append(text[position : match.start()])
            length += match.start() - position
            edits.append(Edit(length, len(value), match.start(), len(match[0])))
            parts.append(value)
            length += len(value)
            position = match.end()
        return "".join((*parts, text[position:])), tuple(edits)

    def _value(self, match: re.Match[str]) -> str | None:
        kind = match.lastgroup
        if kind == "test":
            return "TRUE" if match["test"] in self.variables else "FALSE"
        if kind not in ("string", "name", "plain"):
            return None
        value = self.variables.get(match[kind])
        if value is None:
            return None
        if kind == "string":
            return "'" + value.replace("'", "''") + "'"
        return '"' + value.replace('"', '""') + '"' if kind == "name" else value

    def _condition(self, name: str, rest: str) -> Iterator[Event]:
        if name == "if":
            running = False
            if self.active:
                running, unknown = self._truth(rest)
                if unknown:
                    yield Note(f"\\if {rest.strip()}: not known without running psql, taken as false as psql does")
            else:
                self.conditions.append((False, True))
                return
            self.conditions.append((running, running))
            return
        if not self.conditions:
            return
        running, done = self.conditions.pop()
        if name == "endif":
            return
        running = False
        if not done:
            running, unknown = (True, False) if name == "else" else self._truth(rest)
            if unknown:
                yield Note(f"\\elif {rest.strip()}: not known without running psql, taken as false as psql does")
        self.conditions.append((running, done or running))

    def _truth(self, rest: str) -> tuple[bool, bool]:
        """Whether it holds, and whether nobody can know."""
        words = self._words(rest)
        word = "".join(part or "" for part in words).strip().lower()
        if None in words or not word:
            return False, True
        if word == "o":
            return False, True
        if any(one.startswith(word) for one in _TRUE):
            return True, False
        return False, not any(one.startswith(word) for one in _FALSE)

    def _command(self, name: str, rest: str) -> Iterator[Event]:
        words = self._words(rest)
        if name == "set":
            if words and words[0]:
                values = words[1:]
                self.variables[words[0]] = UNKNOWN if None in values else "".join(part or "" for part in values)
        elif name == "unset":
            if words and words[0]:
                self.variables.pop(words[0], None)
        elif name in ("prompt", "getenv", "gset"):
            # what they set depends on a person, the environment or a query
            if name != "gset" and words and words[-1 if name == "prompt" else 0]:
                self.variables[words[-1 if name == "prompt" else 0] or ""] = UNKNOWN
        elif name in ("i", "include", "ir", "include_relative"):
            target = "".join(part or "" for part in words[:1])
            if not target or None in words[:1]:
                yield Note(f"\\{name} {rest.strip()}: the file's name is not known without running psql")
            else:
                yield Include(target, relative=name in ("ir", "include_relative"))
        elif name in ("connect", "c"):
            database = words[0] if words else None
            yield Connect(None if database in (None, "", "-") else database)
        elif name == "gexec":
            yield Note("\\gexec runs what the query returns")
        elif name in ("q", "quit"):
            yield Quit()

    def _words(self, rest: str) -> list[str | None]:
        """A command's arguments; None for one with a part that is not known."""
        words: list[str | None] = []
        current: list[str | None] = []
        for match in _ARGUMENT.finditer(rest):
            string, name, test, quote, variable, plain, space = match.groups()
            if space is not None:
                if current:
                    words.append(_joined(current))
                current = []
            elif string is not None:
                current.append(_ESCAPE.sub(_unescaped, string))
            elif name is not None:
                current.append(match[0])
            elif test is not None:
                current.append("TRUE" if test in self.variables else "FALSE")
            elif variable is not None:
                value = self.variables.get(variable, match[0] if variable not in self.variables else None)
                known = value is not None and variable in self.variables
                current.append(quote + value + quote if known and value is not None else value)
            elif plain is not None:
                current.append(plain)
            else:
                current.append(UNKNOWN)
        if current:
            words.append(_joined(current))
        return words


def _joined(parts: list[str | None]) -> str | None:
    return None if None in parts else "".join(part or "" for part in parts)


def _unescaped(match: re.Match[str]) -> str:
    escape = match[1]
    if escape is None:
        return "'"
    if escape[0] in "01234567":
        return chr(int(escape, 8) & 0xFF)
    return _ESCAPED.get(escape, escape)
