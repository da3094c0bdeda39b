"""Queries, compared node by node with what PostgreSQL stores for a view made of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rlslint.catalog.catalog import Catalog
from tests.analyze.differential import SCHEMA, our_query, server_query
from tests.analyze.server_catalog import read_catalog
from tests.conftest import Server

pytestmark = pytest.mark.server

QUERIES = [
    "SELECT id, title AS t, docs.body, public.docs.n FROM docs",
    "SELECT d.* FROM docs d",
    "SELECT * FROM members",
    "SELECT * FROM dropped",
    "SELECT members.*, d.id AS did FROM members, docs d",
    "SELECT d.b FROM dropped AS d",
    "SELECT y FROM dropped AS d(x, y)",
    "SELECT x, b FROM dropped AS d(x)",
    "SELECT id FROM app.docs",
    "SELECT * FROM v_docs",
    "SELECT name FROM v_docs v WHERE owner = uid()",
    "SELECT n FROM m_docs",
    "SELECT relname FROM pg_class",
    "SELECT c.relname, n.nspname FROM pg_catalog.pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace",
    "SELECT m FROM members m",
    "SELECT m.id, d.id AS d FROM members m JOIN docs d ON d.id = m.team_id",
    "SELECT m.id FROM members m LEFT JOIN docs d ON d.id = m.team_id AND d.ok WHERE d.id IS NULL",
    "SELECT * FROM members JOIN app.docs USING (id)",
    "SELECT id, members.id AS mid, docs.id AS did FROM members JOIN app.docs USING (id)",
    "SELECT * FROM members NATURAL JOIN app.docs",
    "SELECT * FROM members LEFT JOIN app.docs USING (id)",
    "SELECT id FROM members RIGHT JOIN app.docs USING (id)",
    "SELECT id FROM members FULL JOIN app.docs USING (id)",
    "SELECT id FROM members JOIN docs USING (id)",
    "SELECT id FROM docs JOIN members USING (id)",
    "SELECT id FROM docs LEFT JOIN members USING (id)",
    "SELECT id FROM members FULL JOIN docs USING (id)",
    "SELECT id FROM members RIGHT JOIN docs USING (id)",
    "SELECT j.id FROM (members JOIN app.docs USING (id)) AS j",
    "SELECT j.* FROM (members JOIN app.docs USING (id)) AS j",
    "SELECT u.id, members.team_id FROM members JOIN app.docs USING (id) AS u",
    "SELECT * FROM (members a CROSS JOIN dropped) AS j(p, q)",
    "SELECT a.id FROM members a JOIN members b USING (id) JOIN members c USING (id)",
    "SELECT id FROM members a JOIN members b USING (id) JOIN members c USING (id)",
    "SELECT * FROM members a JOIN dropped ON a.id = dropped.a, app.only_app o WHERE o.id = dropped.a",
    "SELECT s.x FROM (SELECT id AS x, title FROM docs) s",
    "SELECT x FROM (SELECT id, title FROM docs) AS s(x)",
    "SELECT * FROM (SELECT 1) s",
    "SELECT * FROM (SELECT 1 AS a, 'x' AS b, NULL AS c) s",
    "SELECT id FROM members m, LATERAL (SELECT title FROM docs d WHERE d.id = m.team_id) s WHERE s.title = 'x'",
    "SELECT m.id, s.title FROM members m LEFT JOIN LATERAL (SELECT title FROM docs d WHERE d.id = m.id) s ON true",
    "SELECT a, b FROM tab(3)",
    "SELECT t.a FROM members m, tab(m.id) t",
    "SELECT * FROM tab()",
    "SELECT * FROM tab() AS t(x, y)",
    "SELECT * FROM outs(1)",
    "SELECT * FROM one_out(1)",
    "SELECT one_out.single FROM one_out(1)",
    "SELECT * FROM one_out(1) o",
    "SELECT title FROM docs_of(uid())",
    "SELECT d.title FROM docs_of(uid()) d",
    "SELECT docs_of.p FROM docs_of(uid())",
    "SELECT team_ids FROM team_ids()",
    "SELECT t FROM team_ids() t",
    "SELECT t.x FROM team_ids() AS t(x)",
    "SELECT x.* FROM make_pair() AS x",
    "SELECT a, b FROM rec() AS r(a int, b text)",
    "SELECT r.b FROM rec() AS (a int, b text), LATERAL (SELECT 1) r(b)",
    "SELECT * FROM json_to_recordset('[]') AS x(a int, b text)",
    "SELECT g FROM generate_series(1, 3) g",
    "SELECT * FROM generate_series(1, 3)",
    "SELECT * FROM generate_series(now(), now(), '1 day') AS s(d)",
    "SELECT d.id, t FROM docs d, unnest(d.tags) t",
    "SELECT d.id, t, n FROM app.docs d, unnest(ARRAY['a']) WITH ORDINALITY AS u(t, n)",
    "SELECT * FROM unnest(ARRAY[1,2]) WITH ORDINALITY",
    "SELECT * FROM unnest(ARRAY[1,2], ARRAY['a']) AS u(a, b)",
    "SELECT * FROM ROWS FROM (tab(1), generate_series(1, 2)) AS r(a, b, c)",
    "SELECT x.y FROM docs, unnest(pairs) x",
    "SELECT e.key, e.value FROM docs, jsonb_each(meta) e",
    "SELECT e ->> 'x' AS x FROM docs, jsonb_array_elements(meta) AS e",
    "SELECT value FROM docs, jsonb_array_elements_text(meta)",
    "SELECT current_user, current_date, localtime, current_schema",
    "SELECT * FROM current_user",
    "SELECT * FROM current_date AS d",
    "SELECT column1, column2 FROM (VALUES (1, 'a'), (2.5, 'b')) v",
    "SELECT v.a FROM (VALUES (1, 'a'), (2, NULL)) AS v(a, b)",
    "VALUES (1, 'x'), (2, 'y')",
    "VALUES (1), (2) ORDER BY 1 LIMIT 1",
    "WITH c AS (SELECT id FROM docs) SELECT * FROM c",
    "WITH c(x) AS (SELECT id FROM docs), d AS (SELECT x + 1 AS y FROM c) SELECT x, y FROM c, d",
    "WITH docs AS (SELECT 1 AS one) SELECT one FROM docs",
    "WITH docs AS (SELECT 1 AS one) SELECT id FROM public.docs",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r",
    "WITH RECURSIVE r(k, t) AS (SELECT 1, 'x'::text UNION SELECT k + 1, t || 'y' FROM r) SELECT * FROM r",
    "WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT 1 AS x) SELECT x FROM a",
    "WITH c AS (SELECT 1 AS x) SELECT (SELECT x FROM c), y FROM (SELECT x AS y FROM c) s",
    "WITH c AS MATERIALIZED (SELECT 1 AS x) SELECT c.x FROM c AS c",
    "SELECT id FROM docs UNION SELECT id FROM members",
    "SELECT id FROM docs UNION ALL SELECT n FROM docs UNION ALL SELECT 3",
    "SELECT id FROM members UNION ALL (SELECT id FROM docs ORDER BY 1 LIMIT 1)",
    "(SELECT id FROM members EXCEPT SELECT id FROM docs) INTERSECT SELECT 1",
    "SELECT 'a' AS x UNION SELECT 'b'",
    "SELECT 'a' AS x UNION SELECT title FROM docs",
    "SELECT NULL AS x UNION SELECT n FROM docs",
    "SELECT 1 AS x UNION SELECT 2.5",
    "SELECT title AS x FROM docs UNION SELECT body FROM docs",
    "SELECT level AS x FROM docs UNION SELECT 'low'",
    "SELECT id FROM docs UNION SELECT id FROM members ORDER BY id LIMIT 3",
    "SELECT id FROM docs WHERE id IN (SELECT id FROM members UNION SELECT docs.n)",
    "SELECT count(*) FROM docs",
    "SELECT count(DISTINCT n), max(at), sum(score), avg(n), bool_or(ok) FROM docs",
    "SELECT count(*) FILTER (WHERE ok) FROM docs",
    "SELECT level, count(*) AS c FROM docs GROUP BY level HAVING count(*) > 1",
    "SELECT level, count(*) AS c FROM docs GROUP BY 1 ORDER BY 2 DESC",
    "SELECT level AS l FROM docs GROUP BY l",
    "SELECT n AS id FROM docs GROUP BY n, id",
    "SELECT n AS id FROM docs GROUP BY id, n ORDER BY id",
    "SELECT n AS x FROM docs ORDER BY x, id + 1, body DESC NULLS LAST",
    "SELECT lower(title) FROM docs GROUP BY lower(title)",
    "SELECT DISTINCT title FROM docs ORDER BY title",
    "SELECT DISTINCT ON (n) n, title FROM docs ORDER BY n, at DESC",
    "SELECT row_number() OVER (PARTITION BY n ORDER BY at) FROM docs",
    "SELECT sum(n) OVER w, lag(n, 1) OVER w FROM docs WINDOW w AS (ORDER BY id)",
    "SELECT array_agg(title ORDER BY id), string_agg(body, ','), jsonb_agg(meta), json_agg(d) FROM docs d",
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY rate) FROM docs",
    "SELECT mode() WITHIN GROUP (ORDER BY level) FROM docs",
    "SELECT json_build_object('a', n), jsonb_build_object('a', n, 'b', title) FROM docs",
    "SELECT to_jsonb(d), row_to_json(d) FROM docs d",
    "SELECT exists(SELECT 1 FROM docs), ARRAY(SELECT n FROM docs), (SELECT max(n) AS m FROM docs), NOT true AS t",
    "SELECT 1, 1.5, 'x', NULL, true, 10000000000, 1e5, B'101', X'1F'",
    "SELECT n + 1, -n, n::text, n::text || 'x', lower(title), coalesce(n, 1), greatest(n, 1) FROM docs",
    "SELECT (p).x, (p).*, (pairs[1]).y, tags[1], meta['a'], nullif(n, 1) FROM docs",
    "SELECT (make_pair()).*",
    "SELECT CASE WHEN ok THEN n END, CASE WHEN ok THEN 1 ELSE n END, CASE WHEN ok THEN NULL ELSE 'x' END FROM docs",
    "SELECT ROW(n, title) IS NULL AS r, ARRAY[n, small], ARRAY['a', NULL], ARRAY[ARRAY[1]] FROM docs",
    "SELECT extract(epoch FROM at), at AT TIME ZONE 'UTC', at::date, date '2020-01-01', interval '1' day FROM docs",
    "SELECT substring(title, 1, 2), trim(both ' ' from title), position('a' in title), cast(n AS bigint) FROM docs",
    'SELECT title COLLATE "C" FROM docs',
    "SELECT (tab(1)).b",
    "SELECT fullname(d), d.fullname FROM docs d",
    "SELECT id FROM docs LIMIT 10 OFFSET 5",
    "SELECT id FROM docs LIMIT n'5' OFFSET 1.0",
    "SELECT id FROM docs FETCH FIRST 5 ROWS ONLY",
    "SELECT id FROM docs FOR UPDATE",
    "SELECT id FROM docs TABLESAMPLE system (10)",
    "SELECT GROUPING(n), n FROM docs GROUP BY ROLLUP (n)",
    "SELECT json_object('a': n), json_array(n, 1), jsonb_path_query(meta, '$.a') FROM docs",
    "SELECT json_value(meta, '$.a'), json_query(meta, '$.a'), json_exists(meta, '$.a') FROM docs",
    "SELECT json_value(meta, '$.a' RETURNING int) FROM docs",
    "SELECT json_arrayagg(n), json_objectagg('a': n) FROM docs",
    "SELECT t.a FROM docs, JSON_TABLE(meta, '$[*]' COLUMNS (a int PATH '$.a', b text)) t",
    "SELECT d.id FROM docs d WHERE d.id = (SELECT m.team_id FROM members m WHERE m.id = (SELECT d.n))",
    "SELECT (SELECT d.title FROM (SELECT m.id) s) FROM docs d, members m",
    "TABLE members",
    "SELECT id FROM ONLY docs",
    "SELECT",
    "SELECT FROM docs",
    "SELECT to_char(at, 'YYYY'), date_part('year', at), age(at), round(score, 1), round(rate), abs(n) FROM docs",
    "SELECT merge_action FROM (SELECT 1 AS merge_action) s",
    'SELECT n AS "Strange Name", title AS a FROM docs',
    "SELECT * FROM docs d JOIN members m ON m.team_id = d.id JOIN app.docs x ON x.id = m.id",
    "SELECT 1 FROM docs a, docs b, LATERAL tab(a.n) WHERE a.id = b.id AND tab.a = b.n",
    "SELECT 1 FROM docs JOIN (members JOIN app.only_app USING (id)) ON docs.id = members.team_id",
    # rejected
    "SELECT id FROM docs, members",
    "SELECT nowhere FROM docs",
    "SELECT d.nowhere FROM docs d",
    "SELECT docs.id FROM docs d",
    "SELECT x.* FROM docs d",
    "SELECT id FROM docs, docs",
    "SELECT d.id FROM docs d, members d",
    "SELECT * FROM docs d JOIN members m USING (nowhere)",
    "SELECT * FROM docs d JOIN members m USING (title)",
    "SELECT * FROM (members a JOIN members b ON true) JOIN members c USING (id)",
    "SELECT 1 FROM members m, (SELECT title FROM docs d WHERE d.id = m.team_id) s",
    "SELECT 1 FROM docs d JOIN members m ON m.id = x.id, app.docs x",
    "SELECT id FROM docs UNION SELECT title FROM docs",
    "SELECT id, n FROM docs UNION SELECT id FROM docs",
    "SELECT id FROM docs WHERE n",
    "SELECT id FROM docs HAVING n",
    "VALUES (1), (1, 2)",
    "VALUES (1), (true)",
    "SELECT a.id FROM (members JOIN app.docs USING (id)) AS j",
    "SELECT * FROM dropped AS d(x, y, z)",
    "WITH c AS (SELECT 1 AS x) SELECT y FROM c",
    "WITH c(a, b) AS (SELECT 1 AS x) SELECT a FROM c",
    "SELECT nowhere.* FROM docs",
    "SELECT *",
    "SELECT * FROM rec()",
    "SELECT * FROM tab(1) AS t(a int)",
    "SELECT id FROM docs ORDER BY 4",
    "SELECT id FROM docs UNION SELECT id FROM members ORDER BY n",
    "SELECT id FROM docs LIMIT id",
    "SELECT id FROM docs GROUP BY 'x'",
    "SELECT row_number() FROM docs",
    "SELECT $1",
]


@pytest.fixture(scope="module")
def compared(server: Server) -> Iterator[tuple[Any, Catalog]]:
    with server.database() as connection:
        connection.execute(SCHEMA)
        yield connection, read_catalog(connection)


@pytest.mark.parametrize("text", QUERIES)
def test_query(compared: tuple[Any, Catalog], text: str) -> None:
    connection, catalog = compared
    expected, actual = server_query(connection, text), our_query(catalog, text)
    assert actual.sqlstate == expected.sqlstate, (expected.tree, actual.tree)
    if expected.sqlstate is None:
        assert actual.tree == expected.tree


PATHS = [
    "app",
    "app, public",
    "public, app",
    "pg_catalog, app",
]
PATH_QUERIES = ["SELECT * FROM docs", "SELECT uid()", "SELECT id FROM only_app", "SELECT owner FROM docs"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("text", PATH_QUERIES)
def test_search_path(compared: tuple[Any, Catalog], text: str, path: str) -> None:
    connection, catalog = compared
    expected, actual = server_query(connection, text, path), our_query(catalog, text, tuple(path.split(", ")))
    unknown = expected.sqlstate in ("42P01", "42883")
    assert actual.sqlstate == (None if unknown else expected.sqlstate)
    if expected.sqlstate is None:
        assert actual.tree == expected.tree
