"""What Snakemake plans before any job runs: the whole matrix, single targets, and mistakes in names."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from ase.build import bulk

from crystalmatrix.config import load
from crystalmatrix.contracts.view import View
from crystalmatrix.data.official import official_properties

from .running import ROOT, jobs, snakemake

pytestmark = pytest.mark.workflow

PROPERTIES = "(known: band_gap, band_gap_mbj, bulk_modulus, dielectric, ehull, formation_energy, "


def test_the_whole_matrix(tmp_path: Path) -> None:
    matrix = load(ROOT / "config.yaml")
    n_properties = len(matrix.matrix.properties)
    n_models = len(matrix.matrix.tiers) * len(matrix.tasks)
    potentials = {name for tier in matrix.matrix.tiers for name in matrix.tiers[tier].model.descriptors}
    views = {View.of(matrix.graph, matrix.tiers[tier].model).name for tier in matrix.matrix.tiers}
    counts = {
        "fetch": 1,
        "records": 1,
        "splits": 1,
        "graph_shard": 8,
        "graph_statistics": 1,
        "descriptors": 8 * len(potentials),
        "features": 8 * len(views),
        "view": len(views),
        "train": n_models,
        "predict": n_models,
        "composition": n_properties,
        "evaluate": n_models + n_properties,
        "leaderboard": len(official_properties()),
        "cards": 1,
        "compare": 1,
        "all": 1,
    }
    result = snakemake(tmp_path, "--dry-run")
    assert result.returncode == 0
    assert jobs(result.stdout) == counts | {"total": sum(counts.values())}


def test_planning_is_quick_and_imports_nothing_heavy(tmp_path: Path) -> None:
    """Under 5 s of processor time; the clock would also count whatever else the machine does."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    loaded = modules_of_a_start("--dry-run", "--quiet", "all", "--directory", str(tmp_path))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5
    assert "crystalmatrix.config" in loaded
    assert not {"torch", "pandas", "numba", "e3nn", "matplotlib", "sklearn"} & loaded


# Snakemake loads every executor plugin that is installed, and that for Slurm loads pandas: here as if there were none.
LOADED = """
import atexit, pkgutil, runpy, sys
found = pkgutil.iter_modules
pkgutil.iter_modules = lambda *where: (m for m in found(*where) if not m.name.startswith("snakemake_executor_plugin"))
atexit.register(lambda: print("LOADED", *sys.modules))
runpy.run_module("snakemake", run_name="__main__", alter_sys=True)
"""


