"""What every architecture must satisfy: the symmetries of a crystal, independence of the batch, smoothness."""

from typing import get_args

import numpy as np
import pytest
import torch

from crystalmatrix.models.registry import ANGLES, ARCHITECTURES, NEIGHBOURS
from crystalmatrix.tiers import BlendConfig, ModelConfig

from . import checks
from .cases import CONFIGS, SMOOTH, model_of, random_crystal, stored_batch
from .exact import exact_batch


@pytest.fixture(params=list(CONFIGS))
def config(request):
    return CONFIGS[request.param]


def predictor(config, model=None):
    """Crystals -> outputs in float64, of the model that the settings ask for unless another one is given."""
    model = model or model_of(config)

    def predict(crystals):
        with torch.no_grad():
            return model(exact_batch(crystals, config)).numpy()

    return predict


@pytest.mark.parametrize(
    "check",
    [
        checks.rotation,
        checks.inversion,
        checks.translation,
        checks.permutation,
        checks.choice_of_cell,
        checks.batch_equals_single,
        checks.deterministic,
        checks.sees_elements,
        checks.sees_geometry,
    ],
)
def test_property(check, config):
    check(predictor(config))


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_at_the_cutoffs(name):
    checks.smooth(predictor(CONFIGS[name]))


def test_gradient(config):
    """Analytic against numerical gradients with respect to edge vectors, on a crystal of two atoms."""
    check_gradient(model_of(config), config)


def check_gradient(model, config):
    batch = exact_batch([random_crystal(8, n_atoms=2)], config)
    inside = batch.vector.norm(dim=-1) < 0.9 * batch.envelope_radius.unsqueeze(-1)
    vector = batch.vector[inside][:3].clone().requires_grad_()
    rows = torch.nonzero(inside)[:3]

    def output(part):
        moved = batch.vector.index_put((rows[:, 0], rows[:, 1]), part)
        return model(batch._replace(vector=moved))

    assert torch.autograd.gradcheck(output, (vector,), atol=1e-6, rtol=1e-4, fast_mode=True)


def test_what_is_stored_is_precise_enough(config):
    """Rounding the inputs to float32 (vectors, radii) and float16 (fingerprints) moves the output by what that may do.

    The bound is the sum of |slope of the output| * |largest rounding error| over all inputs.
    """
    crystals = [random_crystal(seed) for seed in range(3)]
    model, exact = model_of(config), exact_batch(crystals, config)
    inputs = [exact.vector, exact.envelope_radius, exact.angular, exact.descriptors]
    vector, radius, angular, described = seen = [part.clone().requires_grad_() for part in inputs]
    output = model(exact._replace(vector=vector, envelope_radius=radius, angular=angular, descriptors=described))
    # cosines are multiples of 1 / 32767, and a fingerprint sums dozens of polynomials of them: 1e-4 beside its rounding
    rounding = (
        2.0**-23 * vector.abs() + 1e-6, 1e-6, 2.0**-11 * angular.abs() + 1e-4, 2.0**-11 * described.abs() + 1e-7
    )  # fmt: skip
    bound = torch.stack(
        [
            sum(
                (slope.abs() * error).sum()
                for slope, error in zip(
                    torch.autograd.grad(value, seen, retain_graph=True, allow_unused=True),
                    rounding,
                    strict=True,
                )
                if slope is not None
            )
            for value in output.flatten()
        ]
    ).view_as(output)
    with torch.no_grad():
        moved = (model(stored_batch(crystals, config)) - output).abs()
    assert (moved <= bound).all()
    assert bound.max() < 0.02 * output.abs().max()  # or the bound would say nothing


def test_it_reads_what_the_registry_says(config):
    """Angles and neighbours matter where they are needed, and nowhere else."""
    needs = ARCHITECTURES[config.architecture].needs
    model, batch = model_of(config), exact_batch([random_crystal(9)], config)
    changed = {
        ANGLES: batch._replace(angular=batch.angular * 1.1),
        NEIGHBOURS: batch._replace(vector=batch.vector * 1.01, envelope_radius=batch.envelope_radius * 1.01),
    }
    for what, other in changed.items():
        with torch.no_grad():
            difference = (model(batch) - model(other)).abs().max()
        expected = what in needs and (what != ANGLES or np.prod(config.angular_basis) > 0)
        assert (difference > 1e-6) == expected


def test_every_architecture_of_the_configuration_is_registered_and_tested():
    settings = {union.model_fields["architecture"].annotation: union for union in get_args(get_args(ModelConfig)[0])}
    kinds = {get_args(name)[0]: kind for name, kind in settings.items()}
    assert kinds.pop("blend") is BlendConfig  # of the others, no network itself
    assert kinds == {name: architecture.settings for name, architecture in ARCHITECTURES.items()}
    for architecture in ARCHITECTURES.values():
        assert architecture.settings.sees_neighbours == (NEIGHBOURS in architecture.needs)
    assert {config.architecture for config in CONFIGS.values()} == set(ARCHITECTURES)
