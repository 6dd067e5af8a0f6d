"""The stage: features written once per view and shard, then mapped by every training and prediction.

In: results/graphs/shard-{k}.parquet.  Out: results/features/{view}/shard-{k}.arrow (columns: contracts/features.py).
A file knows its view, its number, and the digests of the records and of the shard. The reader insists that the files
are one whole set, of the view that the model sees.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crystalmatrix import files
from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts.features import CHECKSUM, ROWS_CHECKSUM, FeaturesMetadata, ViewShards, features_schema
from crystalmatrix.contracts.view import View
from crystalmatrix.descriptors.store import open_descriptors
from crystalmatrix.errors import DataError
from crystalmatrix.features.blocks import MemoryBlock, checksum, record_batch, rows_checksum
from crystalmatrix.features.features import Features
from crystalmatrix.features.mapped import MappedBlocks, MappedFile, open_file
from crystalmatrix.graphs.shards import shard_metadata, stream_shard
from crystalmatrix.tiers import Seeing

BLOCK_BYTES = 16 << 20  # small enough to make and to verify at once, and few enough for any set
_DELETE = "delete results/features and run again"


def write_features(
    path: Path,
    shard: Path,
    *,
    view: View,
    n_slots: int,
    descriptors: list[Path] | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> int:
    """The features of one shard; returns how many crystals it holds. Raises DataError.

    `n_slots` is the view's `neighbours`, or, where it takes all, the most that any atom of all shards has;
    `descriptors` are the shard's, one for each potential of the view.
    """
    found = shard_metadata(shard, settings=view.graph)
    metadata = FeaturesMetadata(
        view=view,
        n_slots=n_slots,
        shard=found.shard,
        n_shards=found.n_shards,
        records_digest=found.records_digest,
        shard_sha256=files.sha256(shard),
        descriptors_sha256=tuple(map(files.sha256, descriptors or [])),
    )
    schema = features_schema(metadata.items)
    with_slots = view.model_copy(update={"neighbours": n_slots})
    atoms_at_once = block_bytes // sum(item.n_bytes for item in metadata.items.values())
    known = open_descriptors(descriptors or [], view.descriptors, shard_sha256=metadata.shard_sha256)
    n_crystals = 0
    with files.arrow_writer(path, schema, version=FeaturesMetadata.VERSION, metadata=metadata.to_dict()) as writer:
        for graphs in stream_shard(shard):
            for crystals in consecutive(np.diff(graphs.atom_pointer), atoms_at_once):
                part = graphs.select(crystals)
                described = known.of(part.jid.tolist(), np.diff(part.atom_pointer)) if known else None
                block = MemoryBlock(part, with_slots, described)
                checksums = {CHECKSUM: str(checksum(block)), ROWS_CHECKSUM: str(rows_checksum(block))}
                writer.write_batch(record_batch(block, schema), custom_metadata=checksums)
                n_crystals += len(crystals)
    return n_crystals


def open_features(
    paths: list[Path],
    *,
    model: Seeing,
    graph: GraphConfig | None = None,
    records_digest: str,
    limit: int,
) -> Features:
    """The features of all crystals, in the order of the records, at most `limit` bytes of them held at a time.

    `paths`: the files of a view, or its list, shards.json.

    `graph`: the graphs that the model was trained on; None: any. Raises DataError, one line, for a missing or damaged
    file, another view than the model's, another schema, files of other records, an incomplete set.
    """
    if not paths:
        raise DataError("found no features, expected results/features/*/shard-*.arrow; run snakemake to build them")
    opened = sorted(map(open_file, _listed(paths)), key=lambda file: file.metadata.shard)
    first = opened[0]
    for file in opened:
        for key in ("view", "n_slots", "n_shards", "records_digest"):
            one, other = getattr(file.metadata, key), getattr(first.metadata, key)
            if one != other:
                raise DataError(f"{file.path}: {key} {one}, expected {other} as in {first.path}; {_DELETE}")
    numbers, n_shards = [file.metadata.shard for file in opened], first.metadata.n_shards
    if numbers != list(range(n_shards)):
        raise DataError(f"{first.path.parent}: found files {numbers}, expected each of 0 to {n_shards - 1}; {_DELETE}")
    if first.metadata.records_digest != records_digest:
        raise DataError(f"{first.path}: made from other records, expected those of the data stage; {_DELETE}")
    _check_view(first, View.of(graph or first.metadata.view.graph, model))
    return Features.of_blocks(
        first.metadata.view, first.metadata.n_slots, MappedBlocks(opened, limit=limit), limit=limit
    )


def _listed(paths: list[Path]) -> Iterator[Path]:
    """The files themselves in place of a list of them."""
    for path in paths:
        if path.suffix == ".json":
            yield from (path.with_name(shard.name) for shard in ViewShards.read(path).shards)
        else:
            yield path


def _check_view(file: MappedFile, needed: View) -> None:
    found = file.metadata.view
    if found != needed:
        raise DataError(
            f"{file.path}: features of {found.to_json()}, the model was trained with {needed.to_json()}; "
            "set graph and tiers as they were, or train again"
        )


def consecutive(sizes: NDArray[np.int64], limit: float) -> list[NDArray[np.int64]]:
    """0 to len(sizes) - 1 in pieces, each of a total size up to `limit`, or of one that is larger alone."""
    pieces: list[list[int]] = [[]]
    total = 0
    for k, size in enumerate(sizes.tolist()):
        if pieces[-1] and total + size > limit:
            pieces.append([])
            total = 0
        pieces[-1].append(k)
        total += size
    return [np.array(piece) for piece in pieces if piece]
