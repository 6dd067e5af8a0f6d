"""A whole run on a few dozen real crystals, in a copy with a path that no shell likes; then what runs again.

Each test starts from the finished run and puts back what it changes.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

from crystalmatrix.contracts import columns
from crystalmatrix.data.minerals import mineral_entries
from crystalmatrix.files import read_table, sha256, write_table
from crystalmatrix.report.text import significant

from .running import ROOT, copy_of_the_project, jobs, snakemake

pytestmark = pytest.mark.workflow

N_CRYSTALS = 60
NAME = 'it\'s a $(touch canary) `touch canary` "copy"; touch canary & #'  # of the folder: what a shell would run
SOURCE = "--crystals $(touch canary)'.json"
CONFIG = {
    "data": {"source": SOURCE},
    "graph": {"shards": 2},
    "matrix": {"tiers": ["cgcnn"], "properties": ["formation_energy", "bulk_modulus"]},
    "tiers": {"cgcnn": {"training": {"crystals_seen": 100, "min_epochs": 2, "max_epochs": 2}}},
    "report": {"bootstrap": 100},
}
SECRET = "kept-by-the-environment-alone"
TASKS = ["formation_energy", "bulk_modulus", "multitask"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run: all that git has of the workflow, its own config, and its results."""
    folder = tmp_path_factory.mktemp("workflow") / NAME
    copy_of_the_project(folder, "envs", "profiles", "report", "rules", "workflow_scripts", "Snakefile", "config.yaml")
    labelled = [entry for entry in mineral_entries() if entry["bulk_modulus_kv"] != "na"]
    labelled.sort(key=lambda entry: (len(entry["atoms"]["elements"]), entry["jid"]))
    (folder / SOURCE).write_text(json.dumps(labelled[:N_CRYSTALS]))
    (folder / "tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MY_SECRET_TOKEN", SECRET)
        result = run(folder)
    assert result.returncode == 0, result.stdout
    assert SECRET not in result.stdout
    return folder


def run(folder: Path, *arguments: str, config: dict | None = None):  # type: ignore[no-untyped-def]
    """`snakemake --configfile tiny.yaml ...` in the copy, with some sections of the configuration replaced."""
    configs = ["--configfile", "tiny.yaml"]
    if config is not None:
        (folder / "changed.yaml").write_text(yaml.safe_dump(config))
        configs.append("changed.yaml")
    options = ["--cores", "2", "--resources", "gpu=0", "--set-threads", "train=1", "predict=1"]
    return snakemake(folder, *arguments, *options, *configs, cwd=folder)


def planned(folder: Path, *arguments: str, config: dict | None = None) -> dict[str, int]:
    """The jobs that a dry run announces, without `all` and `total`."""
    result = run(folder, *arguments, "--dry-run", config=config)
    assert result.returncode == 0, result.stdout
    return {rule: count for rule, count in jobs(result.stdout).items() if rule not in ("all", "total")}


@pytest.fixture
def put_back(finished: Path) -> Iterator[None]:
    """Afterwards a shard and a model are as they were."""
    paths = [finished / "results" / name for name in ("graphs/shard-1.parquet", "cgcnn/bulk_modulus.pt")]
    contents = [path.read_bytes() for path in paths]
    yield
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)


def test_every_declared_file_is_there(finished: Path) -> None:
    results = finished / "results"
    for task in TASKS:
        for ending in ("pt", "predictions.parquet", "metrics.json", "md"):
            assert (results / f"cgcnn/{task}.{ending}").is_file()
        assert (results / f"benchmarks/train/cgcnn/{task}.tsv").is_file()
    for name in ("comparison.html", "comparison.json", "comparison.csv"):
        assert (results / "report" / name).is_file()
    assert list((results / "report/figures").glob("*.svg"))
    for name in ("formation_energy", "bulk_modulus"):
        assert list((results / "leaderboard" / name).glob("*.csv.zip"))
        assert (results / f"composition/{name}.metrics.json").is_file()
    assert not list(finished.rglob("*.part"))


def test_every_link_of_the_page_leads_to_a_file(finished: Path) -> None:
    page = finished / "results/report/comparison.html"
    files = [link for link in re.findall(r'<a href="([^"]+)"', page.read_text()) if not link.startswith("#")]
    assert len(files) > 3 * len(TASKS), "the control: card, log and metrics of each model are linked"
    assert [link for link in files if not (page.parent / link).is_file()] == []


def test_what_the_environment_holds_is_in_no_file(finished: Path) -> None:
    written = [path for path in finished.rglob("*") if path.is_file()]
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []
    named = [path for path in written if SOURCE.encode() in path.read_bytes()]
    assert len(named) > 2, "the control: what the configuration holds is in some"


