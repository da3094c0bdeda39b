"""An open file in, its text out: encodings, byte-order marks, what is no SQL at all, and COPY data left out of big files."""

from __future__ import annotations

import re
from typing import BinaryIO, Final

from rlslint.records import dataclass, field
from rlslint.source.model import InputError, Limits, Problem, SourceFile, Span
from rlslint.source.split import closed

BLOCK: Final = 1 << 20
_COPY_LINE: Final = re.compile(
    rb"^copy[ \t\"][^\n;]*\bfrom[ \t]+stdin\b[^\n;]*;[ \t]*\r?\n", re.IGNORECASE | re.MULTILINE
)
_END_OF_DATA: Final = re.compile(rb"\n\\\.[ \t]*(?:\r?\n|\r?\Z)")
_END_STARTS: Final = b"\n\\."
_MAGIC: Final = (
    (b"PGDMP", "a dump in pg_dump's custom format; make it SQL first: pg_restore -f - {path}"),
    (b"\x1f\x8b", "compressed with gzip; unpack it first: gunzip -c {path} | rlslint check -"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first: zstd -dc {path} | rlslint check -"),
    (b"PK\x03\x04", "a ZIP archive, not SQL"),
)


def read_source(file: BinaryIO, path: str, limits: Limits, size: int = BLOCK) -> tuple[SourceFile, list[Problem]]:
    """The text of a file, and a problem for a byte that is not UTF-8. Raises InputError for what is not SQL text.

    ``size`` is how many bytes it is likely to have: a whole block need not be set apart for fewer.
    """
    block = min(size + 1, BLOCK)
    first = file.read(block)
    for magic, what in _MAGIC:
        if first.startswith(magic):
            raise InputError(f"{path}: {what.format(path=path)}")
    wide = _utf16(first)
    if wide is not None:
        data = first + file.read(limits.file)
        _limit(path, len(data), limits)
        # a byte too many at the end is a replacement character, not a reason to give up
        return SourceFile(path, data.decode(wide, "replace").removeprefix("\ufeff")), []
    if first[:8192].count(b"\0") > len(first[:8192]) // 100:
        raise InputError(f"{path}: a binary file, not SQL")
    text = _Text(path, limits)
    rest = file.read(BLOCK) if len(first) == block else b""
    if not rest:
        text.keep(first.removeprefix(b"\xef\xbb\xbf"))
    else:
        _without_data(file, first.removeprefix(b"\xef\xbb\xbf") + rest, text)
    return text.source()


def _utf16(data: bytes) -> str | None:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    sample = data[:512]
    if len(sample) >= 8 and not any(sample[1::2]) and all(sample[0:-1:2]):
        return "utf-16-le"
    if len(sample) >= 8 and not any(sample[0:-1:2]) and all(sample[1::2]):
        return "utf-16-be"
    return None


def _limit(path: str, size: int, limits: Limits) -> None:
    if size > limits.file:
        raise InputError(f"{path}: more than {limits.file:,} bytes of SQL, larger than max-file-size allows")


@dataclass(slots=True)
class _Text:
    """The text that is kept, and where lines were left out."""

    path: str
    limits: Limits
    parts: list[str] = field(default_factory=list)
    length: int = 0
    size: int = 0
    cuts: list[tuple[int, int]] = field(default_factory=list)
    broken: tuple[int, str] | None = None
    """Character offset of the first byte that is not UTF-8, and what it is."""

    def keep(self, data: bytes) -> str:
        self.size += len(data)
        _limit(self.path, self.size, self.limits)
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            text = data.decode("utf-8", "replace")
            if self.broken is None:
                shown = "".join(f" 0x{byte:02x}" for byte in data[error.start : error.end])
                self.broken = (self.length + len(data[: error.start].decode("utf-8", "replace")), shown)
        self.parts.append(text)
        self.length += len(text)
        return text

    def cut(self, lines: int) -> None:
        if lines:
            self.cuts.append((self.length, lines))

    def source(self) -> tuple[SourceFile, list[Problem]]:
        source = SourceFile(self.path, "".join(self.parts), tuple(self.cuts))
        if self.broken is None:
            return source, []
        offset, shown = self.broken
        reason = f'invalid byte sequence for encoding "UTF8":{shown}'
        return source, [Problem("RLS001", Span(source, offset, offset + 1), reason)]


def _without_data(file: BinaryIO, data: bytes, text: _Text) -> None:
    """Keep all but the data behind each COPY ... FROM stdin, reading block by block.

    A line that looks like COPY may stand in a function's body: what is kept since the last data decides, lexed.
    """
    pending: list[str] = []
    lexed = searched = 0
    while True:
        match = _COPY_LINE.search(data, searched)
        if match is None:
            complete = data.rfind(b"\n") + 1
            more = file.read(BLOCK)
            if not more:
                pending.append(text.keep(data))
                return
            if complete:
                pending.append(text.keep(data[:complete]))
                data = data[complete:]
            data += more
            _limit(text.path, text.size + len(data), text.limits)
            searched = 0
            continue
        candidate = data[: match.end()]
        shown = "".join((*pending, candidate.decode("utf-8", "replace")))
        lexed += len(shown)
        if lexed > 8 * (text.size + BLOCK * 16) or not closed(shown, 0):
            searched = match.end()
            continue
        text.keep(candidate)
        pending = []
        data = _behind_data(file, data[match.end() :], text)
        searched = 0


def _behind_data(file: BinaryIO, data: bytes, text: _Text) -> bytes:
    """Pass over data up to its end mark, which stays: the lines between are counted."""
    lines = -1
    data = b"\n" + data
    while True:
        match = _end_of_data(data)
        if match is not None and (match.end() < len(data) or match[0].endswith(b"\n")):
            text.cut(lines + data.count(b"\n", 0, match.start() + 1))
            return data[match.start() + 1 :]
        more = file.read(BLOCK)
        if not more:
            end = match.start() + 1 if match is not None else len(data)
            text.cut(lines + data.count(b"\n", 0, end))
            return data[end:]
        # the mark may be split between two blocks
        keep = max(data.rfind(b"\n", max(0, len(data) - 64)), 0) if b"\n" in data[-64:] else len(data)
        lines += data.count(b"\n", 0, keep)
        data = data[keep:] + more


def _end_of_data(data: bytes) -> re.Match[bytes] | None:
    start = data.find(_END_STARTS)
    while start >= 0:
        match = _END_OF_DATA.match(data, start)
        if match is not None:
            return match
        start = data.find(_END_STARTS, start + 1)
    return None
