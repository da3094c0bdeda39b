"""Bytes to text: encodings, what is no SQL, and dumps whose data is passed over."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlslint.source import decode
from rlslint.source.decode import read_source
from rlslint.source.model import InputError, Limits, SourceFile
from rlslint.source.parse import parse_script
from rlslint.source.split import split

LIMITS = Limits()


def read(data: bytes, limits: Limits = LIMITS) -> SourceFile:
    source, _ = read_source(io.BytesIO(data), "a.sql", limits)
    return source


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(encoding: str) -> None:
    assert read("select 1, 'x'; -- fine".encode(encoding)).text == "select 1, 'x'; -- fine"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PGDMP\x01\x0e", "pg_restore -f - a.sql"),
        (b"\x1f\x8b\x08\x00", "gunzip -c a.sql"),
        (b"PK\x03\x04", "ZIP"),
        (bytes(range(256)) * 4, "a binary file"),
    ],
)
def test_no_sql(data: bytes, said: str) -> None:
    if data[:1] == b"\x00":
        data = b"\x00" * 32 + data
    with pytest.raises(InputError, match=said):
        read(data)


@pytest.mark.parametrize("bad", [b"\xe9", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xff"])
def test_bytes_that_are_not_utf8_are_told_with_their_place(bad: bytes) -> None:
    source, problems = read_source(io.BytesIO("select 1;\n-- é ".encode() + bad + b"\nselect 2;"), "a.sql", LIMITS)
    (problem,) = problems
    assert problem.reason.startswith(f'invalid byte sequence for encoding "UTF8": 0x{bad[0]:02x}')
    assert source.position(problem.span.start) == (2, 6)
    assert [source.text[start:end] for start, end in split(source.text, 0, len(source.text))] == [
        "select 1",
        "select 2",
    ]


def test_too_much_is_told() -> None:
    with pytest.raises(InputError, match=r"more than 1,000 bytes of SQL, larger than max-file-size allows"):
        read(b"select 1;\n" * 200, Limits(file=1_000))


rows = st.lists(st.sampled_from(["1\tx", "'", "$$", "copy t from stdin;", "\\\\.", "a\\.b", "", "\\N"]), max_size=12)
pieces = st.one_of(
    st.builds(
        "COPY public.t (a, b) FROM stdin;\n{}\\.\n".format, rows.map(lambda lines: "".join(f"{x}\n" for x in lines))
    ),
    st.sampled_from(
        [
            "CREATE TABLE t (é int);\n",
            "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $f$\nCOPY t FROM stdin;\n\\.\n$f$;\n",
            "-- COPY t FROM stdin;\n",
            "/*\nCOPY t FROM stdin;\n*/\nSELECT 1;\n",
            "SELECT 'x\nCOPY t FROM stdin;\n';\n",
        ]
    ),
)


@given(parts=st.lists(pieces, max_size=8), block=st.integers(1, 64))
def test_data_left_out_leaves_every_statement_in_its_place(parts: list[str], block: int) -> None:
    text = "".join(parts)
    whole = SourceFile("a.sql", text)
    expected = [(whole.text[a:b], whole.position(a), whole.position(b)) for a, b in split(text, 0, len(text))]
    before = decode.BLOCK
    try:
        decode.BLOCK = block  # type: ignore[misc]
        cut = read(text.encode())
    finally:
        decode.BLOCK = before  # type: ignore[misc]
    found = [(cut.text[a:b], cut.position(a), cut.position(b)) for a, b in split(cut.text, 0, len(cut.text))]
    assert found == expected
    lines = text.split("\n")
    assert all(cut.line(number) in ("", lines[number - 1]) for number in range(1, len(lines)))
    for _, (line, _), _ in expected:
        assert cut.line(line) == lines[line - 1]


def test_data_takes_no_memory() -> None:
    row = b"1\tsome text of a row\n"
    data = b"CREATE TABLE t (a int, b text);\nCOPY t FROM stdin;\n" + row * 400_000 + b"\\.\nCREATE TABLE u (a int);\n"
    source = read(data)
    assert len(source.text) < 1_000
    statements, problems = parse_script(source, 0, len(source.text))
    assert problems == []
    assert source.position(statements[-1].span.start) == (400_004, 1)
