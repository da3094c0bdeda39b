"""Files of which a part does not parse: what follows may be a fragment of a function's body."""

from __future__ import annotations

from rlslint.replay.replay import replay
from rlslint.source.model import Migration, Project, SourceFile
from rlslint.source.parse import parse_script

FUNCTION = """
CREATE TABLE users (id uuid PRIMARY KEY, name text);
CREATE FUNCTION fresh() RETURNS trigger AS {quote}
DECLARE found_id uuid;
BEGIN
  SELECT 1;
  SELECT u.id INTO found_id FROM users u WHERE u.name = 'x';
  RETURN NEW;
END;
{quote} LANGUAGE plpgsql;
CREATE TABLE later (id int);
"""


def tables(sql: str) -> list[str]:
    source = SourceFile("case.sql", sql)
    statements, problems = parse_script(source, 0, len(sql))
    found = replay(Project("file", (Migration(source, tuple(statements), tuple(problems), ()),)), preset="none")
    return [row.relname for row in found.catalog.relations]


def test_a_select_into_is_no_table_where_the_quotes_are_broken() -> None:
    assert tables(FUNCTION.format(quote="$")) == ["users", "later"]
    assert tables(FUNCTION.format(quote="$$")) == ["users", "later"]
    assert tables("CREATE TABLE a (id int); SELECT id INTO b FROM a;") == ["a", "b"]
