"""`rlslint init` in repositories of several shapes, and `rlslint config`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from rlslint.config import load_options
from tests.command import rlslint
from tests.test_change import git

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

POLICY = "CREATE TABLE t (a int);\nALTER TABLE t ENABLE ROW LEVEL SECURITY;\n"


def write(root: Path, *files: str, text: str = POLICY) -> None:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_one_folder(tmp_path: Path) -> None:
    write(tmp_path, "supabase/migrations/20240101000000_a.sql", "supabase/migrations/20240102000000_b.sql")
    write(tmp_path, "node_modules/x/migrations/1_a.sql", "scripts/clean.sql", text="SELECT 1;")
    done = rlslint("init", "--pre-commit", "--ci", "github", cwd=tmp_path)
    assert done.status == 0
    assert done.err.startswith("rlslint: found in supabase/migrations: supabase layout, 2 files\n")
    assert [line.split()[-1] for line in done.err.splitlines() if "wrote" in line] == [
        "rlslint.toml", ".pre-commit-config.yaml", ".github/workflows/rlslint.yml"
    ]  # fmt: skip
    assert load_options(tmp_path).paths == (str(tmp_path / "supabase/migrations"),)
    hook = yaml.safe_load((tmp_path / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"][0]
    assert hook == {"id": "rlslint", "files": "^supabase/migrations/"}
    assert rlslint("check", "--fail-on", "never", cwd=tmp_path).status == 0


def test_every_commented_line_is_a_setting_too(tmp_path: Path) -> None:
    write(tmp_path, "migrations/1_a.sql")
    text = rlslint("init", "--dry-run", cwd=tmp_path).out
    assert not (tmp_path / "rlslint.toml").exists()
    lines = [line.removeprefix("# ") for line in text.splitlines() if "=" in line or line.startswith("# [")]
    tomllib.loads("\n".join(lines))
    (tmp_path / "rlslint.toml").write_text("\n".join(lines))
    assert load_options(tmp_path).baseline.endswith("rlslint-baseline.json")


def test_several_databases(tmp_path: Path) -> None:
    write(
        tmp_path,
        "services/billing/migrations/1_a.sql",
        "services/app/migrations/1_a.sql",
        "prisma/migrations/1/migration.sql",
    )
    assert rlslint("init", cwd=tmp_path).status == 0
    assert {name: table["paths"] for name, table in load_options(tmp_path).databases} == {
        "billing": (str(tmp_path / "services/billing/migrations"),),
        "app": (str(tmp_path / "services/app/migrations"),),
        "main": (str(tmp_path / "prisma/migrations"),),
    }


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "migrations/1_a.sql")
    (tmp_path / "rlslint.toml").write_text('preset = "none"\n')
    done = rlslint("init", cwd=tmp_path)
    assert done.status == 0
    assert "left alone" in done.err
    assert 'paths = ["migrations"]' in done.out
    assert (tmp_path / "rlslint.toml").read_text() == 'preset = "none"\n'


def test_nothing_found(tmp_path: Path) -> None:
    (tmp_path / "alembic.ini").touch()
    done = rlslint("init", cwd=tmp_path)
    assert done.status == 0
    assert (
        "no SQL migrations found here: name their folder in rlslint.toml (Alembic's migrations are Python" in done.err
    )
    assert "next: rlslint check" not in done.err
    assert '# paths = ["migrations"]' in (tmp_path / "rlslint.toml").read_text()
    # the file names no folder that is not there
    assert "no SQL migrations found" in rlslint("check", cwd=tmp_path).err


def test_the_hook_and_the_workflow_belong_to_the_repository(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "trunk")
    write(tmp_path, "api/migrations/1_a.sql")
    done = rlslint("init", "--pre-commit", cwd=tmp_path / "api")
    assert (done.status, list((tmp_path / "api").iterdir())) == (2, [tmp_path / "api" / "migrations"])
    assert done.err.endswith(f"run rlslint init in {tmp_path}\n")
    assert rlslint("init", cwd=tmp_path / "api").status == 0
    for branch in ("trunk", "release"):
        if branch == "release":
            git(tmp_path, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/release")
        text = rlslint("init", "--ci", "github", "--dry-run", cwd=tmp_path).out
        assert f"branches: [{branch}]" in text


def test_folders_that_are_one_database(tmp_path: Path) -> None:
    write(
        tmp_path,
        "migrations/001_a.sql",
        "database/migrations/002_b.sql",
        text=POLICY.replace("TABLE t", "TABLE IF NOT EXISTS t"),
    )
    write(tmp_path, "reports/views.sql")
    done = rlslint("init", "--pre-commit", cwd=tmp_path)
    assert load_options(tmp_path).paths == (str(tmp_path),)
    assert "left out in reports: " in done.err
    hooks = (tmp_path / ".pre-commit-config.yaml").read_text()
    assert "files: ^(database/migrations/|migrations/)" in hooks


def test_config_shows_values_with_their_origin(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('fail-on = "error"\n')
    (tmp_path / "rlslint.toml").write_text('extend = "base.toml"\npg-version = 16\n[rules.RLS106]\nseverity = "info"\n')
    text = rlslint("config", "--show", cwd=tmp_path).out
    lines = {line.split("  #")[0]: line.rpartition("/")[2] for line in text.splitlines()}
    assert lines['fail-on = "error"'] == "base.toml"
    assert lines["pg-version = 16"] == "rlslint.toml"
    rules = tomllib.loads(text)["rules"]
    assert (rules["RLS106"], rules["RLS109"]) == ({"severity": "info"}, {"max-policies": 1})
    data = json.loads(rlslint("config", "--format", "json", cwd=tmp_path).out)
    assert data["layout"] == {"value": "auto", "origin": None}
    assert data["pg-version"]["value"] == 16
    assert data["rules"]["RLS109"] == {"max-policies": {"value": 1, "origin": None}}
    assert data["rules"]["RLS106"]["severity"]["origin"].endswith("rlslint.toml")


def test_the_schema_of_the_repository_is_today_s(tmp_path: Path) -> None:
    kept = Path(__file__).parent.parent / "docs" / "rlslint.schema.json"
    assert kept.read_text() == rlslint("config", "--schema", cwd=tmp_path).out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(tmp_path: Path, shell: str) -> None:
    done = rlslint(cwd=tmp_path, _RLSLINT_COMPLETE=f"{shell}_source")
    assert "rlslint" in done.out


def test_databases_are_named_by_what_tells_them_apart(tmp_path: Path) -> None:
    for folder in ("internal/user/res/migrations", "internal/billing-data/res/migrations"):
        (tmp_path / folder).mkdir(parents=True)
        for number in (1, 2):
            (tmp_path / folder / f"{number}_a.up.sql").write_text(
                f"CREATE TABLE t{number} (id int); ALTER TABLE t{number} ENABLE ROW LEVEL SECURITY;\n"
            )
    done = rlslint("init", "--pre-commit", cwd=tmp_path)
    assert done.status == 0
    assert "next: rlslint check" in done.err
    text = (tmp_path / "rlslint.toml").read_text()
    assert '[databases."user"]' in text
    assert '[databases."billing-data"]' in text
    hooks = (tmp_path / ".pre-commit-config.yaml").read_text()
    assert "files: ^(internal/billing-data/res/migrations/|internal/user/res/migrations/)" in hooks


def test_a_script_that_includes_others(tmp_path: Path) -> None:
    write(tmp_path, "db/init.sql", text="\\ir tables/notes.sql\n\\ir policies/notes.sql\n\\ir policies/roles.sql\n")
    write(tmp_path, "db/tables/notes.sql", text="CREATE TABLE notes (a int);")
    write(
        tmp_path,
        "db/policies/notes.sql",
        "db/policies/roles.sql",
        text=POLICY.replace("TABLE t", "TABLE IF NOT EXISTS t"),
    )
    assert rlslint("init", cwd=tmp_path).status == 0
    assert load_options(tmp_path).paths == (str(tmp_path / "db"),)
    assert "layout psql" in rlslint("check", "-v", cwd=tmp_path).err
