"""config.yaml and its objects: what is accepted, what is refused, and that every refusal is one helpful line."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from crystalmatrix import config as configuration
from crystalmatrix.config import Config, DataConfig, GraphConfig, ReportConfig, TierConfig, TrainingConfig
from crystalmatrix.errors import ConfigError
from crystalmatrix.properties import PROPERTIES

ROOT = Path(__file__).parents[1]
CGCNN = {"model": {"architecture": "cgcnn"}}


def parse(**sections: Any) -> Config:
    """A small valid configuration with some sections replaced."""
    return Config.parse({"tiers": {"lite": CGCNN, "pro": CGCNN}, "matrix": {"tiers": ["lite", "pro"]}, **sections})


def test_shipped_config_declares_forty_models() -> None:
    config = configuration.load(ROOT / "config.yaml")
    assert len(config.matrix.tiers) * len(config.tasks) == 40
    assert config.tasks == (*PROPERTIES, "multitask")


@pytest.mark.parametrize("path", ["config.yaml", "demo/config.yaml"])
def test_every_value_shipped_is_of_a_known_key(path: str) -> None:
    """The demo's file is laid over config.yaml, section by section, as Snakemake does it."""
    content = yaml.safe_load((ROOT / "config.yaml").read_text())
    _merge(content, yaml.safe_load((ROOT / path).read_text()))
    Config.parse(content)


def _merge(base: dict[str, Any], over: dict[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = value


def test_config_yaml_spells_out_the_defaults() -> None:
    """A key of config.yaml that says another thing than the code would be two truths."""
    shipped = configuration.load(ROOT / "config.yaml")
    for name in ("data", "graph", "matrix", "report", "screen"):
        assert getattr(shipped, name) == Config.model_fields[name].get_default(), name


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


def test_keys_that_do_not_concern_a_task_are_left_out():
    tier = TierConfig.parse(
        {"model": {"architecture": "cgcnn"}, "training": {"sampling": "uniform", "init": "multitask", "seeds": 3}}
    )
    single, universal = tier.for_task("ehull").training, tier.for_task("multitask").training
    assert (single.sampling, single.init, single.seeds) == ("balanced", "multitask", 3)
    assert (universal.sampling, universal.init, universal.seeds) == ("uniform", "scratch", 3)
