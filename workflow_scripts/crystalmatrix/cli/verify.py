"""`crystalmatrix verify`: every file of models and results, read as its reader reads it, against its checksums.

In: paths.  Out: a line for each file that is damaged, of another version, or not what its card says; exit code 1.
"""

import argparse
import sys
from pathlib import Path

from crystalmatrix.cli.command import Command

EXAMPLES = """crystalmatrix verify
crystalmatrix verify results/pro results/graphs
crystalmatrix verify band_gap.pt"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", type=Path, nargs="*", metavar="PATH", help="files or folders (default: models/ and results/)"
    )


def run(arguments: argparse.Namespace) -> int:
    from crystalmatrix.cli.checks import complaint, files_to_check
    from crystalmatrix.words import counted

    files = files_to_check(arguments.paths)
    bar = sys.stderr.isatty()
    damaged = 0
    for k, path in enumerate(files):
        if bar:
            print(f"\r{k + 1:,} of {len(files):,} files", end="", file=sys.stderr, flush=True)
        if found := complaint(path):
            damaged += 1
            print(f"{chr(13) if bar else ''}{found}", flush=True)
    if bar:
        print("\r", end="", file=sys.stderr)
    print(f"{counted(len(files), 'file')} read, {damaged:,} damaged")
    return 1 if damaged else 0


COMMAND = Command("verify", "check that models and results are whole", EXAMPLES, add_arguments, run)
