"""How fast this machine trains a tier: its own steps on the bundled minerals, for a few seconds.

In: a tier's settings, the graph's, how long.  Out: Rates; as a program one line of JSON, so that several can be timed
side by side, as trainings run.
"""

import argparse
import itertools
import tempfile
import time
from pathlib import Path

import psutil
import torch

from crystalmatrix import errors
from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts.document import Part
from crystalmatrix.contracts.features import SEEN_BY_NETWORKS
from crystalmatrix.contracts.view import View
from crystalmatrix.crystals.formula import reduced_formulas
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.features.sampling import epoch_batches
from crystalmatrix.machine import peak_memory_mb
from crystalmatrix.tiers import KernelConfig, TierConfig
from crystalmatrix.trained.checkpoint import build_model
from crystalmatrix.trained.prediction import raw_outputs
from crystalmatrix.training.descriptors import fit_inputs
from crystalmatrix.training.device import claim_device
from crystalmatrix.training.loop import Trainer
from crystalmatrix.training.run import fit_targets
from crystalmatrix.training.stop import StopRequest
from crystalmatrix.training.trial import minerals, seconds_of_kernel
from crystalmatrix.training.world import ALONE

WARM_UP = 2  # steps


class Rates(Part):
    """Of one process."""

    training_atoms_per_second: float  # through all networks of a blend, one after the other; 0: only kernels
    validation_atoms_per_second: float
    kernel_seconds: float = 0.0  # of fitting the kernels to a property, over the square of its training crystals
    start_seconds: float  # of such a process before its first line of work: loading Python and its packages
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


def measure(
    settings: TierConfig, graph: GraphConfig, *, device: torch.device, seconds: float, start_seconds: float
) -> Rates:
    """Train each kind of network for its share of so many seconds, and validate once; fit a kernel once."""
    training = settings.training.model_copy(update={"compile": False})  # its warm-up takes minutes
    settings = settings.model_copy(update={"training": training})
    data = minerals(View.of(graph, settings.model))
    formulas = reduced_formulas(data.features.species, data.features.atom_pointer)
    targets = fit_targets(data, formulas, settings=settings)
    dataset = Dataset(data.features, device)
    training_seconds = validation_seconds = kernel_seconds = 0.0  # an atom; a squared crystal
    n_parameters = 0
    for kind, member in enumerate(settings.members):
        model = build_model(settings, targets, member=kind)
        fit_inputs(model, data, dataset, targets, formulas)
        n_parameters += sum(parameter.numel() for parameter in model.parameters())
        if isinstance(member, KernelConfig):
            kernel_seconds += seconds_of_kernel(model, data, dataset, member)
            continue
        with tempfile.TemporaryDirectory() as run:
            watch = Stopwatch(
                model,
                data,
                dataset,
                targets,
                formulas,
                settings=settings.of_member(kind),
                n_properties=1,
                seed=0,
                run=Path(run),
                digest="",
                stop=StopRequest(),
                world=ALONE,
            )
            training_seconds += 1 / watch.training_rate(seconds / len(settings.members))
            validation_seconds += 1 / watch.validation_rate()
    on_gpu = device.type == "cuda"
    items = data.features.items
    return Rates(
        training_atoms_per_second=1 / training_seconds if training_seconds else 0.0,
        validation_atoms_per_second=1 / validation_seconds if validation_seconds else 0.0,
        kernel_seconds=kernel_seconds,
        start_seconds=start_seconds,
        memory_mb=torch.cuda.max_memory_allocated(device) / 2**20 if on_gpu else peak_memory_mb(),
        bytes_per_atom=sum(items[name].n_bytes for name in SEEN_BY_NETWORKS if name in items),
        n_parameters=n_parameters,
        device=torch.cuda.get_device_name(device) if on_gpu else "CPU",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, help="a tier's section of config.yaml, as JSON")
    parser.add_argument("--graph", required=True, help="the `graph` section, as JSON")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    arguments = parser.parse_args()
    start = time.time() - psutil.Process().create_time()
    torch.set_num_threads(arguments.threads)
    device, _lock = claim_device(arguments.device)
    settings, graph = TierConfig.from_json(arguments.settings), GraphConfig.from_json(arguments.graph)
    rates = measure(settings, graph, device=device, seconds=arguments.seconds, start_seconds=start)
    print(rates.model_dump_json())


if __name__ == "__main__":
    errors.run(main)
