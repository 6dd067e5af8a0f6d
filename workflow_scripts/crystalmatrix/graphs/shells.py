"""What a shell of neighbours is: the one definition, for the search, for `nearest` and for the rows of a network.

Two neighbours of an atom are of one shell when their distances differ by at most SHELL_TOLERANCE. A cap that would come
to lie inside a shell moves to its end, where the shell is kept (`shell_end`), or to its start, where it is left out
(`shell_start`). So no cap parts atoms that a symmetry, or one broken by rounding or relaxation, makes equal.

In: distances as whole steps of 1e-6 Å (edge_key.py), numbers or arrays.  Out: the same.
"""

from crystalmatrix.graphs.compiled import compiled
from crystalmatrix.graphs.edge_key import STEPS_PER_ANGSTROM

SHELL_TOLERANCE = 1e-3  # Å: relaxed cells scatter the atoms of a shell by less, and distinct shells lie further apart
SHELL_STEPS = round(SHELL_TOLERANCE * STEPS_PER_ANGSTROM)


@compiled
def shell_end(q):
    """The largest distance in the shell of a neighbour at q: what is kept with the last one that a cap allows."""
    return q + SHELL_STEPS


@compiled
def shell_start(q):
    """The smallest distance in the shell of a neighbour at q: what is left out with the first one past a cap."""
    return q - SHELL_STEPS
