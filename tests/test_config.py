from __future__ import annotations

import dataclasses
from pathlib import Path

import jsonschema
import pytest

from rlslint.config import ConfigError, Options, load_configuration, load_options
from rlslint.registry import load_rules
from rlslint.settings import SETTINGS, SettingError, json_schema, validate


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
        ('select = "RLS1"', "'select' must be a list of strings, not 'RLS1'"),
        ("select = [1]", "must be a list of strings"),
        ("pg-version = true", "must be a whole number"),
        ('connects-as-owner = "yes"', "must be true or false"),
        ("per_file_ignores = {}", "unknown key 'per_file_ignores': did you mean 'per-file-ignores'?"),
        ('per-file-ignores = ["RLS1"]', "must be a table of lists of codes"),
        ('[rules.RLS104]\nseverty = "info"', "unknown key 'rules.RLS104.severty': did you mean 'severity'?"),
        ("[rules.RLS109]\nmax-polices = 2", "unknown key 'rules.RLS109.max-polices': did you mean 'max-policies'?"),
        ("[rules.RLS109]\nmax = 2", "unknown key 'rules.RLS109.max': one of severity, max-policies"),
        ('[rules.RLS109]\nmax-policies = "2"', "'rules.RLS109.max-policies' must be a whole number, not '2'"),
        ("[rules.RLS109]\nmax-policies = 0", "'rules.RLS109.max-policies' is 0, and must be 1 or more"),
        ("[rules.RLS1]\nmax-policies = 2", "unknown key 'rules.RLS1.max-policies': it is an option of RLS109 alone"),
        ("[rules.RLS1]\ncolour = 2", "unknown key 'rules.RLS1.colour': a family has no key but severity"),
        ("[rules.RLS999]\nmax-policies = 2", "unknown rule code 'RLS999'"),
        ('[rules.RLS104]\nseverity = "low"', "'rules.RLS104.severity' is 'low', not one of error, warning, info"),
        ('rules = ["RLS104"]', "must be a table of tables"),
        ('[databases.app]\npath = ["a"]', "unknown key 'databases.app.path': did you mean 'paths'?"),
        ('anonymous-role = ["visitor"]', "unknown key 'anonymous-role': did you mean 'anonymous-roles'?"),
        ('signed-in-roles = "member"', "'signed-in-roles' must be a list of strings"),
        ("small-rows = -1", "'small-rows' is -1, and must be 0 or more"),
        ("hot-inserts = 0", "'hot-inserts' is 0, and must be 1 or more"),
        ("[databases.app]\nsmall-row = 5", "unknown key 'databases.app.small-row': did you mean 'small-rows'?"),
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


def test_tables_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "rlslint.toml").write_text(
        """
        connects-as-owner = true
        own-rules = ["lint"]
        baseline = "known.json"
        [per-file-ignores]
        "old/*" = ["RLS1"]
        [per-object-ignores]
        "public.logs" = []
        [rules.rls104]
        severity = "info"
        [databases.app]
        paths = ["app/migrations"]
        preset = "supabase"
        """
    )
    assert load_options(tmp_path) == Options(
        connects_as_owner=True,
        own_rules=(str(tmp_path / "lint"),),
        baseline=str(tmp_path / "known.json"),
        per_file_ignores=(("old/*", ("RLS1",)),),
        per_object_ignores=(("public.logs", ()),),
        severities=(("RLS104", "info"),),
        databases=(("app", {"paths": (str(tmp_path / "app/migrations"),), "preset": "supabase"}),),
    )


def test_where_each_value_comes_from(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('fail-on = "error"\nhot = ["metrics"]\n')
    (tmp_path / "rlslint.toml").write_text('extend = "base.toml"\nfail-on = "info"\n')
    found = load_configuration(tmp_path)
    assert found.values == {"fail-on": "info", "hot": ["metrics"]}
    assert {key: path.name for key, path in found.origins.items()} == {"fail-on": "rlslint.toml", "hot": "base.toml"}


def test_every_setting_is_an_option_and_the_schema_takes_what_validates(tmp_path: Path) -> None:
    fields = {field.name for field in dataclasses.fields(Options)}
    named = {key.replace("-", "_") for key in SETTINGS} - {"extend", "rules"}
    assert named <= fields
    options = Options()
    for key, setting in SETTINGS.items():
        if key in {"extend", "rules", "layout"} or setting.default is None:
            continue
        default = tuple(setting.default) if isinstance(setting.default, list) else setting.default
        assert getattr(options, key.replace("-", "_")) == default, key
    schema = json_schema({code: rule.options for code, rule in load_rules().items()})
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    right = {"hot": ["a"], "rules": {"RLS104": {"severity": "info"}}, "databases": {"a": {"paths": ["b"]}}}
    validator.validate(right)
    validate(right)
    validator.validate({"rules": {"RLS109": {"severity": "info", "max-policies": 2}}})
    for own in ({"max-polices": 2}, {"max-policies": 0}, {"max-policies": "2"}):
        assert not validator.is_valid({"rules": {"RLS109": own}})
    for wrong in ({"colour": 1}, {"pg-version": 13}, {"rules": {"RLS104": {"severity": "low"}}}, {"hot": "a"}):
        assert not validator.is_valid(wrong)
        with pytest.raises(SettingError):
            validate(wrong)
