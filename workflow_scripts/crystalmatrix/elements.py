"""Symbols of the elements and their places in the periodic table of 18 columns.

In: atomic numbers.  Out: SYMBOLS[Z], N_SPECIES, and (row, column) with the f block in rows 9 and 10.
"""

_NAMES = """
H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu
Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr
"""
SYMBOLS = ("", *_NAMES.split())

N_SPECIES = 119  # length of a table by atomic number, 1 to 118; row 0 is never used

_NOBLE = (0, 2, 10, 18, 36, 54, 86)  # Z of the last element of each period


def position(z: int) -> tuple[int, int]:
    """(row, column), from 1, of element Z = 1 to 103; La to Yb and Ac to No stand in rows 9 and 10, from column 3."""
    for first, row in ((57, 9), (89, 10)):
        if first <= z < first + 14:
            return row, z - first + 3
    period = next(p for p in range(len(_NOBLE), 0, -1) if z > _NOBLE[p - 1])
    place = z - _NOBLE[period - 1]
    if period == 1:
        return 1, 1 if z == 1 else 18
    if period <= 3:
        return period, place if place <= 2 else place + 10
    if period <= 5:
        return period, place
    return period, place if place <= 2 else place - 14
