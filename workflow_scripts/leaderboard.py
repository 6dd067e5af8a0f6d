"""Pack the predictions of one model on one property for the JARVIS-Leaderboard, and check the archive offline.

In: results/{tier}/{property}.predictions.parquet.
Out: in --out-dir the archive, metadata.json, run.sh and check.json, which lists what a valid submission still lacks.
"""

import argparse
from pathlib import Path

from crystalmatrix.config import ReportConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.tables import RecordsMetadata
from crystalmatrix.data.official import official_folds
from crystalmatrix.errors import DataError, run
from crystalmatrix.evaluation.predictions import read_predictions
from crystalmatrix.evaluation.published import archive_name, full_test, read_archive
from crystalmatrix.evaluation.submission import check, contribution, pack
from crystalmatrix.files import atomic, sha256_of, write_json, write_text
from crystalmatrix.properties import PROPERTIES, as_read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--property", required=True, choices=list(PROPERTIES), help="property to submit")
    parser.add_argument("--predictions", type=Path, required=True, help="predictions of the model")
    parser.add_argument("--records", type=Path, required=True, help="records.parquet: which field the property is")
    parser.add_argument("--tier", required=True, help="tier of the model: part of its name on the leaderboard")
    parser.add_argument("--settings", default="{}", help="section `report` of the configuration, as JSON")
    parser.add_argument("--out-dir", type=Path, required=True, help="folder to write")
    arguments = parser.parse_args()
    name: str = arguments.property

    model = read_predictions(arguments.predictions)
    if (name, c.TEST) not in model.folds or model.tier != arguments.tier:
        raise DataError(
            f"{arguments.predictions}: found {model.tier}/{model.task}, expected {arguments.tier} with {name}"
        )
    fields = RecordsMetadata.of_table(arguments.records).fields
    if full_test(as_read(name, fields)) is None:
        raise DataError(f"{name}: read from {as_read(name, fields).field}, which the leaderboard has no test for")
    fold = model.folds[name, c.TEST]
    archive = arguments.out_dir / archive_name(PROPERTIES[name].field)
    with atomic(archive) as temporary:
        temporary.write_bytes(pack(fold, name))
    about = contribution(model, name, ReportConfig.from_json(arguments.settings).submission)
    official = {jid for jid, kind in official_folds(name).items() if kind == c.TEST}
    result = check(read_archive(archive), fold, name, official=official, metadata=about)
    write_json(arguments.out_dir / "metadata.json", about.to_dict())
    write_text(arguments.out_dir / "run.sh", f"#!/bin/bash\nsnakemake results/leaderboard/{name} --cores all\n")
    listed = sha256_of(arguments.out_dir, [archive.name, "metadata.json", "run.sh"])
    result.model_copy(update={"files": listed}).write(arguments.out_dir / "check.json")
    print("\n".join(result.lines()))


if __name__ == "__main__":
    run(main)
