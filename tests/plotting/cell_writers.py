"""Three-file perturbation cells with known trajectories."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rrdyn.artifacts.cells import write_cell
from rrdyn.artifacts.files import write_json
from rrdyn.runtime.streams import generator

ALPHAS = ("0.25", "0.5", "1.0", "2.0", "4.0")
FORKS = [0, 4, 8, 16, 24, 39]


def kl_of(alpha: str, seed: int, n: int = 8, window: int = 40) -> np.ndarray:
    """(n, window): rises to about alpha nats, with a little noise."""
    noise = generator(seed, "cell", alpha).random((n, window))
    rise = 1.0 - np.exp(-np.arange(window) / 8.0)
    return float(alpha) * rise * (0.6 + 0.8 * np.arange(n)[:, None] / n) * (0.9 + 0.2 * noise)


def cell(folder: Path, seed: int, *, model: str = "org/toy-0.5B", window: int = 40, computed: bool = True) -> Path:
    kl = {
        alpha: [row[: window - 3 * place].tolist() for place, row in enumerate(kl_of(alpha, seed, window=window))]
        for alpha in ALPHAS
    }
    forks = [fork for fork in FORKS if fork < window]
    mass = {
        alpha: [(1.0 / (1.0 + np.exp(3.0 * (row[forks] - 1.0)))).tolist() for row in kl_of(alpha, seed, window=window)]
        for alpha in ALPHAS
    }
    return write_cell(
        folder,
        calib={
            "model": model,
            "method": "latent_noise",
            "window": window,
            "c_star": 0.03 * (1 + 0.1 * seed),
            "seed": seed,
        },
        trajectory={"per_prompt_per_t_kl": kl},
        pmass={"computed": True, "fork_points": forks, "pmass": mass, "pmass_eval": mass}
        if computed
        else {"computed": False},
    )


def older_cell(folder: Path) -> Path:
    """A cell of the layout before KL was kept per trajectory."""
    cell(folder, 9)
    write_json(folder / "trajectory.json", {"per_t_kl": {"1.0": [0.1, 0.2]}})
    return folder


def study(root: Path) -> Path:
    """Three seeds, a hidden folder, an older layout, a cell of another window."""
    for seed in (0, 1, 2):
        cell(root / f"toy_s{seed}", seed)
    cell(root / "_draft", 7)
    older_cell(root / "older")
    cell(root / "short_window", 3, window=20)
    return root
