"""`crystalmatrix init`: a table and a folder of structures of one's own become a configuration that runs as it is.

In: a .csv table, a folder.  Out: NAME/config.yaml and NAME/data.json.zip, the crystals with their labels in our units.
"""

import argparse
import shlex
import sys
from pathlib import Path

from crystalmatrix.cli.command import Command
from crystalmatrix.errors import ConfigError

EXAMPLES = """crystalmatrix init mine --from table.csv --structures folder/
crystalmatrix init mine --from table.csv --structures folder/ --property Eg=band_gap:meV --property K=bulk_modulus"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", type=Path, metavar="NAME", help="folder to make; results will lie in it too")
    parser.add_argument(
        "--from", type=Path, required=True, dest="table", metavar="TABLE", help="a .csv with a row a structure"
    )
    parser.add_argument(
        "--structures", type=Path, required=True, metavar="FOLDER", help="CIF, POSCAR or extended XYZ files"
    )
    parser.add_argument(
        "--property",
        action="append",
        default=[],
        metavar="COLUMN=PROPERTY[:UNIT]",
        help="what a column holds (default: by its name; a unit in brackets behind it counts; on a terminal you are "
        "asked for a unit that is not given, elsewhere it is the property's own)",
    )


def run(arguments: argparse.Namespace) -> int:
    from crystalmatrix.cli.columns import choose_columns, find_id_column
    from crystalmatrix.cli.configuration import config_text
    from crystalmatrix.cli.own_data import (
        check_place,
        labelled_entries,
        read_own_table,
        records_of,
        without_row,
        write_own,
    )
    from crystalmatrix.cli.own_splits import choose_splits, count_labels
    from crystalmatrix.contracts.columns import JID
    from crystalmatrix.shipped import project_file
    from crystalmatrix.words import counted, named

    snakefile = project_file("Snakefile")
    check_place(arguments.name, table=arguments.table, structures=arguments.structures)
    table = read_own_table(arguments.table)
    identity = find_id_column(table, arguments.structures)
    chosen = choose_columns(table, identity, arguments.property, ask=_ask if sys.stdin.isatty() else None)
    entries = labelled_entries(table, identity, chosen, arguments.structures)
    records = records_of(entries)
    splits = choose_splits(records.table, [column.quantity for column in chosen])
    unused = [name for name in table.columns if name not in {identity, *(column.column for column in chosen)}]
    text = config_text(
        (arguments.name / "data.json.zip").resolve(),
        chosen,
        splits,
        records,
        origin=f"{arguments.table} and {arguments.structures}",
        unused=unused,
    )
    write_own(arguments.name, entries, text)
    labels = count_labels(records.table, [column.quantity for column in chosen])
    for column in chosen:
        remark = column.remark and f" ({column.remark})"
        n = counted(labels[column.quantity], "label")
        print(f"column {column.column!r}: {column.quantity} in {column.unit}{remark}, {n}")
    if unused:
        print(f"not used, unless --property says what they hold: {', '.join(map(repr, unused))}")
    if files := without_row(entries):
        print(f"{counted(len(files), 'structure')} without a row in {arguments.table}: {named(files)}")
    if dropped := records.dropped.num_rows:
        print(f"{counted(dropped, 'structure')} that cannot be read: {named(records.dropped[JID].to_pylist())}")
    print(f"splits: {splits.scheme}, {splits.reason}")
    print(f"wrote {arguments.name / 'config.yaml'}: {counted(records.table.num_rows, 'crystal')}. Train and compare:")
    name = shlex.quote(str(arguments.name))
    where = "" if Path("Snakefile").exists() else f"--snakefile {shlex.quote(str(snakefile))} "
    config = shlex.quote(f"{arguments.name}/config.yaml")
    print(f"  snakemake {where}--directory {name} --configfile {config} --cores all")
    return 0


def _ask(question: str) -> str:
    """The user's answer; ConfigError where the input ends."""
    try:
        return input(question).strip()
    except EOFError:
        raise ConfigError("no answer; give units by option: --property COLUMN=PROPERTY:UNIT") from None


COMMAND = Command("init", "make a configuration from a table and structures of your own", EXAMPLES, add_arguments, run)
