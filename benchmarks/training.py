"""What a training step costs: beside the original's, in shares of the GEMM rate, with four copies, and on a GPU.

    python benchmarks/training.py step --upstream CHECKOUT   full-size TRM-MLP, batch 16, CPU float32, interleaved
    python benchmarks/training.py copies                     multi4 beside four single rollouts
    python benchmarks/training.py                            both, and the next where there is a GPU
    python benchmarks/training.py gpu                        bf16 utilisation, examples a second, peak memory

CHECKOUT is a scratch clone of the published TRM code; without it only our own step is timed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from rrdyn.artifacts.config import read_preset
from rrdyn.models import build
from rrdyn.runtime.launch import Group
from rrdyn.training.augmentation import AugConfig, read_aug
from rrdyn.training.config import TrainConfig
from rrdyn.training.learner import Rows
from rrdyn.training.optim import AdamATan2
from rrdyn.training.trainer import Trainer

SUDOKU = {"seq_len": 81, "vocab_size": 11, "num_puzzle_identifiers": 1}
MAZE = {"seq_len": 900, "vocab_size": 6, "num_puzzle_identifiers": 1}
PUBLISHED = {
    "halt_exploration_prob": 0.1, "forward_dtype": "float32", "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
}  # fmt: skip


def random_rows(count: int, sizes: dict[str, int], device: str = "cpu") -> Rows:
    tokens = torch.randint(1, sizes["vocab_size"], (2, count, sizes["seq_len"]), dtype=torch.int32)
    rows = {"inputs": tokens[0], "labels": tokens[1], "puzzle_identifiers": torch.zeros(count, dtype=torch.int32)}
    return {name: column.to(device) for name, column in {**rows, "index": torch.arange(count)}.items()}


def trainer(arch: dict, sizes: dict, batch: int, aug: AugConfig, device: str = "cpu", **settings) -> Trainer:
    torch.manual_seed(0)
    model = build({**arch, **sizes, "forward_dtype": "float32"}).to(device).train()
    config = TrainConfig(data=Path("none"), model=arch, aug=aug, global_batch=batch, **settings)
    return Trainer(config, model, Group(), total_steps=1000, device=torch.device(device))


def flops_per_row(arch: dict, sizes: dict, span: int, updates: int) -> float:
    """Floating-point operations of the matrix products of one trained segment: forward, and backward over the span."""
    d, s = arch["hidden_size"], sizes["seq_len"] + (arch.get("puzzle_emb_len") or 1)

    def inner(size: int) -> int:
        return -(round(arch["expansion"] * size * 2 / 3) // -256) * 256

    def swiglu(size: int, vectors: int) -> float:
        return 2.0 * vectors * size * inner(size) * 3

    attention = 2.0 * s * d * 4 * d + 4.0 * s * s * d
    block = swiglu(d, s) + (swiglu(s, d) if arch.get("mlp_t") else attention)
    return arch["L_layers"] * block * (updates + 2 * span)


def gemm_rate(rows: int, d: int, inner: int, repeats: int = 7) -> float:
    """Operations a second of the step's largest product, alone."""
    a, b = torch.randn(rows, d), torch.randn(2 * inner, d)
    times = []
    for _ in range(repeats):
        started = clock()
        torch.nn.functional.linear(a, b)
        times.append(clock() - started)
    return 2.0 * rows * d * 2 * inner / statistics.median(times)


def original_step(checkout: Path, arch: dict, batch: int) -> Callable[[], None]:
    """One step of the published model and loss head, with our AdamATan2 in place of its CUDA kernel."""
    sys.path.insert(0, str(checkout))
    from models.losses import ACTLossHead
    from models.recursive_reasoning.trm import TinyRecursiveReasoningModel_ACTV1
    from models.sparse_embedding import CastedSparseEmbeddingSignSGD_Distributed

    torch.manual_seed(0)
    fields = {**PUBLISHED, **arch, **SUDOKU, "batch_size": batch, "H_layers": 0}
    fields.pop("name")
    head = ACTLossHead(TinyRecursiveReasoningModel_ACTV1(fields), loss_type="stablemax_cross_entropy").train()
    buffers = list(head.model.puzzle_emb.buffers())
    sparse = CastedSparseEmbeddingSignSGD_Distributed(buffers, lr=1e-4, weight_decay=1.0, world_size=1)
    dense = AdamATan2(head.parameters(), lr=1e-4)
    rows = random_rows(batch, SUDOKU)
    data = {key: rows[key] for key in ("inputs", "labels", "puzzle_identifiers")}
    carry = head.initial_carry(data)

    def step() -> None:
        nonlocal carry
        carry, loss, *_ = head(carry=carry, batch=data, return_keys=[])
        (loss / batch).backward()
        for optimizer in (sparse, dense):
            optimizer.step()
            optimizer.zero_grad()

    return step


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
clock = CLOCKS["wall"]


def interleaved(first: Callable[[], object], second: Callable[[], object], pairs: int) -> list[tuple[float, float]]:
    def seconds(function: Callable[[], object]) -> float:
        started = clock()
        function()
        return clock() - started

    seconds(first), seconds(second)
    return [(seconds(first), seconds(second)) for _ in range(pairs)]