def modules_of_a_start(*arguments: str) -> set[str]:
    """What Python has loaded when `snakemake ...` ends, in a start of its own, with all of its imports."""
    command = [sys.executable, "-c", LOADED, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_one_model_needs_the_data_and_nothing_else(tmp_path: Path) -> None:
    """Of `pro` the multi-task model too, from which the tier's other models start."""
    for target, trainings in (("results/lite/dielectric.pt", 1), ("results/pro/dielectric.pt", 2)):
        result = snakemake(tmp_path, target, "--cores", "16", "--resources", "gpu=1", "--dry-run")
        counts = jobs(result.stdout)
        assert counts.pop("total") == 20 + trainings
        expected = {
            "fetch": 1,
            "records": 1,
            "splits": 1,
            "graph_shard": 8,
            "features": 8,
            "view": 1,
            "train": trainings,
        }
        assert counts == expected


def test_tiers_with_the_same_view_share_its_features(tmp_path: Path) -> None:
    """Of other size and training, but the same neighbours and angles; one that sees more has files of its own."""
    model = {"architecture": "equivariant", "neighbours": 16}
    for neighbours, features in ((16, 8), (24, 16)):
        tiers = {"small": {"model": model}, "wide": {"model": model | {"channels": 64, "neighbours": neighbours}}}
        matrix = {"tiers": list(tiers), "properties": ["ehull"], "multitask": False}
        config = [f"matrix={json.dumps(matrix)}", f"tiers={json.dumps(tiers)}"]
        counts = jobs(snakemake(tmp_path, "--dry-run", "--config", *config).stdout)
        assert (counts["train"], counts["features"]) == (2, features)


@pytest.mark.parametrize("neighbours", [16, None])
def test_a_plan_grows_with_the_number_of_shards(tmp_path: Path, neighbours: int | None) -> None:
    """Not with its square: each further shard adds as many dependencies as the one before it."""
    mine = tmp_path / "mine.json"
    mine.write_text(json.dumps({"tiers": {"lite": {"model": {"neighbours": neighbours}}}}))
    target = ("results/lite/dielectric.pt", "results/graphs/statistics.json", "--dag", "--configfile", str(mine))

    def dependencies(shards: int) -> int:
        return snakemake(tmp_path, *target, "--config", f'graph={{"shards": {shards}}}').stdout.count(" -> ")

    few, some, many = map(dependencies, (4, 8, 12))
    assert many - some == some - few > 0
    assert snakemake(tmp_path, *target).stdout.count("most_neighbours") == (neighbours is None)


def test_no_command_names_all_shards(tmp_path: Path) -> None:
    """Of thousands it would be too long for the system."""
    targets = ("results/graphs/statistics.json", "results/graphs/most_neighbours.json", "results/lite/dielectric.pt")
    plan = snakemake(tmp_path, *targets, "--dry-run", "--printshellcmds", "--config", 'graph={"shards": 12}').stdout
    for script in ("graph_statistics", "most_neighbours", "view"):
        (command,) = [line for line in plan.splitlines() if f"/{script}.py" in line]
        assert " --shards 12 " in command
        assert "shard-1" not in command


@pytest.mark.parametrize(("init", "trainings"), [("scratch", 1), ("multitask", 2)])
def test_fine_tuning_waits_for_the_multitask_model(tmp_path: Path, init: str, trainings: int) -> None:
    result = snakemake(
        tmp_path,
        "results/lite/dielectric.pt",
        "--dry-run",
        "--printshellcmds",
        "--config",
        f'tiers={{"lite": {{"training": {{"init": "{init}"}}}}}}',
    )
    assert jobs(result.stdout)["train"] == trainings
    assert ("--init results/lite/multitask.pt" in result.stdout) == (init == "multitask")


def test_a_checkpoint_of_ones_own_is_a_start_for_every_task(tmp_path: Path) -> None:
    start = tmp_path / "a start.pt"
    start.touch()
    tiers = f'tiers={{"lite": {{"training": {{"init": "{start}"}}}}}}'
    tasks = ["results/lite/dielectric.pt", "results/lite/multitask.pt"]
    result = snakemake(tmp_path, *tasks, "--dry-run", "--printshellcmds", "--config", tiers)
    assert jobs(result.stdout)["train"] == 2
    assert result.stdout.count(f"--init '{start}'") == 2


@pytest.mark.parametrize("one_for_all", [False, True])
def test_the_groups_of_the_slurm_profile_enclose_no_other_rule(tmp_path: Path, one_for_all: bool) -> None:
    """Of the whole matrix, which has descriptors between graphs and features: one group for both is refused."""
    profile = yaml.safe_load((ROOT / "profiles/slurm/profile.yaml").read_text())
    groups = {rule: "all" if one_for_all else group for rule, group in profile["groups"].items()}
    assert set(profile["group-components"]) == set(profile["groups"].values())
    result = snakemake(tmp_path, "--dry-run", "--groups", *(f"{rule}={group}" for rule, group in groups.items()))
    assert (result.returncode != 0) == ("Error in group all" in result.stdout) == one_for_all


def test_smaller_matrix_by_config(tmp_path: Path) -> None:
    matrix = 'matrix={"tiers": ["lite"], "properties": ["ehull"], "multitask": false}'
    result = snakemake(tmp_path, "--dry-run", "--config", matrix, 'report={"composition_baseline": false}')
    counts = jobs(result.stdout)
    assert (counts["train"], counts["evaluate"], counts.get("composition", 0)) == (1, 1, 0)


@pytest.mark.parametrize(("gpus", "processes"), [("2", 2), ("8", 4)])
def test_a_model_on_several_gpus_takes_those_that_there_are(tmp_path: Path, gpus: str, processes: int) -> None:
    tiers = 'tiers={"lite": {"training": {"gpus_per_model": 4}}}'
    command = ("results/lite/dielectric.pt", "--dry-run", "--printshellcmds", "--resources", f"gpu={gpus}")
    plan = snakemake(tmp_path, *command, "--config", tiers, HAS_GPUS="1").stdout
    assert f"$([ {processes} -gt 1 ] && echo -m torch.distributed.run " in plan
    assert f" --nproc-per-node {processes} --)" in plan


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('{"fields": {"piezoelectric": "dfpt_piezo_max_eij"}}', 8),
        ('{"fields": {"ehull": "ehull"}}', 9),
        ('{"splits": "random"}', 0),
    ],
)
def test_submissions_only_where_the_leaderboard_has_a_test(tmp_path: Path, data: str, expected: int) -> None:
    result = snakemake(tmp_path, "--dry-run", "--config", f"data={data}")
    assert jobs(result.stdout).get("leaderboard", 0) == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("results/pro/dielectic.pt", "no property 'dielectic' in the matrix; did you mean 'dielectric'? " + PROPERTIES),
        (
            "results/prp/dielectric.pt",
            "no tier 'prp' in the matrix; did you mean 'pro'? (known: cgcnn, lite, pro, std, transfer)",
        ),
        ("results/lite/ehul.predictions.parquet", "no property 'ehul' in the matrix; did you mean 'ehull'? "),
        ("results/lit/ehull.metrics.json", "no tier 'lit' in the matrix; did you mean 'lite'? "),
        ("results/composition/bandgap.metrics.json", "no property 'bandgap' in the matrix; did you mean 'band_gap'? "),
        ("results/leaderboard/spilage", "no property 'spilage' in the matrix; did you mean 'spillage'? "),
        ("results/graphs/shard-8.parquet", "shard-8.parquet: no shard 8 among the 8 of graph.shards (known: 0 to 7)"),
        ("results/features/k17-1/shard-0.arrow", "results/features/k17-1: no tier of the matrix sees it"),
        ("results/screen/mine.csv", "results/screen/mine.csv: no 'mine' under `screen:` (known: none)"),
        ("results/embeddings/mine.parquet", "mine.parquet: no 'mine' under `embeddings:` (known: none)"),
    ],
)
def test_undeclared_target_fails_with_one_sentence(tmp_path: Path, target: str, expected: str) -> None:
    result = snakemake(tmp_path, target, "--cores", "1")
    errors = [line for line in result.stdout.splitlines() if line.startswith("error: ")]
    assert result.returncode == 2
    assert len(errors) == 1
    assert expected in errors[0]
    assert "Traceback" not in result.stdout
    assert not (tmp_path / "results").exists()


