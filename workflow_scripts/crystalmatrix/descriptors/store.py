"""Descriptor shards, read: what potentials say of the atoms of one graph shard, a part at a time.

In: results/descriptors/{potential}/shard-{k}.parquet, written by descriptors/shards.py.  Out: Described. Neither torch
nor a potential's package is needed.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from crystalmatrix import files
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.descriptors import (
    ATOM_FEATURES,
    DESCRIPTORS,
    ENERGY,
    POTENTIALS,
    REASON,
    SITE_ENERGY,
    DescriptorsMetadata,
)
from crystalmatrix.descriptors.described import Described, Description, beside
from crystalmatrix.errors import DataError

AT_ONCE = 256  # crystals in a row group
_DELETE = "delete results/descriptors and run again"


@dataclass(frozen=True)
class DescriptorShards:
    """The descriptor shards of one graph shard, by the potentials of a view; a row group of each in memory at most."""

    paths: tuple[Path, ...]
    potentials: tuple[str, ...]
    row: dict[str, int]  # id: row of the shard

    def of(self, jid: list[str], n_atoms: NDArray[np.integer]) -> Described:
        """Of consecutive crystals of the shard. Raises DataError where the shards hold other crystals."""
        first = self.row.get(jid[0], -1)
        parts = [
            self._description(path, first, jid, n_atoms, POTENTIALS[name].width)
            for path, name in zip(self.paths, self.potentials, strict=True)
        ]
        return beside(parts)

    def _description(
        self, path: Path, first: int, jid: list[str], n_atoms: NDArray[np.integer], width: int
    ) -> Description:
        table = _rows(path, first, first + len(jid))
        if first < 0 or table[columns.JID].to_pylist() != jid:
            raise DataError(f"{path}: other crystals than those of the graph shard; {_DELETE}")
        total = int(n_atoms.sum())
        features, site = np.full((total, width), np.nan, np.float16), np.full(total, np.nan, np.float32)
        described = np.repeat(np.array([reason is None for reason in table[REASON].to_pylist()], bool), n_atoms)
        known = int(described.sum())
        features[described] = _numbers(table, ATOM_FEATURES, np.float16).reshape(known, width)
        site[described] = _numbers(table, SITE_ENERGY, np.float32)
        energy = np.array([np.nan if e is None else e for e in table[ENERGY].to_pylist()])
        return Description(np.asarray(n_atoms, np.int64), features, site, energy, table[REASON].to_pylist())


def open_descriptors(paths: list[Path], potentials: tuple[str, ...], *, shard_sha256: str) -> DescriptorShards | None:
    """The shards of these potentials, in their order; None without potentials. Raises DataError, one line."""
    if not potentials:
        return None
    if len(paths) != len(potentials):
        raise DataError(
            f"found {len(paths)} descriptor shards, expected one for each of {', '.join(potentials)}; run snakemake"
        )
    for path, name in zip(paths, potentials, strict=True):
        with files.open_table(path, version=DescriptorsMetadata.VERSION, holds=DESCRIPTORS.names):
            found = DescriptorsMetadata.of_table(path)
        facts = POTENTIALS[name]
        made_with = (found.potential, found.package_version, found.weights_sha256)
        if made_with != (name, facts.package_version, facts.sha256):
            raise DataError(
                f"{path}: made with {found.potential} of {found.package} {found.package_version}, expected {name} of "
                f"{facts.package} {facts.package_version} with the known weights; {_DELETE}"
            )
        if found.shard_sha256 != shard_sha256:
            raise DataError(f"{path}: made from another graph shard; {_DELETE}")
    jids, _ = files.read_table(paths[0], version=DescriptorsMetadata.VERSION, columns=[columns.JID])
    return DescriptorShards(tuple(paths), potentials, {jid: k for k, jid in enumerate(jids[columns.JID].to_pylist())})


def _rows(path: Path, first: int, end: int) -> pa.Table:
    """Rows first to end of a shard; reads no more than the row groups that hold them."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            groups = range(max(first, 0) // AT_ONCE, min((end - 1) // AT_ONCE + 1, file.num_row_groups))
            table = file.read_row_groups(list(groups))
    except (pa.ArrowException, OSError):
        raise DataError(f"{path}: damaged; delete it and run again") from None
    return table.slice(first - (first // AT_ONCE) * AT_ONCE, end - first)


def _numbers(table: pa.Table, name: str, kind: type[np.floating]) -> NDArray:
    """All lists of a column that may hold nulls, one after the other."""
    parts = [chunk.flatten().to_numpy() for chunk in table[name].chunks]
    return np.concatenate(parts).astype(kind, copy=False) if parts else np.empty(0, kind)
