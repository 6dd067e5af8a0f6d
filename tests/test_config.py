"""config.yaml and its objects: what is accepted, what is refused, and that every refusal is one helpful line."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from snakemake.utils import update_config

from crystalmatrix import config as configuration
from crystalmatrix.config import Config, DataConfig, GraphConfig, ReportConfig
from crystalmatrix.errors import ConfigError
from crystalmatrix.properties import PROPERTIES
from crystalmatrix.tiers import TierConfig, TrainingConfig

ROOT = Path(__file__).parents[1]
CGCNN = {"model": {"architecture": "cgcnn"}}


def parse(**sections: Any) -> Config:
    """A small valid configuration with some sections replaced."""
    return Config.parse({"tiers": {"lite": CGCNN, "pro": CGCNN}, "matrix": {"tiers": ["lite", "pro"]}, **sections})


def test_shipped_config_declares_every_property_in_every_tier() -> None:
    config = configuration.load(ROOT / "config.yaml")
    # all but the one whose second potential is an installation of its own
    assert set(config.tiers) - set(config.matrix.tiers) == {"transfer-plus"}
    assert config.tasks == (*PROPERTIES, "multitask")


@pytest.mark.parametrize("path", ["config.yaml", "demo/config.yaml"])
def test_every_value_shipped_is_of_a_known_key(path: str) -> None:
    """The demo's file is laid over config.yaml, section by section."""
    configuration.load(ROOT / "config.yaml", yaml.safe_load((ROOT / path).read_text()))


nested = st.recursive(
    st.integers() | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("abc"), nested), st.dictionaries(st.sampled_from("abc"), nested))
def test_an_overlay_is_laid_over_as_snakemake_does_it(base: dict[str, Any], overlay: dict[str, Any]) -> None:
    expected = copy.deepcopy(base)
    update_config(expected, copy.deepcopy(overlay))
    assert configuration.lay_over(base, overlay) == expected


def test_an_overlay_may_give_a_tier_another_architecture() -> None:
    """None of the old network's keys and sizes is left; the training's keys are, and other tiers are as they were."""
    shipped = configuration.load(ROOT / "config.yaml")
    changed = configuration.load(ROOT / "config.yaml", {"tiers": {"pro": {"model": {"architecture": "cgcnn"}}}})
    assert changed.tiers["pro"].model == TierConfig.parse(CGCNN).model
    assert changed.tiers["pro"].training == shipped.tiers["pro"].training
    assert changed.tiers["std"] == shipped.tiers["std"]
    same = {"tiers": {"pro": {"model": {"architecture": "equivariant", "channels": 8}}}}
    expected = shipped.tiers["pro"].model.model_copy(update={"channels": 8})
    assert configuration.load(ROOT / "config.yaml", same).tiers["pro"].model == expected


def test_errors_of_an_overlay_name_what_the_user_wrote() -> None:
    overlay = {"tiers": {"pro": {"model": {"architecture": "cgcnn", "l_max": 2}}}}
    with pytest.raises(
        ConfigError, match=r"^config: tiers\.pro\.model: unknown key 'l_max'.*known: architecture, chan"
    ):
        configuration.load(ROOT / "config.yaml", overlay)


def test_broken_yaml_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("tiers: [lite\nmatrix: {}")
    with pytest.raises(ConfigError, match=r"config\.yaml: not valid YAML: .*line 2") as error:
        configuration.load(tmp_path / "config.yaml")
    assert "\n" not in str(error.value)


