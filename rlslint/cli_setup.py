"""The commands that set a project or an editor up: config, init, lsp."""

from __future__ import annotations

from pathlib import Path

import click

from rlslint.commandline import one_line_errors, write


@click.command("config")
@click.option("--config", type=click.Path(path_type=Path), help="Configuration file to use.")
@click.option("--show", is_flag=True, help="Every value and where it comes from (the default).")
@click.option("--schema", is_flag=True, help="The JSON schema of rlslint.toml, for editors.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Output format.")
def configuration(config: Path | None, show: bool, schema: bool, format_: str) -> None:
    """Show the configuration that holds here.

    It is read from rlslint.toml or [tool.rlslint] in pyproject.toml, here or in a folder above. Options of single rules are
    shown with their defaults; rlslint explain CODE says what they mean.
    """
    from rlslint.config import load_configuration
    from rlslint.registry import load_rules
    from rlslint.report.escape import json_text
    from rlslint.settings import json_schema
    from rlslint.shown import as_json, as_text
    from rlslint.source.model import UsageError

    with one_line_errors():
        if schema and show:
            raise UsageError("--show and --schema are two things: choose one")
        found = load_configuration(Path.cwd(), config)
        rules = load_rules(found.options.own_rules)
        if schema:
            write(json_text(json_schema({code: rule.options for code, rule in rules.items()})), None)
        else:
            write((as_json if format_ == "json" else as_text)(found, rules), None)


@click.command()
@click.option(
    "--pre-commit", is_flag=True, help="Write .pre-commit-config.yaml too; where there is one, print the entry."
)
@click.option(
    "--ci", type=click.Choice(["github", "gitlab"]), help="Write the CI entry too; where there is one, print it."
)
@click.option("--dry-run", is_flag=True, help="Print everything, write nothing.")
def init(pre_commit: bool, ci: str | None, dry_run: bool) -> None:
    """Write a commented rlslint.toml for the migrations here.

    \b
    Examples:
      rlslint init --dry-run
      rlslint init --pre-commit --ci github
    """
    from rlslint import adopt
    from rlslint.source.model import UsageError

    with one_line_errors():
        root = Path.cwd()
        above = adopt.repository_above(root)
        if above is not None and (pre_commit or ci):
            raise UsageError(f"--pre-commit and --ci write into the repository's folder: run rlslint init in {above}")
        found = adopt.places(root)
        for line in adopt.told(found, root):
            click.echo(f"rlslint: {line}", err=True)
        files = adopt.files(root, found, with_hook=pre_commit, ci=ci)
        for said, shown in adopt.write(root, files, dry_run=dry_run):
            if said:
                click.echo(f"rlslint: {said}", err=True)
            click.echo(shown, nl=False)
        if not dry_run and found:
            click.echo("rlslint: next: rlslint check; record what stays: --baseline rlslint-baseline.json", err=True)


@click.command()
def lsp() -> None:
    """Serve an editor: the Language Server Protocol.

    It speaks over standard input and output. Diagnostics as you type, the predicted plan on hover, quick fixes, go to
    definition. Needs the extra lsp: pip install 'rlslint[lsp]'.
    """
    from rlslint.source.model import UsageError

    with one_line_errors():
        try:
            from rlslint.lsp.server import serve
        except ModuleNotFoundError as error:
            raise UsageError(f"lsp needs {error.name}: pip install 'rlslint[lsp]'") from None
        serve()
