"""Records: one typed row per crystal, and a reason for every row that is dropped.

In: entries in JARVIS's format.  Out: Records: the table (columns.RECORDS), the dropped rows (columns.DROPPED), and the
labels that could not be read.

The entries are read here; geometry and symmetry, most of the work, go to worker processes in batches.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.origin import Origin
from crystalmatrix.contracts.tables import ExtraSource, RecordsMetadata
from crystalmatrix.crystals.crystal import DUPLICATE_ID, Crystal, InvalidCrystalError
from crystalmatrix.crystals.formula import hill_formula
from crystalmatrix.crystals.symmetry import SYMPREC, Symmetry, find_symmetry
from crystalmatrix.data.entries import LABELS, Entry, crystal_of, read_entry
from crystalmatrix.data.parallel import in_order
from crystalmatrix.data.seen import Seen
from crystalmatrix.errors import DataError, nearest

BATCH = 256  # entries handed to a worker at once


class Examined(NamedTuple):
    """A valid entry: its crystal, and what was derived from it."""

    entry: Entry
    crystal: Crystal
    symmetry: Symmetry


@dataclass(frozen=True)
class Records:
    """The data set after validation."""

    table: pa.Table  # columns.RECORDS, in the order of the source
    dropped: pa.Table  # columns.DROPPED
    unreadable: dict[str, Counter[str]]  # label: how often which text was no number and no mark of a missing one
    keys: set[str]  # that any entry had
    notes: list[tuple[str, str]]  # (id, what the user should know about how the crystal was read)


def build_records(entries: Iterable[Any], *, id_key: str, fields: dict[str, str], workers: int) -> Records:
    """Validate entries and derive what the table holds. `workers` processes; 1 stays in this one. Same result."""
    drops: list[InvalidCrystalError] = []
    unreadable: dict[str, Counter[str]] = {}
    keys: set[str] = set()
    batches: list[pa.RecordBatch] = []
    notes: list[tuple[str, str]] = []

    def batched() -> Iterator[list[Entry]]:
        seen = Seen()
        batch: list[Entry] = []
        for raw in entries:
            keys.update(raw if isinstance(raw, dict) else ())
            try:
                entry = read_entry(raw, id_key=id_key, fields=fields)
                if not seen.add(entry.jid):
                    raise InvalidCrystalError(DUPLICATE_ID, "the first row of this id is kept", entry.jid)
            except InvalidCrystalError as invalid:
                drops.append(invalid)
                continue
            batch.append(entry)
            if len(batch) == BATCH:
                yield batch
                batch = []
        yield batch

    for results in in_order(examine, batched(), workers=workers):
        valid = [result for result in results if isinstance(result, Examined)]
        drops.extend(result for result in results if isinstance(result, InvalidCrystalError))
        batches.append(_record_batch(valid))
        for row in valid:
            notes.extend((row.entry.jid, note) for note in row.crystal.notes)
            for name, text in row.entry.unreadable.items():
                unreadable.setdefault(name, Counter())[text] += 1
    table = pa.Table.from_batches(batches, c.RECORDS).combine_chunks()
    # Sorted: how far reading runs ahead of the workers must not show in the file.
    drops.sort(key=lambda drop: (drop.reason, drop.identity or "", drop.detail))
    dropped = [{c.JID: drop.identity, "reason": drop.reason, "detail": drop.detail} for drop in drops]
    return Records(table, pa.Table.from_pylist(dropped, c.DROPPED), unreadable, keys, notes)


def examine(entries: list[Entry]) -> list[Examined | InvalidCrystalError]:
    """The part of the work that runs in workers."""
    results: list[Examined | InvalidCrystalError] = []
    for entry in entries:
        try:
            crystal = crystal_of(entry)
        except InvalidCrystalError as invalid:
            results.append(invalid)
            continue
        results.append(Examined(entry, crystal, find_symmetry(crystal.lattice, crystal.fractional, crystal.species)))
    return results


def _record_batch(rows: list[Examined]) -> pa.RecordBatch:
    crystals = [row.crystal for row in rows]
    entries = [row.entry for row in rows]
    symmetries = [row.symmetry for row in rows]
    n_atoms = [len(crystal.species) for crystal in crystals]
    values = {
        c.JID: [entry.jid for entry in entries],
        c.FORMULA: [hill_formula(crystal.species) for crystal in crystals],
        c.N_ATOMS: n_atoms,
        c.SPECIES: _lists([crystal.species for crystal in crystals], n_atoms),
        c.FRACTIONAL: _lists([crystal.fractional.ravel() for crystal in crystals], [3 * n for n in n_atoms]),
        c.LATTICE: pa.FixedSizeListArray.from_arrays(np.ravel([crystal.lattice for crystal in crystals]), 9),
        c.VOLUME: [crystal.volume for crystal in crystals],
        c.SPACE_GROUP: [symmetry.space_group for symmetry in symmetries],
        c.POINT_GROUP: [symmetry.point_group for symmetry in symmetries],
        c.HAS_INVERSION: [symmetry.has_inversion for symmetry in symmetries],
        **{name: [entry.labels[name] for entry in entries] for name in LABELS},
    }
    arrays = [
        column if isinstance(column := values[item.name], pa.Array) else pa.array(column, item.type)
        for item in c.RECORDS
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=c.RECORDS)


def _lists(rows: list[NDArray], lengths: list[int]) -> pa.ListArray:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, np.concatenate(rows) if rows else np.empty(0))


def check_records(records: Records, *, fields: dict[str, str], chosen: dict[str, str], max_drop_rate: float) -> None:
    """Raise DataError where the records cannot be what was meant: too many rows dropped, or labels under other names.

    `fields`: see `fields_of`; `chosen`: those of the config.
    """
    n_dropped, n_kept = records.dropped.num_rows, records.table.num_rows
    reasons = Counter(records.dropped["reason"].to_pylist()).most_common()
    counted = ", ".join(f"{n:,} {reason}" for reason, n in reasons)
    first = "; ".join(
        f"{drop[c.JID] or 'a row'}: {drop['reason']} ({drop['detail']})"
        for drop in records.dropped.slice(0, 3).to_pylist()
    )
    if n_kept == 0:
        raise DataError(f"found no valid crystal among {n_dropped:,} rows ({counted}); the first: {first}")
    if n_dropped > max_drop_rate * (n_dropped + n_kept):
        raise DataError(
            f"{n_dropped:,} of {n_dropped + n_kept:,} rows are invalid ({counted}), expected at most "
            f"{max_drop_rate:.2%}; the first: {first}; raise data.max_drop_rate to go on without them"
        )
    for name, key in chosen.items():
        if key not in records.keys:
            raise DataError(f"data.fields.{name}: no entry has a key {key!r}{nearest(key, records.keys)}")
    if not records.keys & {*fields, *fields.values()}:
        raise DataError(
            f"found no label of any property, only the keys {', '.join(sorted(records.keys))}; "
            "name them in data.fields, for example fields: {formation_energy: <key>}"
        )
    _check_labels(records, fields=fields)


def _check_labels(records: Records, *, fields: dict[str, str]) -> None:
    """Raise DataError for a column of which most is no number: decimal commas, units, words, a wrong column."""
    for name, texts in records.unreadable.items():
        n_bad, n_good = texts.total(), records.table.num_rows - records.table[name].null_count
        if n_bad > n_good:
            key = fields[name] if fields[name] in records.keys else name
            (found, _), *_ = texts.most_common(1)
            raise DataError(
                f"column {key!r} ({name}): {n_bad:,} of {n_bad + n_good:,} labels are no numbers, such as {found}; "
                f"expected numbers with a decimal point, or nothing; correct them, or name another column in "
                f"data.fields.{name}"
            )


def records_metadata(
    table: pa.Table, origin: Origin, fields: dict[str, str], extra: Sequence[ExtraSource] = ()
) -> RecordsMetadata:
    """What records.parquet says of itself."""
    return RecordsMetadata(
        source=origin.source,
        release=origin.release,
        raw_sha256=origin.sha256,
        digest=table_digest(table),
        symprec=SYMPREC,
        fields=fields,
        extra=tuple(extra),
    )


def table_digest(table: pa.Table) -> str:
    """Hex sha256 of a table's content, in Arrow's own serialisation."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()
