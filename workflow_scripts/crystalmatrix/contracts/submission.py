"""The files beside a leaderboard submission: metadata.json and check.json. In: nothing.  Out: Contribution, Check."""

from typing import ClassVar

from pydantic import Field

from crystalmatrix.contracts.document import Document, Part
from crystalmatrix.contracts.versions import SUBMISSION_VERSION


class Contribution(Part):
    """metadata.json, with the keys that the leaderboard's own check asks for."""

    model_name: str
    project_url: str
    date_submitted: str  # month-day-year
    author_email: str
    team_name: str
    time_taken_seconds: dict[str, float]  # archive: training time
    language: str
    software_used: str
    hardware_used: str
    git_url: list[str]


class Check(Document):
    """check.json: what was found in an archive; a valid submission has no problems."""

    VERSION: ClassVar[int] = SUBMISSION_VERSION

    archive: str
    unit: str
    n_official: int  # ids of the official test split
    n_predicted: int  # of those, how many the archive holds
    n_unknown: int  # ids in the archive that are not in the official test split
    mae: float | None  # recomputed from the archive against the DFT values of the source; None where it holds no id
    problems: tuple[str, ...]
    complete: bool
    files: dict[str, str] = Field(default_factory=dict)  # sha256 of the others in the folder

    def lines(self) -> list[str]:
        """For people: what the archive is, then one line per problem."""
        mae = "" if self.mae is None else f", MAE {self.mae:.4g}{'' if self.unit == '1' else ' ' + self.unit} on them"
        verdict = "a valid submission" if self.complete else "not a valid submission yet"
        first = f"{self.archive}: {self.n_predicted} of {self.n_official} official test ids{mae}; {verdict}"
        return [first, *(f"  {problem}" for problem in self.problems)]
