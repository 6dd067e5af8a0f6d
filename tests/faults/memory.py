"""Does memory grow with the length of the work? Of trainer, screening and page, each for as long as you like.

In: units of work (steps of the optimiser, crystals, pages).  Out: the resident memory meanwhile, and its slope over
the last four fifths of them. As a command it prints the figures of docs/reliability.md:

    nice -n 15 python -m tests.faults.memory trainer --units 10000
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil

WARM = 0.2  # of the work: caches fill, kernels compile
Sample = Callable[[], None]  # to be called at even distances of the work


class Grown(NamedTuple):
    """Resident memory in MB."""

    after_warm_up: float
    at_end: float
    peak: float
    slope: float  # a unit of work, fitted to all of it after the warm-up


def watched(work: Callable[[Sample], None], *, units: int) -> Grown:
    """The memory of this process while `work` does so many units."""
    process, held = psutil.Process(), []
    work(lambda: held.append(process.memory_info().rss / 1e6))
    late = np.array(held[int(WARM * len(held)) :])
    along = np.linspace(WARM, 1, len(late)) * units
    return Grown(float(late[0]), float(late[-1]), float(late.max()), float(np.polyfit(along, late, 1)[0]))


def trainer(units: int, folder: Path, sample: Sample) -> None:
    """Steps of the optimiser, four crystals each."""
    import torch

    from crystalmatrix.training.loop import Trainer
    from crystalmatrix.training.run import train

    from ..training.cases import training_data, with_training

    tasks, n_train, size = ["formation_energy"], 200, 4
    epochs = max(1, units * size // n_train)
    settings = with_training(
        max_epochs=epochs, min_epochs=epochs, crystals_seen=n_train, batch_size=size, save_every_seconds=1.0
    )
    data = training_data(tasks, n=2 * n_train)
    with after_each(Trainer, "_epoch", sample):
        train(data, tier="lite", task=tasks[0], settings=settings, run=folder / "run", device=torch.device("cpu"))


def screening(units: int, folder: Path, sample: Sample) -> None:
    """Crystals of one file, through a small model, into a table."""
    from crystalmatrix.inference.predictor import Predictor
    from crystalmatrix.inference.screening import partial_table, screen

    from .parsers import small_model

    model, structures, out = folder / "model.pt", folder / "many.jsonl", folder / "table.csv"
    model.write_bytes(small_model())
    atoms = '"coords": [[0, 0, 0], [0.5, 0.5, 0.5]], "elements": ["Na", "Cl"], "cartesian": false'
    with structures.open("w") as lines:
        for k in range(units):
            a = 5 + (k % 1000) / 1000
            lattice = f'"lattice_mat": [[{a}, 0, 0], [0, {a}, 0], [0, 0, {a}]]'
            lines.write(f'{{"jid": "{k}", "atoms": {{{lattice}, {atoms}}}}}\n')
    predictor = Predictor(model, device="cpu")
    table = partial_table(out, models=[model], paths=[structures], batch_size=predictor.batch_size)
    with table as output, after_each(Predictor, "predict_items", sample):
        screen(predictor, [structures], output)


def page(units: int, folder: Path, sample: Sample) -> None:
    """Pages of a run of two tiers."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
    from report_run import N_TEST, compare, evaluate
    from synthetic_results import write_results

    write_results(folder, n_test=N_TEST, tiers=("lite", "cgcnn"))
    for path in sorted(folder.glob("*/*.predictions.parquet")):
        assert evaluate(folder, path) == 0
    for _ in range(units):
        assert compare(folder, folder / "report") == 0
        sample()


@contextmanager
def after_each(owner: type, method: str, sample: Sample) -> Iterator[None]:
    """A sample after each call of a method."""
    original = getattr(owner, method)

    def counted(*arguments: Any) -> Any:
        result = original(*arguments)
        sample()
        return result

    setattr(owner, method, counted)
    try:
        yield
    finally:
        setattr(owner, method, original)


WORK: dict[str, Callable[[int, Path, Sample], None]] = {"trainer": trainer, "screening": screening, "page": page}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=WORK)
    parser.add_argument("--units", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        grown = watched(
            lambda sample: WORK[arguments.work](arguments.units, Path(folder), sample), units=arguments.units
        )
    print(
        f"| {arguments.work} | {arguments.units:,} | {grown.after_warm_up:.0f} | {grown.at_end:.0f} | {grown.peak:.0f} "
        f"| {1e6 * grown.slope:.0f} |"
    )


if __name__ == "__main__":
    main()
