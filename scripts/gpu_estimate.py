"""What a training pass would take on a GPU, from what can be counted without one: products, bytes, launches.

    python scripts/gpu_estimate.py            # a table for docs/scale.md; no GPU, no data, about a minute

A full-size model goes through one supervised segment, forwards and backwards, as tensors without content
(FakeTensorMode). Every operation is then given the longest of three times: its products at 70% of the card's dense bf16
peak, its bytes (what it reads and writes, once) at 80% of the card's bandwidth, and 5 microseconds for its launch.
`eager` adds them up. `compiled` lets every run of operations between two products be one kernel that reads what
the run gets from outside, writes what leaves it, and is launched once. None of the three rates was measured.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from rrdyn.artifacts.config import read_preset
from rrdyn.models import build
from rrdyn.training.learner import Learner
from rrdyn.training.narrow import NarrowWeights

CARDS = {"H200": (790e12, 4.8e12), "A6000": (155e12, 0.768e12)}
"""(dense bf16 flop/s, bytes/s), as their makers state them."""
PRODUCTS, BANDWIDTH, LAUNCH = 0.7, 0.8, 5e-6
"""Shares of those rates that a kernel reaches, and seconds a launch: assumed."""
CASES = {"TRM-MLP, Sudoku": ("trm-mlp", 81, 11, 64), "TRM attention, maze": ("trm-att-maze", 900, 6, 16)}
"""Model preset, cells, tokens, trajectories of the pass."""
VIEWS = {
    "view", "_unsafe_view", "transpose", "t", "expand", "slice", "select", "unsqueeze", "squeeze", "permute", "split",
    "detach", "alias", "as_strided", "empty", "empty_like", "new_empty", "empty_strided", "lift_fresh", "unbind",
    "device",
}  # fmt: skip


@dataclass
class Operation:
    """One kernel at least."""

    flops: float
    reads: dict[int, int]
    """Storage -> bytes."""
    writes: dict[int, int]


@dataclass
class Tally(TorchDispatchMode):
    """Every operation of a computation, in order."""

    operations: list[Operation] = field(default_factory=list)
    held: list[Any] = field(default_factory=list)
    """Storages are kept, so that no two of them go by one number."""

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        packet = func.overloadpacket
        if packet._qualified_op_name.split("::")[1] not in VIEWS:
            flops = flop_registry[packet](*args, **kwargs, out_val=out) if packet in flop_registry else 0
            self.operations.append(Operation(flops, self._bytes((args, kwargs)), self._bytes(out)))
        return out

    def _bytes(self, tree: Any) -> dict[int, int]:
        found = {}
        for leaf in tree_leaves(tree):
            if isinstance(leaf, Tensor):
                storage = leaf.untyped_storage()
                self.held.append(storage)
                found[storage._cdata] = min(leaf.numel() * leaf.element_size(), storage.nbytes())
        return found


def fused(operations: list[Operation]) -> list[Operation]:
    """Runs between products as one operation each, which touches only what comes from outside or is needed later."""
    runs: list[list[Operation]] = []
    for operation in operations:
        if operation.flops or not runs or runs[-1][-1].flops:
            runs.append([])
        runs[-1].append(operation)
    needed: set[int] = set()
    result = []
    for run in reversed(runs):
        made: dict[int, int] = {}
        reads: dict[int, int] = {}
        for operation in run:
            reads |= {key: size for key, size in operation.reads.items() if key not in made}
            made |= operation.writes
        writes = made if run[0].flops else {key: size for key, size in made.items() if key in needed}
        result.append(Operation(sum(operation.flops for operation in run), reads, writes))
        needed |= reads.keys()
    return result[::-1]


def seconds(operations: list[Operation], flops: float, bandwidth: float) -> float:
    """Of one operation after the other."""
    total = 0.0
    for operation in operations:
        moved = sum(operation.reads.values()) + sum(operation.writes.values())
        total += max(operation.flops / (PRODUCTS * flops), moved / (BANDWIDTH * bandwidth), LAUNCH)
    return total


def counted(preset: str, cells: int, tokens: int, count: int, *, copied: bool) -> list[Operation]:
    """The operations of one supervised segment of `count` trajectories, its products in bfloat16.

    copied : the weights are cast once a step, before it, as they are on a GPU; else at every use, as they were.
    """
    sizes = {"seq_len": cells, "vocab_size": tokens, "num_puzzle_identifiers": 1, "forward_dtype": "float32"}
    with torch.random.fork_rng(devices=[]):
        model = build({**read_preset("model", preset), **sizes}, torch.float32)
    with (
        FakeTensorMode(allow_non_fake_inputs=True) as fake,
        mock.patch.object(type(model), "require_identifiers"),
        mock.patch.object(Tensor, "__int__", return_value=0),
        mock.patch("rrdyn.models.layers.WIDE_AT_ONCE", 1 << 60),
    ):  # a GPU does not cut inner layers
        for module in model.modules():
            for name, parameter in module._parameters.items():
                if parameter is not None:
                    module._parameters[name] = torch.nn.Parameter(fake.from_tensor(parameter.detach()))
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = fake.from_tensor(buffer)
        learner = Learner(model.train(), autocast=torch.bfloat16)
        rows = {"inputs": torch.ones(count, cells, dtype=torch.int32), "labels": torch.ones(count, cells).int(),
                "puzzle_identifiers": torch.zeros(count).int(), "last": torch.zeros(count).bool()}  # fmt: skip
        z, weights = learner.initial(count), torch.ones(count)
        if copied:
            learner.narrow = NarrowWeights(model, torch.bfloat16)
            with learner.narrow.in_use():
                pass
        with Tally() as tally:
            learner.segment(z, rows, weights)
    return tally.operations


def main() -> None:
    print(f"Assumed: {PRODUCTS:.0%} of the peak, {BANDWIDTH:.0%} of the bandwidth, {LAUNCH * 1e6:g} us a launch")
    print("| model, trajectories | weights cast | card | operations, runs | MB a trajectory | eager | compiled |")
    print("|---|---|---|---|---|---|---|")
    for name, case in CASES.items():
        useful = None
        for copied in (False, True):
            eager = counted(*case, copied=copied)
            one = fused(eager)
            useful = useful or sum(operation.flops for operation in eager)  # what is padded is not
            moved = [
                sum(sum(o.reads.values()) + sum(o.writes.values()) for o in found) / case[-1] for found in (eager, one)
            ]
            for card, (flops, bandwidth) in CARDS.items():
                shares = [useful / seconds(found, flops, bandwidth) / flops for found in (eager, one)]
                print(f"| {name}, {case[-1]} | {'once a step' if copied else 'at use'} | {card} | {len(eager):,}, "
                      f"{len(one)} | {moved[0] / 1e6:,.0f}, {moved[1] / 1e6:,.0f} | {shares[0]:.1%} | "
                      f"{shares[1]:.1%} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
