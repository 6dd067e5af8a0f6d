"""Turn the logs of training runs into TensorBoard event files: one curve per model and quantity.

    python workflow_scripts/curves.py results/runs --out results/tensorboard
    tensorboard --logdir results/tensorboard

Works while training goes on; run it again for newer epochs.
"""

import argparse
import json
import shutil
from pathlib import Path

from crystalmatrix import errors
from crystalmatrix.contracts.summary import Epoch

QUANTITIES = ("train_loss", "val_score", "learning_rate", "crystals_per_second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, help="folder of training runs")
    parser.add_argument("--out", type=Path, required=True, help="folder of event files, replaced")
    arguments = parser.parse_args()
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise errors.UserError("TensorBoard is not installed; pip install tensorboard") from None
    logs = sorted(arguments.runs.rglob("log.jsonl"))
    if not logs:
        raise errors.UserError(
            f"{arguments.runs}: found no log.jsonl; expected the folder of training runs, results/runs"
        )
    shutil.rmtree(arguments.out, ignore_errors=True)
    for log in logs:
        with SummaryWriter(str(arguments.out / log.parent.relative_to(arguments.runs))) as writer:
            for line in log.read_text().splitlines():
                entry = Epoch.parse(json.loads(line), where=str(log))
                for name, value in scalars(entry).items():
                    writer.add_scalar(name, value, entry.epoch)
    print(f"{len(logs)} runs written to {arguments.out}")


def scalars(entry: Epoch) -> dict[str, float]:
    """Name and value of every curve of one epoch; validation errors in the property's unit."""
    errors_of = {f"val_mae/{name}": value for name, value in entry.val_mae.items()}
    return {name: getattr(entry, name) for name in QUANTITIES} | errors_of


if __name__ == "__main__":
    errors.run(main)
