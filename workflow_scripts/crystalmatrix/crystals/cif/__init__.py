"""CIF files: every setting by its operations, and every result asked whether the file's own evidence bears it out.

In: the text of a file.  Out: Crystal or Failure for each of its data blocks.
"""

from crystalmatrix.crystals.cif.reader import read_cif as read_cif
