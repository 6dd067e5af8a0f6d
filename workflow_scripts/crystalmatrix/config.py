"""config.yaml as strict, frozen objects: one source for the Snakefile, the scripts and the trainer.

In: the merged configuration as nested dictionaries.  Out: Config; any unknown key, tier or property is a ConfigError
that names the nearest known one.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator

from crystalmatrix.errors import ConfigError, nearest
from crystalmatrix.properties import AUXILIARY_FIELDS, MULTITASK, PROPERTIES
from crystalmatrix.section import Section
from crystalmatrix.tiers import ARCHITECTURE, KISSING_NUMBER, TierConfig

# What a shell and every file system take as it is: of tiers, screenings and sources, which are parts of paths.
NAME = re.compile(r"[A-Za-z0-9][\w-]{0,63}", re.ASCII)


class SourceConfig(Section):
    """Where crystals come from."""

    where: ClassVar[str] = "data"
    source: str  # `minerals`, a JARVIS release, a URL, a file or a folder
    mirrors: tuple[str, ...] = ()  # URLs tried before the release's own link
    sha256: str | None = None  # of the raw file; recorded on first use when not given
    id_key: str = "jid"  # key of the crystal's id in the data set
    fields: dict[str, str] = Field({})  # property: key in the data set, where it differs from JARVIS's
    max_drop_rate: float = Field(0.01, ge=0, le=1)  # share of invalid rows above which the run stops

    @field_validator("fields")
    @classmethod
    def _check_fields(cls, fields: dict[str, str]) -> dict[str, str]:
        known = [*PROPERTIES, *AUXILIARY_FIELDS]
        for name in fields:
            if name not in known:
                raise ValueError(f"unknown property {name!r}{nearest(name, known)}")
        return fields


class ExtraConfig(SourceConfig):
    """More crystals for the training folds, and for no other (data/extra.py)."""

    where: ClassVar[str] = "data.extra.*"
    name: str  # their ids read <name>:<id>
    weight: float = Field(1.0, gt=0)  # of a label, where one of data.source weighs 1
    offset: Literal["none", "constant", "composition"] = "none"  # what a label of another functional is corrected by

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError(f"found {name!r:.80}, expected letters, digits, _ or -, at most 64")
        return name


class DataConfig(SourceConfig):
    """Where the crystals come from and how they are split."""

    source: str = "dft_3d_2021"
    ids: str | None = None  # only these crystals: `part` (bundled), or a file with an id a line
    extra: tuple[ExtraConfig, ...] = ()  # sources of more training crystals
    splits: Literal["official", "random", "grouped"] = "official"  # the JARVIS-Leaderboard's; drawn; or whole groups
    split_fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)  # train, val, test; random and grouped only
    split_seed: int = 0  # of the draw

    @field_validator("extra")
    @classmethod
    def _check_extra(cls, extra: tuple[ExtraConfig, ...]) -> tuple[ExtraConfig, ...]:
        names = [source.name for source in extra]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"found the name {name!r} {names.count(name)} times, expected each once")
        return extra

    def check_extra(self, name: str) -> None:
        """Raise ConfigError, listing what exists, unless it is one of the extra sources."""
        known = [source.name for source in self.extra]
        if name not in known:
            raise ConfigError(f"results/data/extra/{name}.json.zip: no {name!r} in data.extra{nearest(name, known)}")

    @field_validator("split_fractions")
    @classmethod
    def _check_fractions(cls, fractions: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
            raise ValueError(f"found {fractions}, expected three positive numbers that sum to 1")
        return fractions


CPU: Final = "cpu"
TORCH_CLUSTER: Final = "torch-cluster"


class GraphConfig(Section):
    """What an edge and an angle are: see docs/graphs.md. Shared by all models, stored in every shard and checkpoint."""

    where: ClassVar[str] = "graph"
    cutoff: float = Field(5.0, gt=0, le=12)  # Å
    three_body_cutoff: float = Field(4.0, gt=0)  # Å, angles between edges shorter than this
    min_neighbours: int = 13  # isolated atoms get so many, whatever their distance
    max_neighbours: int | None = None  # cap, widened to whole shells so that ties break no symmetry
    shards: int = Field(8, ge=1)  # files of graphs, a job each
    max_angles: int = Field(50_000_000, ge=1)  # and edges of one crystal, as its density lets expect; more are refused
    search: Literal["cpu", "torch-cluster"] = CPU  # the same graphs, on a GPU where there is one

    @field_validator("min_neighbours", "max_neighbours")
    @classmethod
    def _check_neighbours(cls, n: int | None) -> int | None:
        if n is not None and n <= KISSING_NUMBER:
            raise ValueError(
                f"found {n}, expected at least {KISSING_NUMBER + 1}: {KISSING_NUMBER} equal neighbours can surround "
                "an atom, and only the next one says that their shell is whole"
            )
        return n

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.three_body_cutoff > self.cutoff:
            raise ValueError(
                f"three_body_cutoff: found {self.three_body_cutoff} Å, expected at most cutoff = {self.cutoff} Å"
            )
        return self

    @property
    def identity(self) -> dict[str, Any]:
        """What a graph depends on: neither the number of shards, nor the search that found it, nor what is refused."""
        return self.model_dump(mode="json", exclude={"shards", "search", "max_angles"})


class MatrixConfig(Section):
    """Which models `rule all` builds and the page compares."""

    where: ClassVar[str] = "matrix"
    tiers: tuple[str, ...] = Field(("lite", "std", "pro", "transfer", "cgcnn"), min_length=1)  # columns of the matrix
    properties: tuple[str, ...] = Field(tuple(PROPERTIES), min_length=1)  # its rows
    multitask: bool = True  # a model of all properties beside those of one

    @field_validator("tiers", "properties")
    @classmethod
    def _check_distinct(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"found {name!r} {names.count(name)} times, expected each name once")
        return names

    @field_validator("properties")
    @classmethod
    def _check_properties(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in PROPERTIES:
                raise ValueError(f"unknown property {name!r}{nearest(name, PROPERTIES)}")
        return names


class SubmissionConfig(Section):
    """Who submits results/leaderboard/<property>/ to the JARVIS-Leaderboard: what no run can know."""

    where: ClassVar[str] = "report.submission"
    model_name: str = "crystalmatrix"  # as it stands on the board
    team_name: str = ""  # must be given to hand in
    author_email: str = ""  # the same
    project_url: str = ""  # the same
    date_submitted: str = ""  # month-day-year, as the leaderboard writes it


class ReportConfig(Section):
    """What the comparison page shows beside our models."""

    where: ClassVar[str] = "report"
    published: str | None = None  # folder with <model>/AI-SinglePropertyPrediction-<field>-dft_3d-test-mae.csv.zip
    composition_baseline: bool = True  # gradient boosting on the composition
    bootstrap: int = Field(2000, ge=100)  # resamples of the intervals and of the paired comparisons
    confidence: float = Field(0.95, gt=0.5, lt=1)  # of the intervals on the page
    submission: SubmissionConfig = SubmissionConfig()


class ScreenConfig(Section):
    """`results/screen/<name>.csv`: your structures, predicted with one model, in so many jobs."""

    where: ClassVar[str] = "screen.*"
    structures: str  # file or folder: what crystals/formats.py tells apart
    model: str = "results/lite/multitask.pt"  # a checkpoint
    parts: int | None = Field(None, ge=1)  # jobs; null: by the size of the files

    _expand_home = field_validator("structures", "model")(lambda path: str(Path(path).expanduser()))


class EmbeddingConfig(Section):
    """`results/embeddings/<name>.parquet`: features of your structures, for other models."""

    where: ClassVar[str] = "embeddings.*"
    structures: str  # file or folder: what crystals/formats.py tells apart
    model: str  # a checkpoint, whose trunk gives them, or a pretrained potential: chgnet, 7net-0
    per: Literal["crystal", "atom"] = "crystal"  # a row a crystal: mean and deviation over its atoms; or a row an atom

    _expand_home = field_validator("structures", "model")(lambda path: str(Path(path).expanduser()))


# Folders of results/ that are no tier.
RESERVED = (
    "benchmarks",
    "composition",
    "data",
    "descriptors",
    "embeddings",
    "features",
    "graphs",
    "leaderboard",
    "logs",
    "release",
    "report",
    "runs",
    "screen",
)


class Config(Section):
    """The whole of config.yaml."""

    data: DataConfig = DataConfig()
    graph: GraphConfig = GraphConfig()
    matrix: MatrixConfig = MatrixConfig()
    tiers: dict[str, TierConfig]
    pretrained: str | None = None  # folder with <tier>/<task>.pt: those models are taken from there, not trained
    report: ReportConfig = ReportConfig()
    embeddings: dict[str, EmbeddingConfig] = Field({})
    screen: dict[str, ScreenConfig] = Field({})

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in self.tiers:
            if name in RESERVED or not NAME.fullmatch(name):
                raise ValueError(
                    f"tiers: found the name {name!r:.80}, expected letters, digits, _ or -, at most 64, and none of "
                    f"the folders that results/ has anyway: {', '.join(RESERVED)}"
                )
        for section, name in [("screen", n) for n in self.screen] + [("embeddings", n) for n in self.embeddings]:
            if not NAME.fullmatch(name):
                raise ValueError(
                    f"{section}: found the name {name!r:.80}, expected letters, digits, _ or -, at most 64: it is that "
                    f"of a file in results/{section}/"
                )
        for name in self.matrix.tiers:
            if name not in self.tiers:
                raise ValueError(f"matrix.tiers: unknown tier {name!r}{nearest(name, self.tiers)}")
            if self.tiers[name].training.init == "multitask" and not self.matrix.multitask:
                raise ValueError(
                    f"tiers.{name}.training.init: found 'multitask' with matrix.multitask false, "
                    "expected a multi-task model to start from; set it to true, or init to scratch"
                )
        return self

    @property
    def tasks(self) -> tuple[str, ...]:
        """The columns of the matrix: the properties, then `multitask`."""
        return self.matrix.properties + ((MULTITASK,) if self.matrix.multitask else ())

    def check_pair(self, tier: str, task: str) -> None:
        """Raise ConfigError, listing what exists, unless results/<tier>/<task>.pt is in the matrix."""
        if tier not in self.matrix.tiers:
            raise ConfigError(
                f"results/{tier}/{task}.pt: no tier {tier!r} in the matrix{nearest(tier, self.matrix.tiers)}"
            )
        if task not in self.tasks:
            raise ConfigError(
                f"results/{tier}/{task}.pt: no property {task!r} in the matrix{nearest(task, self.tasks)}"
            )

    def check_property(self, name: str) -> None:
        """Raise ConfigError, listing what exists, unless the property is in the matrix."""
        if name not in self.matrix.properties:
            raise ConfigError(f"no property {name!r} in the matrix{nearest(name, self.matrix.properties)}")

    def check_shard(self, shard: str) -> None:
        """Raise ConfigError, saying which exist, unless results/graphs/shard-<shard>.parquet is one of them."""
        if not (shard.isdecimal() and shard == str(int(shard)) and int(shard) < self.graph.shards):
            raise ConfigError(
                f"results/graphs/shard-{shard}.parquet: no shard {shard} among the {self.graph.shards} of graph.shards "
                f"(known: 0 to {self.graph.shards - 1})"
            )

    def check_potential(self, name: str, known: Iterable[str]) -> None:
        """Raise ConfigError, listing what exists, unless it is a potential that the workflow knows."""
        if name not in known:
            raise ConfigError(f"results/descriptors/{name}: no potential {name!r}{nearest(name, known)}")

    def check_view(self, view: str, known: Iterable[str]) -> None:
        """Raise ConfigError, listing what exists, unless results/features/<view>/ is what a tier of the matrix sees."""
        if view not in known:
            raise ConfigError(f"results/features/{view}: no tier of the matrix sees it{nearest(view, known)}")

    def check_pretrained(self, folder: Path) -> None:
        """Raise ConfigError unless the folder holds at least one model of the matrix, as <tier>/<task>.pt."""
        if not any((folder / tier / f"{task}.pt").exists() for tier in self.matrix.tiers for task in self.tasks):
            raise ConfigError(
                f"pretrained: found no model of the matrix in {folder}, expected <tier>/<task>.pt, for instance "
                f"{folder / self.matrix.tiers[0] / self.tasks[0]}.pt; leave it null to train"
            )

    def check_part(self, name: str, part: str, n_parts: int) -> None:
        """Raise ConfigError, saying which exist, unless results/screen/<name>/part-<part>.parquet is one of them."""
        if not (part.isdecimal() and part == str(int(part)) and int(part) < n_parts):
            raise ConfigError(
                f"results/screen/{name}/part-{part}.parquet: no part {part} among {n_parts} (known: 0 to {n_parts - 1})"
            )

    def embedding(self, name: str) -> EmbeddingConfig:
        """The entry behind results/embeddings/<name>.parquet. Raises ConfigError, listing what exists."""
        if name not in self.embeddings:
            raise ConfigError(
                f"results/embeddings/{name}.parquet: no {name!r} under `embeddings:`{nearest(name, self.embeddings)}"
            )
        return self.embeddings[name]

    def screening(self, name: str) -> ScreenConfig:
        """The entry behind results/screen/<name>.csv. Raises ConfigError, listing what exists."""
        if name not in self.screen:
            raise ConfigError(f"results/screen/{name}.csv: no {name!r} under `screen:`{nearest(name, self.screen)}")
        return self.screen[name]


def load(path: Path, overlay: dict[str, Any] | None = None) -> Config:
    """Read and validate a configuration file, with another's sections laid over it. Raises ConfigError."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deep, expected sections and keys") from None
    return Config.parse(lay_over(content, overlay or {}))


def lay_over(base: Any, overlay: Any) -> Any:
    """`base` with the keys of `overlay`, section by section, as Snakemake merges files; neither is changed.

    A section that names another architecture replaces the whole: the keys of the old network mean nothing to it.
    """
    if not isinstance(base, dict) or not isinstance(overlay, dict):
        return overlay
    if overlay.get(ARCHITECTURE, base.get(ARCHITECTURE)) != base.get(ARCHITECTURE):
        return overlay
    return base | {key: lay_over(base.get(key), value) for key, value in overlay.items()}
