"""Every format of `check`, read by a reader of that format; and names that try to break out of it."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from junitparser import JUnitXml
from markdown_it import MarkdownIt

from rlslint import cli
from rlslint.config import Options
from rlslint.pipeline import check
from rlslint.report.formats import render
from rlslint.report.model import Result
from tests.report import hostile

HERE = Path(__file__).parent
BAD = HERE.parent / "projects" / "training_metrics" / "exists_without_primary_key"
FORMATS = ("text", "compact", "json", "sarif", "github", "gitlab", "junit", "markdown", "html")


@pytest.fixture(scope="module")
def incident() -> Result:
    return check(Options(paths=(str(BAD),), select=("RLS101",)), cwd=BAD)


@pytest.fixture(scope="module")
def wild(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("wild")
    hostile.write(folder)
    result = check(Options(paths=(str(folder),), preset="none"), cwd=folder)
    assert {name for name in hostile.NAMES if any(one.policy == name for one in result.findings)} == set(hostile.NAMES)
    return result


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("nothing")
    (folder / "1_a.sql").write_text("CREATE TABLE t (a int);\n")
    return check(Options(paths=(str(folder),), preset="none", select=("RLS1",)), cwd=folder)


@pytest.mark.parametrize("format_", FORMATS)
def test_no_control_characters_and_no_workflow_commands(wild: Result, format_: str) -> None:
    text = render(wild, format_)
    assert [char for char in text if char != "\n" and not char.isprintable() and char != "\u200b"] == []
    assert "##[" not in text
    commands = [line for line in text.splitlines() if re.match(r"\s*::[a-z-]+( .*)?::", line)]
    assert len(commands) == (len(wild.findings) if format_ == "github" else 0)


@pytest.mark.parametrize("format_", FORMATS)
def test_the_same_bytes_again(incident: Result, format_: str) -> None:
    again = check(Options(paths=(str(BAD),), select=("RLS101",)), cwd=BAD)
    assert render(incident, format_) == render(again, format_)


def test_compact_is_one_line_a_finding(wild: Result) -> None:
    lines = render(wild, "compact").splitlines()
    assert len(lines) == len(wild.findings)
    assert all(
        re.match(r"1_hostile\.sql:\d+:\d+: (error|warning|info): .* \[RLS\d{3} [a-z-]+\]$", line) for line in lines
    )


def sarif(result: Result) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(render(result, "sarif"))
    schema = json.loads((HERE / "sarif-2.1.0-rtm.5.json").read_text())
    validator = jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())
    assert [error.message for error in validator.iter_errors(data)] == []
    return data


def test_sarif_is_valid_and_holds_what_code_scanning_needs(incident: Result, wild: Result, nothing: Result) -> None:
    for result in (incident, wild, nothing):
        (run,) = sarif(result)["runs"]
        rules = run["tool"]["driver"]["rules"]
        for rule in rules:
            assert len(rule["shortDescription"]["text"]) <= 1024
            assert len(rule["fullDescription"]["text"]) <= 1024
            assert rule["help"]["markdown"].startswith(f"# {rule['id']} ")
            assert rule["properties"]["precision"] in ("high", "medium", "low")
        assert len(run["results"]) == len(result.findings)
        for one in run["results"]:
            assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
            assert set(one["locations"][0]["physicalLocation"]["region"]) == {
                "startLine", "startColumn", "endLine", "endColumn"
            }  # fmt: skip
        hashes = [one["partialFingerprints"]["primaryLocationLineHash"] for one in run["results"]]
        assert len(set(hashes)) == len(hashes)


def test_sarif_places_are_relative_to_the_repository(incident: Result) -> None:
    (one,) = sarif(incident)["runs"][0]["results"]
    place = one["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place["uri"].endswith("exists_without_primary_key/supabase/migrations/20250101090000_tables.sql")
    assert place["uri"] == incident.in_repository(incident.findings[0].span.source.path)


def test_names_make_no_links_in_sarif(wild: Result) -> None:
    for one in sarif(wild)["runs"][0]["results"]:
        linked = re.findall(r"(?<!\\)\[[^\]]*\]\(([^)]*)\)", one["message"]["text"])
        assert [target for target in linked if not target.isdigit()] == []


def test_github_commands_name_file_and_lines(incident: Result) -> None:
    (command,) = render(incident, "github").splitlines()
    found = re.fullmatch(r"::error ([^:]*)::(.*)", command)
    assert found
    properties = dict(item.split("=", 1) for item in found[1].split(","))
    assert (properties["line"], properties["endLine"], properties["col"]) == ("21", "21", "15")
    assert properties["title"] == "RLS101 seq-scan-per-insert"
    assert "%0ACREATE INDEX CONCURRENTLY" in found[2]


GITLAB = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^[^/.]"},
                    "lines": {"type": "object", "required": ["begin"], "properties": {"begin": {"type": "integer"}}},
                },
            },
        },
    },
}


def test_gitlab_takes_it_and_shows_every_entry(incident: Result, wild: Result, nothing: Result) -> None:
    for result in (incident, wild, nothing):
        data = json.loads(render(result, "gitlab"))
        jsonschema.validate(data, GITLAB)
        assert len({entry["fingerprint"] for entry in data}) == len(result.findings)


def test_junit_is_read_by_a_junit_reader(incident: Result, wild: Result, nothing: Result) -> None:
    for result in (incident, wild, nothing):
        text = render(result, "junit")
        ET.fromstring(text)
        read = JUnitXml.fromstring(text.encode())
        assert read.failures == len(result.findings)
        assert [suite.name for suite in read] == list(result.paths)
        assert sum(1 for suite in read for _ in suite) == read.tests


def test_markdown_has_no_markup_but_our_own(incident: Result, wild: Result) -> None:
    for result in (incident, wild):
        text = render(result, "markdown")
        tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
        inline = [child for token in tokens for child in token.children or ()]
        assert {child.type for child in inline} <= {"text", "code_inline", "softbreak", "text_special"}
        blocks = "".join(token.content for token in tokens if token.type == "html_block")
        assert set(re.findall(r"</?[a-z!-]+", blocks)) == {"<!--", "<details", "</details", "<summary", "</summary"}
        assert sum(token.type == "fence" for token in tokens) >= len(result.findings)
        assert not re.search(r"@\w|://|www\.\w", "".join(child.content for child in inline if child.type == "text"))


def test_markdown_stays_under_the_size_of_a_comment(incident: Result) -> None:
    result = replace(incident, findings=incident.findings * 200)
    text = render(result, "markdown")
    assert len(text) < 65_536
    shown = text.count("<summary>")
    assert 0 < shown < len(result.findings)
    assert f"{len(result.findings) - shown} more findings: run `rlslint check`" in text


class Page(HTMLParser):
    """Counts elements, and gathers what a script or a handler would run."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: dict[str, int] = {}
        self.handlers: list[str] = []
        self.scripts: list[str] = []
        self.loaded: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] = self.elements.get(tag, 0) + 1
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.loaded += [str(value) for name, value in attrs if name == "src" or (name == "href" and value != "#main")]
        self._in_script = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts.append(data)


