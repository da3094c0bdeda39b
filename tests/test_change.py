"""Only what a change did: --since with real branches, and files named on the command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rlslint.config import Options
from rlslint.pipeline import check
from rlslint.report.formats import render
from rlslint.report.model import Result
from rlslint.source.model import InputError
from tests.command import rlslint

TABLE = """
CREATE ROLE member NOLOGIN;
CREATE TABLE teams (id bigint PRIMARY KEY, title text);
CREATE TABLE notes (id bigint PRIMARY KEY, owner bigint NOT NULL, team bigint);
CREATE INDEX notes_owner_idx ON notes (owner);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
GRANT ALL ON notes, teams TO member;
"""
USER = "(SELECT nullif(current_setting('app.user', true), '')::bigint)"
POLICY = f"CREATE POLICY own ON notes FOR SELECT TO member USING (owner = {USER});\n"
PROBE = (
    "CREATE POLICY put ON notes FOR INSERT TO member WITH CHECK (EXISTS (SELECT FROM teams WHERE teams.id = team));\n"
)
OLD_FLAW = "CREATE TABLE logs (id bigint PRIMARY KEY, owner bigint);\nALTER TABLE logs ENABLE ROW LEVEL SECURITY;\n" + (
    f"GRANT SELECT ON logs TO member;\nCREATE POLICY own ON logs FOR SELECT TO member USING (owner = {USER});\n"
)

Repository = Path
Write = Callable[[str, str], None]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A history of two migrations on main, one finding in them, and a branch that has left it."""
    git(tmp_path, "init", "-q", "-b", "main")
    migrations = tmp_path / "migrations"
    migrations.mkdir()
    (migrations / "001_tables.sql").write_text(TABLE)
    (migrations / "002_policies.sql").write_text(POLICY + PROBE + OLD_FLAW)
    commit(tmp_path)
    git(tmp_path, "checkout", "-q", "-b", "work")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, check=True).stdout.decode()


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "step")


def add(repository: Repository, name: str, sql: str) -> str:
    (repository / "migrations" / name).write_text(sql)
    return f"migrations/{name}"


def since(repository: Repository, reference: str = "main", *paths: str) -> Result:
    return check(Options(since=reference, paths=paths, preset="none"), cwd=repository)


def named(repository: Repository, *paths: str) -> Result:
    paths = tuple(str(repository / path) for path in paths)
    return check(Options(paths=paths, preset="none"), cwd=repository)


def places(result: Result) -> set[tuple[str, str, int]]:
    return {(finding.rule.code, *finding.place[:2]) for finding in result.findings}


def everything(repository: Repository) -> set[tuple[str, str, int]]:
    return places(check(Options(preset="none"), cwd=repository))


def test_the_history_has_a_finding_of_its_own(repository: Repository) -> None:
    assert ("RLS106", "migrations/002_policies.sql", 6) in everything(repository)


def test_nothing_changed(repository: Repository) -> None:
    result = since(repository)
    assert (result.findings, result.cured) == ((), ())


def test_a_change_elsewhere_is_none(repository: Repository) -> None:
    (repository / "README.md").write_text("words")
    assert since(repository).findings == ()


@pytest.mark.parametrize("committed", [False, True])
def test_a_dropped_index_is_reported_at_the_old_policy(repository: Repository, committed: bool) -> None:
    path = add(repository, "003_drop.sql", "DROP INDEX notes_owner_idx;\n")
    if committed:
        commit(repository)
    for result in (since(repository), named(repository, path)):
        assert places(result) == {("RLS106", "migrations/002_policies.sql", 1)}
        assert result.cured == ()


