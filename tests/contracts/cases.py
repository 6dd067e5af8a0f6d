"""A summary of a model that never was, and the rest of what crosses a file, as small as it can be."""

from crystalmatrix.contracts.summary import DataSource, Epoch, ModelSummary

SOURCE = DataSource(name="a test", release=None, raw_sha256="0" * 64, fields={}, scheme="random")


def summary(*, tier: str = "pro", task: str = "ehull") -> ModelSummary:
    """A single-task model with one epoch behind it."""
    return ModelSummary(
        tier=tier,
        task=task,
        architecture="equivariant",
        n_parameters=1000,
        device="cpu",
        train_seconds=12.0,
        energy_joules=None,
        peak_memory_mb=800.0,
        crystals_per_second=350.0,
        seeds=1,
        epochs=1,
        n_train={task: 100},
        train_median={task: 0.5},
        history=(
            Epoch(
                epoch=1,
                train_loss=0.9,
                val_mae={task: 0.25},
                val_score=0.5,
                learning_rate=1e-3,
                crystals_per_second=350.0,
                seconds=12.0,
                joules=None,
            ),
        ),
        versions={"torch": "2"},
        data_digest="1" * 64,
        source=SOURCE,
        hold_out="own",
        interval_level=0.9,
    )
