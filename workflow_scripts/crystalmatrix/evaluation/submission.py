"""Archives in the JARVIS-Leaderboard's format, checked offline.

In: predictions of one model on one property, and the official test ids.  Out: the bytes of the archive, the
contribution's metadata.json, and a check that says what stands between it and a valid submission. The format is that
of https://github.com/usnistgov/jarvis_leaderboard, folder jarvis_leaderboard/contributions.
"""

import io
import zipfile

import numpy as np

from crystalmatrix.config import SubmissionConfig
from crystalmatrix.contracts.submission import Check, Contribution
from crystalmatrix.evaluation import metrics
from crystalmatrix.evaluation.predictions import FoldPredictions, ModelPredictions
from crystalmatrix.evaluation.published import archive_name
from crystalmatrix.properties import PROPERTIES

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # a fixed time stamp, so that equal predictions are equal bytes


def pack(fold: FoldPredictions, name: str) -> bytes:
    """The archive: one csv in a zip, columns id and prediction, sorted by id; equal predictions are equal bytes."""
    csv = "id,prediction\n" + "".join(
        f"{jid},{value:.9g}\n" for jid, value in zip(fold.jid.tolist(), fold.prediction.tolist(), strict=True)
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        member = archive_name(PROPERTIES[name].field).removesuffix(".zip")
        info = zipfile.ZipInfo(member, date_time=_ZIP_EPOCH)
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, csv)
    return buffer.getvalue()


def contribution(model: ModelPredictions, name: str, submission: SubmissionConfig) -> Contribution:
    """metadata.json of the contribution."""
    versions = sorted(model.model.versions.items())
    return Contribution(
        model_name=f"{submission.model_name}_{model.tier}",
        project_url=submission.project_url,
        date_submitted=submission.date_submitted,
        author_email=submission.author_email,
        team_name=submission.team_name,
        time_taken_seconds={archive_name(PROPERTIES[name].field): model.model.train_seconds},
        language="python",
        software_used=",".join(f"{package}=={version}" for package, version in versions),
        hardware_used=model.model.device,
        git_url=[submission.project_url],
    )


def check(
    predicted: dict[str, float], fold: FoldPredictions, name: str, *, official: set[str], metadata: Contribution
) -> Check:
    """Check what was read back from an archive: `predicted` against the fold's DFT values and the official test ids."""
    target = dict(zip(fold.jid.tolist(), fold.target.tolist(), strict=True))
    common = sorted(set(predicted) & official & set(target))
    problems = []
    if missing := len(official - set(predicted)):
        problems.append(
            f"{missing} of the {len(official)} official test ids are missing: the source of this run does not hold "
            f"them, so this archive is no valid submission; train on dft_3d_2021 for one"
        )
    if unknown := len(set(predicted) - official):
        problems.append(f"{unknown} ids are not in the official test split; use `splits: official`")
    if not all(np.isfinite(value) for value in predicted.values()):
        problems.append("a prediction is not a finite number")
    problems += [f"metadata.json: {problem}" for problem in _metadata_problems(metadata)]
    values = [np.array([table[jid] for jid in common]) for table in (target, predicted)]
    return Check(
        archive=archive_name(PROPERTIES[name].field),
        unit=PROPERTIES[name].unit,
        n_official=len(official),
        n_predicted=len(set(predicted) & official),
        n_unknown=unknown,
        mae=metrics.mae(*values) if common else None,
        problems=tuple(problems),
        complete=not problems,
    )


def _metadata_problems(metadata: Contribution) -> list[str]:
    empty = [key for key, value in metadata.to_dict().items() if value in ("", [""])]
    problems = [f"{key} is empty; set report.submission.{key} in config.yaml" for key in empty if key != "git_url"]
    if metadata.author_email and "@" not in metadata.author_email:
        problems.append(f"author_email {metadata.author_email!r} holds no @; set report.submission.author_email")
    return problems
