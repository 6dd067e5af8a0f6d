"""Records of an extra source: read and checked as those of data.source are, under ids of its own.

In: a source of data.extra and its raw file.  Out: Records whose ids read <name>:<id>, and what they say of themselves.
"""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from crystalmatrix.config import ExtraConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.origin import Origin
from crystalmatrix.contracts.tables import ExtraSource
from crystalmatrix.data.archive import read_entries
from crystalmatrix.data.entries import fields_of
from crystalmatrix.data.extra import SEPARATOR
from crystalmatrix.data.parallel import WORTH_WORKERS
from crystalmatrix.data.progress import tracked
from crystalmatrix.data.records import Records, build_records, check_records


def extra_records(source: ExtraConfig, raw: Path, *, workers: int) -> tuple[Records, ExtraSource]:
    """`raw`: <name>.json.zip of fetch.py, beside it <name>.meta.json. Raises DataError as check_records does."""
    origin = Origin.read(meta_beside(raw))
    fields = fields_of(source.fields)
    entries = tracked(read_entries(raw), f"checking crystals of {source.name}", origin.n_entries)
    workers = workers if origin.n_entries > WORTH_WORKERS else 1
    found = build_records(entries, id_key=source.id_key, fields=fields, workers=workers)
    check_records(found, fields=fields, chosen=source.fields, max_drop_rate=source.max_drop_rate)
    about = ExtraSource(
        name=source.name,
        source=origin.source,
        raw_sha256=origin.sha256,
        n_crystals=found.table.num_rows,
        fields=fields,
    )
    return replace(found, table=_renamed(found.table, source), dropped=_renamed(found.dropped, source)), about


def meta_beside(raw: Path) -> Path:
    """What fetch.py says of a raw file: name.meta.json beside name.json.zip."""
    return raw.with_name(raw.name.removesuffix(".json.zip") + ".meta.json")


def _renamed(table: pa.Table, source: ExtraConfig) -> pa.Table:
    jids = [None if jid is None else f"{source.name}{SEPARATOR}{jid}" for jid in table[c.JID].to_pylist()]
    return table.set_column(table.schema.get_field_index(c.JID), table.schema.field(c.JID), pa.array(jids, pa.string()))
