"""What every command is made of.

In: nothing.  Out: Command, parser_of.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Command:
    """One word after `crystalmatrix`."""

    name: str
    summary: str  # a line for the list of commands
    examples: str  # shown below the help; a line each
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]  # gives the exit code; raises UserError


def add_command(commands: "argparse._SubParsersAction[Any]", command: Command) -> None:
    """Make it known to the parser."""
    parser = commands.add_parser(
        command.name,
        help=command.summary,
        description=f"{command.summary[0].upper()}{command.summary[1:]}.",
        epilog="examples:\n" + "\n".join(f"  {line}" for line in command.examples.splitlines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_arguments(parser)
    parser.set_defaults(run=command.run, parser=parser)
