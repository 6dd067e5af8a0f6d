"""The conda environments, the lock and pyproject.toml name the same packages at the same versions."""

import ast
import re
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from crystalmatrix.code import PACKAGE, files_behind, imported

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "workflow_scripts"
ENVS = ["data", "train", "report", "transfer"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Modules whose package has another name.
PACKAGE_OF = {"jarvis": "jarvis-tools", "sklearn": "scikit-learn", "yaml": "pyyaml"}
# Imported only where the user has them: objects that the Predictor takes, back-ends that the set-up never needs.
OPTIONAL = {"pymatgen", "torch_cluster", "triton"}  # pymatgen comes with chgnet


# Imported only where `graph: search: torch-cluster` asks for it, which the set-up never needs either ...
TORCH_CLUSTER = SCRIPTS / "crystalmatrix/graphs/torch_cluster.py"
# ... and where a tier reads the descriptors of a potential: of the environments, in the one that is made for it.
POTENTIALS = {SCRIPTS / "crystalmatrix/descriptors/chgnet.py", SCRIPTS / "crystalmatrix/descriptors/sevennet.py"}


def split(lines: list[str]) -> dict[str, str]:
    """Package: version, from lines `name==version`."""
    pairs = (line.partition("==") for line in lines)
    return {canonicalize_name(name): version for name, _, version in pairs}


LOCK = split((ROOT / "envs/constraints.txt").read_text().split())


def pins(env: str) -> dict[str, str]:
    """What pip installs into one of the environments."""
    dependencies = yaml.safe_load((ROOT / f"envs/{env}.yaml").read_text())["dependencies"]
    return split(next(entry["pip"] for entry in dependencies if isinstance(entry, dict)))


def scripts(env: str) -> list[Path]:
    """The scripts of the rules that name the environment."""
    rules = "\n".join(path.read_text() for path in (ROOT / "rules").glob("*.smk")).split("\nrule ")
    mine = [rule for rule in rules if f"envs/{env}.yaml" in rule]
    return [SCRIPTS / re.search(r'"\$SCRIPTS"/(\w+\.py)', rule)[1] for rule in mine]  # type: ignore[index]


def imports(env: str) -> set[str]:
    """Third-party modules that the environment's scripts import, directly or through the package."""
    found: set[str] = set()
    on_demand = {TORCH_CLUSTER} if env == "transfer" else {TORCH_CLUSTER, *POTENTIALS}
    for path in {path for script in scripts(env) for path in files_behind(script)} - on_demand:
        found |= {module.partition(".")[0] for module in [*imported(path), *_looked_up(path)]}
    return found - set(sys.stdlib_module_names) - {PACKAGE}


def _looked_up(path: Path) -> list[str]:
    """Modules that the file looks up with find_spec: only the package's data is used."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return [ast.literal_eval(call.args[0]) for call in calls if ast.unparse(call.func).endswith("find_spec")]


@pytest.mark.parametrize("env", ENVS)
def test_environment_has_the_locked_versions(env: str) -> None:
    assert pins(env) == {name: LOCK.get(name) for name in pins(env)}


@pytest.mark.parametrize("env", ENVS)
def test_environment_holds_exactly_what_its_scripts_import(env: str) -> None:
    needed = {canonicalize_name(PACKAGE_OF.get(module, module)) for module in imports(env) - OPTIONAL}
    assert set(pins(env)) == needed


@pytest.mark.parametrize("env", ["data", "report"])
def test_only_training_and_inference_need_torch(env: str) -> None:
    assert not {"torch", "e3nn"} & imports(env)


def test_project_declares_what_the_scripts_import() -> None:
    extras = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *extras["lmdb"], *extras["transfer"]]
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    used = {name for env in ENVS for name in pins(env)}
    assert used <= declared


def repeated(lines: list[str]) -> list[str]:
    """Packages that a list of requirements names more than once."""
    names = [canonicalize_name(Requirement(line).name) for line in lines]
    return sorted({name for name in names if names.count(name) > 1})


def test_no_dependency_is_declared_twice() -> None:
    assert repeated(["numpy>=2", "scipy", "NumPy==2.1"]) == ["numpy"]  # the control
    for extra in ([], *PROJECT["optional-dependencies"].values()):
        assert repeated([*PROJECT["dependencies"], *extra]) == []


def test_lock_holds_every_dependency_within_its_bounds() -> None:
    extras = PROJECT["optional-dependencies"]
    for line in [
        *PROJECT["dependencies"],
        *(extra for n in ("dev", "docs", "lmdb", "slurm", "transfer") for extra in extras[n]),
    ]:
        requirement = Requirement(line)
        version = LOCK.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in envs/constraints.txt"
        assert requirement.specifier.contains(version), f"{line}: envs/constraints.txt has {version}"


# Whose files `make setup` compares with no hash of ours: which build of it is taken depends on the machine.
NOT_LOCKED = {"torch"}
ENTRY = re.compile(
    r"^(?P<requirement>[\w.-]+==[^\n\\]+)(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})*)$", re.MULTILINE
)


def locked(text: str) -> dict[Requirement, int]:
    """{requirement with its marker: hashes} of a list in pip's form. AssertionError for a line of another form."""
    left = ENTRY.sub("", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    assert not left.strip(), left
    return {Requirement(found["requirement"]): found["hashes"].count("--hash=") for found in ENTRY.finditer(text)}


def closure(names: list[str]) -> set[str]:
    """The installed packages that the project and its extras need here, directly or through others."""
    found: set[str] = set()
    waiting = [Requirement(line) for line in names]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found:
            continue
        found.add(name)
        for line in distribution(name).requires or []:
            needed = Requirement(line)
            if any(needed.marker is None or needed.marker.evaluate({"extra": e}) for e in ("", *requirement.extras)):
                waiting.append(needed)
    return found


def test_what_the_set_up_installs_is_locked_by_hashes_at_the_same_versions() -> None:
    text = (ROOT / "envs/locked.txt").read_text()
    of = {canonicalize_name(requirement.name): (requirement, n) for requirement, n in locked(text).items()}
    assert [name for name, (_, n) in of.items() if n == 0] == []
    with pytest.raises(AssertionError):
        locked(text.replace("sha256:", "md5:", 1))  # the control
    elsewhere = {name for name, (requirement, _) in of.items() if requirement.marker and name not in LOCK}
    assert {name: str(requirement.specifier) for name, (requirement, _) in of.items() if name not in elsewhere} == {
        name: f"=={LOCK[name]}" for name in of if name not in elsewhere
    }
    needed = closure([*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]])
    assert len(needed) > 100
    assert needed - of.keys() == NOT_LOCKED
