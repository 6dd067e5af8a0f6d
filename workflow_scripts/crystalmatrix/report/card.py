"""The model card of a released checkpoint: what it predicts, how well, from which data, and where it must not be used.

In: Checkpoint, its metrics.  Out: Markdown.
"""

from crystalmatrix.contracts.descriptors import beyond
from crystalmatrix.contracts.scores import ModelScores, PropertyScores
from crystalmatrix.contracts.summary import DataSource, HoldOut, ModelSummary
from crystalmatrix.elements import SYMBOLS
from crystalmatrix.properties import PROPERTIES
from crystalmatrix.report.text import JOULES_PER_KWH, count, duration, percent, significant
from crystalmatrix.trained.checkpoint import Checkpoint
from crystalmatrix.words import counted

_HOLD_OUT: dict[HoldOut, str] = {
    "own": "the property's own (data.splits: {scheme})",
    "strict": "strict: no crystal of any property's validation or test fold was in training (data.splits: {scheme})",
    "masked": "masked: held-out labels were hidden, their structures may have been seen (data.splits: {scheme})",
}


def model_card(checkpoint: Checkpoint, metrics: ModelScores, *, n_bytes: int, digest: str, path: str) -> str:
    """Markdown; `digest`: sha256 of the checkpoint's file of `n_bytes`, which lies at `path`."""
    summary, name = checkpoint.summary, f"{checkpoint.tier}/{checkpoint.task}"
    source = summary.source
    lines = [
        f"# Model card: {name}",
        "",
        f"{_what(checkpoint)} that predicts {_properties(checkpoint.properties)} of a crystal from its structure.",
        "",
        "## How good it is",
        "",
        f"Mean absolute error on the {_held(source)} with its {percent(metrics.confidence)} bootstrap confidence "
        "interval; the "
        "constant is the median of the training fold. Interval coverage: share of the test values inside their "
        f"{percent(summary.interval_level)} prediction interval. "
        "Twins: test crystals with a near-identical structure in the property's training fold, and the error "
        "without them.",
        "",
        "| property | unit | training | test | MAE | interval | median error | constant | interval coverage | twins "
        "| without |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *(_row(key, metrics.properties.get(key), checkpoint) for key in checkpoint.properties),
        "",
        "## Data",
        "",
        *_data(checkpoint),
        "",
        "## Limits",
        "",
        "- The labels are density-functional results with their own errors (OptB88vdW; TB-mBJ for `band_gap_mbj`), not "
        "experiment, and the errors above hold for crystals like those of the test fold.",
        "- A crystal with another element is refused; one with neighbourhoods unlike any in training is marked "
        "(`in_domain` false), and its interval means nothing.",
        "- Values are those of the structure as given: relax it with OptB88vdW first, or expect larger errors.",
        *(["- `ehull` is predicted as the source gives it: in `dft_3d_2021` no distance to the hull (docs/data.md)."]
          if "ehull" in checkpoint.properties else []),
        "",
        "## How it was trained",
        "",
        f"{counted(summary.epochs or 0, 'epoch')}, {duration(summary.train_seconds)} on {summary.device}; "
        f"crystalmatrix {summary.versions['crystalmatrix']}, torch {summary.versions['torch']}.{_energy(summary)} "
        "Settings, without those that do not concern this model:",
        "",
        f"    {checkpoint.settings.for_task(checkpoint.task)}",
        f"    graph: {checkpoint.graph.to_json()}",
        "",
        "## Use",
        "",
        f"    crystalmatrix predict my_structures/ --model {path} --out mine.csv",
        "",
        f"`{checkpoint.task}.pt`: {n_bytes / 1e6:.1f} MB, loadable with `weights_only=True`, sha256 `{digest}`.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _data(checkpoint: Checkpoint) -> list[str]:
    """What it was trained on."""
    summary, source = checkpoint.summary, checkpoint.summary.source
    fields = {key: source.fields.get(key, PROPERTIES[key].field) for key in checkpoint.properties}
    return [
        f"- Source: {source.name}, release: {source.release or 'none, a source of its own'}",
        f"- Raw file, sha256: `{source.raw_sha256}`; records, digest: `{summary.data_digest}`",
        f"- Folds: {_HOLD_OUT[summary.hold_out].format(scheme=source.scheme)}",
        f"- Labels: {', '.join(f'{key} = `{field}`' for key, field in fields.items())}",
        f"- More training crystals, less those that stand near to a held-out one: {', '.join(source.extra) or 'none'}",
        f"- Beyond the source: {beyond(summary.potentials) or 'nothing'}",
        f"- Elements in training: {' '.join(SYMBOLS[z] for z in checkpoint.elements)}",
    ]


_KINDS = {
    "equivariant": "An E(3)-equivariant network",
    "cgcnn": "A CGCNN network",
    "readout": "A perceptron on descriptors",
    "kernel": "A kernel regression",
}


def _what(checkpoint: Checkpoint) -> str:
    """The kind of model; of a blend and an ensemble, of how many."""
    summary, n_members = checkpoint.summary, len(checkpoint.used)
    if summary.architecture == "blend":
        several = f"{n_members} members of different kinds" if n_members > 1 else "which one member is left"
        return f"A blend of {several} (docs/descriptors.md)"
    kind = _KINDS.get(summary.architecture, f"A {summary.architecture} network")
    ensemble = f" (an ensemble of {n_members}, whose median is predicted)" if n_members > 1 else ""
    return f"{kind} of {count(summary.n_parameters)} parameters{ensemble}"


def _properties(names: list[str]) -> str:
    labels = [PROPERTIES[name].label for name in names]
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"


def _energy(summary: ModelSummary) -> str:
    """A sentence, or nothing where the GPU does not tell."""
    if summary.energy_joules is None:
        return ""
    energy = significant(summary.energy_joules / JOULES_PER_KWH, 2)
    return f" About {energy} kWh of the GPU alone, from its power about once a second; the machine took more."


def _held(source: DataSource) -> str:
    return f"test ids of {source.release}" if source.release else "test ids held in this source"


def _row(name: str, score: PropertyScores | None, checkpoint: Checkpoint) -> str:
    n_train = count(checkpoint.summary.n_train[name])
    unit = next(target.unit for target in checkpoint.targets if target.name == name)
    if score is None:
        return f"| {name} | {unit} | {n_train} | 0 | | | | | | | |"
    interval = f"{significant(score.mae_low)} to {significant(score.mae_high)}"
    cells = [name, unit, n_train, count(score.n_test), significant(score.mae), interval]
    cells += [significant(score.median_ae), significant(score.constant_mae), percent(score.interval_coverage)]
    cells += [count(score.n_twins), significant(score.mae_without_twins)]
    return f"| {' | '.join(cells)} |"
