"""What was known of our pinned packages when they were last audited, and whether a pin is among the vulnerable ones.

python envs/audited.py            # make check: needs no network; exit code 1 for a pin with a known vulnerability
python envs/audited.py found.json # make audit: keeps what pip-audit found of every pin in envs/audited.json
"""

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def plain(name: str) -> str:
    """A package's name as pip-audit writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(constraints: Path) -> set[str]:
    """{name==version}."""
    pairs = (line.partition("==") for line in constraints.read_text().split())
    return {f"{plain(name)}=={version}" for name, _, version in pairs}


def keep(found: dict[str, Any], *, constraints: Path, kept: Path) -> None:
    """Write what pip-audit says, `--format json`. ValueError where it did not look at every pin: it calls that well."""
    looked_at = {
        f"{plain(one['name'])}=={one['version']}": one["vulns"] for one in found["dependencies"] if "vulns" in one
    }
    if missing := pins(constraints) - looked_at.keys():
        raise ValueError(f"not audited: {', '.join(sorted(missing)[:5])} and others, {len(missing)} in all")
    content = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "audited": sorted(looked_at),
        "vulnerable": {pin: sorted(one["id"] for one in of) for pin, of in sorted(looked_at.items()) if of},
    }
    kept.write_text(json.dumps(content, indent=1) + "\n")


def check(*, constraints: Path, kept: Path) -> tuple[bool, str]:
    """(whether no pin is known to be vulnerable, one line)."""
    if not kept.exists():
        return True, f"{kept.name}: none; the pinned packages were never audited (make audit, where there is a network)"
    content = json.loads(kept.read_text())
    known = {pin: ids for pin, ids in content["vulnerable"].items() if pin in pins(constraints)}
    if known:
        said = "; ".join(f"{pin}: {', '.join(ids)}" for pin, ids in known.items())
        return False, f"error: known vulnerabilities: {said}; raise these pins in {constraints.name}"
    later = len(pins(constraints) - set(content["audited"]))
    return True, f"no known vulnerability on {content['date']}; {later} pins are later than that"


def main() -> None:
    files = {"constraints": HERE / "constraints.txt", "kept": HERE / "audited.json"}
    if len(sys.argv) > 1:
        try:
            keep(json.loads(Path(sys.argv[1]).read_text()), **files)
        except (OSError, ValueError) as error:
            sys.exit(f"error: {error}")
    well, said = check(**files)
    print(said)
    sys.exit(not well)


if __name__ == "__main__":
    main()