def test_an_edit_inside_the_sources_folder_fetches_again(tmp_path: Path) -> None:
    folder = tmp_path / "my data"
    folder.mkdir()
    for name in ("POSCAR-1.2", "POSCAR-1.3", "POSCAR-{x}"):
        bulk("Cu", "fcc", a=3.6).write(folder / name, format="vasp")
    labels = folder / "labels.csv"
    labels.write_text("id,ehull\nPOSCAR-1.2,0.0\n")
    (folder / "notes.txt").write_text("not read")
    target = ("results/data/raw.json.zip", "--cores", "1", "--config", f'data={{"source": "{folder}"}}')
    assert jobs(snakemake(tmp_path, *target).stdout) == {"fetch": 1, "total": 1}
    for path, content in ((labels, "id,ehull\nPOSCAR-1.2,0.5\n"), (folder / "POSCAR-1.3", "empty"), (labels, None)):
        before = path.read_text()
        path.unlink() if content is None else path.write_text(content)
        assert jobs(snakemake(tmp_path, *target, "--dry-run").stdout) == {"fetch": 1, "total": 1}
        path.write_text(before)
        assert jobs(snakemake(tmp_path, *target, "--dry-run").stdout) == {}
    (folder / "notes.txt").write_text("still not read")
    assert jobs(snakemake(tmp_path, *target, "--dry-run").stdout) == {}


def test_an_edit_of_a_structure_is_screened_again(tmp_path: Path) -> None:
    crystal = tmp_path / "my crystals/a/x.cif"
    for path in (
        crystal,
        tmp_path / "my crystals/notes.txt",
        tmp_path / "a model.pt",
        tmp_path / "results/screen/mine.csv",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    entry = f'{{"structures": "{tmp_path}/my crystals", "model": "{tmp_path}/a model.pt", "parts": 3}}'
    target = ("results/screen/mine.csv", "--dry-run", "--printshellcmds", "--config", f'screen={{"mine": {entry}}}')
    assert jobs(snakemake(tmp_path, *target).stdout) == {}
    os.utime(crystal, (time.time() + 60,) * 2)
    plan = snakemake(tmp_path, *target).stdout
    assert jobs(plan) == {"screen": 1, "screen_part": 3, "screen_plan": 1, "total": 5}
    assert f"screen_plan.py '{tmp_path}/my crystals' --parts 3" in plan
    assert "screen_part.py --plan results/screen/mine/_plan.json --part 2" in plan
    assert f"--model='{tmp_path}/a model.pt'" in plan
    assert f" -- '{tmp_path}/my crystals' " in plan
    crystal.unlink()
    assert "error: " in (said := snakemake(tmp_path, *target).stdout)
    assert "my crystals: found no structure file in it, expected *.cif" in said


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ('matrix={"tiers": ["pros"]}', "error: config: matrix.tiers: unknown tier 'pros'; did you mean 'pro'?"),
        ("pretrained=nowhere", "error: pretrained: found no model of the matrix in nowhere, expected <tier>/<task>.pt"),
        ('graph={"cutof": 4}', "error: config: graph: unknown key 'cutof'; did you mean 'cutoff'?"),
    ],
)
def test_bad_config_fails_with_one_line(tmp_path: Path, config: str, expected: str) -> None:
    result = snakemake(tmp_path, "--cores", "1", "--config", config)
    assert result.returncode == 2
    assert expected in result.stdout
    assert "Traceback" not in result.stdout