def test_the_page_holds_every_finding_and_nothing_foreign(incident: Result, wild: Result, nothing: Result) -> None:
    for result in (incident, wild, nothing):
        page = Page()
        page.feed(render(result, "html"))
        assert page.elements["script"] == 2
        assert (page.handlers, page.loaded) == ([], [])
        assert not {"img", "i", "iframe", "link"} & page.elements.keys()
        plans = json.loads(page.scripts[0])
        assert len(plans) == len(result.plans)
        assert page.elements["button"] == len(plans) + 1


def test_the_page_has_a_grid_of_each_database_s_tables(tmp_path: Path) -> None:
    for name in ("billing", "app"):
        (tmp_path / name / "migrations").mkdir(parents=True)
        (tmp_path / name / "migrations" / "1_a.sql").write_text(
            f"CREATE TABLE {name}_t (a int); ALTER TABLE {name}_t ENABLE ROW LEVEL SECURITY; GRANT SELECT ON {name}_t TO PUBLIC;"
            f" CREATE POLICY p ON {name}_t USING (a = current_setting('x')::int);\n"
        )
    result = check(Options(preset="none"), cwd=tmp_path)
    assert len(result.databases) == 2
    text = render(result, "html")
    assert re.findall(r'<h2 class="database">([^<]*)<|<h2>([^ <]*)', text) == [
        ("app/migrations", ""), ("", "public.app_t"), ("billing/migrations", ""), ("", "public.billing_t")
    ]  # fmt: skip
    ids = re.findall(r' id="(table-\d+)"', text)
    assert len(set(ids)) == len(ids) == 2
    # each finding once, under its own table
    sections = text.split("<section")[1:]
    for section, one in zip(sections, ("app", "billing"), strict=True):
        here = sum(finding.table == f"{one}_t" for finding in result.findings)
        assert section.count('<details class="finding') == here > 0


def test_formats_are_what_the_command_line_offers() -> None:
    assert cli.FORMATS == FORMATS
