"""Turn the raw data set into records: one typed, validated row per crystal, with its symmetry and its labels.

In: raw.json.zip and its origin.  Out: records.parquet, quality.json, and dropped.parquet with a reason for every row
that is not in the records.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from crystalmatrix.config import DataConfig
from crystalmatrix.contracts.columns import JID, RECORDS_VERSION
from crystalmatrix.contracts.origin import Origin
from crystalmatrix.data.archive import read_entries
from crystalmatrix.data.entries import fields_of
from crystalmatrix.data.extra import check_names
from crystalmatrix.data.extra_records import extra_records
from crystalmatrix.data.parallel import WORTH_WORKERS, available_cores
from crystalmatrix.data.progress import tracked
from crystalmatrix.data.quality import quality
from crystalmatrix.data.records import build_records, check_records, records_metadata
from crystalmatrix.data.selection import select, selected_ids
from crystalmatrix.errors import run
from crystalmatrix.files import write_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", required=True, help="JSON of the `data` section of config.yaml")
    parser.add_argument("--raw", type=Path, required=True, help="raw.json.zip of fetch.py")
    parser.add_argument("--meta", type=Path, required=True, help="raw.meta.json of fetch.py")
    parser.add_argument("--extra", type=Path, nargs="*", default=[], help="raw files of the extra sources, in turn")
    parser.add_argument("--out", type=Path, required=True, help="records.parquet to write")
    parser.add_argument("--quality", type=Path, required=True, help="quality.json to write")
    parser.add_argument("--dropped", type=Path, required=True, help="dropped.parquet to write")
    parser.add_argument("--workers", type=int, default=available_cores(), help="processes (default: all cores)")
    arguments = parser.parse_args()

    config = DataConfig.from_json(arguments.settings)
    origin = Origin.read(arguments.meta)
    fields = fields_of(config.fields)
    entries: Iterable[Any] = tracked(read_entries(arguments.raw), "checking crystals", origin.n_entries)
    if config.ids:
        entries = select(entries, selected_ids(config.ids), id_key=config.id_key, where=config.source)
    workers = arguments.workers if origin.n_entries > WORTH_WORKERS else 1
    records = build_records(entries, id_key=config.id_key, fields=fields, workers=workers)
    check_records(records, fields=fields, chosen=config.fields, max_drop_rate=config.max_drop_rate)
    check_names(records.table[JID].to_pylist(), config.extra)
    extra = [
        extra_records(source, raw, workers=arguments.workers)
        for source, raw in zip(config.extra, arguments.extra, strict=True)
    ]
    table = pa.concat_tables([records.table, *(more.table for more, _ in extra)]).combine_chunks()
    dropped = pa.concat_tables([records.dropped, *(more.dropped for more, _ in extra)])
    write_table(arguments.dropped, dropped, version=RECORDS_VERSION, metadata={"raw_sha256": origin.sha256})
    quality(records, source=origin, fields=fields).write(arguments.quality)
    write_table(
        arguments.out,
        table,
        version=RECORDS_VERSION,
        metadata=records_metadata(table, _named(origin, config), fields, [about for _, about in extra]).to_dict(),
    )


def _named(origin: Origin, config: DataConfig) -> Origin:
    """The origin as pages and cards name it: `dft_3d_2021 (ids: part)` where only a part was taken."""
    ids = f" (ids: {Path(config.ids).name})" if config.ids else ""
    return origin.model_copy(update={"source": f"{origin.source}{ids}"})


if __name__ == "__main__":
    run(main)
