"""What `rlslint --help` says, by the columns of the terminal: written by `python -m tests.test_help`."""

# without typing, which takes longer to import than all else that this needs
HELP = {
    80: """\
Usage: rlslint [OPTIONS] COMMAND [ARGS]...

  Predict from SQL migrations how PostgreSQL will run row-level-security
  policies.

  No database is needed: migrations are replayed into a catalog, policies
  applied for each role and statement, the plan predicted. Only verify starts
  a server.

  Start with:
    rlslint check              lint the migrations below this folder
    rlslint explain RLS106     what a code means
    rlslint init               write a configuration, pre-commit and CI entries

  Exit status: 0 nothing found, 1 findings, 2 rlslint could not do its work.

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Commands:
  catalog  Print the schema that the migrations add up to.
  check    Say which policies will be slow or wrong.
  config   Show the configuration that holds here.
  explain  Print one rule's page.
  fix      Write a new migration that cures what check finds.
  init     Write a commented rlslint.toml for the migrations here.
  lsp      Serve an editor: the Language Server Protocol.
  plan     Predict the plan of each statement, role and table.
  rules    List every rule, or make one of your own.
  verify   Prove findings and suggestions on a real PostgreSQL.
""",
    100: """\
Usage: rlslint [OPTIONS] COMMAND [ARGS]...

  Predict from SQL migrations how PostgreSQL will run row-level-security policies.

  No database is needed: migrations are replayed into a catalog, policies applied for each role
  and statement, the plan predicted. Only verify starts a server.

  Start with:
    rlslint check              lint the migrations below this folder
    rlslint explain RLS106     what a code means
    rlslint init               write a configuration, pre-commit and CI entries

  Exit status: 0 nothing found, 1 findings, 2 rlslint could not do its work.

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Commands:
  catalog  Print the schema that the migrations add up to.
  check    Say which policies will be slow or wrong.
  config   Show the configuration that holds here.
  explain  Print one rule's page.
  fix      Write a new migration that cures what check finds.
  init     Write a commented rlslint.toml for the migrations here.
  lsp      Serve an editor: the Language Server Protocol.
  plan     Predict the plan of each statement, role and table.
  rules    List every rule, or make one of your own.
  verify   Prove findings and suggestions on a real PostgreSQL.
""",
}
