"""Synthetic results of a whole run, in the contracts of the files that evaluate.py and compare.py read.

In: sizes and a seed.  Out: <folder>/data/* and <folder>/{tier}/{task}.predictions.parquet. The numbers mean nothing:
they exercise the report in tests and in benchmarks/report.py.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.coverage import Coverage, FoldCounts, PropertyCoverage
from crystalmatrix.contracts.origin import Origin
from crystalmatrix.contracts.quality import Histogram, PropertyQuality, Quality
from crystalmatrix.contracts.statistics import Example, Statistics
from crystalmatrix.contracts.summary import DataSource, Epoch, ModelSummary, PredictionsMetadata
from crystalmatrix.contracts.tables import RecordsMetadata, SplitsMetadata
from crystalmatrix.files import write_table, write_text
from crystalmatrix.properties import AUXILIARY_FIELDS, MULTITASK, PROPERTIES

SYMBOLS = {1: "H", 8: "O", 12: "Mg", 14: "Si", 22: "Ti", 26: "Fe", 38: "Sr", 56: "Ba", 74: "W", 92: "U"}
TIERS = ("lite", "std", "pro", "cgcnn")
GROWING = "band_gap"  # whose errors grow with the distance from training; of the others they do not
NOISE = {"lite": 0.5, "std": 0.3, "pro": 0.2, "cgcnn": 0.6, "composition": 0.9}  # of the target's scale

ORIGIN = Origin(
    source="synthetic",
    release=None,
    origin="synthetic",
    bytes=1,
    sha256="0" * 64,
    n_entries=1,
    date="2026-01-31",
)
RECORDS = RecordsMetadata(
    source="synthetic", release=None, raw_sha256=ORIGIN.sha256, digest="1" * 64, symprec=0.01, fields={}
)
SPLITS = SplitsMetadata(scheme="official", seed=None, source="synthetic", records_digest=RECORDS.digest)

GRAPHS = Statistics(
    n_crystals=10,
    n_atoms=30,
    n_edges=180,
    n_angles=450,
    neighbours=(0, 0, 5, 0, 20, 5),
    distance_bin=0.05,
    distances=(*[0] * 30, 100, 0, 80),
    angles=(*[0] * 90, 450, *[0] * 89),
    example=Example(
        jid="JVASP-1",
        species=(12, 8),
        lattice=((3.0, 0, 0), (0, 3.0, 0), (0, 0, 3.0)),
        position=((0.0, 0, 0), (1.5, 1.5, 1.5)),
        centre=(0, 1),
        neighbour=(1, 0),
        end=((1.5, 1.5, 1.5), (3.0, 3.0, 3.0)),
    ),
)


def write_results(
    folder: Path, *, n_test: dict[str, int], tiers: tuple[str, ...] = TIERS, seed: int = 0, ensemble: bool = True
) -> None:
    """Write a run whose properties have `n_test` test crystals, and as many for validation."""
    generator = np.random.default_rng(seed)
    n_crystals = 3 * max(n_test.values())
    jid = np.array([f"JVASP-{number}" for number in generator.permutation(9 * n_crystals)[:n_crystals]])
    z = generator.choice(list(SYMBOLS), size=(n_crystals, 3))
    values = {
        name: np.round(generator.gamma(2.0, 2.0, n_crystals) - (name == "formation_energy"), 4) for name in PROPERTIES
    }
    _records(folder, jid, z, values, generator)
    folds = {name: _folds(n_crystals, n) for name, n in n_test.items()}
    _splits(folder, jid, folds)
    for tier in tiers:
        for task in [*n_test, MULTITASK]:
            names = list(n_test) if task == MULTITASK else [task]
            _predictions(folder, tier, task, names, jid, values, folds, generator, ensemble=ensemble)
    for name in n_test:
        _predictions(folder, "composition", name, [name], jid, values, folds, generator, ensemble=False)


def _folds(n_crystals: int, n: int) -> np.ndarray:
    fold = np.full(n_crystals, c.TRAIN, dtype="U5")
    fold[:n], fold[n : 2 * n] = c.TEST, c.VAL
    return fold


def _records(folder: Path, jid: np.ndarray, z: np.ndarray, values: dict, generator: np.random.Generator) -> None:
    n = len(jid)
    table = pa.table(
        {
            c.JID: jid,
            c.FORMULA: ["".join(dict.fromkeys(SYMBOLS[int(a)] for a in row)) for row in z],
            c.N_ATOMS: np.full(n, 3),
            c.SPECIES: list(z),
            c.FRACTIONAL: [[0.0] * 9] * n,
            c.LATTICE: [[5.0, 0, 0, 0, 5.0, 0, 0, 0, 5.0]] * n,
            c.VOLUME: np.full(n, 125.0),
            c.SPACE_GROUP: generator.integers(1, 231, n),
            c.POINT_GROUP: ["m-3m"] * n,
            c.HAS_INVERSION: generator.random(n) < 0.5,
            **values,
            **dict.fromkeys(AUXILIARY_FIELDS, pa.nulls(n, pa.float64())),
        }
    ).cast(c.RECORDS)
    data = folder / "data"
    write_table(
        data / "records.parquet",
        table,
        version=c.RECORDS_VERSION,
        metadata=RECORDS.to_dict(),
    )
    write_table(
        data / "dropped.parquet",
        pa.table({"jid": ["JVASP-0"], "reason": ["zero volume"], "detail": ["0.0 Å3"]}).cast(c.DROPPED),
        version=c.RECORDS_VERSION,
        metadata={},
    )
    _quality(values).write(data / "quality.json")
    GRAPHS.write(folder / "graphs/statistics.json")


def _quality(values: dict) -> Quality:
    n = len(next(iter(values.values())))
    return Quality(
        source=ORIGIN,
        n_raw=n + 1,
        n_kept=n,
        dropped={"zero volume": 1},
        without_symmetry=0,
        unreadable_labels={},
        known_defects=(),
        properties={name: _property_quality(PROPERTIES[name].unit, value) for name, value in values.items()},
    )


def _property_quality(unit: str, value: np.ndarray) -> PropertyQuality:
    counts, edges = np.histogram(value, bins=20)
    return PropertyQuality(
        unit=unit,
        plausible=(-10.0, 100.0),
        count=len(value),
        zeros=int((value == 0).sum()),
        negatives=int((value < 0).sum()),
        out_of_range=0,
        repeats=(),
        min=float(value.min()),
        max=float(value.max()),
        median=float(np.median(value)),
        histogram=Histogram(edges=tuple(edges.tolist()), counts=tuple(counts.tolist())),
        nonzero_against_symmetry=None,
    )


def _splits(folder: Path, jid: np.ndarray, folds: dict[str, np.ndarray]) -> None:
    data = folder / "data"
    plain = {c.STRICT: True, c.WEIGHT: None, c.OFFSET: None}
    parts = [pd.DataFrame({c.JID: jid, c.PROPERTY: name, c.FOLD: fold, **plain}) for name, fold in folds.items()]
    write_table(
        data / "splits.parquet",
        pa.Table.from_pandas(pd.concat(parts), preserve_index=False).cast(c.SPLITS),
        version=c.SPLITS_VERSION,
        metadata=SPLITS.to_dict(),
    )
    twins = [(jid[0], name, jid[-1], "same structure") for name in folds]
    write_table(
        data / "leakage.parquet",
        pa.table(dict(zip((c.JID, c.PROPERTY, "twin_jid", "kind"), zip(*twins, strict=True), strict=True))),
        version=c.SPLITS_VERSION,
        metadata={},
    )
    held = {
        name: FoldCounts(**{kind: int((fold == kind).sum()) for kind in (c.TRAIN, c.VAL, c.TEST)})
        for name, fold in folds.items()
    }
    coverage = {
        name: PropertyCoverage(
            official=FoldCounts(train=3 * counts.train, val=3 * counts.val, test=3 * counts.test),
            held=counts,
            strict_train=counts.train,
            without_fold=0,
        )
        for name, counts in held.items()
    }
    Coverage(properties=coverage).write(data / "coverage.json")
    write_text(data / "outliers.csv", f"id,property,value,score\n{jid[-1]},{next(iter(folds))},99.0,12.5\n")


def _predictions(
    folder: Path,
    tier: str,
    task: str,
    names: list[str],
    jid: np.ndarray,
    values: dict,
    folds: dict,
    generator: np.random.Generator,
    *,
    ensemble: bool,
) -> None:
    parts = []
    for name in names:
        held = folds[name] != c.TRAIN
        target = values[name][held]
        spread = generator.gamma(2.0, 0.5, held.sum()) * NOISE[tier] * target.std() / 2
        prediction = target + spread * generator.standard_normal(held.sum())
        part = pd.DataFrame({c.JID: jid[held], c.PROPERTY: name, c.FOLD: folds[name][held]})
        part[c.TARGET], part[c.PREDICTION] = target, prediction
        part[c.SPREAD] = spread if ensemble else np.nan
        part[c.NOVELTY] = np.nan if tier == "composition" else _novelty(name, np.abs(prediction - target))
        part[c.LOWER], part[c.UPPER] = (
            (prediction - 1.6 * spread, prediction + 1.6 * spread) if ensemble else (None, None)
        )
        parts.append(part)
    write_table(
        folder / tier / f"{task}.predictions.parquet",
        pa.Table.from_pandas(pd.concat(parts), schema=c.PREDICTIONS, preserve_index=False),
        version=c.PREDICTIONS_VERSION,
        metadata=PredictionsMetadata(model=summary(tier, task, names, values, folds)).to_dict(),
    )


def _novelty(name: str, error: np.ndarray) -> np.ndarray:
    random = np.random.default_rng(0).random(len(error))  # a generator of its own: other numbers stay as they were
    return random + 5 * error / error.max() if name == GROWING else random


def summary(tier: str, task: str, names: list[str], values: dict, folds: dict) -> ModelSummary:
    """What a checkpoint says about itself."""
    train = {name: values[name][folds[name] == c.TRAIN] for name in names}
    decay = np.exp(-np.arange(12) / 4.0) + NOISE[tier]
    history = [
        Epoch(
            epoch=epoch + 1,
            train_loss=float(decay[epoch]),
            val_mae={name: float(decay[epoch] * np.abs(values[name]).mean() / 2) for name in names},
            val_score=float(decay[epoch]),
            learning_rate=1e-3,
            crystals_per_second=350.0,
            seconds=3.5 * (epoch + 1),
            joules=2e5 * (epoch + 1),
        )
        for epoch in range(12)
    ]
    is_baseline = tier == "composition"
    return ModelSummary(
        tier=tier,
        task=task,
        architecture="cgcnn" if tier == "cgcnn" else "equivariant",
        n_parameters={"lite": 100_000, "std": 800_000, "pro": 3_000_000}.get(tier, 80_000),
        device="cpu",
        train_seconds=42.0,
        energy_joules=None if is_baseline else 2.4e6,
        peak_memory_mb=812.0,
        crystals_per_second=350.0,
        seeds=3,
        epochs=12,
        n_train={name: len(train[name]) for name in names},
        train_median={name: float(np.median(train[name])) for name in names},
        history=() if is_baseline else tuple(history),
        versions={"crystalmatrix": "0.1.0", "numpy": "2"},
        data_digest=RECORDS.digest,
        source=DataSource.of(RECORDS, SPLITS),
        hold_out="strict" if task == MULTITASK else "own",
        interval_level=0.9,
    )
