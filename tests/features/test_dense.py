"""Dense rows: equal to their definition spelled out, and whole shells of neighbours whatever the strain."""

from functools import partial

import numpy as np
import pytest
import torch
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from crystalmatrix.config import GraphConfig
from crystalmatrix.features.dense import densify
from crystalmatrix.graphs.shells import SHELL_TOLERANCE

from ..models.cases import CONFIGS, SMOOTH, Crystal, graphs_of, model_of, random_crystal, stored_batch
from ..models.exact import exact_batch

CGCNN = CONFIGS["cgcnn"]
PROTOTYPES = {
    "fcc": bulk("Cu", "fcc", a=3.6),
    "bcc": bulk("Fe", "bcc", a=2.9),
    "hcp": bulk("Mg", "hcp", a=3.2, c=5.2256),  # ideal: 12 at one distance
    "rock salt": bulk("NaCl", "rocksalt", a=5.6),
}
STRAINS = np.concatenate([[0.0], np.geomspace(1e-8, 1e-2, 61)])
# three unequal axes and a shear: the six second neighbours of fcc become three pairs
DIRECTION = np.array([[1.0, 0.3, 0.0], [0.3, -0.4, 0.2], [0.0, 0.2, 0.1]])


def strained(name: str, strain: float) -> Crystal:
    atoms = PROTOTYPES[name]
    species, fractional = atoms.numbers.astype(np.uint8), atoms.get_scaled_positions()
    return Crystal(species, fractional, atoms.cell.array @ (np.eye(3) + strain * DIRECTION))


@given(st.integers(0, 10_000), st.sampled_from(list(CONFIGS)), st.sampled_from([3.2, 5.0, 7.0]))
@settings(max_examples=25, deadline=None)
def test_rows_are_their_definition(seed, name, cutoff):
    """Isolated atoms (at the shorter cutoff), capped atoms and atoms with empty slots, against float64 loops."""
    crystals = [random_crystal(seed, n_atoms=1 + seed % 6)]
    graph = GraphConfig(cutoff=cutoff, three_body_cutoff=3.2)
    found, expected = stored_batch(crystals, CONFIGS[name], graph), exact_batch(crystals, CONFIGS[name], graph)
    assert torch.equal(found.neighbour, expected.neighbour)
    torch.testing.assert_close(found.vector, expected.vector, rtol=0, atol=2e-6)
    torch.testing.assert_close(found.envelope_radius, expected.envelope_radius, rtol=0, atol=2e-6)
    torch.testing.assert_close(found.angular, expected.angular, rtol=2.0**-11, atol=2e-4)


def rows(crystal, *, shell=SHELL_TOLERANCE):
    """(lengths of the neighbours that are kept, envelope radius) of the first atom for 16 slots.

    Another `shell` than ours is the control: the radius ends there, as it did with 1e-6 of the distance.
    """
    graphs = graphs_of([crystal])
    dense = densify(graphs, graph=GraphConfig(), model=CGCNN)
    every = np.linalg.norm(graphs.edge_vector[: graphs.edge_pointer[1]], axis=1)
    radius = dense.envelope_radius[0] + SHELL_TOLERANCE - shell
    length = np.linalg.norm(dense.vector[0], axis=1)
    kept = length[length < dense.envelope_radius[0]] if shell == SHELL_TOLERANCE else every[:16][every[:16] < radius]
    return kept, radius


@pytest.mark.parametrize("name", PROTOTYPES)
def test_a_shell_is_kept_whole_or_left_out_whole(name):
    """Below the tolerance a strain changes nothing: every shell of the ideal crystal is there, or is not."""
    counts = {len(rows(strained(name, strain))[0]) for strain in STRAINS if strain < 0.5e-4}
    ideal = {"fcc": 12, "bcc": 14, "hcp": 12, "rock salt": 6}
    assert counts == {ideal[name]}


def test_the_control_parts_a_shell():
    """With a relative 1e-6, as dense rows once had it, a strain of 5e-6 makes 12 neighbours in fcc 16."""
    counts = [len(rows(strained("fcc", strain), shell=3.6e-6)[0]) for strain in (0.0, 5e-6)]
    assert counts == [12, 16]


@pytest.mark.parametrize("name", PROTOTYPES)
def test_the_radius_is_continuous_and_no_shell_straddles_it(name):
    previous = None
    for strain in STRAINS:
        kept, radius = rows(strained(name, strain))
        assert len(kept) >= 6
        assert kept.max() < radius
        if previous is not None:  # Lipschitz: lengths change by less than twice their strain
            assert abs(radius - previous[1]) < 2 * 6.0 * (strain - previous[0]) + 2e-6
        previous = strain, radius


def slopes(name, predict):
    """|change of the output| per strain between neighbouring strains; a jump shows as a large one."""
    values = predict([strained(name, strain) for strain in STRAINS])
    change = np.abs(np.diff(values, axis=0)).max(axis=1)
    # radii are whole steps of 1e-6 Å: a smaller strain may move the output by one of them
    return change / np.maximum(np.diff(STRAINS), 1e-6)


def outputs(crystals, *, config, radius=1.0):
    model = model_of(config)
    with torch.no_grad():
        batch = exact_batch(crystals, config)
        return model(batch._replace(envelope_radius=radius * batch.envelope_radius)).numpy()


@pytest.mark.parametrize("name", PROTOTYPES)
@pytest.mark.parametrize("architecture", SMOOTH)
def test_smooth_predictions_stay_so_as_shells_split(name, architecture):
    config = CONFIGS[architecture]
    steepest = slopes(name, partial(outputs, config=config)).max()
    coarse = np.abs(np.diff(outputs([strained(name, 0.0), strained(name, 1e-2)], config=config), axis=0)).max() / 1e-2
    assert steepest < 20 * coarse + 20


def test_the_control_jumps_as_shells_split():
    """An envelope that has not ended where neighbours are left out."""
    assert slopes("fcc", partial(outputs, config=CONFIGS["no_angles"], radius=1.3)).max() > 1000


def test_cgcnn_does_not_notice_what_is_within_the_tolerance():
    """It has no envelope, as published, so it jumps where a shell splits by more, and only there."""
    slope = slopes("fcc", partial(outputs, config=CGCNN))
    split = STRAINS[1:] > 1e-4
    assert slope[~split].max() < 0.01 * slope[split].max()


def test_a_cap_of_the_shards_is_a_cap_of_the_envelope():
    """Where `max_neighbours` ended the search, more slots than that see no jump either."""
    capped = GraphConfig(max_neighbours=14)
    dense = densify(graphs_of([random_crystal(1)], capped), graph=capped, model=CONFIGS["deep"])
    lengths = np.linalg.norm(dense.vector, axis=-1)
    graphs = graphs_of([random_crystal(1)], capped)
    every = np.linalg.norm(graphs.edge_vector, axis=1)
    last = every[graphs.edge_pointer[1:] - 1]
    assert (dense.envelope_radius < last).all()
    assert ((lengths < dense.envelope_radius[:, None] * (1 - 1e-6)).sum(axis=1) == 13).all()
    loose = densify(graphs, graph=replace_cap(capped), model=CONFIGS["deep"])
    assert (loose.envelope_radius > last).any()  # the control: without the cap's rule it ends past the last neighbour


def replace_cap(graph: GraphConfig) -> GraphConfig:
    return graph.model_copy(update={"max_neighbours": None})
