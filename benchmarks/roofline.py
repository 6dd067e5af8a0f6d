"""What a training step must do at least, against what this device can do, and where the rest of the time goes.

Operations: counted by PyTorch's flop counter over forward and backward (a multiply and an add are two). Bytes that
must move: the batch read once, every tensor that the backward pass needs written and read once, and for each parameter
the gradient written and read and AdamW's three arrays read and written. Bytes that do move: inputs and outputs of every
operator, as if no cache held anything between two of them. The device: a large float32 matrix product and a large copy,
timed in the same process. The least time (roofline) is the longer of operations / speed and least bytes / bandwidth.

In: as step.py, several models.  Out: tables, and a JSON object as the last line.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from crystals import load_sample
from step import Case, ours
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

ADAMW_BYTES = 4 * (2 + 2 * 3)  # per parameter: gradient written, read; weight and two moments read, written


class Traffic(TorchDispatchMode):
    """Counts the bytes of inputs and outputs of every operator that is not a mere view."""

    def __init__(self) -> None:
        super().__init__()
        self.n_bytes = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = function(*args, **(kwargs or {}))
        read = {_storage(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        written = {_storage(leaf) for leaf in tree_leaves(out) if isinstance(leaf, Tensor)}
        in_place = "_." in str(function) or not written - read
        if written - read or (in_place and not function.is_view):
            self.n_bytes += sum(size for _, size in read | written)
        return out


def _storage(tensor: Tensor) -> tuple[int, int]:
    """(address, bytes that the view touches at most) of a tensor."""
    storage = tensor.untyped_storage()
    return storage.data_ptr(), min(storage.nbytes(), tensor.numel() * tensor.element_size())


def count(case: Case, device: torch.device) -> dict[str, float]:
    """Operations and bytes of one step on batch 0."""
    saved: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        saved.update([_storage(tensor)])
        return tensor

    batch = case.inputs(0)
    parameters = {parameter.untyped_storage().data_ptr(): parameter.numel() for parameter in case.model.parameters()}
    inputs = dict(_storage(leaf) for leaf in tree_leaves(tuple(batch)) if isinstance(leaf, Tensor))
    with FlopCounterMode(display=False) as flops, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        case.outputs(case.model, batch).abs().mean().backward()
    with Traffic() as traffic:
        case.outputs(case.model, batch).abs().mean().backward()
    activations = sum(size for address, size in saved.items() if address not in parameters and address not in inputs)
    update = ADAMW_BYTES * sum(parameters.values())
    return {
        "flops": float(flops.get_total_flops()),
        "least_bytes": float(sum(inputs.values()) + 2 * activations + update),
        "moved_bytes": float(traffic.n_bytes + update),
        "saved_bytes": float(activations),
    }


def capability(device: torch.device) -> dict[str, float]:
    """Operations/s of a matrix product and bytes/s of a copy (read plus write), the best of several."""
    n = 4096 if device.type == "cuda" else 1536
    left, right = torch.rand(n, n, device=device), torch.rand(n, n, device=device)
    source = torch.rand((1 << 28) // 4, device=device)  # 256 MB: larger than any cache
    target = torch.empty_like(source)
    return {
        "flops_per_second": 2 * n**3 / min(clock(lambda: left @ right, device) for _ in range(8)),
        "bytes_per_second": 2 * source.nbytes / min(clock(lambda: target.copy_(source), device) for _ in range(8)),
    }


def clock(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call: wall time on a GPU and with several threads, processor time with one."""
    now = time.process_time if device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = now()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return now() - started


def training_step(case: Case, target: Tensor) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(case.model.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        nn.functional.l1_loss(case.outputs(case.model, case.inputs(0)), target).backward()
        optimizer.step()

    return step


def profiled(step: Callable[[], None], device: torch.device, *, rows: int = 12) -> tuple[str, float]:
    """A table of the operators with the largest own time, and on a GPU the share of the time it was busy."""
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device.type == "cuda" else [])
    with profile(activities=activities) as record:
        wall = clock(lambda: [step() for _ in range(3)], device)
    events = record.key_averages()
    own = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    total = sum(getattr(event, own) for event in events)
    lines = ["| operator | share | calls a step |", "|---|---|---|"]
    for event in sorted(events, key=lambda event: -getattr(event, own))[:rows]:
        lines.append(f"| `{event.key}` | {getattr(event, own) / total:.1%} | {event.count / 3:.0f} |")
    return "\n".join(lines), total / 1e6 / wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", required=True, help="tiers; peers are left out")
    parser.add_argument("--sample", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")  # deprecations inside e3nn and PyG
    torch.set_num_threads(arguments.threads)
    device, sample = torch.device(arguments.device), load_sample(arguments.sample)
    target = torch.from_numpy(sample["target"][sample["batches"][0]]).to(device)
    able = capability(device)
    result: dict[str, Any] = {"capability": able}
    lines = [
        f"matrix product {able['flops_per_second'] / 1e9:,.0f} GFLOP/s, "
        f"copy {able['bytes_per_second'] / 1e9:,.1f} GB/s",
        "",
        "| model | GFLOP a step | least GB | GB moved | least ms | operations ms | reached ms | times the least |",
        "|---|---|---|---|---|---|---|---|",
    ]
    profiles = []
    for name in [name for name in arguments.models if not name.startswith("alignn")]:
        case = ours(name, sample, device)
        case.model.train()
        step = training_step(case, target)
        step()
        reached = median(clock(step, device) for _ in range(5))
        numbers = count(case, device)
        operations = numbers["flops"] / able["flops_per_second"]
        least = max(operations, numbers["least_bytes"] / able["bytes_per_second"])
        text, busy = profiled(step, device)
        profiles.append(f"\n{name} (profiled share of the step: {busy:.0%})\n\n{text}")
        result[name] = numbers | {"least_seconds": least, "reached_seconds": reached, "profiled_share": busy}
        lines.append(
            f"| {name} | {numbers['flops'] / 1e9:.1f} | {numbers['least_bytes'] / 1e9:.2f} "
            f"| {numbers['moved_bytes'] / 1e9:.2f} | {1e3 * least:.1f} | {1e3 * operations:.1f} "
            f"| {1e3 * reached:.1f} | {reached / least:.1f} |"
        )
    print("\n".join(lines + profiles))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
