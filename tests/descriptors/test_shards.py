"""The stage with a potential made of arithmetic: what a shard holds, what features take from it, what is refused."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from crystalmatrix import files
from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.descriptors import POTENTIALS, REASON, DescriptorsMetadata, n_descriptors
from crystalmatrix.contracts.features import DESCRIPTORS, SITE_ENERGIES
from crystalmatrix.contracts.view import View
from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.descriptors.described import LARGEST, half
from crystalmatrix.descriptors.potential import Batch
from crystalmatrix.descriptors.shards import write_shard
from crystalmatrix.descriptors.store import AT_ONCE
from crystalmatrix.errors import ConfigError, DataError
from crystalmatrix.features.features import Features
from crystalmatrix.features.store import open_features, write_features
from crystalmatrix.models.descriptors import DescriptorInput
from crystalmatrix.tiers import LayerName, PotentialName, ReadoutConfig

from ..features.cases import ORIGIN, write_records, write_shards
from ..models.cases import random_crystal

GRAPH = GraphConfig(shards=2)
N = AT_ONCE + 60  # more than a row group in one of the shards
UNKNOWN = 86  # an element that the potential has not
CRYSTALS = [random_crystal(seed, n_atoms=1 + seed % 5) for seed in range(2 * N)]
WIDTH = POTENTIALS["chgnet"].width
MODEL = ReadoutConfig(architecture="readout", descriptors=("chgnet",))


class Arithmetic:
    """Features of an atom are multiples of its number and place; `calls` are the sizes of the batches."""

    elements = frozenset(range(1, UNKNOWN))
    most_atoms = 4
    atoms_at_once = 40

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, crystals: Sequence[Crystal]) -> Batch:
        self.calls.append(sum(len(crystal.species) for crystal in crystals))
        features = np.concatenate([expected(crystal.species, crystal.fractional) for crystal in crystals])
        return Batch(features, features[:, 0] - 7, np.array([features.mean()] * len(crystals)))


def expected(species: np.ndarray, fractional: np.ndarray) -> np.ndarray:
    """[n_atoms, WIDTH]"""
    return (species[:, None] * np.linspace(-1, 1, WIDTH) + fractional[:, :1]).astype(np.float32)


def described(crystal) -> bool:
    return not (crystal.species >= UNKNOWN).any() and len(crystal.species) <= Arithmetic.most_atoms


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("graphs")
    return write_shards(folder, write_records(folder / "records.parquet", CRYSTALS), GRAPH)


@pytest.fixture(scope="module")
def shards(graphs: list[Path]) -> list[Path]:
    paths = [path.with_name(f"chgnet-{path.name}") for path in graphs]
    done = [write_shard(path, graph, Arithmetic(), name="chgnet") for path, graph in zip(paths, graphs, strict=True)]
    assert sum(n for n, _ in done) == len(CRYSTALS)
    assert sum(missing for _, missing in done) == sum(not described(crystal) for crystal in CRYSTALS) > 0
    return paths


def features_of(folder: Path, graphs: list[Path], shards: list[Path], block_bytes: int = 100_000) -> Features:
    paths = []
    for k, (graph, shard) in enumerate(zip(graphs, shards, strict=True)):
        paths.append(folder / f"shard-{k}.arrow")
        write_features(
            paths[-1],
            graph,
            view=View.of(GRAPH, MODEL),
            n_slots=MODEL.neighbours,
            descriptors=[shard],
            block_bytes=block_bytes,
        )
    return open_features(paths, model=MODEL, records_digest=ORIGIN.digest, limit=1 << 40)


@pytest.mark.parametrize("block_bytes", [1000, 1 << 30])
def test_features_hold_what_the_potential_said(
    tmp_path: Path, graphs: list[Path], shards: list[Path], block_bytes: int
) -> None:
    """Of every atom, to the stated error, whatever the blocks; NaN where the potential says nothing."""
    features = features_of(tmp_path, graphs, shards, block_bytes)
    found = features.gather(np.arange(len(CRYSTALS)), DESCRIPTORS, SITE_ENERGIES)
    for k, crystal in enumerate(CRYSTALS):
        atoms = slice(features.atom_pointer[k], features.atom_pointer[k + 1])
        if not described(crystal):
            assert np.isnan(found[DESCRIPTORS][atoms]).all()
            assert np.isnan(found[SITE_ENERGIES][atoms]).all()
            continue
        values = expected(crystal.species, crystal.fractional % 1)
        np.testing.assert_allclose(found[DESCRIPTORS][atoms], values, rtol=2**-11, atol=1e-7)
        np.testing.assert_allclose(found[SITE_ENERGIES][atoms, 0], values[:, 0] - 7, rtol=1e-6)


def test_a_float16_energy_would_be_noticed() -> None:
    """The control of the last line above."""
    value = np.float32(-7.4567)
    assert abs(float(np.float16(value)) - value) > 1e-6 * abs(value)


def test_values_beyond_float16_are_its_largest() -> None:
    assert half(np.array([1e9, -1e9, 3.5], np.float32)).tolist() == [LARGEST, -LARGEST, 3.5]


def test_reasons_are_kept(shards: list[Path]) -> None:
    reasons = [
        reason
        for path in shards
        for reason in files.read_table(path, version=columns.DESCRIPTORS_VERSION)[0][REASON].to_pylist()
    ]
    for crystal, reason in zip(CRYSTALS, reasons, strict=True):
        assert (reason is None) == described(crystal)
        assert not (crystal.species >= UNKNOWN).any() or "it knows no" in reason


def test_batches_are_full_and_bounded(graphs: list[Path], tmp_path: Path) -> None:
    potential = Arithmetic()
    write_shard(tmp_path / "shard.parquet", graphs[0], potential, name="chgnet")
    assert max(potential.calls) <= potential.atoms_at_once
    assert np.median(potential.calls) > 0.8 * potential.atoms_at_once


def test_the_same_shard_gives_the_same_bytes(graphs: list[Path], shards: list[Path], tmp_path: Path) -> None:
    write_shard(tmp_path / "again.parquet", graphs[0], Arithmetic(), name="chgnet")
    assert (tmp_path / "again.parquet").read_bytes() == shards[0].read_bytes()


def test_a_shard_of_other_crystals_is_one_line(tmp_path: Path, graphs: list[Path], shards: list[Path]) -> None:
    with pytest.raises(DataError, match=r"made from another graph shard; delete results/descriptors and run again"):
        features_of(tmp_path, graphs, shards[::-1])


def test_no_descriptors_for_a_view_that_has_some_is_one_line(tmp_path: Path, graphs: list[Path]) -> None:
    with pytest.raises(DataError, match="found 0 descriptor shards, expected one for each of chgnet"):
        write_features(tmp_path / "shard.arrow", graphs[0], view=View.of(GRAPH, MODEL), n_slots=MODEL.neighbours)


def test_other_weights_are_one_line(
    tmp_path: Path, graphs: list[Path], shards: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = POTENTIALS["chgnet"]._replace(sha256="0" * 64)
    monkeypatch.setitem(POTENTIALS, "chgnet", other)
    with pytest.raises(DataError, match=r"expected chgnet of chgnet 0\.4\.2 with the known weights"):
        features_of(tmp_path, graphs, shards)


def test_a_cut_shard_is_one_line(tmp_path: Path, graphs: list[Path], shards: list[Path]) -> None:
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(shards[0].read_bytes()[:-100])
    with pytest.raises(DataError, match="damaged") as caught:
        features_of(tmp_path, graphs, [cut, shards[1]])
    assert "\n" not in str(caught.value)


def test_the_metadata_says_where_the_numbers_come_from(shards: list[Path]) -> None:
    found = DescriptorsMetadata.parse(
        files.read_metadata(shards[0], version=columns.DESCRIPTORS_VERSION), where="the shard"
    )
    facts = POTENTIALS["chgnet"]
    assert (found.weights_sha256, found.licence, found.trained_on) == (facts.sha256, facts.licence, facts.trained_on)


def test_layers_cover_the_features() -> None:
    for facts in POTENTIALS.values():
        places = [place for first, end in facts.layers.values() for place in range(first, end)]
        assert places == list(range(facts.width))


def test_config_and_facts_know_the_same_potentials() -> None:
    assert sorted(PotentialName.__args__) == sorted(POTENTIALS)
    assert n_descriptors(("chgnet", "7net-0")) == 65 + 640 + 2


def test_config_and_facts_know_the_same_layers() -> None:
    assert set(LayerName.__args__) == {layer for facts in POTENTIALS.values() for layer in facts.layers}


@pytest.mark.parametrize("seen", [("7net-0",), ("7net-0", "chgnet"), ("chgnet", "7net-0")])
def test_a_model_reads_the_layers_that_it_names(seen: tuple[str, ...]) -> None:
    """Their columns, wherever they stand, and the site energy; without a name all of the potential."""
    start = 0 if seen[0] == "7net-0" else 65
    energies = sum(POTENTIALS[name].width for name in seen)
    model = ReadoutConfig(architecture="readout", descriptors=("7net-0",))
    second = model.model_copy(update={"descriptor_layers": ("layer 2",)})
    index = [DescriptorInput(config, seen).index.tolist() for config in (model, second)]
    own = energies + seen.index("7net-0")
    assert index[0] == [*range(start, start + 640), own]
    assert index[1] == [*range(start + 128, start + 256), own]


def test_a_potential_without_the_named_layers_is_a_sentence() -> None:
    model = ReadoutConfig(architecture="readout", descriptors=("chgnet",), descriptor_layers=("layer 2",))
    with pytest.raises(ConfigError, match="found layer 2, of which chgnet has none, expected some of: atoms, magnetic"):
        DescriptorInput(model, ("chgnet",))


def test_a_view_without_descriptors_has_the_name_that_it_had() -> None:
    """Else every feature file of those who use none would be made again."""
    assert "descriptors" not in View(graph=GraphConfig(), neighbours=16, angular_basis=(3, 6)).to_json()
    assert View(graph=GraphConfig(), neighbours=16, angular_basis=(3, 6)).name == "k16-a3x6-5c23fd73"
    assert View.of(GRAPH, MODEL).name.startswith("k16-chgnet-")
