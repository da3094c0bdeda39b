"""A subquery as it is written in, its text with other output columns and fewer conditions out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rlslint.nodes.parsenodes import Query
from rlslint.nodes.primnodes import Expr, SubLink, SubLinkType
from rlslint.source.extent import Token, tokens
from rlslint.suggest.rewrites.writing import Edit, Writing, conjuncts, written


def opening(writing: Writing, node: SubLink) -> tuple[int, int, int] | None:
    """(start of ``IN`` or ``EXISTS`` or ``=``, start of its bracket, end of the closing one)."""
    start, end = writing.place(node)
    if start < 0:
        return None
    begin = start
    if node.kind is SubLinkType.ANY:
        first = writing.place(written(node.lefthand[0]))
        if first[0] < 0:
            return None
        begin = writing.widened(*first)[1]
    stream = writing.between(begin, end)
    # IN (, EXISTS (, = ANY (
    for i, token in enumerate(stream[:4]):
        if token.name == "ASCII_40" and i > 0 and i + 1 < len(stream):
            whole = stream[i + 1].name in ("SELECT", "WITH", "VALUES") and stream[-1].end == end
            return (stream[0].start, token.start, end) if whole else None
    return None


def position(query: Query, removed: Sequence[Expr], kept: Sequence[Expr]) -> int:
    """Where among the kept conjuncts the one stands that takes the place of the first removed."""
    position = 0
    for conjunct in conjuncts(query.where):
        if any(conjunct is one for one in removed):
            return position
        position += 1
    return position


def select_text(
    writing: Writing,
    node: SubLink,
    query: Query,
    opened: tuple[int, int, int],
    outputs: Sequence[str],
    removed: Sequence[Expr],
    asked: str,
) -> str | None:
    """The subquery's text: other output columns, and a WHERE without what left it."""
    _, bracket, end = opened
    stream = writing.between(bracket + 1, end - 1)
    source = _keyword(stream, "FROM")
    if not stream or stream[0].name != "SELECT" or source is None:
        return None
    edits: list[Edit] = [(stream[0].end, source[0], f" {', '.join(outputs)} ")]
    filtered = _keyword(stream, "WHERE")
    places = [writing.place(part) for part in conjuncts(query.where)]
    if filtered is None or any(start < 0 for start, _ in places):
        return None
    wide = [writing.widened(start, stop) for start, stop in places]
    last = wide[-1][1]
    gone = [any(part is one for one in removed) for part in conjuncts(query.where)]
    if all(gone):
        edits.append((filtered[0] if not asked else filtered[1], last, f" {asked}" if asked else ""))
    else:
        edits += _cut(wide, gone, asked)
    if node.subselect.limit is not None:
        edits.append((last, end - 1, ""))
    text = writing.text
    parts: list[str] = []
    position = bracket + 1
    for start, stop, replacement in sorted(edits):
        if start < position:
            return None
        parts += [text[position:start], replacement]
        position = stop
    found = "".join(parts) + text[position : end - 1]
    # a comment at the end would take in what follows it
    return found[: max((one.end for one in tokens(found)), default=0)]


def _cut(wide: Sequence[tuple[int, int]], gone: Sequence[bool], asked: str) -> Iterator[Edit]:
    """Take conjuncts out with the AND next to them; ``asked`` takes the place of the first."""
    for i, (start, stop) in enumerate(wide):
        if not gone[i]:
            continue
        if asked:
            yield start, stop, asked
            asked = ""
        elif any(not one for one in gone[:i]):
            yield wide[i - 1][1], stop, ""
        else:
            yield start, wide[i + 1][0], ""


def _keyword(stream: Sequence[Token], name: str) -> tuple[int, int] | None:
    depth = 0
    for token in stream:
        if token.name == "ASCII_40":
            depth += 1
        elif token.name == "ASCII_41":
            depth -= 1
        elif depth == 0 and token.name == name:
            return token.start, token.end
    return None
