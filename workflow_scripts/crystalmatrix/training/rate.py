"""How fast this machine trains a tier: its own steps on the bundled minerals, for a few seconds.

In: a tier's settings, the graph's, how long.  Out: Rates; as a program one line of JSON, so that several can be timed
side by side, as trainings run.
"""

import argparse
import itertools
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from crystalmatrix import errors
from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts.document import Part
from crystalmatrix.contracts.features import SEEN_BY_NETWORKS
from crystalmatrix.contracts.summary import DataSource
from crystalmatrix.contracts.view import View
from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.crystals.formula import reduced_formulas
from crystalmatrix.crystals.iterate import iterate
from crystalmatrix.data.labels import TRAIN, VAL
from crystalmatrix.data.minerals import mineral_structures
from crystalmatrix.data.official import mineral_labels
from crystalmatrix.errors import ConfigError
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.features.features import Features
from crystalmatrix.features.sampling import epoch_batches
from crystalmatrix.graphs.build import from_crystals
from crystalmatrix.machine import peak_memory_mb
from crystalmatrix.tiers import TierConfig
from crystalmatrix.trained.checkpoint import build_model
from crystalmatrix.trained.prediction import raw_outputs
from crystalmatrix.training.device import claim_device
from crystalmatrix.training.labels import TrainingData
from crystalmatrix.training.loop import Trainer
from crystalmatrix.training.run import fit_targets
from crystalmatrix.training.stop import StopRequest
from crystalmatrix.training.world import ALONE

TASK = "formation_energy"  # heads are small beside the trunk: any property is as good
WARM_UP = 2  # steps
MOST_CRYSTALS = 400  # that the steps are taken from


class Rates(Part):
    """Of one process."""

    training_atoms_per_second: float
    validation_atoms_per_second: float
    memory_mb: float  # of the process, or of the GPU where there is one
    bytes_per_atom: int  # of its features
    n_parameters: int
    device: str


class Stopwatch(Trainer):
    """A Trainer whose steps are counted; it keeps nothing."""

    def training_rate(self, seconds: float) -> float:
        """Atoms a second."""
        batches = itertools.cycle(
            epoch_batches(
                self.objective.crystals,
                self.dataset.n_atoms,
                batch_size=min(self.config.batch_size, len(self.objective.crystals)),
                seed=0,
                epoch=0,
            )
        )
        self.model.train()
        for crystals in itertools.islice(batches, WARM_UP):
            self._step(crystals)
        self._wait()
        atoms, begun = 0, time.monotonic()
        for crystals in batches:
            self._step(crystals)
            self._wait()
            atoms += int(self.dataset.n_atoms[crystals].sum())
            if time.monotonic() - begun > seconds:
                break
        return atoms / (time.monotonic() - begun)

    def validation_rate(self) -> float:
        """Atoms a second."""
        raw_outputs(self.average, self.dataset, self.validation[:1])
        self._wait()
        begun = time.monotonic()
        raw_outputs(self.average, self.dataset, self.validation)
        return int(self.dataset.n_atoms[self.validation].sum()) / (time.monotonic() - begun)

    def _wait(self) -> None:
        """A GPU computes behind the back of the process."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def measure(settings: TierConfig, graph: GraphConfig, *, device: torch.device, seconds: float) -> Rates:
    """Train for about so many seconds, and validate once."""
    if settings.model.descriptors:
        raise ConfigError(
            f"plan: the tier reads descriptors of {', '.join(settings.model.descriptors)}, which nobody has of the "
            "bundled minerals; leave it out: crystalmatrix plan with the names of the other tiers"
        )
    training = settings.training.model_copy(update={"compile": False})  # its warm-up takes minutes
    settings = settings.model_copy(update={"training": training})
    data = _minerals(View.of(graph, settings.model))
    formulas = reduced_formulas(data.features.species, data.features.atom_pointer)
    targets = fit_targets(data, formulas, settings=settings)
    model = build_model(settings, targets)
    with tempfile.TemporaryDirectory() as run:
        watch = Stopwatch(
            model,
            data,
            Dataset(data.features, device),
            targets,
            formulas,
            settings=settings,
            n_properties=1,
            seed=0,
            run=Path(run),
            digest="",
            stop=StopRequest(),
            world=ALONE,
        )
        rate, validation = watch.training_rate(seconds), watch.validation_rate()
    on_gpu = device.type == "cuda"
    items = data.features.items
    return Rates(
        training_atoms_per_second=rate,
        validation_atoms_per_second=validation,
        memory_mb=torch.cuda.max_memory_allocated(device) / 2**20 if on_gpu else peak_memory_mb(),
        bytes_per_atom=sum(items[name].n_bytes for name in SEEN_BY_NETWORKS if name in items),
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
        device=torch.cuda.get_device_name(device) if on_gpu else "CPU",
    )


def _minerals(view: View) -> TrainingData:
    """Every fifth crystal validates."""
    labels = mineral_labels()
    crystals = [item for item in iterate(mineral_structures()) if isinstance(item, Crystal) and TASK in labels[item.id]]
    crystals = crystals[:MOST_CRYSTALS]
    fold = np.full((len(crystals), 1), TRAIN, np.int8)
    fold[::5] = VAL
    return TrainingData(
        features=Features.of_graphs(from_crystals(crystals, settings=view.graph), view),
        tasks=[TASK],
        values=np.array([[labels[crystal.id][TASK]] for crystal in crystals]),
        fold=fold,
        zero=np.zeros(len(crystals), bool),
        data_digest="",
        source=DataSource(name="minerals", release=None, raw_sha256=None, fields={}, scheme="random"),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, help="a tier's section of config.yaml, as JSON")
    parser.add_argument("--graph", required=True, help="the `graph` section, as JSON")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device, _lock = claim_device(arguments.device)
    settings, graph = TierConfig.from_json(arguments.settings), GraphConfig.from_json(arguments.graph)
    print(measure(settings, graph, device=device, seconds=arguments.seconds).model_dump_json())


if __name__ == "__main__":
    errors.run(main)
