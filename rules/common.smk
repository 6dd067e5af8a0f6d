"""What the rules share: the validated configuration, the names of the matrix, and the checks of a requested name.

A mistake of the user ends here, before any job starts, with one line that lists what exists.
"""

import functools

from crystalmatrix import cluster, needs
from crystalmatrix.code import digest
from crystalmatrix.contracts import columns, versions
from crystalmatrix.contracts.descriptors import POTENTIALS
from crystalmatrix.contracts.view import View
from crystalmatrix.config import load
from crystalmatrix.crystals.formats import labelled_files, parts_by_size, structure_files
from crystalmatrix.data.official import official_properties
from crystalmatrix.errors import or_exit
from crystalmatrix.machine import ALLOCATOR, GPU_JOBS, has_gpu_driver, train_threads
from crystalmatrix.properties import MULTITASK, PROPERTIES, as_read
from crystalmatrix.tiers import SCRATCH

CONFIG = or_exit(load, Path(f"{workflow.basedir}/config.yaml"), OVERLAY)
EXTRA = {extra.name: extra for extra in CONFIG.data.extra}
SHARDS = expand("results/graphs/shard-{shard}.parquet", shard=range(CONFIG.graph.shards))
VIEW_OF = {tier: View.of(CONFIG.graph, CONFIG.tiers[tier].model).name for tier in CONFIG.matrix.tiers}
VIEWS = {name: View.of(CONFIG.graph, CONFIG.tiers[tier].model) for tier, name in VIEW_OF.items()}
VIEW_TEXT = {name: view.to_json() for name, view in VIEWS.items()}  # once, and not for every shard
MODELS = expand("results/{tier}/{task}", tier=CONFIG.matrix.tiers, task=CONFIG.tasks)
CARDS = expand("{model}.md", model=MODELS)
BASELINES = (
    expand("results/composition/{property}", property=CONFIG.matrix.properties)
    if CONFIG.report.composition_baseline
    else []
)
PRETRAINED = Path(CONFIG.pretrained).expanduser() if CONFIG.pretrained else None
if PRETRAINED:
    or_exit(CONFIG.check_pretrained, PRETRAINED)
TEMPLATES = sorted((SCRIPTS / "crystalmatrix/report/templates").iterdir())
# The leaderboard tests its own folds of its own fields, nothing else.
SUBMITTED = [
    name
    for name in CONFIG.matrix.properties
    if CONFIG.data.splits == "official"
    and name in official_properties()
    and as_read(name, CONFIG.data.fields).field == PROPERTIES[name].field
]
LEADERBOARD_TIER = "pro" if "pro" in CONFIG.matrix.tiers else CONFIG.matrix.tiers[0]

TRAIN_THREADS = train_threads(workflow.resource_settings.cores or 8)

# No parameter of a rule: the graphs are the same, so that another search is no reason to build them again.
os.environ.update(SEARCH=CONFIG.graph.search)

os.environ.update(ALLOCATOR=" ".join(f"{name}={value}" for name, value in ALLOCATOR.items()))


wildcard_constraints:
    tier="[^/]+",
    task="[^/]+",
    property="[^/]+",


def nameable(paths):
    """Without those whose names hold a brace, which Snakemake would take for a wildcard: it does not watch them."""
    return [path for path in paths if not {"{", "}"} & set(str(path))]


def on_this_machine(data):
    """The files of a source that lies here. Of folders, here and below, the files: an edit changes no folder."""
    path = Path(data.source).expanduser()
    if path.is_dir():
        return nameable(labelled_files(path))
    return nameable([path]) if path.exists() else []


def source(wildcards):
    """The source, where it lies on this machine."""
    run_claims()
    return on_this_machine(CONFIG.data)


def extra_source(wildcards):
    """An extra source, where it lies on this machine; a name that data.extra lacks is refused."""
    or_exit(CONFIG.data.check_extra, wildcards.extra)
    return on_this_machine(EXTRA[wildcards.extra])


