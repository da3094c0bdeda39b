"""A statement with template placeholders in, one that parses out, each character in its place."""

from __future__ import annotations

import re
from typing import Final

# what templates and psql leave in a statement; replaced by as many characters, so that places stay right
_PSQL_VARIABLE: Final = re.compile(r"""(?<![:\w]):(?=[A-Za-z_'"])""")
_PLACEHOLDER: Final = re.compile(
    r"\$\{[^{}\n]*\}|\{\{[^\n]*?\}\}|<%[=-]?[^\n]*?%>|%\(\w+\)s|\$\(\w+\)|\#\{[^{}\n]*\}|@@?\w+@@?"
)
_BLOCK: Final = re.compile(r"\{%.*?%\}|\{#.*?#\}|\{\{[ \t]*[#/!^>][^\n]*?\}\}", re.DOTALL)
_STRING: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_DEFAULT: Final = re.compile(r"^\$\{\w+:?-(?P<value>\w+)\}$")


def without_templates(text: str) -> str:
    """psql variables and template placeholders replaced, character for character, by what parses in their place."""
    text = _BLOCK.sub(lambda match: re.sub(r"\S", " ", match[0]), text)
    text = _PLACEHOLDER.sub(_word, text)
    parts: list[str] = []
    position = 0
    for match in _STRING.finditer(text):
        before = text[position : match.start()]
        # :'name' and :"name" have their colon just before the quote
        parts.append(_PSQL_VARIABLE.sub(" ", before + match[0][0])[:-1] + match[0])
        position = match.end()
    parts.append(_PSQL_VARIABLE.sub(" ", text[position:]))
    return "".join(parts)


def _word(match: re.Match[str]) -> str:
    """A word as long as the placeholder; its default where it has one (``${SCHEMA:-app}``)."""
    default = _DEFAULT.match(match[0])
    if default is not None:
        filler = "_" if re.match(r"\w", match.string[match.end() : match.end() + 1]) else " "
        return default["value"].ljust(len(match[0]), filler)
    return re.sub(r"\W", "_", match[0])


def known_placeholders(text: str, variables: dict[str, str]) -> list[tuple[int, int, str]]:
    """Start, end and value of each ``${name}`` and ``:NAME`` of the text that the tool's configuration gives a value."""
    if not variables:
        return []
    found: list[tuple[int, int, str]] = []
    for name in variables:
        # in brackets of the project's own
        if not re.match(r"[\w:]", name):
            found += [(one.start(), one.end(), variables[name]) for one in re.finditer(re.escape(name), text)]
    if "${" not in text and ":" not in text:
        return sorted(found)
    for match in _KNOWN.finditer(text):
        name = match[1] or match[2]
        if name in variables:
            found.append((match.start(), match.end(), variables[name]))
    return sorted(found)


_KNOWN: Final = re.compile(r"\$\{([\w.:-]+)\}|(?<![:\w])(:[A-Z][A-Z0-9_]+)\b")
