"""A tanh network (512 units, k = 8, 500 steps, float64): our two paths, clvlib's, a plain forward; and parity.

    python benchmarks/rnn.py            needs clvlib (pip install clvlib)

Times are the medians of interleaved rounds, as ratios to a plain forward pass of batch 9 in the same round.
Parity is over the first 100 steps: beyond that the rounding of a chaotic network grows.

The generic path was 5.1 to 5.7 forwards while forward AD made its own products: two for each matrix, and of a
transposed one a copy of all its 2 MB every step. One product for value and tangents, the value's rows once, made it
2.5 (one thread). Looked at and left: vmap(jvp), 350 microseconds of its own a call; 8 tangents and the value in two
products, 182 + 38 microseconds against 218 in one; pointwise functions on the value's rows alone, which by the sum of
its calls (some 50 microseconds) would cost more than the 25 that it saves.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rrdyn.dynamics import lyapunov_spectrum, maps
from rrdyn.dynamics.covariant import covariant_vectors

UNITS, K, GAIN = 512, 8, 1.5


def clvlib_run(weights: Tensor, start: Tensor, steps: int) -> Any:
    """clvlib's analytic torch path: the Jacobian written out, its discrete stepper."""
    from clvlib.pytorch import lyap_exp_from_ic

    def step(t: float, x: Tensor) -> Tensor:
        return torch.tanh(weights @ x)

    def jacobian(t: float, x: Tensor) -> Tensor:
        return (1 - torch.tanh(weights @ x) ** 2)[:, None] * weights

    times = torch.arange(steps + 1, dtype=torch.float64)
    return lyap_exp_from_ic(step, jacobian, start, times, stepper="discrete", n_lyap=K)


def jvp_loop(weights: Tensor, start: Tensor, steps: int) -> Tensor:
    """One `jvp` per tangent and `torch.linalg.qr`."""
    x, q = start, torch.eye(UNITS, K, dtype=torch.float64)
    total = torch.zeros(K, dtype=torch.float64)
    for _ in range(steps):
        columns = [torch.func.jvp(lambda h: torch.tanh(weights @ h), (x,), (q[:, i],))[1] for i in range(K)]
        q, r = torch.linalg.qr(torch.stack(columns, dim=1))
        total += r.diagonal().abs().log()
        x = torch.tanh(weights @ x)
    return total / steps


def ways(weights: Tensor, start: Tensor, steps: int) -> dict[str, Callable[[], Any]]:
    q0 = torch.eye(UNITS, K, dtype=torch.float64)[None]

    def forward() -> Tensor:
        h = start.expand(9, -1)
        for _ in range(steps):
            h = torch.tanh(h @ weights.mT)
        return h

    def ours(rule: bool) -> Callable[[], Any]:
        return lambda: lyapunov_spectrum(maps.tanh_rnn(weights, rule=rule), start[None], steps, K, q0=q0)

    return {
        "forward of batch 9": forward,
        "rule": ours(True),
        "generic path": ours(False),
        "clvlib": lambda: clvlib_run(weights, start, steps),
        "jvp loop": lambda: jvp_loop(weights, start, steps),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--clock", choices=["wall", "cpu"], default="wall", help="cpu: where others use the machine too"
    )
    args = parser.parse_args()
    clock = time.process_time if args.clock == "cpu" else time.perf_counter
    torch.set_num_threads(args.threads)
    weights = maps.random_weights(UNITS, GAIN, seed=0)
    start = 0.1 * torch.randn(UNITS, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        print(f"torch {torch.__version__}, {args.threads} threads, {UNITS} units, k {K}, {args.steps} steps")
        seconds: dict[str, list[float]] = {}
        for round_ in range(args.rounds + 1):
            for name, way in ways(weights, start, args.steps).items():
                began = clock()
                way()
                if round_:  # the first warms up
                    seconds.setdefault(name, []).append(clock() - began)
        forwards = seconds["forward of batch 9"]
        for name, times in seconds.items():
            ratios = sorted(t / f for t, f in zip(times, forwards))
            print(f"{name:20} {statistics.median(times):.3f} s  {statistics.median(ratios):5.2f} forwards "
                  f"({ratios[0]:.2f} to {ratios[-1]:.2f})")  # fmt: skip
        parity(weights, start)
        covariant_parity()


def parity(weights: Tensor, start: Tensor) -> None:
    q0 = torch.eye(UNITS, K, dtype=torch.float64)[None]
    theirs = clvlib_run(weights, start, 100)[0]
    for rule in (True, False):
        found = lyapunov_spectrum(maps.tanh_rnn(weights, rule=rule), start[None], 100, K, q0=q0)
        apart = (found.log_r.mean(0)[0] - theirs).abs().max().item()
        print(f"100 steps, {'rule' if rule else 'generic path'} against clvlib: {apart:.1e}")


def covariant_parity() -> None:
    """Covariant vectors of Henon and of a small network by clvlib, its factors shifted by one step, and by us.

    clvlib 0.1.5 goes back from step i+1 to i through the factor that led to i, not to i+1; on a discrete map its
    vectors are then not carried onto one another, as the last column shows. With the shift put right both agree.
    """
    from clvlib.pytorch.clv import _clvs

    henon, small = maps.henon(), maps.random_weights(8, 2.5, seed=1)
    rnn_start = 0.1 * torch.ones(1, 8, dtype=torch.float64)
    for name, system, start, k in (
        ("Henon", henon, henon.start, 2),
        ("tanh RNN, 8 units", maps.tanh_rnn(small), rnn_start, 2),
    ):
        step = system.sub_updates[0]

        def function(t: float, x: Tensor, step: Any = step) -> Tensor:
            return step.value((x[None],))[0][0]

        def jacobian(t: float, x: Tensor, function: Any = function) -> Tensor:
            return torch.func.jacfwd(lambda y: function(t, y))(x)

        from clvlib.pytorch import lyap_exp_from_ic

        T = 140  # longer, and rounding parts the chaotic trajectories themselves
        times = torch.arange(T + 1, dtype=torch.float64)
        _, _, Q, R, path = lyap_exp_from_ic(function, jacobian, start[0], times, stepper="discrete", n_lyap=k)
        shifted, as_is = _clvs(Q, torch.roll(R, -1, dims=0))[0], _clvs(Q, R)[0]
        ours = covariant_vectors(system, start, 20, k, align=60, tail=60)
        cosines = (ours.vectors[:, 0] * shifted[60:81]).sum(1).abs()
        angle = ((ours.vectors[:, 0, :, 0] * ours.vectors[:, 0, :, 1]).sum(1).abs()
                 - (shifted[60:81, :, 0] * shifted[60:81, :, 1]).sum(1).abs()).abs().max()  # fmt: skip

        def carried(vectors: Tensor, at: int = 70, path: Tensor = path, jacobian: Any = jacobian) -> float:
            moved = jacobian(0.0, path[at]) @ vectors[at]
            return (1 - (moved / moved.norm(dim=0) * vectors[at + 1]).sum(0).abs()).max().item()

        print(f"{name}: vectors 1 - |cos| {(1 - cosines).max():.1e}, |cos| of the first angle {angle:.1e}; "
              f"carried onto the next: shifted {carried(shifted):.1e}, as published {carried(as_is):.1e}")  # fmt: skip


if __name__ == "__main__":
    main()