def published(wildcards):
    """The archives of published predictions; the folder itself where there is none, so that its lack is an error."""
    if not CONFIG.report.published:
        return []
    folder = Path(CONFIG.report.published).expanduser()
    return sorted(folder.glob("*/AI-*.csv.zip")) if folder.is_dir() else folder


def shard_records(wildcards):
    """The records; a shard that is not one of graph.shards is refused."""
    or_exit(CONFIG.check_shard, wildcards.shard)
    rebuilt_if_unreadable(f"results/graphs/shard-{wildcards.shard}.parquet", columns.GRAPHS_VERSION)
    return "results/data/records.parquet"


def viewed(wildcards):
    """The view behind the name of a folder of features."""
    or_exit(CONFIG.check_view, wildcards.view, VIEWS)
    return VIEWS[wildcards.view]


def shard_viewed(wildcards):
    """What a file of features is made from, by name; a number or a view that does not exist is refused.

    Descriptors: one file for each potential that the view holds. The most neighbours: where it takes all of them.
    """
    or_exit(CONFIG.check_shard, wildcards.shard)
    view = viewed(wildcards)
    path = f"results/features/{wildcards.view}/shard-{wildcards.shard}.arrow"
    rebuilt_if_unreadable(path, columns.FEATURES_VERSION)
    return {
        "shard": f"results/graphs/shard-{wildcards.shard}.parquet",
        "most_neighbours": "results/graphs/most_neighbours.json" if view.neighbours is None else [],
        "descriptors": [f"results/descriptors/{name}/shard-{wildcards.shard}.parquet" for name in view.descriptors],
    }


def shard_to_describe(wildcards):
    """The graph shard behind a descriptor shard; a number or a potential that does not exist is refused."""
    or_exit(CONFIG.check_shard, wildcards.shard)
    or_exit(CONFIG.check_potential, wildcards.potential, POTENTIALS)
    path = f"results/descriptors/{wildcards.potential}/shard-{wildcards.shard}.parquet"
    rebuilt_if_unreadable(path, columns.DESCRIPTORS_VERSION)
    return f"results/graphs/shard-{wildcards.shard}.parquet"


def facts_of(wildcards):
    """What the descriptors of a potential depend on, as text; nothing of an unknown one, which the input refuses."""
    facts = POTENTIALS.get(wildcards.potential)
    return f"{facts.package} {facts.package_version} {facts.sha256}" if facts else ""


def seen_features(wildcards):
    """What the networks of a tier see; of an undeclared tier nothing, since `trunk` refuses it."""
    if wildcards.tier not in VIEW_OF:
        return []
    return f"results/features/{VIEW_OF[wildcards.tier]}/shards.json"


def view_shards(wildcards):
    """All files of a view; where one of them is gone, so is their list, when a run starts."""
    viewed(wildcards)
    folder = f"results/features/{wildcards.view}"
    shards = [f"{folder}/shard-{shard}.arrow" for shard in range(CONFIG.graph.shards)]
    there = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    for shard in shards:
        if os.path.basename(shard) in there:
            rebuilt_if_unreadable(shard, columns.FEATURES_VERSION)
    if "shards.json" in there:
        rebuilt_if_incomplete(f"{folder}/shards.json", tuple(shards))
    return shards


def trunk(wildcards):
    """The checkpoint that a model starts from: the tier's multi-task one (`init: multitask`), a file, or none.

    Every name of a model leads here, so here an undeclared one is refused.
    """
    or_exit(CONFIG.check_pair, wildcards.tier, wildcards.task)
    training = CONFIG.tiers[wildcards.tier].training
    if training.init_path:
        return str(Path(training.init_path).expanduser())
    if wildcards.task == MULTITASK or training.init == SCRATCH:
        return []
    return f"results/{wildcards.tier}/{MULTITASK}.pt"


