from __future__ import annotations

from pathlib import Path

import pytest

from rlslint.config import ConfigError, Options, load_options


def test_defaults_without_a_file(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert load_options(tmp_path) == Options()


def test_found_upwards_and_paths_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.rlslint]\npaths = ["db"]\nignore = ["RLS201"]\npg-version = 16\n')
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert load_options(inner) == Options(paths=(str(tmp_path / "db"),), ignore=("RLS201",), pg_version=16)


def test_own_file_wins_over_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.rlslint]\nfail-on = "error"\n')
    (tmp_path / "rlslint.toml").write_text('fail-on = "never"\n')
    assert load_options(tmp_path).fail_on == "never"


def test_extend_is_overridden_by_the_extending_file(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('fail-on = "error"\nhot = ["metrics"]\n')
    (tmp_path / "rlslint.toml").write_text('extend = "base.toml"\nfail-on = "info"\n')
    assert load_options(tmp_path) == Options(fail_on="info", hot=("metrics",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('ignroe = ["RLS1"]', "unknown key 'ignroe': did you mean 'ignore'?"),
        ("pg-version = 13", "'pg-version' is 13, not one of 14, 15, 16, 17, 18"),
        ('select = "RLS1"', "'select' must be a list"),
        ("select = [1]", "must be a list of strings"),
        ("pg-version = true", "must be a int"),
        ("layout = ", "Invalid value"),
        ('extend = "missing.toml"', "missing.toml: No such file"),
        ('extend = "rlslint.toml"', "extends itself: rlslint.toml -> rlslint.toml"),
    ],
)
def test_mistakes_are_one_line_with_the_file(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "rlslint.toml").write_text(text + "\n")
    with pytest.raises(ConfigError) as caught:
        load_options(tmp_path)
    message = str(caught.value)
    assert said in message
    assert ".toml" in message
    assert "\n" not in message
