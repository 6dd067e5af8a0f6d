"""comparison.html: one self-contained page.

In: Inputs.  Out: HTML text, a function of the inputs alone (no clock, no network).
"""

import base64
import hashlib
import json
from importlib.resources import files

import jinja2

from crystalmatrix.report import text
from crystalmatrix.report.ablation import ablation
from crystalmatrix.report.answer import answer
from crystalmatrix.report.baselines import baselines
from crystalmatrix.report.calibration import calibration
from crystalmatrix.report.datasheet import datasheet
from crystalmatrix.report.distance import distance
from crystalmatrix.report.expected import expected
from crystalmatrix.report.explorer import explorer
from crystalmatrix.report.inputs import Inputs
from crystalmatrix.report.matrix import matrix
from crystalmatrix.report.neighbourhoods import neighbourhoods
from crystalmatrix.report.provenance import provenance
from crystalmatrix.report.training import training
from crystalmatrix.words import counted

SCRIPTS = ("page.js", "explorer.js")
SECTIONS = (
    answer,
    matrix,
    baselines,
    ablation,
    training,
    calibration,
    distance,
    expected,
    datasheet,
    neighbourhoods,
    provenance,
)  # each named as its template


def render(inputs: Inputs) -> str:
    """The page as text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("crystalmatrix.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "count": text.count,
        "counted": counted,
        "number": text.number,
        "significant": text.significant,
    }
    # "</" would end the script element that carries the payload
    payload = json.dumps(explorer(inputs), separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
    script = "\n".join(["", *map(_template, SCRIPTS), ""])
    return environment.get_template("page.html.j2").render(
        **{section.__name__: section(inputs) for section in SECTIONS},
        source=inputs.source,
        confidence=text.percent(inputs.settings.confidence),
        payload=payload,
        script=script,
        policy=content_security_policy(script),
        style=_template("style.css"),
    )


def content_security_policy(script: str) -> str:
    """Our script runs and no other; nothing is loaded from anywhere and nothing is sent."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _template(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text("utf-8")
