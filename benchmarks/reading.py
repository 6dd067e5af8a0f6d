"""Read every crystal of a file as screening does, and forget it: what screening_parts.py measures.

In: a file.  Out: how many crystals, and how many failures.
"""

import sys
from pathlib import Path

from crystalmatrix.crystals.crystal import Failure
from crystalmatrix.crystals.files import read_structures, structure_files

n = failed = 0
for item in read_structures(structure_files([Path(sys.argv[1])])):
    n, failed = n + 1, failed + isinstance(item, Failure)
print(n, failed)
