"""What eight tangents cost beside plain forward passes of a full-size model: one segment, k = 8.

    python benchmarks/lyapunov.py                      TRM-MLP, batch 8, float32, CPU
    python benchmarks/lyapunov.py --model attention    TRM-attention at 97 positions
    python benchmarks/lyapunov.py --device cuda --batch 256

Per round and interleaved: a plain segment of the whole batch (the unit), ours, and one `torch.func.jvp` per tangent
with `torch.linalg.qr` after every sub-update (`--jvp-batch` puzzles of it, scaled up). Reports medians of the ratios
per round, against the ideal of k + 1. Also checked: the same bits for batches of 1, 3 and 8.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rrdyn.dynamics import lyapunov_spectrum, protocol
from rrdyn.dynamics.lyapunov import first_frame
from rrdyn.models import Latent, Model, build
from rrdyn.runtime import devices

K = 8


def full_size(kind: str, device: torch.device) -> Model:
    arch: dict[str, Any] = {
        "name": "trm", "seq_len": 81, "vocab_size": 11, "hidden_size": 512, "num_heads": 8, "puzzle_emb_ndim": 512,
        "puzzle_emb_len": 16, "H_cycles": 3, "L_cycles": 6, "L_layers": 2,
    }  # fmt: skip
    arch.update(mlp_t=kind == "mlp", pos_encodings="none" if kind == "mlp" else "rope")
    torch.manual_seed(0)
    return build(arch, dtype=torch.float32).eval().to(device)


def jvp_loop(recurrence: Any, z: Latent, seed: int) -> None:
    """One Jacobian-vector product per tangent through every sub-update, Householder QR after each."""
    tangents = protocol.rebuild(z, first_frame(z, K, torch.float32, seed, list(range(len(z.z_H)))))
    with protocol.forward_differentiable():
        for update in recurrence.sub_updates:
            pushed = []
            for i in range(K):
                column = Latent(*(part[:, i] for part in tangents))
                out, moved = torch.func.jvp(update.value, (z,), (column,))
                pushed.append(moved)
            z = out
            stacked = Latent(*(torch.stack(parts, dim=1) for parts in zip(*pushed)))
            q, _ = torch.linalg.qr(protocol.to_frame(stacked))
            tangents = protocol.from_frame(q, z)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["mlp", "attention"], default="mlp")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--jvp-batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cadence", default="substep")
    parser.add_argument("--skip-jvp", action="store_true")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--clock", choices=["wall", "cpu"], default="wall", help="cpu: where others use the machine too"
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = devices.resolve(args.device)
    model = full_size(args.model, device)
    B = args.batch
    with torch.no_grad():
        inputs = torch.randint(1, 11, (B, 81), dtype=torch.int32, device=device)
        e = model.embed(inputs, torch.zeros(B, dtype=torch.int32, device=device))
        recurrence, z = model.recurrence(e), model.initial(B)
        few = model.recurrence(e[: args.jvp_batch])
        q0 = protocol.to_frame(first_frame(z, K, torch.float32, 0, list(range(B))))
        scale = B / args.jvp_batch

        def ours() -> Tensor:
            return lyapunov_spectrum(recurrence, z, 1, K, q0=q0, qr_every=args.cadence).log_r

        ways: dict[str, tuple[Callable[[], Any], float]] = {
            "plain segment": (lambda: recurrence.segment(z), 1.0),
            "value and 8 tangents": (ours, 1.0),
        }
        if not args.skip_jvp:
            ways["one jvp per tangent"] = (lambda: jvp_loop(few, model.initial(args.jvp_batch), 0), scale)
        print(
            f"TRM-{args.model}, 97 positions, hidden 512, batch {B}, {devices.describe(device)}, "
            f"torch {torch.__version__}, {args.clock} time"
        )
        seconds = measure(ways, args.rounds, device, time.process_time if args.clock == "cpu" else time.perf_counter)
        report(seconds, B)
        if device.type == "cpu":
            same_bits(model)


def measure(
    ways: dict[str, tuple[Callable[[], Any], float]], rounds: int, device: torch.device, clock: Callable[[], float]
) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(rounds + 1):
        for name, (way, scale) in ways.items():
            if device.type == "cuda":
                torch.cuda.synchronize()
            began = clock()
            way()
            if device.type == "cuda":
                torch.cuda.synchronize()
            if round_:  # the first warms up
                seconds[name].append((clock() - began) * scale)
    return seconds


def report(seconds: dict[str, list[float]], batch: int) -> None:
    plain = seconds["plain segment"]
    for name, times in seconds.items():
        ratios = sorted(t / p for t, p in zip(times, plain))
        print(f"{name:22} {statistics.median(times):7.3f} s  {statistics.median(ratios):6.2f} forwards "
              f"({ratios[0]:.2f} to {ratios[-1]:.2f}), {statistics.median(ratios) / (K + 1):.3f} x (k+1), "
              f"{batch / statistics.median(times):.1f} puzzle-segments/s")  # fmt: skip
    if "one jvp per tangent" in seconds:
        faster = sorted(j / o for j, o in zip(seconds["one jvp per tangent"], seconds["value and 8 tangents"]))
        print(f"ours is {statistics.median(faster):.2f} times as fast as one jvp per tangent")


def same_bits(model: Model) -> None:
    """Exponents of one puzzle in batches of 1, 3 and 8, two sub-updates deep."""
    inputs = torch.arange(8 * 81, dtype=torch.int32).view(8, 81) % 10 + 1
    e = model.embed(inputs, torch.zeros(8, dtype=torch.int32))
    z = model.initial(8)

    class Short:
        def __init__(self, recurrence: Any) -> None:
            self.recurrence, self.sub_updates = recurrence, recurrence.sub_updates[:2]

        def rows(self, index: slice) -> Short:
            return Short(self.recurrence.rows(index))

    def found(rows: slice) -> Tensor:
        part = Latent(*(latent[rows] for latent in z))
        return lyapunov_spectrum(Short(model.recurrence(e[rows])), part, 1, K, keys=range(8)[rows]).log_r

    whole = found(slice(0, 8))
    equal = [torch.equal(found(rows), whole[:, rows]) for rows in (slice(2, 3), slice(1, 4))]
    print("the same bits in batches of 1, 3 and 8:", "yes" if all(equal) else "NO")


if __name__ == "__main__":
    main()
