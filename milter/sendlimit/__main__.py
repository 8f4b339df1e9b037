"""Run the command: python -m sendlimit."""

from sendlimit.cli import main

main()
