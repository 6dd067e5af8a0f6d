"""The workflow on a Slurm cluster: what a scheduler does to a training costs no step of it."""

import signal
from pathlib import Path

import pytest
import yaml

from ..workflow.running import jobs, snakemake
from .cluster import LONGEST, slurm, wait_until
from .jobs import Controller, comments_of_jobs, continued_at, model, nothing_runs, profile, state, states, tries

pytestmark = pytest.mark.slurm

ENERGY, MODULUS = "formation_energy", "bulk_modulus"


def with_training(folder: Path, **changes: float) -> None:
    """Other keys of the tier's training."""
    config = yaml.safe_load((folder / "tiny.yaml").read_text())
    config["tiers"]["cgcnn"]["training"].update(changes)
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))


def test_a_time_limit_and_a_lack_of_memory(node: str, folder: Path) -> None:
    """Two trainings at once: one meets its time limit, one is killed for its memory; both end well at a further try."""
    memory = f"(400 if wildcards.task == '{MODULUS}' else 2000) * attempt"
    with Controller(
        folder, model(ENERGY), model(MODULUS), resources=f'{{train: {{mem_mb: "{memory}"}}}}'
    ) as controller:
        number = controller.trainer(ENERGY).environ()["SLURM_JOB_ID"]
        assert not state(folder, ENERGY).exists(), "so that what it goes on from was saved after the signal"
        slurm("scontrol", "update", f"jobid={number}", "TimeLimit=1")
        assert controller.ends() == 0, controller.said
    assert states(folder, ENERGY) == ["TIMEOUT", "COMPLETED"]
    assert continued_at(folder, ENERGY) > 0
    asked = [job["MinMemoryNode"] for job in tries(folder, MODULUS)]
    assert len(asked) > 1
    assert asked == [f"{400 * attempt}M" for attempt in range(1, len(asked) + 1)]
    assert states(folder, MODULUS)[-1] == "COMPLETED"
    for job in tries(folder, MODULUS)[:-1]:
        assert "Exceeded job memory limit" in Path(job["StdOut"]).read_text()


def test_a_node_that_goes_down(node: str, folder: Path) -> None:
    """Slurm starts the job again by itself, and its training goes on from a state that was saved without a signal."""
    with_training(folder, save_every_seconds=0.001)
    with Controller(folder, model(ENERGY)) as controller:
        trainer = controller.trainer(ENERGY, after=3)
        assert state(folder, ENERGY).exists()
        number = trainer.environ()["SLURM_JOB_ID"]
        slurm("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
        trainer.kill()  # as a node that is down would have
        wait_until(lambda: states(folder, ENERGY) == ["PENDING"], "the job to be queued again", LONGEST)
        wait_until(nothing_runs, "what ran on the node to be gone", LONGEST)
        slurm("scontrol", "update", f"nodename={node}", "state=idle")
        slurm("scontrol", "update", f"jobid={number}", "StartTime=now")
        assert controller.ends() == 0, controller.said
    assert [(job["JobState"], job["Restarts"]) for job in tries(folder, ENERGY)] == [("COMPLETED", "1")]
    assert continued_at(folder, ENERGY) > 0


def test_controllers_two_cancelled_and_killed(node: str, folder: Path) -> None:
    """A second one is refused; after Ctrl-C the same command goes on; after kill -9 it takes what the job has left."""
    with Controller(folder, model(ENERGY)) as first:
        first.trainer(ENERGY)
        assert not state(folder, ENERGY).exists()
        second = snakemake(folder, model(ENERGY), *profile(folder), "--configfile", f"{folder}/tiny.yaml")
        assert second.returncode != 0
        assert f"another run works in this folder: process {first.process.pid} on " in second.stdout
        first.process.send_signal(signal.SIGINT)
        assert first.ends() != 0
    wait_until(lambda: states(folder, ENERGY) == ["CANCELLED"], "the job to be cancelled", LONGEST)
    assert state(folder, ENERGY).exists()

    with Controller(folder, model(ENERGY)) as third:
        trainer = third.trainer(ENERGY, after=6)
        assert continued_at(folder, ENERGY) > 0
        third.process.kill()
    with Controller(folder, model(ENERGY)) as fourth:
        wait_until(lambda: len(tries(folder, ENERGY)) == 3, "the job of the next controller", LONGEST)
        trainer.resume()
        assert fourth.ends() == 0, fourth.said
    wait_until(lambda: states(folder, ENERGY)[1:] == ["COMPLETED", "COMPLETED"], "both jobs to end well", LONGEST)


def test_gpus_are_those_that_slurm_gives(node: str, folder: Path) -> None:
    """Two trainings hold one of the two GPUs each."""
    with Controller(folder, model(ENERGY), model(MODULUS)) as controller:
        trainers = [controller.trainer(task) for task in (ENERGY, MODULUS)]
        assert {trainer.environ()["CUDA_VISIBLE_DEVICES"] for trainer in trainers} == {"0", "1"}
        for trainer in trainers:
            trainer.resume()
        assert controller.ends() == 0, controller.said
    assert {job["TresPerJob"] for task in (ENERGY, MODULUS) for job in tries(folder, task)} == {"gres:gpu:1"}


def test_a_training_on_two_gpus_gets_them_on_one_node(node: str, folder: Path) -> None:
    """Its two processes are there: each refuses the one network that cannot be shared."""
    with_training(folder, gpus_per_model=2)
    with Controller(folder, model(ENERGY), "--retries", "0") as controller:
        assert controller.ends() != 0
    [job] = tries(folder, ENERGY)
    assert (job["TresPerJob"], job["NumNodes"]) == ("gres:gpu:2", "1")
    log = (folder / f"results/logs/train/cgcnn/{ENERGY}.log").read_text()
    assert log.count("gpus_per_model: found 2, but cgcnn normalises over a batch") == 2


def test_the_whole_run(node: str, empty: Path) -> None:
    """From the source to the page; the shards of graphs in one job, and those of features."""
    with Controller(empty) as controller:
        assert controller.ends() == 0, controller.said
    assert (empty / "results/report/comparison.html").exists()
    assert jobs(controller.said)["graph_shard"] == 2
    for group in ("graphs_graph_shard", "features_features"):
        assert [comment.startswith(f"rule_{group}") for comment in comments_of_jobs(empty)].count(True) == 1
