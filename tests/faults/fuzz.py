"""Every parser of ours under coverage-guided fuzzing: whatever lies in a file, no traceback, no hang, bounded memory.

In: names of parsers or none for all; minutes of the processor for each; a folder where inputs that reach new branches
stay for the next run; a JSON file of counts, to which those of this run are added.  Out: the counts; an input that
broke its parser, in a file that libFuzzer names, and then exit code 1. Needs atheris, no dependency of the tests:

    pip install atheris
    nice -n 15 python -m tests.faults.fuzz --minutes 30 --corpus corpus --counts counts.json
    python -m tests.faults.fuzz --minutes 0 --counts counts.json        # the table of docs/reliability.md
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .parsers import PARSERS

SECONDS, MEGABYTES, LONGEST = 60, 2000, 4096  # of one input: time, memory, bytes or twice the example
_KERNELS = ("neighbours", "ragged", "compiled", "shells", "edge_key", "geometry", "neighbourhood")
COMPILED = ["crystalmatrix.features.dense", *(f"crystalmatrix.graphs.{name}" for name in _KERNELS)]  # by numba
EVERY = 5.0  # s of the processor between two notes of the counts


def fuzz(name: str, *, seconds: float, found: Path, corpus: Path, note: Path) -> None:
    """Never returns: the process ends itself when it has used the processor for so long, or libFuzzer ends it."""
    import atheris

    parser = PARSERS[name]
    path = note.with_name(parser.file)
    with atheris.instrument_imports(include=["crystalmatrix"], exclude=COMPILED):  # whose branches guide the input
        example = parser.example()
        parser.write(path, example)
        parser.read(path)
    (corpus / "example").write_bytes(example)
    n_inputs, began, noted = 0, time.process_time(), 0.0

    def once(content: bytes) -> None:
        nonlocal n_inputs, noted
        used = time.process_time() - began
        if used >= min(noted + EVERY, seconds):
            note.write_text(json.dumps([n_inputs, used]))
            noted = used
        if used >= seconds:
            os._exit(0)
        parser.write(path, content)
        parser.read(path)
        n_inputs += 1

    limits = [f"-timeout={SECONDS}", f"-rss_limit_mb={MEGABYTES}", f"-max_len={max(LONGEST, 2 * len(example))}"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={found}/{name}-", "-verbosity=0", str(corpus)], once)
    atheris.Fuzz()


def counted(name: str, *, minutes: float, found: Path, corpus: Path) -> tuple[int, float, bool]:
    """(inputs, s of the processor, whether one of them broke the parser), in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "note"
        task = {"seconds": 60 * minutes, "found": str(found), "corpus": str(corpus), "note": str(note)}
        program = "import json, sys; from pathlib import Path; from tests.faults.fuzz import fuzz; "
        program += "task = json.loads(sys.argv[2]); seconds = task.pop('seconds'); "
        program += "fuzz(sys.argv[1], seconds=seconds, **{key: Path(path) for key, path in task.items()})"
        code = subprocess.run([sys.executable, "-c", program, name, json.dumps(task)], check=False).returncode
        n_inputs, used = json.loads(note.read_text()) if note.exists() else (0, 0.0)
    return n_inputs, used, code != 0


def add(counts: Path, name: str, *, n_inputs: int, seconds: float, broken: bool) -> None:
    """To what earlier runs counted."""
    held = json.loads(counts.read_text()) if counts.exists() else {}
    before = held.get(name, {"inputs": 0, "minutes": 0.0, "found": 0})
    held[name] = {
        "inputs": before["inputs"] + n_inputs,
        "minutes": round(before["minutes"] + seconds / 60, 2),
        "found": before["found"] + broken,
    }
    counts.write_text(json.dumps(held, indent=2, sort_keys=True) + "\n")


def table(counts: Path) -> str:
    """For docs/reliability.md."""
    held = json.loads(counts.read_text())
    lines = ["| parser | inputs | minutes of the processor | broke it |", "| --- | --- | --- | --- |"]
    for name in [name for name in PARSERS if name in held]:
        of = held[name]
        lines.append(f"| {name} | {of['inputs']:,} | {of['minutes']:.0f} | {of['found']} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parsers", nargs="*", metavar="PARSER", help=f"of {', '.join(PARSERS)}; default: all")
    parser.add_argument("--minutes", type=float, default=30.0, help="of the processor, for each")
    parser.add_argument("--found", type=Path, default=Path("fuzzed"), help="folder of the inputs that break a parser")
    parser.add_argument("--corpus", type=Path, help="folder of inputs that lead somewhere; default: forgotten")
    parser.add_argument("--counts", type=Path, default=Path("fuzzed.json"))
    arguments = parser.parse_args()
    if unknown := set(arguments.parsers) - PARSERS.keys():
        parser.error(f"no parser {', '.join(unknown)}")
    any_broken = False
    with tempfile.TemporaryDirectory() as forgotten:
        for name in (arguments.parsers or PARSERS) if arguments.minutes else ():
            corpus = (arguments.corpus or Path(forgotten)) / name
            for folder in (corpus, arguments.found):
                folder.mkdir(parents=True, exist_ok=True)
            n_inputs, seconds, broken = counted(
                name, minutes=arguments.minutes, found=arguments.found.absolute(), corpus=corpus.absolute()
            )
            add(arguments.counts, name, n_inputs=n_inputs, seconds=seconds, broken=broken)
            any_broken |= broken
    print(table(arguments.counts))
    raise SystemExit(any_broken)


if __name__ == "__main__":
    main()