def test_config_yaml_spells_out_the_defaults() -> None:
    """A key of config.yaml that says another thing than the code would be two truths."""
    shipped = configuration.load(ROOT / "config.yaml")
    for name in ("data", "graph", "matrix", "report", "screen"):
        assert getattr(shipped, name) == Config.model_fields[name].get_default(call_default_factory=True), name


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"datta": {}}, "config: unknown key 'datta'; did you mean 'data'?"),
        ({"data": {"split": 1}}, "config: data: unknown key 'split'; did you mean 'splits'?"),
        ({"data": {"splits": "offical"}}, "config: data.splits: found 'offical': Input should be 'official', "),
        ({"data": {"fields": {"piezo": "x"}}}, "config: data.fields: unknown property 'piezo'; did you mean 'piezoe"),
        ({"data": {"split_fractions": [1, 1, 1]}}, "config: data.split_fractions: found (1.0, 1.0, 1.0), expected"),
        ({"graph": {"cutoff": 99}}, "config: graph.cutoff: found 99: Input should be less than or equal to 12"),
        ({"graph": {"three_body_cutoff": 6}}, "config: graph: three_body_cutoff: found 6.0 Å, expected at most"),
        ({"graph": {"min_neighbours": 12}}, "config: graph.min_neighbours: found 12, expected at least 13: 12 equal"),
        ({"graph": {"max_neighbours": 8}}, "config: graph.max_neighbours: found 8, expected at least 13: 12 equal"),
        ({"graph": {"search": "gpu"}}, "config: graph.search: found 'gpu': Input should be 'cpu' or 'torch-cluster'"),
        (
            {"tiers": {"lite": CGCNN, "pro": {"model": {**CGCNN["model"], "neighbours": 11}}}},
            "config: tiers.pro.model.neighbours: found 11, expected at least 12 (or null for all): so many equal",
        ),
        ({"graph": None}, "config: graph: found None, expected a section with keys: cutoff, "),
        ({"matrix": {"tiers": ["prr"]}}, "config: matrix.tiers: unknown tier 'prr'; did you mean 'pro'?"),
        ({"matrix": {"tiers": []}}, "config: matrix.tiers: found []: "),
        (
            {"matrix": {"properties": ["bandgap"]}},
            "config: matrix.properties: unknown property 'bandgap'; did",
        ),
        ({"tiers": {"pro": {**CGCNN, "training": {"seed": 1}}}}, "config: tiers.pro.training: unknown key 'seed'; did"),
        (
            {"tiers": {"pro": {"model": {"architecture": "cgcnn", "chanels": 1}}}},
            "config: tiers.pro.model: unknown",
        ),
        ({"tiers": {"pro": {"model": {"architecture": "gnn"}}}}, "config: tiers.pro.model: unknown architecture 'gnn'"),
        (
            {"tiers": {"pro": {"model": {"layers": 2}}}},
            "config: tiers.pro.model: found no architecture in {'layers': 2}, expected {architecture: <name>, ...}",
        ),
        ({"matrix": {"tiers": ["pro", "lite", "pro"]}}, "config: matrix.tiers: found 'pro' 2 times, expected each"),
        ({"matrix": {"properties": ["ehull"] * 3}}, "config: matrix.properties: found 'ehull' 3 times, expected each"),
        (
            {"tiers": {"pro": {**CGCNN, "training": {"min_epochs": 9, "max_epochs": 8}}}},
            "config: tiers.pro.training: min_epochs: found 9, expected at most max_epochs = 8; ",
        ),
        ({"tiers": {"pro": {}}}, "config: tiers.pro.model: not found, expected a value"),
        ({"tiers": {"data": CGCNN}}, "config: tiers: found the name 'data', expected letters"),
        ({"tiers": {"a/b": CGCNN}}, "config: tiers: found the name 'a/b', expected letters"),
        ({"screen": {"mine": {"model": "x.pt"}}}, "config: screen.mine.structures: not found, expected a value"),
    ],
)
def test_bad_config_is_one_line_that_names_place_and_nearest(sections: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(**sections)
    assert str(error.value).startswith(expected)
    assert "\n" not in str(error.value)


def test_fine_tuning_needs_the_multitask_model() -> None:
    tiers = {"lite": {**CGCNN, "training": {"init": "multitask"}}}
    with pytest.raises(ConfigError, match=r"tiers\.lite\.training\.init: found 'multitask' with matrix\.multitask"):
        parse(tiers=tiers, matrix={"tiers": ["lite"], "multitask": False})


def test_pairs_outside_the_matrix_are_refused_with_what_exists() -> None:
    config = parse(matrix={"tiers": ["pro"], "properties": ["dielectric", "ehull"]})
    config.check_pair("pro", "multitask")
    with pytest.raises(ConfigError, match=r"did you mean 'dielectric'.*known: dielectric, ehull, multitask"):
        config.check_pair("pro", "dielectic")
    with pytest.raises(ConfigError, match=r"results/lite/ehull\.pt: no tier 'lite'.*known: pro"):
        config.check_pair("lite", "ehull")
    with pytest.raises(ConfigError, match="no property 'spillage' in the matrix"):
        config.check_property("spillage")
    for shard in ("8", "99", "007"):
        with pytest.raises(ConfigError, match=rf"shard-{shard}\.parquet: no shard {shard} .*known: 0 to 7"):
            config.check_shard(shard)
    config.check_shard("7")
    with pytest.raises(ConfigError, match=r"no 'mine' under `screen:`.*known: none"):
        config.screening("mine")


@given(
    st.builds(GraphConfig, cutoff=st.floats(4, 12), three_body_cutoff=st.floats(0.1, 4), shards=st.integers(1, 99))
    | st.builds(ReportConfig, bootstrap=st.integers(100, 9999), published=st.none() | st.text())
    | st.builds(DataConfig, source=st.text(), mirrors=st.lists(st.text()).map(tuple))
)
def test_settings_survive_the_command_line(section: GraphConfig | ReportConfig | DataConfig) -> None:
    assert type(section).from_json(section.to_json()) == section


def test_a_stage_gets_only_the_keys_that_it_reads() -> None:
    data = DataConfig(source="minerals", split_seed=3)
    assert data.to_json("source") == '{"source":"minerals"}'
    assert DataConfig.from_json(data.to_json("source")) == DataConfig(source="minerals")


def test_home_is_expanded_in_what_is_screened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/curie")
    entry = parse(screen={"mine": {"structures": "~/my crystals", "model": "~/model.pt"}}).screening("mine")
    assert (entry.structures, entry.model) == ("/home/curie/my crystals", "/home/curie/model.pt")


def test_sections_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        TrainingConfig().seeds = 2  # type: ignore[misc]  # frozen: that it fails is the test
    assert TierConfig.parse(CGCNN).training == TrainingConfig()


def test_keys_that_do_not_concern_a_task_are_left_out() -> None:
    """And what the user wrote of the others is read back as it was written."""
    written = {"sampling": "uniform", "init": "multitask", "seeds": 3}
    tier = TierConfig.parse({"model": {"architecture": "cgcnn"}, "training": written})
    single, universal = (json.loads(tier.for_task(task))["training"] for task in ("ehull", "multitask"))
    assert "sampling" not in single
    assert "init" not in universal
    assert (single["init"], single["seeds"]) == ("multitask", 3)
    assert TierConfig.from_json(tier.for_task("multitask")).training.sampling == "uniform"
    other = TierConfig.parse({**tier.model_dump(), "training": {**tier.training.model_dump(), "sampling": "balanced"}})
    assert other.for_task("ehull") == tier.for_task("ehull")  # so nothing is trained again
    assert other.for_task("multitask") != tier.for_task("multitask")
