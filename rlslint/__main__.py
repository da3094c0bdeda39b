"""``python -m rlslint``, and the command ``rlslint``."""

from __future__ import annotations

import sys


def run() -> None:
    """The command line, from the first moment on without a traceback for an interrupt or a full disk."""
    try:
        known = _known(sys.argv[1:])
        if known is None:
            _work()
        else:
            sys.stdout.write(known)
            sys.stdout.flush()
    except OSError as error:
        # --help and --version, which write before any command runs
        from rlslint.commandline import forget_output

        forget_output()
        print(f"rlslint: {error.strerror or error}", file=sys.stderr)
        sys.exit(2)


def _work() -> None:
    import gc
    import signal

    # until the work begins there is nothing to tidy up
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # nearly everything that is made stays until the end: looking for garbage among it takes a fifth of the time
    gc.set_threshold(2_000_000, 20, 100)
    from rlslint.cli import main
    from rlslint.commandline import process

    process.own = True
    main(prog_name="rlslint")


def _known(arguments: list[str]) -> str | None:
    """What is said without looking at anything, so that click need not be there; None where the command line has to be
    read."""
    if len(arguments) != 1 or sys.stdout is None:
        return None
    if arguments[0] == "--version":
        from rlslint import __version__

        return f"rlslint, version {__version__}\n"
    if arguments[0] not in ("-h", "--help"):
        return None
    from rlslint.helptext import HELP

    return HELP.get(_columns())


def _columns() -> int:
    """How wide help is: as `shutil.get_terminal_size` says, which takes longer to import than this to run, and at most what
    cli.py says."""
    import os

    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit() and int(columns):
        return min(int(columns), 100)
    try:
        here = None if sys.__stdout__ is None else os.get_terminal_size(sys.__stdout__.fileno()).columns
    except (ValueError, OSError):
        here = None
    return min(here or 80, 100)


if __name__ == "__main__":
    run()
