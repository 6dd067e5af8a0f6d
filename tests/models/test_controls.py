"""Every check of checks.py can fail: a model with one flaw is told by the check that is there for it."""

import pytest
import torch
from torch.autograd.gradcheck import GradcheckError

from crystalmatrix.models.products import DepthwiseProduct
from crystalmatrix.models.registry import ARCHITECTURES, NEIGHBOURS

from . import checks
from .cases import CONFIGS, SMOOTH, model_of, random_crystal
from .exact import exact_batch
from .test_architectures import check_gradient, predictor

LITE = CONFIGS["lite"]
FIXED = random_crystal(0)


def with_trunk(change, config=LITE):
    """Predictions of a model whose atoms get `change(atoms, batch)` before they are read out."""
    model = model_of(config)
    trunk = model.trunk.forward
    model.trunk.forward = lambda batch: change(trunk(batch), batch)
    return predictor(config, model)


def fails(check, predict):
    with pytest.raises(AssertionError):
        check(predict)


@pytest.mark.parametrize("name", [name for name, config in CONFIGS.items() if getattr(config, "l_max", 0) > 0])
def test_random_couplings_in_place_of_wigner_symbols(name):
    model = model_of(CONFIGS[name])
    products = [module for module in model.modules() if isinstance(module, DepthwiseProduct)]
    assert products
    for product in products:
        product.coupling.normal_()
    fails(checks.rotation, predictor(CONFIGS[name], model))


def test_absolute_directions():
    fails(checks.rotation, with_trunk(lambda atoms, batch: atoms + batch.vector[..., 0].square().mean(1, keepdim=True)))


def test_handedness():
    """A triple product of three edges turns with the crystal, but changes sign in a mirror."""

    def chiral(atoms, batch):
        first, second, third = batch.vector[:, :3].unbind(1)
        return atoms + (first.cross(second, dim=-1) * third).sum(-1, keepdim=True)

    checks.rotation(with_trunk(chiral))
    fails(checks.inversion, with_trunk(chiral))


def test_a_cell_without_images():
    model = model_of(LITE)

    def predict(crystals):
        with torch.no_grad():
            return model(exact_batch(crystals, LITE, periodic=False)).numpy()

    fails(checks.translation, predict)
    fails(checks.choice_of_cell, predict)


def test_an_order_of_atoms():
    def ordered(atoms, batch):
        return atoms * torch.arange(len(atoms)).unsqueeze(1).cos()

    fails(checks.permutation, with_trunk(ordered))


def test_extensive_pooling():
    model = model_of(LITE)
    pool = model.readout.pool
    model.readout.pool = lambda atoms, batch: pool(atoms, batch) * batch.crystal.bincount().unsqueeze(1)
    checks.rotation(predictor(LITE, model))
    fails(checks.choice_of_cell, predictor(LITE, model))


def test_leakage_between_the_crystals_of_a_batch():
    fails(checks.batch_equals_single, with_trunk(lambda atoms, batch: atoms - atoms.mean(0)))


def test_a_model_left_in_training_mode():
    config = LITE.model_copy(update={"dropout": 0.5})
    fails(checks.deterministic, predictor(config, model_of(config).train()))


def test_models_that_see_less():
    predict = predictor(LITE)

    def without_geometry(crystals):
        return predict([FIXED.changed(species=crystal.species) for crystal in crystals])

    def without_elements(crystals):
        return predict([crystal.changed(species=FIXED.species) for crystal in crystals])

    fails(checks.sees_geometry, without_geometry)
    fails(checks.sees_elements, without_elements)


@pytest.mark.parametrize("name", [n for n in SMOOTH if NEIGHBOURS in ARCHITECTURES[CONFIGS[n].architecture].needs])
def test_an_envelope_that_ends_too_late(name):
    model = model_of(CONFIGS[name])

    def predict(crystals):
        batch = exact_batch(crystals, CONFIGS[name])
        with torch.no_grad():
            return model(batch._replace(envelope_radius=1.2 * batch.envelope_radius)).numpy()

    fails(checks.smooth, predict)


@pytest.mark.parametrize("name", sorted(set(CONFIGS) - set(SMOOTH)))
def test_an_architecture_that_says_it_is_not_smooth(name):
    fails(checks.smooth, predictor(CONFIGS[name]))


def test_a_part_without_gradient():
    model = model_of(LITE)
    trunk = model.trunk.forward
    model.trunk.forward = lambda batch: trunk(batch) + trunk(batch._replace(vector=batch.vector.detach()))
    with pytest.raises(GradcheckError):
        check_gradient(model, LITE)
