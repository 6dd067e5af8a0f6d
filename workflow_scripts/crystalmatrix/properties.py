"""The nine properties: one row each. Adding a property is adding a row here and its name to config.yaml.

In: nothing.  Out: PROPERTIES, by name, in the order of the report.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Property:
    """One DFT property of a crystal, intensive (independent of the choice of cell)."""

    name: str  # ours: config, file names, columns
    field: str  # key in JARVIS records and in the leaderboard's file names
    unit: str  # "1" for a pure number
    label: str  # for people
    transform: str  # identity | log | asinh: the scale on which the L1 loss is taken (fitted on the training fold)
    plausible: tuple[float, float]  # values outside are flagged in the quality table, never dropped
    zero_inflated: bool = False  # a share of exact zeros (metals, non-magnetic ...): a hurdle head may learn it
    zero_by_symmetry: bool = False  # zero with an inversion centre or point group 432 (odd-rank tensor)
    companion: str | None = None  # what this may be the share of a formula unit of (targets/formula_unit.py)


_ROWS = (
    Property("formation_energy", "formation_energy_peratom", "eV/atom", "Formation energy", "identity", (-5.0, 6.0)),
    Property(
        "band_gap", "optb88vdw_bandgap", "eV", "Band gap (OptB88vdW)", "identity", (0.0, 12.0), zero_inflated=True
    ),
    Property("band_gap_mbj", "mbj_bandgap", "eV", "Band gap (TB-mBJ)", "identity", (0.0, 30.0), zero_inflated=True),
    Property("bulk_modulus", "bulk_modulus_kv", "GPa", "Bulk modulus (Voigt)", "asinh", (0.0, 600.0)),
    Property("shear_modulus", "shear_modulus_gv", "GPa", "Shear modulus (Voigt)", "asinh", (0.0, 600.0)),
    Property("dielectric", "dfpt_piezo_max_dielectric", "1", "Dielectric constant (max, DFPT)", "log", (1.0, 500.0)),
    Property(
        "piezoelectric",
        "dfpt_piezo_max_dij",
        "pC/N",
        "Piezoelectric coefficient (max dij)",
        "asinh",
        (0.0, 500.0),
        zero_inflated=True,
        zero_by_symmetry=True,
    ),
    Property("spillage", "spillage", "1", "Spin-orbit spillage", "identity", (0.0, 6.0), zero_inflated=True),
    Property(
        "ehull",
        "ehull",
        "eV/atom",
        "Energy above hull",
        "identity",
        (0.0, 6.0),
        companion="formation_energy",
    ),
)

PROPERTIES: dict[str, Property] = {row.name: row for row in _ROWS}

# `data: {fields: {piezoelectric: dfpt_piezo_max_eij}}` in config.yaml picks another JARVIS field for a property.
FIELD_CHOICES: dict[str, dict[str, str]] = {
    "piezoelectric": {"dfpt_piezo_max_dij": "pC/N", "dfpt_piezo_max_eij": "C/m2"},
}

# Labels that JARVIS gives beside the nine; they may join multi-task training as auxiliary targets, never the report.
AUXILIARY_FIELDS: dict[str, str] = {"epsx": "1", "epsy": "1", "epsz": "1"}

MULTITASK = "multitask"


def as_read(name: str, fields: dict[str, str]) -> Property:
    """The property as a data set gives it: `fields` maps names to keys of the data set, where they differ.

    A field of FIELD_CHOICES brings its own unit, and its name into the label.
    """
    row = PROPERTIES[name]
    field = fields.get(name, row.field)
    if field == row.field:
        return row
    unit = FIELD_CHOICES.get(name, {}).get(field, row.unit)
    return replace(row, field=field, unit=unit, label=f"{row.label.partition(' (')[0]} ({field})")
