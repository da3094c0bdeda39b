"""Rules of your own: written, tried, loaded only where the configuration names them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import rlslint

SQL = 'CREATE TABLE notes (id bigint PRIMARY KEY);\nCREATE POLICY "Read" ON notes FOR SELECT USING (true);\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "1_a.sql").write_text(SQL)
    done = rlslint("rules", "--new", "policy-name-case", "--folder", "lint", cwd=tmp_path)
    assert done.status == 0
    assert done.out.splitlines() == ["lint/own001_policy_name_case.yaml", "lint/own001_policy_name_case.py"]
    return tmp_path


def codes(project: Path) -> set[str]:
    data = json.loads(rlslint("check", "--format", "json", cwd=project).out)
    return {one["code"] for one in data["findings"]}


def test_not_loaded_unasked(project: Path) -> None:
    assert "OWN001" not in codes(project)


def test_found_selected_explained_and_suppressed_like_ours(project: Path) -> None:
    (project / "rlslint.toml").write_text('own-rules = ["lint"]\nselect = ["OWN"]\n')
    assert codes(project) == {"OWN001"}
    assert "policy-name-case" in rlslint("rules", cwd=project).out
    (project / "1_a.sql").write_text(SQL.replace("CREATE POLICY", "-- rlslint: ignore[OWN001] old name\nCREATE POLICY"))
    assert codes(project) == set()


def test_its_options_are_set_shown_and_explained_like_ours(project: Path) -> None:
    config = project / "rlslint.toml"
    config.write_text('own-rules = ["lint"]\nselect = ["OWN"]\n[rules.OWN001]\nallowed-names = ["Read"]\n')
    assert codes(project) == set()
    assert '[rules.OWN001]\nallowed-names = ["Read"]  # ' in rlslint("config", cwd=project).out
    assert "allowed-names = []" in rlslint("explain", "policy-name-case", cwd=project).out
    schema = json.loads(rlslint("config", "--schema", cwd=project).out)
    assert "allowed-names" in schema["properties"]["rules"]["properties"]["OWN001"]["properties"]
    config.write_text('own-rules = ["lint"]\n[rules.OWN001]\nallowed-name = ["Read"]\n')
    done = rlslint("check", cwd=project)
    assert done.status == 2
    assert "unknown key 'rules.OWN001.allowed-name': did you mean 'allowed-names'?" in done.err


def test_options_that_do_not_fit_the_check(project: Path) -> None:
    (project / "rlslint.toml").write_text('own-rules = ["lint"]\n')
    path = project / "lint" / "own001_policy_name_case.yaml"
    right = path.read_text()
    for was, now, said in (
        ("allowed-names:", "names:", "the keywords of check() are not the options: allowed_names, names"),
        ("type: texts ", "type: strings ", "'options.allowed-names.type' is 'strings', not one of number, text, flag"),
        ("default: []", "default: 3", "'options.allowed-names.default' must be a list of strings, not 3"),
        ("    default: []\n", "", "option allowed-names: 'default' is missing"),
        ("default: []", "defaults: []", "option allowed-names: 'defaults' is no key of it"),
    ):
        path.write_text(right.replace(was, now))
        done = rlslint("check", cwd=project)
        assert done.status == 2
        assert said in done.err


def test_a_comment_for_a_rule_that_did_not_run_is_not_judged(project: Path) -> None:
    (project / "1_a.sql").write_text(SQL.replace("CREATE POLICY", "-- rlslint: ignore[OWN001] old name\nCREATE POLICY"))
    (project / "rlslint.toml").write_text('own-rules = ["lint"]\nselect = ["RLS0"]\n')
    assert codes(project) == set()
    (project / "rlslint.toml").write_text('select = ["RLS0"]\n')
    assert codes(project) == {"RLS003"}


def test_a_second_rule_gets_the_next_code(project: Path) -> None:
    done = rlslint("rules", "--new", "another-rule", "--folder", "lint", cwd=project)
    assert done.out.splitlines()[0] == "lint/own002_another_rule.yaml"
    done = rlslint("rules", "--test", "lint", cwd=project)
    assert done.status == 0
    assert [line.split("  ")[0] for line in done.out.splitlines()] == ["passed", "passed"]


def test_a_wrong_example_fails(project: Path) -> None:
    path = project / "lint" / "own001_policy_name_case.yaml"
    for was, now, said in (
        ('"Read" ON', "read ON", "found on the lines [], marked on [3]"),
        ("CREATE POLICY read", 'CREATE POLICY "READ"', "the good form is found on the lines [3]"),
        ("-- finds OWN001", "", "no line of the bad form ends in -- finds OWN001"),
    ):
        text = path.read_text()
        path.write_text(text.replace(was, now))
        done = rlslint("rules", "--test", "lint", cwd=project)
        path.write_text(text)
        assert done.status == 1
        assert said in done.out


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("own001_policy_name_case.py", "def check(facts)", "own001_policy_name_case.py: "),
        ("own001_policy_name_case.py", "import no_such_module", "No module named 'no_such_module'"),
        ("own001_policy_name_case.py", "x = 1", "it has no function check(facts)"),
        ("own001_policy_name_case.yaml", "code: [", "own001_policy_name_case.yaml: "),
    ],
)
def test_a_broken_rule_is_one_line(project: Path, name: str, text: str, said: str) -> None:
    (project / "lint" / name).write_text(text)
    done = rlslint("rules", "--test", "lint", cwd=project)
    assert done.status == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--test", "nowhere"], "neither a folder nor a package that offers rules"),
        (["--new", "Bad Name"], "a rule's name is words in lower case"),
    ],
)
def test_bad_use_is_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = rlslint("rules", *arguments, cwd=tmp_path)
    assert done.status == 2
    assert said in done.err


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('    return {}["x"]', "4: OWN001 raised KeyError: 'x'"),
        ("    raise ValueError('boom')", "4: OWN001 raised ValueError: boom"),
        ("    import sys\n    sys.exit(7)", "5: OWN001 raised SystemExit: 7"),
        ("    return [3]", " OWN001 gives int, not Match"),
    ],
)
def test_what_its_check_raises_is_told_with_its_place(project: Path, body: str, told: str) -> None:
    (project / "rlslint.toml").write_text('own-rules = ["lint"]\n')
    check = project / "lint" / "own001_policy_name_case.py"
    check.write_text(f'"""OWN001."""\n\ndef check(facts, *, allowed_names):\n{body}\n')
    done = rlslint("check", cwd=project)
    assert done.status == 2
    assert done.err.endswith(f"own001_policy_name_case.py:{told}\n")
