"""``python -m rlslint``."""

from rlslint.cli import main

main(prog_name="rlslint")
