"""Descriptor shards: what a pretrained potential says of every atom, one row per crystal, computed once for all models.

In: results/graphs/shard-{k}.parquet.  Out: results/descriptors/{potential}/shard-{k}.parquet (columns: see
contracts/descriptors.py), with the crystals of that shard in its order. A shard knows its potential, the package, its
weights and the graph shard; the reader insists on all of them.
"""

import time
from collections.abc import Callable, Iterator
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
from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.descriptors.describe import describe
from crystalmatrix.descriptors.described import Described, Description, beside
from crystalmatrix.descriptors.potential import Potential
from crystalmatrix.errors import DataError
from crystalmatrix.graphs.arrow import to_arrow

AT_ONCE = 256  # crystals in a row group
_DELETE = "delete results/descriptors and run again"


def write_shard(
    path: Path, shard: Path, potential: Potential, *, name: str, say: Callable[[str], None] = print
) -> tuple[int, int]:
    """Describe the crystals of a graph shard; returns how many it holds, and how many are not described.

    `say` is given a line now and then, with the time left. Raises DataError.
    """
    found = files.read_metadata(shard, version=columns.GRAPHS_VERSION)
    facts = POTENTIALS[name]
    metadata = DescriptorsMetadata(
        potential=name,
        package=facts.package,
        package_version=facts.package_version,
        weights_sha256=facts.sha256,
        licence=facts.licence,
        trained_on=facts.trained_on,
        layers=facts.layers,
        shard=found["shard"],
        n_shards=found["n_shards"],
        records_digest=found["records_digest"],
        shard_sha256=files.sha256(shard),
    )
    wanted = [columns.JID, columns.SPECIES, columns.FRACTIONAL, columns.LATTICE]
    table, _ = files.read_table(shard, version=columns.GRAPHS_VERSION, columns=wanted)
    done = n_missing = 0
    begun = said = time.monotonic()
    with files.table_writer(path, DESCRIPTORS, version=DescriptorsMetadata.VERSION, metadata=metadata.to_dict()) as out:
        for first in range(0, table.num_rows, AT_ONCE):
            crystals = list(_crystals(table.slice(first, AT_ONCE)))
            description = describe(crystals, potential, width=facts.width)
            out.write_table(_table([crystal.id for crystal in crystals], description))
            done += len(crystals)
            n_missing += sum(reason is not None for reason in description.reason)
            if (now := time.monotonic()) - said > 10:
                rate, said = done / (now - begun), now
                left = (table.num_rows - done) / rate
                say(f"{done:,} of {table.num_rows:,} crystals, {rate:,.0f}/s, {left:,.0f} s left")
    return done, n_missing


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
        found = DescriptorsMetadata.parse(
            files.read_metadata(path, version=DescriptorsMetadata.VERSION), where=str(path)
        )
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


def _crystals(table: pa.Table) -> Iterator[Crystal]:
    for row in table.to_pylist():
        yield Crystal(
            row[columns.JID],
            np.array(row[columns.SPECIES], np.uint8),
            np.array(row[columns.FRACTIONAL]).reshape(-1, 3),
            np.array(row[columns.LATTICE]).reshape(3, 3),
        )


def _table(jid: list[str], description: Description) -> pa.Table:
    described = np.array([reason is None for reason in description.reason], bool)
    of_atom = np.repeat(described, description.n_atoms)
    counts = np.where(described, description.n_atoms, 0)
    content = {
        columns.JID: pa.array(jid, pa.string()),
        ATOM_FEATURES: _lists(description.features[of_atom], counts * description.features.shape[1], ~described),
        SITE_ENERGY: _lists(description.site_energy[of_atom], counts, ~described),
        ENERGY: pa.array(description.energy, pa.float64(), mask=~described),
        REASON: pa.array(description.reason, pa.string()),
    }
    return pa.table(content, schema=DESCRIPTORS)


def _lists(values: NDArray, counts: NDArray[np.int64], missing: NDArray[np.bool_]) -> pa.ListArray:
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.ListArray.from_arrays(
        offsets, to_arrow(np.ascontiguousarray(values)), type=columns.list_of(kind), mask=pa.array(missing)
    )
