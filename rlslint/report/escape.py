"""Text that came from the SQL made harmless for where it is written: terminals, workflow logs, Markdown, XML and HTML."""

from __future__ import annotations

import json
import re
from typing import Any, Final

_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]<>()#+\-!|~&$])")
_WORKFLOW: Final = "##["
"""GitHub's runner reads this as a command wherever it stands in a line of a log."""
_COMMAND: Final = re.compile(
    r"^\s*(:)(?=:(?:error|warning|notice|debug|group|endgroup|add-mask|add-matcher|remove-matcher|set-output|save-state|"
    r"set-env|add-path|stop-commands|echo|internal-[a-z-]+)\b)",
    re.IGNORECASE,
)
"""... and this at a line's start; a cast at the start of a line (``::text``) is none."""


def printable(text: str) -> str:
    """One line without control characters: each is shown as its code."""
    if not text.isprintable():
        text = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
    if match := _COMMAND.match(text):
        text = text[: match.start(1)] + "\\x3a" + text[match.end(1) :]
    return text.replace(_WORKFLOW, "\\x23#[")


def json_text(data: Any, *, indent: int | None = 1) -> str:
    """JSON with a line end, that no terminal and no runner takes for a command."""
    text = json.dumps(data, indent=indent, ensure_ascii=False).replace(_WORKFLOW, "##\\u005b")
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text) + "\n"


def workflow_data(text: str) -> str:
    """The message of a GitHub workflow command."""
    return "%0A".join(printable(line).replace("%", "%25") for line in text.splitlines())


def workflow_property(text: str) -> str:
    """A property of a GitHub workflow command."""
    return workflow_data(printable(text)).replace(":", "%3A").replace(",", "%2C")


def markdown(text: str) -> str:
    """One line of words: no markup, no HTML, no link, no mention of a user or an issue."""
    text = _MARKDOWN.sub(r"\\\1", printable(text))
    # a zero-width space keeps the site from making a mention or a link of it
    return text.replace("@", "@\u200b").replace("://", ":\u200b//").replace("www.", "www\u200b.")


def fenced(text: str, language: str = "sql") -> str:
    """A code block whose fence no line of the text can close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    body = "\n".join(printable(line) for line in text.splitlines())
    return f"{fence}{language}\n{body}\n{fence}"


def code(text: str) -> str:
    """A code span of one line."""
    text = printable(text)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def xml(text: str) -> str:
    """Text or the value of an attribute in XML and HTML, several lines allowed."""
    lines = (printable(line) for line in text.splitlines())
    safe = "\n".join(
        line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;") for line in lines
    )
    # a line of a log that starts with two colons is a workflow command
    return re.sub(r"^(\s*):", r"\1&#58;", safe, flags=re.MULTILINE)
