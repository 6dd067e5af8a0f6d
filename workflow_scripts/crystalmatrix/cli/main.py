"""Entry of `crystalmatrix`: parse, call one command, and turn a user's mistake into one line.

In: the command line.  Out: exit code: 0 done, 1 `verify` found damage, 2 a mistake, 130 stopped by Ctrl-C.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import crystalmatrix
from crystalmatrix.cli import completion, features, init, models, plan, predict, verify
from crystalmatrix.cli.command import add_command
from crystalmatrix.errors import UserError, nearest, of_system, one_line

COMMANDS = (
    predict.COMMAND,
    models.COMMAND,
    plan.COMMAND,
    features.COMMAND,
    verify.COMMAND,
    init.COMMAND,
    completion.COMMAND,
)
EXAMPLES = """examples:
  crystalmatrix predict NaCl.cif                 all properties, with the models that are here
  crystalmatrix models                           which those are, and how good
  crystalmatrix plan                             how long the matrix will take on this machine
  crystalmatrix init mine --from table.csv --structures folder/

Models are trained by Snakemake: snakemake --cores all"""


class Parser(argparse.ArgumentParser):
    """Errors in one line, with the nearest command or choice; abbreviated options are errors too."""

    def __init__(self, *arguments: object, **keywords: object) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False, **keywords})  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        hint = f"see {self.prog} --help"
        self.exit(2, f"error: {' '.join(message.split())}; {hint}\n")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            what = action.metavar or action.dest
            raise argparse.ArgumentError(None, f"{what}: found {value!r}{nearest(str(value), action.choices)}")

    def parse_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]  # argparse's own signature
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            known = getattr(found, "parser", self)._option_string_actions
            self.error(f"unknown option {unknown[0]!r}{nearest(unknown[0], known)}")
        return found


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; what shell completion is made from too."""
    parser = Parser(
        prog="crystalmatrix",
        description="Properties of crystals, predicted by models trained on JARVIS-DFT.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"crystalmatrix {crystalmatrix.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for command in COMMANDS:
        add_command(commands, command)
    return parser


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # as Ctrl-C: what is done is kept
    chosen = build_parser().parse_args(arguments)
    try:
        code = chosen.run(chosen)
        sys.stdout.flush()
    except UserError as error:
        code = _say(str(error))
    except BrokenPipeError:  # the reader of our output has had enough; nothing is flushed into the closed pipe at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    except KeyboardInterrupt:
        code = 130
    except OSError as error:
        said = of_system(error)
        if said is None:
            raise
        code = _say(said)
    sys.exit(code)


def _say(text: str) -> int:
    print(f"error: {one_line(text)}", file=sys.stderr)
    return 2
