"""Artefacts of a small run, damaged in every way we know: what does their own reader say?

In: a folder, a seed, a number.  Out: counts of refused (one line that names the file) and harmless (the same content)
mutations; every other one, by its name. Run alone it prints the table of docs/reliability.md:

    python -m tests.faults.mutations --count 2000
"""

import argparse
import dataclasses
import hashlib
import pickle
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from crystalmatrix import files
from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.quality import Quality
from crystalmatrix.contracts.scores import ModelScores
from crystalmatrix.data.archive import read_entries
from crystalmatrix.descriptors.store import open_descriptors
from crystalmatrix.errors import UserError
from crystalmatrix.evaluation.predictions import read_predictions
from crystalmatrix.features.mapped import MappedBlocks, open_file
from crystalmatrix.graphs.shards import stream_shard
from crystalmatrix.trained.checkpoint import load_checkpoint
from crystalmatrix.training.state import load_state

REFUSED, HARMLESS = "refused", "harmless"
KINDS = ("bit", "bit", "bit", "bit", "end", "cut", "empty", "folder", "swapped", "link", "older")


class Artefact(NamedTuple):
    """A sound file and the reader of the stage that uses it."""

    path: Path
    read: Callable[[Path], Any]


def content_digest(content: Any) -> str:
    """The same for the same content, to the last bit."""
    digest = hashlib.sha256()
    for part in _parts(content):
        digest.update(part)
    return digest.hexdigest()


def _parts(content: Any) -> Any:
    if isinstance(content, torch.Tensor):
        content = content.numpy()
    if isinstance(content, np.ndarray):
        yield pickle.dumps(content.tolist()) if content.dtype == object else content.tobytes()
    elif dataclasses.is_dataclass(content) and not isinstance(content, type):
        yield from _parts(vars(content))
    elif isinstance(content, dict):
        for key in sorted(content, key=str):
            yield repr(key).encode()
            yield from _parts(content[key])
    elif isinstance(content, (list, tuple)):
        for item in content:
            yield from _parts(item)
    else:
        yield repr(content).encode()


def table(version: int, holds: list[str]) -> Callable[[Path], Any]:
    return lambda path: [frame_of(files.read_table(path, version=version, holds=holds))]


def frame_of(found: tuple[Any, dict]) -> Any:
    return {name: found[0][name].to_pylist() for name in found[0].column_names} | {"metadata": found[1]}


def read_features(path: Path) -> Any:
    opened = open_file(path)
    blocks = MappedBlocks([opened], limit=1 << 30)
    held = [vars(blocks[k].dense) | {"neighbourhood": blocks[k].neighbourhood} for k in range(len(opened.blocks))]
    return [opened.metadata.to_dict(), *held]


def read_state(path: Path) -> Any:
    """What a trainer goes on from; None where it starts afresh."""
    state = load_state(path.parent, digest=torch.load(path.with_name("sound.pt"), weights_only=True)["digest"])
    if state is None:
        raise UserError(f"{path}: starts afresh")
    return state


def read_descriptors(path: Path) -> Any:
    """As features take them from the sound shard's crystals."""
    shard = path.with_name("other-shard.parquet")
    graphs = list(stream_shard(shard))
    opened = open_descriptors([path], ("chgnet",), shard_sha256=files.sha256(shard))
    assert opened is not None
    return [opened.of(held.jid.tolist(), np.diff(held.atom_pointer)) for held in graphs]


READERS: dict[str, Callable[[Path], Any]] = {
    "raw.json.zip": lambda path: list(read_entries(path)),
    "records.parquet": table(c.RECORDS_VERSION, c.RECORDS.names),
    "quality.json": Quality.read,
    "splits.parquet": table(c.SPLITS_VERSION, c.SPLITS.names),
    "shard.parquet": lambda path: [vars(graphs) for graphs in stream_shard(path)],
    "descriptors.parquet": read_descriptors,
    "features.arrow": read_features,
    "model.pt": load_checkpoint,
    "state.pt": read_state,
    "model.predictions.parquet": read_predictions,
    "model.metrics.json": ModelScores.read,
}


def mutate(path: Path, kind: str, *, sound: dict[str, bytes], draw: random.Random) -> str:
    """Damage the file at `path`; returns what was done."""
    content = bytearray(sound[path.name])
    if kind in ("bit", "end"):  # the end holds footers and directories
        first = max(0, len(content) - 4096) if kind == "end" else 0
        bit = draw.randrange(8 * first, 8 * len(content))
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        return f"{kind} {bit}"
    if kind == "cut":
        size = draw.randrange(len(content))
        path.write_bytes(content[:size])
        return f"cut at {size}"
    other = draw.choice([name for name in sound if name != path.name])
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "swapped":
        path.write_bytes(sound[other])
    elif kind == "link":
        path.symlink_to(path.with_name(draw.choice(["nowhere", "other-" + other])))
    else:
        path.write_bytes(older(bytes(content)))
    return f"{kind} {other if kind in ('swapped', 'link') else ''}"


def older(content: bytes) -> bytes:
    """Another schema version, where the file says it in plain text; else a byte less."""
    for said in (b'"version": ', b'\\"version\\": '):
        where = content.rfind(said)
        if where >= 0:
            where += len(said)
            return content[:where] + b"0" + content[where + 1 :]
    return content[:-1]


def outcome(artefact: Artefact, expected: str) -> str:
    """REFUSED, HARMLESS, or what is wrong."""
    try:
        found = content_digest(artefact.read(artefact.path))
    except UserError as error:
        said = str(error)
        return REFUSED if artefact.path.name in said and "\n" not in said else f"unclear: {said}"
    except Exception as error:
        return f"traceback: {type(error).__name__}: {error}"
    return HARMLESS if found == expected else "another content, without a word"


def run(folder: Path, sound: dict[str, bytes], *, count: int, seed: int) -> tuple[Counter, list[str]]:
    """`count` mutations of the artefacts in turn; {(name, outcome): n} and what went wrong."""
    draw = random.Random(seed)
    for name, content in sound.items():
        (folder / f"other-{name}").write_bytes(content)
    (folder / "sound.pt").write_bytes(sound["state.pt"])
    expected = {}
    for name, content in sound.items():
        (folder / name).write_bytes(content)
        expected[name] = content_digest(READERS[name](folder / name))
    counts: Counter = Counter()
    wrong = []
    names = list(sound)
    for k in range(count):
        name = names[k % len(names)]
        path = folder / name
        kind = KINDS[k // len(names) % len(KINDS)]
        done = mutate(path, kind, sound=sound, draw=draw)
        result = outcome(Artefact(path, READERS[name]), expected[name])
        counts[name, result.split(":")[0]] += 1
        if result not in (REFUSED, HARMLESS):
            wrong.append(f"{name} {done}: {result}")
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)  # a damaged state has made place
        path.write_bytes(sound[name])
    return counts, wrong


def main() -> None:
    from .artefacts import build

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        counts, wrong = run(folder, build(folder / "made"), count=arguments.count, seed=arguments.seed)
    finally:
        shutil.rmtree(folder)
    for name in READERS:
        print(f"| `{name}` | {counts[name, REFUSED]} | {counts[name, HARMLESS]} |")
    print("\n".join(wrong) or f"{arguments.count} mutations, none wrong")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
