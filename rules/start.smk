"""What a run does before it plans, and never when somebody only looks (-n, --summary, --dag ...): looking changes nothing.

Input functions call it, since they run after the user's wish is known and before Snakemake takes its locks.
"""

import re

from snakemake.exceptions import ResourceConversionError, WorkflowError

from crystalmatrix.cli.damaged import damaged, remove_left_over, set_aside
from crystalmatrix.cli.plan import at_start, hint
from crystalmatrix.data.reach import unreachable
from crystalmatrix.data.sources import addresses
from crystalmatrix.errors import ConfigError
from crystalmatrix.files import unreadable
from crystalmatrix.run_folder import claim
from crystalmatrix.words import counted

A_DAY = 86400  # s
FEWEST_FORESEEN = 5  # trainings: fewer are done before measuring pays


@functools.cache
def run_claims():
    """What `claim` says when a run is about to start; None while somebody only looks."""
    looking = workflow.executor_plugin is None or workflow.dryrun or workflow.touch
    # A job of the cluster plans again, with --nolock: the run is the process that submitted it.
    if looking or workflow.exec_mode.name != "DEFAULT" or not workflow.execution_settings.lock:
        return None
    if workflow.executor_plugin.name == "slurm":
        or_exit(check_profile)
    claims = or_exit(claim, Path(workflow.persistence.path))
    if claims.buried:
        print(f"removed the locks of a run that was killed: {', '.join(claims.buried)}", file=sys.stderr)
    if claims.living:
        print(
            f"another run works in this folder: {', '.join(claims.living)}; wait for it or stop it. If it is dead, "
            "give this command once with --unlock",
            file=sys.stderr,
        )
    if claims.living and any(Path(workflow.persistence.path, "locks").glob("*.lock")):
        return claims  # Snakemake will refuse this run
    on_this_machine = workflow.executor_plugin.name == "local"
    n_files, n_bytes = remove_left_over(Path("results"), idle=0 if on_this_machine else A_DAY)
    if n_files:
        said = f"removed what killed jobs had half written: {counted(n_files, 'file')}, {n_bytes / 1e6:,.0f} MB"
        print(said, file=sys.stderr)
    # What lives may be no more than a job of a run that was killed: it gives a file its name when it is complete.
    for path, reason in damaged(Path("results"), Path(workflow.persistence.path) / "whole.json").items():
        if said := or_exit(set_aside, path, reason):
            print(said, file=sys.stderr)
        if path.parts[1] == "report":  # Snakemake asks for the page alone, and makes the files beside it with it
            Path("results/report/comparison.html").unlink(missing_ok=True)
    return claims


def started(wildcards):
    """No file: the first input of `all`, so that what is damaged is set aside before Snakemake looks at it."""
    run_claims()
    return []


def foresee():
    """Before the first job of a run that trains: on which device, and on a terminal what many trainings will take."""
    to_do = list(workflow.dag.needrun_jobs())
    wanted = [job for job in to_do if job.rule.name == "train"]
    if not wanted:
        return
    if not has_gpus():
        print("no GPU found: models train on the CPU, side by side where there are cores for it", file=sys.stderr)
    said = None
    if sys.stderr.isatty() and len(wanted) >= FEWEST_FORESEEN and not without_network(to_do):
        models = sorted(f"{job.wildcards.tier}/{job.wildcards.task}" for job in wanted)
        gpus = os.environ[GPU_JOBS]
        options = ["--cores", workflow.cores, "--threads", max(job.threads for job in wanted), "--gpus", gpus]
        said = at_start(models, OVERLAY, *map(str, options))
    said = said or hint(workflow.overwrite_configfiles, workflow.config_settings.config, workflow.overwrite_workdir)
    if said:
        print(said, file=sys.stderr)


def without_network(to_do):
    """Whether the data must be fetched and no address answers within a second: `fetch` will say so, with no delay."""
    urls = addresses(CONFIG.data) if any(job.rule.name == "fetch" for job in to_do) else ()
    return bool(urls) and set(unreachable(urls, patience=1.0)) == set(urls)


def check_profile():
    """The profile names rules of the workflow and numbers, and a cluster answers. Raises ConfigError."""
    asked = workflow.resource_settings
    by_rule = asked._parsed_overwrite_resources
    named = {
        "set-resources": by_rule,
        "set-threads": asked.overwrite_threads,
        "groups": workflow.group_settings.overwrite_groups,
    }
    cluster.check_rules([rule.name for rule in workflow.rules], named)
    check_numbers(asked._parsed_default_resources, "default-resources")
    for rule, resources in by_rule.items():
        check_numbers(resources, f"set-resources: {rule}")
    if not any(partition.has_gpus for partition in cluster.partitions()):
        print("no GPU on this cluster: models train on processors", file=sys.stderr)


def check_jobs():
    """What the jobs of this run ask for at their first try is on the cluster. Raises ConfigError."""
    known = cluster.partitions()
    for job in sorted(workflow.dag.needrun_jobs(), key=lambda job: job.rule.name):
        if not workflow.is_local(job.rule):
            cluster.check(known, job.rule.name, dict(job.resources.items()))


def check_numbers(resources, where):
    """Raises ConfigError for a resource of Snakemake's that is no number of MB or minutes where it should be one."""
    for resource in resources.values():
        if resource.raw is None or {"wildcards", "input"} & set(re.findall(r"\w+", str(resource.raw))):
            continue  # Snakemake's own, which asks for the input; what only a job has
        try:
            resource.evaluate(None, input=[], attempt=1, threads=1, rulename="", async_run=None)
        except (ResourceConversionError, WorkflowError):
            raise ConfigError(
                f"{cluster.PROFILE}: {where}: {resource.name}: found {resource.raw!r}, expected a number, or an "
                "expression in attempt, threads or wildcards"
            ) from None


@functools.cache
def rebuilt_if_unreadable(path, version):
    """A damaged or outdated table is removed when a run starts, which then makes it again where it is needed."""
    run_claims()  # which may set it aside
    _removed(path, unreadable(Path(path), version=version))


@functools.cache
def rebuilt_if_incomplete(path, parts):
    """The same of a list of files, one of which is gone."""
    run_claims()
    gone = next((part for part in parts if not Path(part).exists()), None)
    _removed(path, f"{path}: lists {gone}, which is gone" if gone else None)


def _removed(path, reason):
    claims = run_claims()
    if reason is None or (claims and claims.living):
        return
    if claims is None:
        print(f"{reason}; a run makes it again where it is needed", file=sys.stderr)
        return
    print(f"{reason}; removed, to be built again", file=sys.stderr)
    Path(path).unlink(missing_ok=True)
