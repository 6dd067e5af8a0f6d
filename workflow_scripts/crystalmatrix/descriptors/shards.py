"""Descriptor shards: what a pretrained potential says of every atom, one row per crystal, computed once for all models.

In: results/graphs/shard-{k}.parquet.  Out: results/descriptors/{potential}/shard-{k}.parquet (columns: see
contracts/descriptors.py), with the crystals of that shard in its order. A shard knows its potential, the package, its
weights and the graph shard; the reader insists on all of them.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
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
from crystalmatrix.contracts.tables import GraphsMetadata
from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.descriptors.describe import describe
from crystalmatrix.descriptors.described import Description
from crystalmatrix.descriptors.potential import Potential
from crystalmatrix.descriptors.store import AT_ONCE
from crystalmatrix.graphs.arrow import to_arrow


def write_shard(
    path: Path, shard: Path, potential: Potential, *, name: str, say: Callable[[str], None] = print
) -> tuple[int, int]:
    """Describe the crystals of a graph shard; returns how many it holds, and how many are not described.

    `say` is given a line now and then, with the time left. Raises DataError.
    """
    found = GraphsMetadata.of_table(shard)
    facts = POTENTIALS[name]
    metadata = DescriptorsMetadata(
        potential=name,
        package=facts.package,
        package_version=facts.package_version,
        weights_sha256=facts.sha256,
        licence=facts.licence,
        trained_on=facts.trained_on,
        layers=facts.layers,
        shard=found.shard,
        n_shards=found.n_shards,
        records_digest=found.records_digest,
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
