"""What turns gradients into steps: AdamW for all parameters, or Muon for the matrices and AdamW for the rest.

Muon (Jordan et al., kellerjordan.github.io/posts/muon, 2024) replaces the momentum of a matrix by the nearest
orthogonal one, so that no direction is left behind. Its steps are scaled to the size of AdamW's (Liu et al.,
arXiv:2502.16982), so both go by one learning rate. As its authors do, embeddings (a row an element) and heads are left
to AdamW.

In: a model, what its objective learns, settings.  Out: optimisers whose rate the trainer sets, each parameter in one.
"""

import torch
from torch import nn
from torch.optim import Optimizer

from crystalmatrix.models.crystal import HEADS, CrystalModel
from crystalmatrix.tiers import TrainingConfig


def optimisers(model: CrystalModel, objective: nn.Module, config: TrainingConfig) -> list[Optimizer]:
    """In the order in which their states are kept."""
    chosen = matrices(model) if config.optimiser == "muon" else []
    taken = {id(parameter) for parameter in chosen}
    others = [p for p in (*model.parameters(), *objective.parameters()) if id(p) not in taken]
    found: list[Optimizer] = [torch.optim.AdamW(others, lr=0.0, weight_decay=config.weight_decay, fused=True)]
    if chosen:
        found.append(torch.optim.Muon(
            chosen, lr=0.0, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw"
        ))  # fmt: skip
    return found


def matrices(model: CrystalModel) -> list[nn.Parameter]:
    """The weights that map features to features: no embedding, no head."""
    tables = {id(part.weight) for part in model.modules() if isinstance(part, nn.Embedding)}
    return [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.ndim == 2 and id(parameter) not in tables and not name.startswith(HEADS)
    ]
