"""Speed and memory of one segment, as ratios taken in one run: our model, the same model in plain torch, bare GEMMs.

    python benchmarks/segment.py                     # TRM-MLP, hidden 512, 97 positions, batch 16, float32
    python benchmarks/segment.py --model hrm --pairs 5
    python benchmarks/segment.py --upstream DIR      # beside a checkout of the original TRM instead of plain torch

Measurements alternate, and the median of the ratios of neighbours is printed: a machine that slows down slows both.
With one thread the clock is that of the process, so that other programs do not count.
"""

from __future__ import annotations

import argparse
import math
import resource
import statistics
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from rrdyn.artifacts.config import read_preset
from rrdyn.models import Latent, Model, build

SIZES = {"seq_len": 81, "vocab_size": 11, "num_puzzle_identifiers": 1}


def plain_norm(x: Tensor, eps: float) -> Tensor:
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)).to(x.dtype)


def plain_swiglu(layer: torch.nn.Module, x: Tensor) -> Tensor:
    gate, up = F.linear(x, layer.gate_up_proj.weight.to(x.dtype)).chunk(2, dim=-1)
    return F.linear(F.silu(gate) * up, layer.down_proj.weight.to(x.dtype))


def plain_attention(layer: torch.nn.Module, x: Tensor, cos_sin: tuple[Tensor, Tensor] | None) -> Tensor:
    B, S, _ = x.shape
    parts = F.linear(x, layer.qkv_proj.weight.to(x.dtype)).view(B, S, 3 * layer.heads, layer.head_dim)
    q, k, v = parts.split(layer.heads, dim=2)
    if cos_sin is not None:
        cos, sin = (table.unsqueeze(-2) for table in cos_sin)

        def turn(t: Tensor) -> Tensor:
            first, second = t.float().chunk(2, dim=-1)
            return (t.float() * cos + torch.cat((-second, first), dim=-1) * sin).to(t.dtype)

        q, k = turn(q), turn(k)
    mixed = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
    return F.linear(mixed.transpose(1, 2).reshape(B, S, -1), layer.o_proj.weight.to(x.dtype))


def plain_stack(stack: torch.nn.Module, x: Tensor, cos_sin: tuple[Tensor, Tensor] | None) -> Tensor:
    """A stack of blocks as one would write it down: every operation makes a new tensor."""
    for block in stack.layers:
        if block.mixes_by_mlp:
            x = x.transpose(1, 2)
            x = plain_norm(x + plain_swiglu(block.mlp_t, x), block.eps).transpose(1, 2)
        else:
            x = plain_norm(x + plain_attention(block.self_attn, x, cos_sin), block.eps)
        x = plain_norm(x + plain_swiglu(block.mlp, x), block.eps)
    return x


def plain_segment(model: Model, z: Latent, e: Tensor, stacks: dict[str, Callable[[Tensor], Tensor]]) -> Latent:
    z_H, z_L = z
    for _ in range(model.config.H_cycles):
        for _ in range(model.config.L_cycles):
            z_L = stacks["L"](z_L + (z_H + e))
        z_H = stacks["H"](z_H + z_L)
    return Latent(z_H, z_L)


def gemms(model: Model, batch: int) -> tuple[Callable[[], None], float]:
    """The matrix products of a segment alone, into memory that is there already; and their number of operations."""
    config = model.config
    rows = batch * config.positions
    products: list[tuple[Tensor, Tensor, Tensor]] = []
    memory: dict[tuple[int, int], Tensor] = {}

    def shape(*size: int) -> Tensor:
        return memory.setdefault(size, torch.randn(size, dtype=model.dtype))

    def product(rows: int, weight: Tensor) -> None:
        out = torch.empty(rows, len(weight), dtype=model.dtype)
        products.append((shape(rows, weight.shape[1]), weight.to(model.dtype), out))

    updates = [(model.inner.L_level, config.L_cycles * config.H_cycles), (model.stack_H, config.H_cycles)]
    for stack, times in updates:
        first = len(products)
        for block in stack.layers:
            if block.mixes_by_mlp:
                product(batch * config.hidden_size, block.mlp_t.gate_up_proj.weight)
                product(batch * config.hidden_size, block.mlp_t.down_proj.weight)
            else:
                product(rows, block.self_attn.qkv_proj.weight)
                product(rows, block.self_attn.o_proj.weight)
            product(rows, block.mlp.gate_up_proj.weight)
            product(rows, block.mlp.down_proj.weight)
        products.extend(products[first:] * (times - 1))

    def run() -> None:
        for left, weight, out in products:
            torch.mm(left, weight.mT, out=out)

    return run, sum(2.0 * left.numel() * len(weight) for left, weight, _ in products)