def test_metrics_are_of_the_official_folds(finished: Path) -> None:
    metrics = json.loads((finished / "results/cgcnn/multitask.metrics.json").read_text())
    assert set(metrics["properties"]) == {"formation_energy", "bulk_modulus"}
    score = metrics["properties"]["bulk_modulus"]
    assert score["n_train"] + score["n_val"] + score["n_test"] <= N_CRYSTALS
    assert score["n_test"] > 0


def test_names_reach_no_shell(finished: Path) -> None:
    """Nor do those of structures, their folder and a model, which may begin with a dash; the control runs them."""
    folder = finished / "-- mine; touch canary"
    folder.mkdir()
    entry = {"jid": "$(touch canary)\n'", "atoms": json.loads((finished / SOURCE).read_text())[0]["atoms"]}
    (folder / "$(touch canary)'\n.json").write_text(json.dumps([entry]))
    shutil.copy(finished / "results/cgcnn/multitask.pt", finished / "-m $(touch canary).pt")
    screen = {"mine": {"structures": folder.name, "model": "-m $(touch canary).pt"}}
    result = run(finished, "results/screen/mine.csv", config={**CONFIG, "screen": screen})
    assert result.returncode == 0, result.stdout
    rows = pd.read_csv(finished / "results/screen/mine.csv")
    assert rows["id"].tolist() == [entry["jid"]]
    assert rows["bulk_modulus [GPa]"].notna().all()
    places = (finished, finished.parent, ROOT, Path.cwd())
    assert not [place / "canary" for place in places if (place / "canary").exists()]
    subprocess.run(["bash", "-c", f"echo {folder.name}"], cwd=folder, check=True)
    assert (folder / "canary").exists()
    shutil.rmtree(folder)


def test_second_run_does_nothing(finished: Path) -> None:
    assert planned(finished) == {}


def test_only_the_page_is_stale(finished: Path) -> None:
    page = finished / "results/report/comparison.html"
    content = page.read_bytes()
    page.unlink()
    assert planned(finished) == {"compare": 1}
    assert run(finished, "results/report/comparison.html").returncode == 0
    assert page.read_bytes() == content, "the same inputs make the same page"


@pytest.mark.parametrize(
    ("file", "stale"),
    [
        ("report/templates/style.css", {"compare"}),
        ("report/matrix.py", {"compare"}),
        ("evaluation/metrics.py", {"evaluate", "cards", "compare", "leaderboard"}),
        ("training/loop.py", set()),
        ("models/cgcnn.py", {"cards"}),
    ],
)
def test_change_of_the_code_behind_the_page_makes_it_again(finished: Path, file: str, stale: set[str]) -> None:
    """And a comment in the trainer trains nothing again."""
    path = finished / "workflow_scripts/crystalmatrix" / file
    content = path.read_text()
    path.write_text(content + "\n")
    plan = planned(finished)
    path.write_text(content)
    assert set(plan) == stale


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"report": {"bootstrap": 200}}, {"evaluate": 5, "compare": 1}),
        ({"data": {"max_drop_rate": 0.5}}, {"records": 1}),
        ({"data": {"splits": "random"}}, {"splits": 1, "train": 3}),
        ({"tiers": {"cgcnn": {"training": {"seeds": 2}}}}, {"train": 3}),
        ({"graph": {"cutoff": 4.5}}, {"graph_shard": 2, "features": 2, "train": 3}),
        ({"graph": {"shards": 3}}, {"graph_shard": 3, "features": 3, "train": 3}),
        ({"tiers": {"cgcnn": {"model": {"neighbours": 20}}}}, {"features": 2, "train": 3}),
        ({"tiers": {"cgcnn": {"model": {"channels": 32}}}}, {"train": 3}),
    ],
)
def test_change_of_config_runs_its_stage_again(finished: Path, config: dict, expected: dict[str, int]) -> None:
    plan = planned(finished, config=config)
    assert {rule: plan.get(rule) for rule in expected} == expected
    order = ["fetch", "records", "splits", "graph_shard", "features", "train", "composition", "evaluate", "compare"]
    before = order[: min(order.index(rule) for rule in expected)]
    assert not set(before) & set(plan), "nothing before the stage runs again"


def test_same_content_written_again_runs_nothing(finished: Path) -> None:
    """However large the file is: a training costs more than a checksum."""
    for name in ("data/records.parquet", "data/splits.parquet", "graphs/shard-0.parquet", "cgcnn/multitask.pt"):
        (finished / "results" / name).touch()
    assert planned(finished) == {}