def report(name: str, pairs: list[tuple[float, float]], target: str) -> None:
    ratios = sorted(ours / other for ours, other in pairs)
    ours = statistics.median(pair[0] for pair in pairs)
    other = statistics.median(pair[1] for pair in pairs)
    print(
        f"{name}: {ours:.3f} s against {other:.3f} s; ratio {statistics.median(ratios):.3f} "
        f"[{ratios[0]:.3f}, {ratios[-1]:.3f}], median of {len(pairs)} pairs ({target})"
    )


def step_command(checkout: Path | None, batch: int, pairs: int) -> None:
    arch = read_preset("train", "sudoku-trm-mlp")["model"]
    ours = trainer(arch, SUDOKU, batch, AugConfig())
    rows = random_rows(batch, SUDOKU)

    def step() -> None:
        ours.train_step(rows)

    flops = batch * flops_per_row(arch, SUDOKU, span=7, updates=21)
    rate = gemm_rate(batch * 97, 512, 1536)
    if checkout is None:
        step()
        times = [interleaved(step, lambda: None, 1)[0][0] for _ in range(pairs)]
        seconds = statistics.median(times)
    else:
        measured = interleaved(step, original_step(checkout, arch, batch), pairs)
        report(f"full-size TRM-MLP step, batch {batch}", measured, "target: at most 1")
        seconds = statistics.median(pair[0] for pair in measured)
    print(f"{seconds:.3f} s a step: {flops / seconds / 1e9:.0f} Gflop/s, {flops / seconds / rate:.2f} of the GEMM rate "
          f"({rate / 1e9:.0f} Gflop/s)")  # fmt: skip


def copies_command(batch: int, pairs: int) -> None:
    arch = read_preset("train", "sudoku-small")["model"]
    sizes = {"seq_len": 36, "vocab_size": 8, "num_puzzle_identifiers": 1}
    noise = {**read_aug("multi4").noise.model_dump(), "ramp_steps": 0}
    four = trainer(arch, sizes, batch, read_aug("multi4", noise=noise))
    one = trainer(arch, sizes, batch, read_aug("none-fixed"))
    rows = random_rows(batch, sizes)

    def singles() -> None:
        for _ in range(4):
            one.train_step(rows)

    measured = interleaved(lambda: four.train_step(rows), singles, pairs)
    report(f"multi4 against four single rollouts, batch {batch}", measured, "target: at most 1.05")


def gpu_command() -> None:
    """bf16 products on one GPU, for both recipes, streaming and multi4, at a micro-batch that fits 48 GB."""
    device = "cuda"
    print(torch.cuda.get_device_name())
    a = torch.randn(8192, 8192, device=device, dtype=torch.bfloat16)
    for _ in range(3):
        a @ a
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(10):
        a @ a
    torch.cuda.synchronize()
    peak = 10 * 2 * 8192**3 / (time.perf_counter() - started)
    print(f"GEMM rate, bf16 8192^3: {peak / 1e12:.0f} Tflop/s")
    for name, sizes, updates in (("sudoku-trm-mlp", SUDOKU, 21), ("maze-trm", MAZE, 15)):
        arch = read_preset("train", name)["model"]
        span = arch["L_cycles"] + 1
        for arm, batch in (("none", 384), ("multi4", 384)):
            for micro in (1536, 768, 384, 192, 96):
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
                try:
                    run = trainer(arch, sizes, batch, read_aug(arm), device, micro_batch=micro)
                    for stack in {run.model.inner.L_level, run.model.stack_H}:
                        stack.compile()
                    rows = random_rows(batch, sizes, device)
                    run.train_step(rows)
                    run.train_step(rows)
                    torch.cuda.synchronize()
                    started = time.perf_counter()
                    run.train_step(rows)
                    torch.cuda.synchronize()
                except torch.cuda.OutOfMemoryError:
                    continue
                seconds = time.perf_counter() - started
                memory = torch.cuda.max_memory_allocated() / 2**30
                if memory > 44:
                    continue
                segments = run.config.aug.copies * (1 if arm == "none" else run.learner.segments)
                flops = batch * segments * flops_per_row(arch, sizes, span, updates)
                share = flops / seconds / peak
                print(f"{name} {arm}: batch {batch}, micro-batch {micro}: {seconds:.2f} s a step")
                print(f"  {batch / seconds:.1f} examples/s, {share:.2f} of the GEMM rate, peak {memory:.1f} GiB")
                break


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=["step", "copies", "gpu"])
    parser.add_argument("--upstream", type=Path)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall", help="cpu: for a machine that is not quiet")
    args = parser.parse_args()
    global clock
    clock = CLOCKS[args.clock]
    if args.what in (None, "step"):
        step_command(args.upstream, args.batch, args.pairs)
    if args.what in (None, "copies"):
        copies_command(args.batch, args.pairs)
    if args.what == "gpu" or (args.what is None and torch.cuda.is_available()):
        gpu_command()


if __name__ == "__main__":
    main()
