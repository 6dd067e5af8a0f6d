"""What is measured of this machine, as numbers that a forecast can multiply; nothing here loads PyTorch.

In: what a trial found.  Out: Rates of a tier, DescribingRate of a potential.
"""

from typing import Self

from crystalmatrix.contracts.document import Part


class MemberRates(Part):
    """Of a network, or of a kernel: what the one does the other does not, and takes no time."""

    step_seconds: float = 0.0  # of a training step, whatever is in it
    atom_seconds: float = 0.0  # and of each atom in it
    validation_seconds: float = 0.0  # of an atom
    kernel_seconds: float = 0.0  # of fitting a kernel to a property, over the square of its training crystals


class Rates(Part):
    """Of one process that trains."""

    members: list[MemberRates]  # in the order of the tier's kinds of members
    start_seconds: float  # of such a process before its first line of work: loading Python and its packages
    memory_mb: float  # of the process, or of the GPU where there is one
    bytes_per_atom: int  # of its features
    n_parameters: int
    device: str

    @classmethod
    def mean(cls, of: list[Self]) -> Self:
        """Of processes of one tier that ran side by side."""
        start, memory = (sum(getattr(one, name) for one in of) / len(of) for name in ("start_seconds", "memory_mb"))
        members = [
            MemberRates(**{name: sum(getattr(m, name) for m in alike) / len(of) for name in MemberRates.model_fields})
            for alike in zip(*(one.members for one in of), strict=True)
        ]
        return of[0].model_copy(update={"members": members, "start_seconds": start, "memory_mb": memory})


class DescribingRate(Part):
    """Of one process that describes atoms."""

    start_seconds: float  # until the potential is ready: loading Python, its packages and the weights
    atom_seconds: float
    memory_mb: float  # of the process

    @classmethod
    def mean(cls, of: list[Self]) -> Self:
        """Of processes that ran side by side."""
        return cls(**{name: sum(getattr(one, name) for one in of) / len(of) for name in cls.model_fields})