def clock() -> float:
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def compare(pairs: int, **functions: Callable[[], object]) -> dict[str, list[float]]:
    """Seconds of every function, called in turn `pairs` times."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(pairs):
        for name, function in functions.items():
            start = clock()
            function()
            times[name].append(clock() - start)
    return times


def ratio(over: list[float], under: list[float]) -> str:
    """Median of the ratios of neighbours, with their quartiles."""
    each = sorted(a / b for a, b in zip(over, under))
    low, high = each[len(each) // 4], each[-1 - len(each) // 4]
    return f"{statistics.median(each):.2f} ({low:.2f} .. {high:.2f})"


def upstream_stacks(folder: str, model: Model) -> dict[str, Callable[[Tensor], Tensor]]:
    """The original TRM's net with our weights, from a checkout."""
    sys.path.insert(0, folder)
    from models.recursive_reasoning.trm import TinyRecursiveReasoningModel_ACTV1  # type: ignore[import-not-found]

    fields = model.config.model_dump(exclude={"name", "loss"})
    original = TinyRecursiveReasoningModel_ACTV1({**fields, "batch_size": 1}).eval()
    original.load_state_dict(model.state_dict())
    inner = original.inner
    cos_sin = inner.rotary_emb() if hasattr(inner, "rotary_emb") else None
    zero = torch.zeros((), dtype=model.dtype)
    return dict.fromkeys("LH", lambda x: inner.L_level(x, zero, cos_sin=cos_sin))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="trm-mlp", help="preset of configs/model")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--cycles", type=int, nargs=2, metavar=("H", "L"), help="fewer cycles: a shorter measurement")
    parser.add_argument("--upstream", help="folder of a checkout of the original TRM")
    parser.add_argument("--no-bfloat16", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    preset = {**read_preset("model", args.model), **SIZES, "forward_dtype": "float32"}
    if args.cycles:
        preset["H_cycles"], preset["L_cycles"] = args.cycles
    model = build(preset).eval()
    inputs, ids = torch.randint(1, 11, (args.batch, 81)), torch.zeros(args.batch, dtype=torch.long)
    print(f"{args.model}, batch {args.batch}, {args.threads} threads, torch {torch.__version__}, {args.pairs} pairs")
    with torch.inference_mode():
        e, z = model.embed(inputs, ids), model.initial(args.batch)
        z = model.segment(z, e)
        recurrence = model.recurrence(e)
        cos_sin = recurrence.sub_updates[0].cos_sin
        stacks = {
            "L": lambda x: plain_stack(model.inner.L_level, x, cos_sin),
            "H": lambda x: plain_stack(model.stack_H, x, cos_sin),
        }
        other = "plain torch"
        if args.upstream:
            stacks, other = upstream_stacks(args.upstream, model), "the original"
        bare, operations = gemms(model, args.batch)
        same = all(torch.equal(a, b) for a, b in zip(recurrence.segment(z), plain_segment(model, z, e, stacks)))
        times = compare(
            args.pairs,
            ours=lambda: recurrence.segment(z),
            plain=lambda: plain_segment(model, z, e, stacks),
            gemm=bare,
        )
        rate = operations / statistics.median(times["gemm"]) / 1e9
        print(f"same bits as {other}: {same}")
        print(f"{other} / ours:             {ratio(times['plain'], times['ours'])}   (1 or more wanted)")
        print(f"fraction of the GEMM rate:  ours {ratio(times['gemm'], times['ours'])}, {other} "
              f"{ratio(times['gemm'], times['plain'])}; GEMM {rate:.0f} GFLOP/s")  # fmt: skip
        if not args.no_bfloat16:
            narrow = build({**preset, "forward_dtype": "bfloat16"}).eval()
            narrow.load_state_dict(model.state_dict())
            quick = narrow.recurrence(narrow.embed(inputs, ids))
            start = narrow.initial(args.batch)
            times = compare(args.pairs, ours=lambda: recurrence.segment(z), narrow=lambda: quick.segment(start))
            print(f"float32 / bfloat16:         {ratio(times['ours'], times['narrow'])}   (1.8 or more wanted)")
        memory(model, inputs, ids)


def memory(model: Model, inputs: Tensor, ids: Tensor) -> None:
    """Peak memory of a rollout against its number of segments."""
    e, z = model.embed(inputs[:2], ids[:2]), model.initial(2)
    recurrence = model.recurrence(e)
    peaks = {}
    for segments in (2, 8):
        for _ in range(segments):
            z = recurrence.segment(z)
        peaks[segments] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    grown = peaks[8] - peaks[2]
    print(f"peak memory:                {peaks[2]:.0f} MB after 2 segments, {math.floor(grown):+d} MB after 8 more")


if __name__ == "__main__":
    main()