def test_a_finding_elsewhere_names_the_statement_that_causes_it(repository: Repository) -> None:
    """Hosts show what stands in lines of the change; the old policy is linked from there."""
    path = add(repository, "003_drop.sql", "SELECT 1;\nDROP INDEX\n  notes_owner_idx;\nSELECT 2;\n")
    for result in (since(repository), named(repository, path)):
        (finding,) = result.findings
        assert finding.cause is not None
        assert finding.cause.text == "DROP INDEX\n  notes_owner_idx"
        assert f"cause: {path}:2:1\n" in render(result, "text")
        (entry,) = json.loads(render(result, "json"))["findings"]
        assert (entry["path"], entry["line"]) == ("migrations/002_policies.sql", 1)
        assert entry["facts"]["cause"] == {"path": path, "line": 2, "column": 1}
        (alert,) = json.loads(render(result, "sarif"))["runs"][0]["results"]
        region = alert["locations"][0]["physicalLocation"]["region"]
        assert alert["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == path
        assert (region["startLine"], region["endLine"]) == (2, 3)
        (old,) = alert["relatedLocations"]
        assert old["physicalLocation"]["artifactLocation"]["uri"] == "migrations/002_policies.sql"
        assert render(result, "github").startswith(f"::warning file={path},line=2,endLine=3,")
        (quality,) = json.loads(render(result, "gitlab"))
        assert quality["location"] == {"path": path, "lines": {"begin": 2, "end": 3}}
        assert f"caused by `{path}:2`" in render(result, "markdown")
    # in a run over everything there is no change to blame
    assert all(one.cause is None for one in check(Options(preset="none"), cwd=repository).findings)


def test_what_the_change_brings_has_no_other_cause(repository: Repository) -> None:
    add(repository, "003_policy.sql", POLICY.replace("own", "team", 1).replace("(owner =", "(team ="))
    result = since(repository)
    assert result.findings
    assert {finding.cause for finding in result.findings} == {None}


def test_a_lost_primary_key_is_reported_at_the_old_policy(repository: Repository) -> None:
    path = add(repository, "003_key.sql", "ALTER TABLE teams DROP CONSTRAINT teams_pkey;\n")
    for result in (since(repository), named(repository, path)):
        assert {place for place in places(result) if place[0] in ("RLS101", "RLS102")} == {
            ("RLS101", "migrations/002_policies.sql", 2)
        }


def test_a_new_policy_is_reported_where_it_stands(repository: Repository) -> None:
    path = add(repository, "003_policy.sql", POLICY.replace("own", "team", 1).replace("(owner =", "(team ="))
    for result in (since(repository), named(repository, path)):
        assert ("RLS106", "migrations/003_policy.sql", 1) in places(result)
        assert ("RLS106", "migrations/002_policies.sql", 6) not in places(result)


def test_a_policy_made_again_as_it_was_is_the_new_file_s(repository: Repository) -> None:
    flaw = OLD_FLAW.splitlines()[-1]
    path = add(repository, "003_again.sql", f"DROP POLICY own ON logs;\n{flaw}\n")
    for result in (since(repository), named(repository, path)):
        assert ("RLS106", "migrations/003_again.sql", 2) in places(result)


def test_a_cure_is_told(repository: Repository) -> None:
    path = add(repository, "003_index.sql", "CREATE INDEX ON logs (owner);\n")
    for result in (since(repository), named(repository, path)):
        assert result.findings == ()
        assert result.cured is not None
        assert ("RLS106", "logs") in {(finding.rule.code, finding.table) for finding in result.cured}


def test_an_altered_file_answers_for_what_is_new_in_it(repository: Repository) -> None:
    policies = repository / "migrations" / "002_policies.sql"
    policies.write_text("-- a comment moves every line\n" + policies.read_text())
    assert places(since(repository)) == set()
    policies.write_text(policies.read_text().replace("(owner = (SELECT", "(team = (SELECT", 1))
    found = places(since(repository))
    assert found
    assert {(path, line) for _, path, line in found} == {("migrations/002_policies.sql", 2)}


def test_a_removed_file_is_a_change(repository: Repository) -> None:
    path = add(repository, "003_index.sql", "CREATE INDEX ON logs (owner);\n")
    commit(repository)
    (repository / path).unlink()
    assert ("RLS106", "migrations/002_policies.sql", 6) in places(since(repository, "HEAD"))


def test_what_the_other_branch_did_meanwhile_is_not_ours(repository: Repository) -> None:
    add(repository, "003_ours.sql", "CREATE TABLE ours (id int);\n")
    commit(repository)
    git(repository, "checkout", "-q", "main")
    add(repository, "004_theirs.sql", "CREATE INDEX ON logs (owner);\n")
    commit(repository)
    git(repository, "checkout", "-q", "work")
    result = since(repository, "main")
    assert (result.findings, result.cured) == ((), ())


def test_from_a_folder_below(repository: Repository) -> None:
    add(repository, "003_drop.sql", "DROP INDEX notes_owner_idx;\n")
    result = check(Options(since="main", preset="none"), cwd=repository / "migrations")
    assert places(result) == {("RLS106", "002_policies.sql", 1)}


def test_the_whole_folder_is_new(repository: Repository) -> None:
    git(repository, "checkout", "-q", "--orphan", "fresh")
    git(repository, "rm", "-q", "-r", "--cached", ".")
    (repository / "migrations").rename(repository / "kept")
    (repository / "README.md").write_text("words")
    git(repository, "add", "README.md")
    git(repository, "commit", "-q", "-m", "first")
    (repository / "kept").rename(repository / "migrations")
    assert places(since(repository, "HEAD")) == everything(repository)


def test_a_named_file_does_not_answer_for_later_ones(repository: Repository) -> None:
    path = add(repository, "000_schema.sql", "CREATE TABLE other (id int);\n")
    assert named(repository, path).findings == ()
    # the table is there only with the named file, but the policy on it is the later file's
    assert places(named(repository, "migrations/001_tables.sql")) == set()


@pytest.mark.parametrize(
    ("reference", "said"),
    [("no-such-branch", "git knows no such commit"), ("--all", "git knows no such commit")],
)
def test_an_unknown_reference_is_one_line(repository: Repository, reference: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        since(repository, reference)


def test_no_repository_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_text("SELECT 1;")
    with pytest.raises(InputError, match="not a git repository"):
        since(tmp_path)


def test_names_that_git_would_quote(repository: Repository) -> None:
    path = add(repository, '003_"é\n".sql', "DROP INDEX notes_owner_idx;\n")
    commit(repository)
    (repository / path).write_text("SELECT 1;\n")
    assert since(repository, "HEAD").cured


def test_fix_cures_what_the_change_causes(repository: Repository) -> None:
    """Not the flaw that was there before it, and in the old policy whose index it dropped."""
    path = add(repository, "003_drop.sql", "DROP INDEX notes_owner_idx;\n")
    for arguments in (("--since", "main"), (path,)):
        done = rlslint("fix", "--dry-run", "--preset", "none", *arguments, cwd=repository)
        assert done.status == 0
        assert "ON public.notes (owner)" in done.out
        assert "logs" not in done.out
    everything = rlslint("fix", "--dry-run", "--preset", "none", cwd=repository).out
    assert "ON public.logs (owner)" in everything
    git(repository, "checkout", "-q", "--", ".")
    (repository / path).unlink()
    assert rlslint("fix", "--dry-run", "--since", "main", cwd=repository).out == ""


def test_a_named_file_is_read_with_what_the_configuration_names(repository: Repository) -> None:
    """Not only with its folder: a hook names files of a database that lies in several."""
    (repository / "later").mkdir()
    (repository / "later" / "003_policy.sql").write_text(PROBE.replace("put", "more").replace("INSERT", "UPDATE"))
    (repository / "later" / "004_drop.sql").write_text("DROP INDEX notes_owner_idx;\n")
    for paths in ('["migrations", "later"]', '["."]'):
        (repository / "rlslint.toml").write_text(f'preset = "none"\npaths = {paths}\n')
        done = rlslint("check", "--format", "json", "later/004_drop.sql", cwd=repository)
        found = {(one["code"], one["path"]) for one in json.loads(done.out)["findings"]}
        assert ("RLS106", "migrations/002_policies.sql") in found
    # a file that lies elsewhere is read for itself
    (repository / "other.sql").write_text("CREATE TABLE t (id int);\n")
    assert json.loads(rlslint("check", "--format", "json", "other.sql", cwd=repository).out)["summary"]["files"] == 1


def test_a_named_file_of_a_configured_database(repository: Repository) -> None:
    (repository / "later").mkdir()
    (repository / "later" / "004_drop.sql").write_text("DROP INDEX notes_owner_idx;\n")
    (repository / "rlslint.toml").write_text(
        'preset = "none"\n[databases.a]\npaths = ["migrations", "later"]\n[databases.b]\npaths = ["none"]\n'
    )
    done = rlslint("check", "--format", "json", "later/004_drop.sql", cwd=repository)
    assert ("RLS106", "migrations/002_policies.sql") in {
        (one["code"], one["path"]) for one in json.loads(done.out)["findings"]
    }


def test_a_changed_file_that_is_not_read_is_told(repository: Repository) -> None:
    """A tool that runs what its journal names does not run the file: that nothing is found in it is no good news."""
    (repository / "migrations").rename(repository / "drizzle")
    journal = {"dialect": "postgresql", "entries": [{"idx": 0, "tag": "001_tables"}, {"idx": 1, "tag": "002_policies"}]}
    (repository / "drizzle" / "meta").mkdir()
    (repository / "drizzle" / "meta" / "_journal.json").write_text(json.dumps(journal))
    commit(repository)
    (repository / "drizzle" / "003_more.sql").write_text("CREATE TABLE more (id int);\n")
    done = rlslint("check", "--since", "HEAD", cwd=repository)
    assert (
        done.err
        == "rlslint: drizzle/003_more.sql is changed, but not read: not in Drizzle's journal (meta/_journal.json)\n"
    )
    assert "rlslint: " not in rlslint("check", "--since", "HEAD", "--quiet", cwd=repository).err


def test_changed_policies_outside_of_what_is_read_are_said_once(repository: Repository) -> None:
    (repository / "rlslint.toml").write_text('paths = ["migrations"]\n')
    commit(repository)
    git(repository, "tag", "before")
    add(repository, "003_more.sql", "CREATE TABLE more (id int);\n")
    for name, text in {
        "seed.sql": "INSERT INTO notes VALUES (1);\n",
        "sql/1_later.sql": "alter  table notes\n  force row level security;\n",
        "sql/2_later.sql": POLICY,
        "sql/3.md": POLICY,
        "rollbacks/003_more.sql": POLICY,
        "sql/003_more.down.sql": POLICY,
        "tests/policies.sql": POLICY,
    }.items():
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text(text)
    done = rlslint("check", "--since", "before", cwd=repository)
    assert done.err == (
        "rlslint: sql/1_later.sql is changed, but not read: it speaks of policies, and lies outside of what is read"
        " (and 1 more like it)\n"
    )
    assert rlslint("check", "--since", "before", "--quiet", cwd=repository).err == ""
    assert "sql/1_later.sql" in rlslint("check", "--since", "before", "--format", "markdown", cwd=repository).out
    (repository / "rlslint.toml").write_text('paths = ["migrations", "sql"]\n')
    assert rlslint("check", "--since", "before", cwd=repository).err == ""
