"""A Liquibase changelog's own text in, the SQL that stands in it out: ``sql`` and ``createProcedure`` of XML and YAML.

The text keeps its length, so that places in it are places in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from rlslint.source.layouts.sections import Range, Sections, changeset_runs, cut_range, delimiter

INLINE: Final = ("sql", "createProcedure")
"""Changes that hold SQL as it is sent."""
_TEXT: Final = {"sql": "sql", "createProcedure": "procedureBody"}
_XML: Final = re.compile(
    r"<!--.*?-->"
    r"|<(?P<skipped>rollback|preConditions)\b(?:[^>]*/>|[^>]*(?<!/)>.*?</(?P=skipped)\s*>)"
    r"|<changeSet\b(?P<changeset>[^>]*)>"
    r"|<(?P<tag>sql|createProcedure)\b(?P<given>[^>]*)(?<!/)>(?P<body>.*?)</(?P=tag)\s*>",
    re.DOTALL,
)
_GIVEN: Final = re.compile(r"""([\w:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_INNER: Final = re.compile(r"<!\[CDATA\[(.*?)\]\]>|<comment\b[^>]*(?:/>|>.*?</comment\s*>)|<!--.*?-->", re.DOTALL)
_PLAIN: Final = re.compile(
    r"<!\[CDATA\[.*?\]\]>|<!--.*?-->|(?P<before>[-+*/<>=~!@#%^|`?]?)(?P<run>(?:&\w+;)+)", re.DOTALL
)
_ENTITY: Final = re.compile(r"&(\w+);")
_ENTITIES: Final = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


def readable(text: str) -> str:
    """An XML text with ``&lt;`` and its like as the signs they stand for, filled up with blanks."""
    return _PLAIN.sub(_signs, text)


def _signs(match: re.Match[str]) -> str:
    if match["run"] is None or any(name not in _ENTITIES for name in _ENTITY.findall(match["run"])):
        return match[0]
    signs = _ENTITY.sub(lambda one: _ENTITIES[one[1]], match["run"])
    # the blanks stand where they part no operator
    return (match["before"] + signs).ljust(len(match[0])) if match["before"] else signs.rjust(len(match["run"]))


def xml_sections(text: str) -> Sections:
    """Every SQL in the changesets of an XML changelog, a stretch each."""
    ranges: list[Range] = []
    runs = transactional = True
    for match in _XML.finditer(text):
        if match["changeset"] is not None:
            given = _attributes(match["changeset"])
            runs = changeset_runs(given)
            transactional = transactional and given.get("runintransaction", "").lower() != "false"
        elif match["tag"] is not None and runs:
            given = _attributes(match["given"])
            if changeset_runs(given):
                for part in _pieces(text, match.span("body")):
                    ranges += cut_range(text, part, delimiter(given.get("enddelimiter", ";")))
    return Sections(tuple(ranges), transactional)


def _attributes(text: str) -> dict[str, str]:
    return {name.lower(): one or other for name, one, other in _GIVEN.findall(text)}


def _pieces(text: str, body: Range) -> Iterator[Range]:
    """What is text of the element: CDATA whole, comments left out."""
    position, end = body
    for match in _INNER.finditer(text, position, end):
        yield from _filled(text, position, match.start())
        if match[1] is not None:
            yield from _filled(text, *match.span(1))
        position = match.end()
    yield from _filled(text, position, end)


def _filled(text: str, start: int, end: int) -> Iterator[Range]:
    if text[start:end].strip():
        yield start, end


def yaml_sections(text: str) -> Sections:
    """The same of a YAML changelog. A scalar in quotes that escapes something is left out."""
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return Sections(())
    ranges: list[Range] = []
    transactional = True
    for item in _items(_fields(root).get("databaseChangeLog")):
        changeset = _fields(_fields(item).get("changeSet"))
        given = _scalars(changeset)
        if not changeset_runs(given):
            continue
        transactional = transactional and given.get("runintransaction", "").lower() != "false"
        for change in _items(changeset.get("changes")):
            for kind, node in _fields(change).items():
                fields = _fields(node)
                scalar = fields.get(_TEXT.get(kind, ""))
                if kind in INLINE and scalar is not None and changeset_runs(_scalars(fields)):
                    ends = delimiter(_scalars(fields).get("enddelimiter", ";"))
                    ranges += [one for part in _scalar(text, scalar) for one in cut_range(text, part, ends)]
    return Sections(tuple(ranges), transactional)


def _scalar(text: str, node: Any) -> Iterator[Range]:
    start, end = node.start_mark.index, node.end_mark.index
    if node.style in ("|", ">"):
        start = text.find("\n", start, end) + 1 or end
    elif node.style in ("'", '"'):
        start, end = start + 1, end - 1
        if text[start:end] != node.value:
            return
    yield from _filled(text, start, end)


def _fields(node: Any) -> dict[str, Any]:
    if getattr(node, "id", "") != "mapping":
        return {}
    return {str(key.value): value for key, value in node.value}


def _items(node: Any) -> list[Any]:
    return node.value if getattr(node, "id", "") == "sequence" else []


def _scalars(fields: dict[str, Any]) -> dict[str, str]:
    return {name.lower(): str(node.value) for name, node in fields.items() if getattr(node, "id", "") == "scalar"}