@pytest.mark.usefixtures("put_back")
def test_damaged_features_are_built_again_where_they_are_needed(finished: Path) -> None:
    (shard,) = finished.glob("results/features/*/shard-1.arrow")
    content = shard.read_bytes()
    shard.write_bytes(content[:-100])
    (finished / "results/cgcnn/bulk_modulus.pt").unlink()
    result = run(finished, "results/cgcnn/bulk_modulus.pt")
    assert result.returncode == 0, result.stdout
    assert "shard-1.arrow: damaged" in result.stdout
    assert jobs(result.stdout) == {"features": 1, "view": 1, "train": 1, "total": 3}
    assert shard.read_bytes() == content, "the same input gives the same bytes"
    assert "train" not in planned(finished), "so the other models stay"


LOOKS = [
    ["--dry-run"],
    ["--summary"],
    ["--rulegraph"],
    ["--dag"],
    ["--list-input-changes"],
    ["--list-changes", "code"],
    ["--lint"],
    ["--report", "report.zip"],
]


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of change of every file."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.mark.usefixtures("put_back")
def test_looking_changes_nothing(finished: Path) -> None:
    """Whatever command looks, a damaged shard and one of another version stay; a run builds both again."""
    shards = [finished / f"results/graphs/shard-{k}.parquet" for k in (0, 1)]
    contents = [shard.read_bytes() for shard in shards]
    shards[0].write_bytes(contents[0][:-100])
    table, metadata = read_table(shards[1], version=columns.GRAPHS_VERSION)
    write_table(shards[1], table, version=columns.GRAPHS_VERSION, metadata=metadata | {"version": 0})
    before = state(finished / "results")
    for look in LOOKS:
        output = run(finished, *look).stdout
        assert state(finished / "results") == before, f"snakemake {' '.join(look)}"
        if look == ["--dry-run"]:
            assert "shard-0.parquet: damaged" in output
            assert "a run makes it again where it is needed" in output
    assert (finished / "report.zip").stat().st_size > 10_000, "Snakemake's own report holds the page"
    result = run(finished, *(f"results/graphs/{shard.name}" for shard in shards))
    assert result.returncode == 0, result.stdout
    assert [shard.read_bytes() for shard in shards] == contents, "the control: a run does change them"


def test_changed_source_is_fetched_again(finished: Path) -> None:
    source = finished / SOURCE
    content = source.read_text()
    source.write_text(json.dumps(json.loads(content)[:-1]))
    assert planned(finished)["fetch"] == 1
    source.write_text(content)
    assert planned(finished) == {}


@pytest.mark.parametrize("content", ["", "[", '{"a": 1}', "[]"])
def test_bad_source_fails_in_one_line_and_leaves_nothing(finished: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    config = {**CONFIG, "data": {"source": str(tmp_path / "bad.json")}}
    (finished / "bad.yaml").write_text(yaml.safe_dump(config))
    result = snakemake(tmp_path, "results/data/raw.json.zip", "--cores", "1", "--configfile", "bad.yaml", cwd=finished)
    assert result.returncode != 0
    assert any(line.strip().startswith("error: ") and "bad.json" in line for line in result.stdout.splitlines())
    assert "Traceback" not in result.stdout
    assert not list(tmp_path.rglob("raw*"))


def test_release_and_taking_it_up_again(finished: Path, tmp_path: Path) -> None:
    """A card says what was measured; with `pretrained:` the same file is a model of another run, without training."""
    assert run(finished, "results/release/cgcnn/multitask.md").returncode == 0
    release = finished / "results/release"
    card = (release / "cgcnn/multitask.md").read_text()
    metrics = json.loads((finished / "results/cgcnn/multitask.metrics.json").read_text())
    for name, score in metrics["properties"].items():
        assert f"| {name} | " in card
        assert f"| {score['n_test']:,} | {significant(score['mae'])} | " in card
    assert sha256(release / "cgcnn/multitask.pt") in card
    assert str(finished) not in card

    (tmp_path / "taking.yaml").write_text(yaml.safe_dump(CONFIG | {"pretrained": str(release)}))
    options = ["--configfile", str(tmp_path / "taking.yaml"), "--cores", "2", "--resources", "gpu=0"]
    plan = jobs(snakemake(tmp_path, "--dry-run", *options).stdout)
    assert (plan["pretrained"], plan["train"]) == (1, 2)  # the release holds one of the three models
    result = snakemake(tmp_path, "results/cgcnn/multitask.pt", *options)
    assert jobs(result.stdout) == {"pretrained": 1, "total": 1}
    taken = (tmp_path / "results/cgcnn/multitask.pt").read_bytes()
    assert taken == (finished / "results/cgcnn/multitask.pt").read_bytes()
    log = (tmp_path / "results/logs/train/cgcnn/multitask.log").read_text()
    assert log == f"not trained here, but taken from {release}/cgcnn/multitask.pt\n"
