"""Every parquet column: name, dtype, shape, unit; and the version of each table's meaning.

A reader that meets another version stops and says so. Raise a version when the meaning of a column changes; the
Snakefile passes it as a parameter, so that exactly the stages behind it run again.

In: nothing.  Out: RECORDS, SPLITS, GRAPHS, PREDICTIONS (pyarrow schemas) and the *_VERSION numbers.
"""

import pyarrow as pa

from crystalmatrix.properties import AUXILIARY_FIELDS, PROPERTIES

RECORDS_VERSION = 1
SPLITS_VERSION = 2
GRAPHS_VERSION = 2
DESCRIPTORS_VERSION = 1
FEATURES_VERSION = 1
PREDICTIONS_VERSION = 3
CHECKPOINT_VERSION = 4

JID = "jid"
FORMULA = "formula"
N_ATOMS = "n_atoms"
SPECIES = "species"
FRACTIONAL = "fractional"
LATTICE = "lattice"
VOLUME = "volume"
SPACE_GROUP = "space_group"
POINT_GROUP = "point_group"
HAS_INVERSION = "has_inversion"

RECORDS = pa.schema(
    [
        pa.field(JID, pa.string(), nullable=False),
        pa.field(FORMULA, pa.string(), nullable=False),  # reduced, Hill order: "O3SrTi"; predictions have "SrTiO3"
        pa.field(N_ATOMS, pa.int32(), nullable=False),
        pa.field(SPECIES, pa.list_(pa.uint8()), nullable=False),  # [n_atoms] atomic number Z
        pa.field(FRACTIONAL, pa.list_(pa.float64()), nullable=False),  # [n_atoms * 3] row-major, wrapped into [0, 1)
        pa.field(LATTICE, pa.list_(pa.float64(), 9), nullable=False),  # [9] row-major, rows are a, b, c in Å
        pa.field(VOLUME, pa.float64(), nullable=False),  # Å3
        pa.field(SPACE_GROUP, pa.int16()),  # 1 to 230, spglib at symprec 0.01 Å; null where spglib found none
        pa.field(POINT_GROUP, pa.string()),  # Hermann-Mauguin, "m-3m"
        pa.field(HAS_INVERSION, pa.bool_()),
        *(pa.field(name, pa.float64()) for name in PROPERTIES),  # in the unit of properties.py; null: not computed
        *(pa.field(name, pa.float64()) for name in AUXILIARY_FIELDS),
    ]
)

DROPPED = pa.schema([pa.field(JID, pa.string()), pa.field("reason", pa.string()), pa.field("detail", pa.string())])

PROPERTY = "property"
FOLD = "fold"
STRICT = "strict"
WEIGHT = "weight"
OFFSET = "offset"
TRAIN, VAL, TEST = "train", "val", "test"

SPLITS = pa.schema(
    [
        pa.field(JID, pa.string(), nullable=False),
        pa.field(PROPERTY, pa.string(), nullable=False),
        pa.field(FOLD, pa.string(), nullable=False),  # train | val | test of this property
        # False only for training rows whose structure is in the validation or test fold of any property
        pa.field(STRICT, pa.bool_(), nullable=False),
        # crystals of extra sources alone (data/extra.py): what a label weighs beside 1, and is too high by in its unit
        pa.field(WEIGHT, pa.float64()),
        pa.field(OFFSET, pa.float64()),
    ]
)

TWIN_JID = "twin_jid"
KIND = "kind"
SAME, SIMILAR = "same structure", "similar"

# Test crystals with a twin in the training fold: same composition and space group, volumes per atom within 2 %.
LEAKAGE = pa.schema(
    [
        pa.field(JID, pa.string(), nullable=False),  # at most once per property, with its closest twin
        pa.field(PROPERTY, pa.string(), nullable=False),
        pa.field(TWIN_JID, pa.string(), nullable=False),  # in the training fold of this property
        pa.field(KIND, pa.string(), nullable=False),  # same structure: the interatomic distances agree too; or similar
        pa.field("volume_difference", pa.float64(), nullable=False),  # of the volumes per atom, relative
        pa.field("distance_difference", pa.float64(), nullable=False),  # see data/leakage.py; 1 = (volume per atom)^1/3
    ]
)

N_NEIGHBOURS = "n_neighbours"
NEIGHBOUR = "neighbour"
OFFSETS = ("offset_a", "offset_b", "offset_c")
N_ANGLE_EDGES = "n_angle_edges"
COSINE = "cosine"
COSINE_SCALE = 32767  # cosine = stored integer / COSINE_SCALE; error at most 1.6e-5


def list_of(kind: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("element", kind, nullable=False))  # no nulls inside: half the work to write and to read


GRAPHS = pa.schema(
    [
        pa.field(JID, pa.string(), nullable=False),
        pa.field(SPECIES, list_of(pa.uint8()), nullable=False),  # [n_atoms]
        pa.field(FRACTIONAL, list_of(pa.float64()), nullable=False),  # [n_atoms * 3] as in RECORDS
        pa.field(LATTICE, pa.list_(pa.float64(), 9), nullable=False),  # [9] Å
        pa.field(N_NEIGHBOURS, list_of(pa.uint16()), nullable=False),  # [n_atoms] edges of each centre
        pa.field(NEIGHBOUR, list_of(pa.uint16()), nullable=False),  # [n_edges] atom j; by centre, then by distance
        # [n_edges] image of j, in lattice vectors: edge vector = (f_j + offset - f_i) @ lattice
        *(pa.field(name, list_of(pa.int8()), nullable=False) for name in OFFSETS),
        # [n_atoms] the first so many edges of each centre lie within the 3-body cutoff
        pa.field(N_ANGLE_EDGES, list_of(pa.uint16()), nullable=False),
        # [n_angles] little-endian int16: for each centre, the pairs (0,1), (0,2) ... (1,2) ... of its first
        # n_angle_edges edges. They are nine tenths of the file; bytes are five times as fast as a list.
        pa.field(COSINE, pa.binary(), nullable=False),
    ]
)

TARGET = "target"
PREDICTION = "prediction"
SPREAD = "spread"
LOWER, UPPER = "lower", "upper"
NOVELTY = "novelty"

PREDICTIONS = pa.schema(
    [
        pa.field(JID, pa.string(), nullable=False),
        pa.field(PROPERTY, pa.string(), nullable=False),
        pa.field(FOLD, pa.string(), nullable=False),  # val | test
        pa.field(TARGET, pa.float64(), nullable=False),  # the DFT value, untouched
        pa.field(PREDICTION, pa.float64(), nullable=False),  # ensemble median, in the property's unit
        pa.field(SPREAD, pa.float64()),  # standard deviation over the ensemble; null for one seed
        pa.field(LOWER, pa.float64()),  # split-conformal interval, calibrated on the validation fold
        pa.field(UPPER, pa.float64()),
        pa.field(NOVELTY, pa.float64()),  # distance from what was trained on (trained/domain.py); null: not known
    ]
)
