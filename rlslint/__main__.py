"""``python -m rlslint``, and the command ``rlslint``."""

from __future__ import annotations

import gc
import signal
import sys


def run() -> None:
    """The command line, from the first moment on without a traceback for an interrupt or a full disk."""
    # until the work begins there is nothing to tidy up
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # nearly everything that is made stays until the end: looking for garbage among it takes a fifth of the time
    gc.set_threshold(500_000, 20, 100)
    from rlslint.cli import main
    from rlslint.commandline import forget_output, process

    process.own = True
    try:
        main(prog_name="rlslint")
    except OSError as error:
        # --help and --version, which write before any command runs
        forget_output()
        print(f"rlslint: {error.strerror or error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    run()