def released(wildcards):
    """The model in the `pretrained` folder; where it holds none, `train` makes it."""
    run_claims()
    or_exit(CONFIG.check_pair, wildcards.tier, wildcards.task)
    return PRETRAINED / wildcards.tier / f"{wildcards.task}.pt"


def multitask_properties(wildcards):
    """What the multi-task model learns; nothing for the others, which do not depend on the rest of the matrix."""
    return f"--properties {' '.join(CONFIG.matrix.properties)}" if wildcards.task == MULTITASK else ""


def on_slurm():
    """Whether jobs are sent to a Slurm cluster. False in such a job."""
    return bool(workflow.executor_plugin and workflow.executor_plugin.name == "slurm")


@functools.cache
def longest_minutes(rule):
    """What a job of the rule may take where it goes to; more would wait for ever."""
    partition = workflow.get_rule(rule).resources.get("slurm_partition")
    return cluster.longest_minutes(partition and partition.raw) if on_slurm() else cluster.LONGEST


minutes = functools.partial(needs.minutes, longest=longest_minutes)


@functools.cache
def has_gpus():
    """Whether this machine, or the cluster that jobs are sent to, has GPUs. Jobs of a cluster inherit the answer."""
    if "HAS_GPUS" not in os.environ:
        found = cluster.has_gpus() if on_slurm() else has_gpu_driver()
        os.environ.update(HAS_GPUS=str(int(found)))
    return os.environ.get("HAS_GPUS") == "1"


def one_gpu(wildcards):
    """One trainer at a time owns a GPU; without one, jobs share the cores and nothing waits for a GPU."""
    return int(has_gpus())


def gpus_per_model(wildcards):
    """How many GPUs a training asks for; of an undeclared tier none, since `trunk` refuses it."""
    if wildcards.tier not in CONFIG.tiers or not has_gpus():
        return 0
    return CONFIG.tiers[wildcards.tier].training.gpus_per_model


def trains_early(wildcards):
    """Longest first, so that the last hours are not one multi-task model on an otherwise idle machine."""
    return 10 if wildcards.task == MULTITASK else 0


def declared_property(wildcards):
    """The property's name, once it is known to be in the matrix."""
    or_exit(CONFIG.check_property, wildcards.property)
    return wildcards.property


def screening(wildcards):
    """The entry of config.yaml's `screen` section."""
    return or_exit(CONFIG.screening, wildcards.name)


@functools.cache
def files_of(structures):
    """The files of a path of structures."""
    return [path for _, path in or_exit(structure_files, [Path(structures)])]


def structures_of(name):
    """The files of the structures to predict."""
    return files_of(or_exit(CONFIG.screening, name).structures)


def screened(wildcards):
    """The same, as far as Snakemake can watch them."""
    run_claims()
    return nameable(structures_of(wildcards.name))


def embedding(wildcards):
    """The entry of config.yaml's `embeddings` section."""
    return or_exit(CONFIG.embedding, wildcards.name)


def embedded(wildcards):
    """The files of its structures, as far as Snakemake can watch them."""
    run_claims()
    return nameable(files_of(embedding(wildcards).structures))


def embedding_model(wildcards):
    """The checkpoint that embeds; nothing where a potential does."""
    model = embedding(wildcards).model
    return [] if model in POTENTIALS else model


def n_parts(wildcards):
    """Jobs of a screening. Known before any job runs, from the bytes of the files, so no checkpoint is needed."""
    return screening(wildcards).parts or parts_by_size(structures_of(wildcards.name))


def parts(wildcards):
    """The tables of a screening, in the order of the crystals."""
    return [f"results/screen/{wildcards.name}/part-{part}.parquet" for part in range(n_parts(wildcards))]


def part_plan(wildcards):
    """The plan of a screening; a part that does not exist is refused."""
    or_exit(CONFIG.check_part, wildcards.name, wildcards.part, n_parts(wildcards))
    return f"results/screen/{wildcards.name}/_plan.json"
