"""What is known to be odd about JARVIS-DFT's labels, counted in the data set at hand.

In: records.  Out: sentences, one for each oddity that is really there. Nothing is changed or dropped for them: such
values stand in the official test folds too, so they are predicted and scored like any other.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crystalmatrix.contracts import columns as c
from crystalmatrix.crystals.symmetry import zero_by_symmetry
from crystalmatrix.data.official import duplicate_ids
from crystalmatrix.properties import PROPERTIES
from crystalmatrix.words import counted

Values = dict[str, NDArray[np.float64]]  # column: [n_crystals], NaN where there is no label


def known_defects(records: pa.Table) -> list[str]:
    """Sentences for the report. Counts that would be zero are left out."""
    values: Values = {name: records[name].to_numpy() for name in PROPERTIES}
    zero = zero_by_symmetry(records[c.HAS_INVERSION].to_pylist(), records[c.POINT_GROUP].to_pylist())
    return [*_moduli(values), *_symmetry(values, zero), *_gaps(values), *_hull(values), *_duplicates(records)]


def _moduli(values: Values) -> Iterator[str]:
    for name in ("bulk_modulus", "shear_modulus"):
        counts = {"exact zero": (values[name] == 0).sum(), "negative value": (values[name] < 0).sum()}
        found = [counted(int(count), what) for what, count in counts.items() if count]
        if found:
            yield f"{PROPERTIES[name].label}: {' and '.join(found)}, from failed or unstable elastic calculations."


def _symmetry(values: Values, zero: NDArray[np.bool_]) -> Iterator[str]:
    for name, row in PROPERTIES.items():
        count = int((zero & (np.abs(values[name]) > 0)).sum()) if row.zero_by_symmetry else 0
        if count:
            yield f"{row.label}: {counted(count, 'non-zero value')} where the symmetry of the crystal forbids any."


def _gaps(values: Values) -> Iterator[str]:
    count = int((values["band_gap_mbj"] < values["band_gap"] - 0.2).sum())
    if count:
        yield f"Band gaps: {counted(count, 'TB-mBJ gap')} more than 0.2 eV below the OptB88vdW gap, against the rule."


def _hull(values: Values) -> Iterator[str]:
    ehull = values["ehull"][~np.isnan(values["ehull"])]
    if len(ehull) and np.median(ehull) > 0.5:
        yield (
            f"Energy above hull: median {np.median(ehull):.2f} eV/atom, {(ehull < 0.1).mean():.0%} below 0.1 eV/atom; "
            "no distances to the convex hull: in dft_3d_2021 energies per atom were divided by the atoms of the "
            "formula unit once more. Predicted as the release gives it."
        )


def _duplicates(records: pa.Table) -> Iterator[str]:
    held = set(records[c.JID].to_pylist())
    for name, row in PROPERTIES.items():
        twice = [jid for jid in duplicate_ids(name) if jid in held]
        if twice:
            yield (
                f"{row.label}: {', '.join(twice)} in more than one fold of the official split; "
                "kept in the most held-out one, dropped from training."
            )
