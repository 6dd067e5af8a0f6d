"""comparison.html: one self-contained page.

In: Inputs.  Out: HTML text, a function of the inputs alone (no clock, no network).
"""

import jinja2

from crystalmatrix.evaluation.comparison import CONSTANT
from crystalmatrix.report.inputs import Inputs


def render(inputs: Inputs) -> str:
    """The page as text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("crystalmatrix.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    columns = list(dict.fromkeys(key for board in inputs.boards.values() for key in board.ours))
    return environment.get_template("page.html.j2").render(inputs=inputs, columns=columns, constant=CONSTANT)
