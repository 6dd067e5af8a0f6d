"""Every parser of ours under coverage-guided fuzzing: whatever lies in a file, no traceback and no hang.

In: the name of a parser or none for all, minutes for each.  Out: nothing where all is well; else the input that broke
it, in a file that libFuzzer names, and exit code 1. Needs atheris, which is no dependency of the tests:

    pip install atheris
    nice -n 15 python -m tests.faults.fuzz --minutes 30
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

SECONDS, MEGABYTES, LONGEST = 60, 2000, 4096  # of one input: time, memory, bytes

CIF = """data_x
_cell_length_a 5.6\n_cell_length_b 5.6\n_cell_length_c 5.6\n_cell_angle_alpha 90\n_cell_angle_beta 90
_cell_angle_gamma 90\n_space_group_name_H-M_alt 'F m -3 m'\n_chemical_formula_sum 'Na Cl'\nloop_\n_atom_site_label
_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\nNa1 0 0 0 1\nCl1 0.5 0.5 0.5(1) 1\n"""
POSCAR = "x\n1.0\n0 2 2\n2 0 2\n2 2 0\nMg O\n1 1\nSelective\nDirect\n0 0 0 T T F\n.5 .5 .5 T T F\n"
XYZ = '2\nLattice="0 2 2 2 0 2 2 2 0" Properties=species:S:1:pos:R:3 pbc="T T T"\nMg 0 0 0\nO 2 2 2\n'
ATOMS = '{"lattice_mat": [[0, 2, 2], [2, 0, 2], [2, 2, 0]], "coords": [[0, 0, 0], [2, 2, 2]], "elements": ["Mg", "O"], '
ENTRY = f'{{"jid": "a", "atoms": {ATOMS}"cartesian": true}}, "optb88vdw_bandgap": "na", "ehull": 0.1}}'
LABELS = 'id,formation_energy,"band, gap"\nNaCl.cif,-2.01,5.1\nPOSCAR-17;,"-0,33",\n'
CONFIG = "data: {source: minerals, split_fractions: [0.8, 0.1, 0.1]}\ntiers: {a: {model: {architecture: cgcnn}}}\n"


def structures(path: Path) -> None:
    from crystalmatrix.crystals.crystal import Failure
    from crystalmatrix.crystals.files import read_file

    for item in read_file(path, "mine"):
        if isinstance(item, Failure):
            assert "\n" not in item.error
            assert "does not fit what it is said to be" not in item.error, "the last resort: a defect of a reader"


def entries(path: Path) -> None:
    from crystalmatrix.data.archive import read_entries
    from crystalmatrix.data.entries import fields_of
    from crystalmatrix.data.records import build_records
    from crystalmatrix.errors import DataError

    with suppress(DataError):
        build_records(read_entries(path), id_key="jid", fields=fields_of({}), workers=1)


def labels(path: Path) -> None:
    from crystalmatrix.data.labels_table import read_labels
    from crystalmatrix.errors import DataError

    with suppress(DataError):
        list(read_labels(path))


def config(path: Path) -> None:
    from crystalmatrix.config import load
    from crystalmatrix.errors import ConfigError

    with suppress(ConfigError):
        load(path)


# name: the file's, an example to start from, and what reads it
PARSERS: dict[str, tuple[str, str, Callable[[Path], None]]] = {
    "cif": ("a.cif", CIF, structures),
    "poscar": ("POSCAR", POSCAR, structures),
    "xyz": ("a.xyz", XYZ, structures),
    "json": ("a.json", f"[{ENTRY}]", structures),
    "jsonl": ("a.jsonl", f"{ENTRY}\n{ENTRY}\n", structures),
    "entries": ("raw.json", f"[{ENTRY}, {ENTRY}]", entries),
    "labels": ("labels.csv", LABELS, labels),
    "config": ("config.yaml", CONFIG, config),
}


def fuzz(name: str, *, seconds: int, found: Path) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["crystalmatrix"]):
        import crystalmatrix.config
        import crystalmatrix.crystals.files
        import crystalmatrix.data.labels_table
        import crystalmatrix.data.records  # noqa: F401  # imported here so that their branches are counted
    file, example, read = PARSERS[name]
    with tempfile.TemporaryDirectory() as folder:
        path, corpus = Path(folder) / file, Path(folder) / "corpus"
        corpus.mkdir()
        (corpus / "example").write_text(example)

        def once(content: bytes) -> None:
            path.write_bytes(content)
            read(path)

        limits = [f"-max_total_time={seconds}", f"-timeout={SECONDS}", f"-rss_limit_mb={MEGABYTES}"]
        options = [
            *limits,
            f"-max_len={LONGEST}",
            f"-artifact_prefix={found}/{name}-",
            "-print_final_stats=1",
            "-verbosity=0",
        ]
        atheris.Setup([sys.argv[0], *options, str(corpus)], once)
        atheris.Fuzz()


def _processor_time() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parser", nargs="?", choices=PARSERS, help="default: all, one after the other")
    parser.add_argument("--minutes", type=float, default=30.0, help="for each parser")
    parser.add_argument("--found", type=Path, default=Path("fuzzed"), help="folder of the inputs that break a parser")
    arguments = parser.parse_args()
    arguments.found.mkdir(exist_ok=True)
    if arguments.parser:
        fuzz(arguments.parser, seconds=round(60 * arguments.minutes), found=arguments.found)
    broken = []
    for name in PARSERS:
        began = time.monotonic()
        before = _processor_time()
        command = [sys.executable, "-m", "tests.faults.fuzz", name, "--minutes", str(arguments.minutes)]
        code = subprocess.run([*command, "--found", str(arguments.found)], check=False).returncode
        minutes, busy = (time.monotonic() - began) / 60, (_processor_time() - before) / 60
        print(
            f"{name}: {'broken' if code else 'well'} after {minutes:.1f} min, {busy:.1f} of the processor", flush=True
        )
        broken += [name] * bool(code)
    raise SystemExit(bool(broken))


if __name__ == "__main__":
    main()
