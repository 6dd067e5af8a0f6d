"""Fetch the raw data set: a JARVIS release, a URL, a file, a folder or the bundled minerals.

In: the `data` section of config.yaml.  Out: results/data/raw.json.zip and its origin, raw.meta.json.
"""

import argparse
from pathlib import Path

from crystalmatrix.config import SourceConfig
from crystalmatrix.data.sources import fetch
from crystalmatrix.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", required=True, help="JSON of the `data` section of config.yaml")
    parser.add_argument("--out", type=Path, required=True, help="raw.json.zip: a JSON list of entries, zipped")
    parser.add_argument("--meta", type=Path, required=True, help="raw.meta.json: origin, size, sha256, entry count")
    arguments = parser.parse_args()

    fetch(SourceConfig.from_json(arguments.settings), arguments.out).write(arguments.meta)


if __name__ == "__main__":
    run(main)
