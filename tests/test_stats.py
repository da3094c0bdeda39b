"""``--stats``: what a table's row counts and inserts do to findings, and files that cannot be used."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rlslint.config import Options
from rlslint.pipeline import check
from rlslint.report.formats import render
from rlslint.report.model import Result, together
from rlslint.source.model import InputError
from rlslint.source.stats import TableStats, load_stats

HEAD = "schemaname,relname,n_tup_ins,n_live_tup\n"
SQL = """
CREATE ROLE member NOLOGIN;
CREATE TABLE sites (id int NOT NULL);
CREATE TABLE visits (id bigint PRIMARY KEY, site_id int NOT NULL);
CREATE TABLE colours (id int PRIMARY KEY, owner text);
ALTER TABLE visits ENABLE ROW LEVEL SECURITY;
ALTER TABLE colours ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON sites, colours TO member;
GRANT INSERT ON visits TO member;
CREATE POLICY own ON colours FOR SELECT TO member USING (owner = (SELECT current_setting('app.user', true)));
CREATE POLICY known ON visits FOR INSERT TO member WITH CHECK (EXISTS (SELECT 1 FROM sites s WHERE s.id = site_id));
"""


def lint(tmp_path: Path, stats: str | None) -> Result:
    path = tmp_path / "stats.csv"
    path.write_text(stats or "")
    options = Options(paths=("-",), preset="none", select=("RLS1",), stats=str(path) if stats else "")
    return check(options, cwd=tmp_path, stdin=SQL)


def found(result: Result) -> list[tuple[str, str | None, str]]:
    return [(one.rule.code, one.table, one.severity) for one in result.findings]


def test_without_statistics_findings_stand_in_the_order_of_the_file(tmp_path: Path) -> None:
    result = lint(tmp_path, None)
    assert found(result) == [("RLS106", "colours", "warning"), ("RLS101", "visits", "warning")]
    assert all("row_visits" not in one.facts for one in result.findings)


def test_statistics_make_a_table_hot_and_order_by_cost(tmp_path: Path) -> None:
    result = lint(tmp_path, HEAD + "public,visits,2000000,1900000\npublic,sites,9,5000\npublic,colours,9,70000\n")
    assert found(result) == [("RLS101", "visits", "error"), ("RLS106", "colours", "warning")]
    insert, select = result.findings
    assert (insert.facts["row_visits"], insert.facts["row_visits_so_far"]) == (5000, 5000 * 2000000)
    assert insert.facts["hot"] == ["2,000,000 rows were inserted, says --stats"]
    assert select.facts["row_visits"] == 70000


def test_other_programs_get_them_by_place(tmp_path: Path) -> None:
    stats = HEAD + "public,visits,2000000,1900000\npublic,sites,9,5000\npublic,colours,9,70000\n"
    result = lint(tmp_path, stats)
    assert [one["code"] for one in json.loads(render(result, "json"))["findings"]] == ["RLS106", "RLS101"]
    text = render(result, "text")
    assert text.index("RLS101") < text.index("RLS106")
    # two databases together keep the order
    assert found(together([result, result]))[:2] == [("RLS101", "visits", "error")] * 2


def test_a_table_known_to_be_small_is_read_as_a_whole(tmp_path: Path) -> None:
    assert found(lint(tmp_path, HEAD + "public,visits,9,9\npublic,sites,9,80\npublic,colours,9,12\n")) == []


def test_how_many_rows_are_few_and_how_many_inserts_are_many_can_be_set(tmp_path: Path) -> None:
    path = tmp_path / "stats.csv"
    path.write_text(HEAD + "public,visits,500,300\npublic,sites,9,80\npublic,colours,9,12\n")
    options = Options(paths=("-",), preset="none", select=("RLS1",), stats=str(path))

    def seen(small: int, many: int) -> list[tuple[str, str | None, str]]:
        set_ = replace(options, small_rows=small, hot_inserts=many)
        return found(check(set_, cwd=tmp_path, stdin=SQL))

    assert seen(1000, 100_000) == []
    assert seen(80, 501) == [("RLS101", "visits", "warning")]
    assert seen(81, 500) == []
    assert seen(12, 500) == [("RLS101", "visits", "error"), ("RLS106", "colours", "warning")]
    # nothing is small, whatever the statistics say
    assert seen(0, 501) == [("RLS101", "visits", "warning"), ("RLS106", "colours", "warning")]


def test_statistics_overrule_a_name(tmp_path: Path) -> None:
    sql = SQL.replace("visits", "page_views")
    options = Options(paths=("-",), preset="none", select=("RLS101",))
    assert [one.severity for one in check(options, cwd=tmp_path, stdin=sql).findings] == ["error"]
    path = tmp_path / "stats.csv"
    path.write_text(HEAD + "public,page_views,40,40\n")
    quiet = Options(paths=("-",), preset="none", select=("RLS101",), stats=str(path))
    assert [one.severity for one in check(quiet, cwd=tmp_path, stdin=sql).findings] == ["warning"]


def test_json_and_csv_say_the_same(tmp_path: Path) -> None:
    rows = [{"schemaname": "app", "relname": "a", "n_tup_ins": 7, "n_live_tup": 3, "seq_scan": 1}]
    as_json, as_csv = tmp_path / "s.json", tmp_path / "s.csv"
    as_json.write_text(json.dumps(rows))
    as_csv.write_text("relname,schemaname,n_live_tup,n_tup_ins\na,app,3,7\n", encoding="utf-8-sig")
    assert load_stats(as_json) == load_stats(as_csv) == {("app", "a"): TableStats(7, 3)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column schemaname, relname, n_tup_ins, n_live_tup"),
        ("schemaname,relname,n_live_tup\n", "no column n_tup_ins"),
        (HEAD + "public,a,1\n", "stats:2: no n_live_tup"),
        (HEAD + "public,a,1,2\npublic,b,-1,2\n", "stats:3: n_tup_ins is '-1', not a count"),
        ("[1, 2]", "not a list of objects"),
        ('[{"schemaname": "a"}]', "row 1: no relname, n_tup_ins, n_live_tup"),
        ('[{"schemaname": "a", "relname": "b", "n_tup_ins": true, "n_live_tup": 1}]', "n_tup_ins is True"),
        ("[{", "stats:1: not JSON"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "stats"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_stats(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load_stats(tmp_path / "nothing.csv")
