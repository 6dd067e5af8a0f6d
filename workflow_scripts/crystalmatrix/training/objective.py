"""The loss of a batch: masked, per head, weighted so that small sets are not drowned by large ones.

Label weights: a label of a set of n labels weighs n^-1/2 (single-task: 1), and among them as Target.slope and their
source's weight say. Targets are standardised by their mean absolute deviation, so this is the fixed 1/MAD weighting;
`learned` adds one scale per task (Kendall et al., CVPR 2018, for L1). `balanced` sampling draws a crystal in proportion
to the weight of its labels and divides that weight out: the same expected gradient, but small sets are seen often and
gently instead of seldom and hard.

In: outputs of all heads.  Out: one number per batch, about 1 for the best constant.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crystalmatrix.data.labels import TRAIN
from crystalmatrix.features.dataset import to_device
from crystalmatrix.features.sampling import resample
from crystalmatrix.targets.loss import head_loss
from crystalmatrix.targets.step import Crystals, FloatArray
from crystalmatrix.targets.target import Target
from crystalmatrix.tiers import TrainingConfig
from crystalmatrix.training.labels import TrainingData


class Objective(nn.Module):
    """Holds the standardised labels of all crystals on the device: [n_crystals, n_tasks] each."""

    def __init__(
        self,
        data: TrainingData,
        targets: list[Target],
        formulas: FloatArray,
        *,
        config: TrainingConfig,
        device: torch.device,
    ) -> None:
        super().__init__()
        self.targets = targets
        self.kind = config.loss
        label, learned = standardised_labels(data, targets, formulas)
        count = learned.sum(axis=0)
        crystals = Crystals(formulas, data.zero)
        slope = np.where(learned, label_weights(data, targets, crystals), 0)
        slope *= count / np.maximum(slope.sum(axis=0), 1e-9)  # mean one: the loss is that of the value
        weight = slope * (np.maximum(count, 1) / count.max()) ** -0.5
        self.crystals: NDArray[np.int64] = np.flatnonzero(learned.any(axis=1))  # that have something to teach
        self.label = to_device(label, device)
        weight /= weight.sum() / len(self.crystals)
        self.share: FloatArray | None = None  # [len(crystals)] of the draws of an epoch; None: each crystal once
        if config.sampling == "balanced" and len(targets) > 1:
            of_crystal = weight.sum(axis=1)
            self.share = of_crystal[self.crystals] / of_crystal.sum()
            weight = weight / np.maximum(of_crystal, 1e-9)[:, None]
        self.weight = to_device(weight, device)
        self.nonzero = to_device(data.values != 0, device)
        learns_weights = config.task_weights == "learned" and len(targets) > 1
        self.log_scale = nn.Parameter(torch.zeros(len(targets), device=device)) if learns_weights else None

    def draw(self, *, seed: int, epoch: int) -> NDArray[np.int64]:
        """The crystals of an epoch, always as many as there are training crystals."""
        return self.crystals if self.share is None else self.crystals[resample(self.share, seed=seed, epoch=epoch)]

    def forward(self, outputs: Tensor, crystals: Tensor) -> Tensor:
        """Sum over the crystals of their weighted losses (their number times the mean); outputs [n, n_outputs]."""
        total = outputs.new_zeros(())
        heads = outputs.split([target.n_outputs for target in self.targets], dim=1)
        for task, (target, output) in enumerate(zip(self.targets, heads, strict=True)):
            loss = head_loss(
                output,
                self.label[crystals, task],
                self.nonzero[crystals, task],
                hurdle=target.hurdle,
                kind=self.kind,
            )
            if self.log_scale is not None:
                loss = loss * torch.exp(-self.log_scale[task]) + self.log_scale[task]
            total = total + (self.weight[crystals, task] * loss).sum()
        return total


def label_weights(data: TrainingData, targets: list[Target], crystals: Crystals) -> FloatArray:
    """[n, n_tasks] what each label counts among those of its task: the target's slope, and its source's weight."""
    slope = np.stack([target.slope(crystals) for target in targets], axis=1)
    return slope if data.weight is None else slope * data.weight


def standardised_labels(
    data: TrainingData, targets: list[Target], formulas: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Labels on the scale of the heads (0 where there is none) and which of them are learned from, [n, n_tasks]."""
    learned = data.fold == TRAIN
    crystals = Crystals(formulas, data.zero)
    label = np.zeros(data.values.shape)
    for task, target in enumerate(targets):
        if target.zero_by_symmetry:
            learned[:, task] &= ~data.zero
        known = ~np.isnan(data.values[:, task])
        label[known, task] = target.forward(data.values[known, task], crystals.at(known))
    return label, learned
