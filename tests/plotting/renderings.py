"""Small renderings of the figures, and the committed ones they are compared with.

python -m tests.plotting.renderings      # draw the committed ones again, after a change that was looked at
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from tests.plotting import artifact_writers, cell_writers, log_writers

from rrdyn.analysis.paths import cells_by_own_threshold
from rrdyn.analysis.puzzles import read_puzzles
from rrdyn.analysis.two_by_two import analyze, write
from rrdyn.artifacts.npz import read_npz
from rrdyn.plotting import dynamics, filmstrip, latent, perturbation, toy, trajectories, two_by_two
from rrdyn.plotting.log_schema import read_schema
from rrdyn.plotting.logs import read_log
from rrdyn.plotting.options import PerturbationView
from rrdyn.plotting.plate import Plate
from rrdyn.plotting.study import read_study
from rrdyn.plotting.style import Style

FOLDER = Path(__file__).parents[1] / "golden" / "plotting" / "renderings"
DPI = 60


def study(root: Path) -> Path:
    """The artifacts that the renderings are drawn from."""
    artifact_writers.diag(root / "diag.npz", artifact_writers.dataset(root / "data"))
    artifact_writers.toy(root / "toy.npz")
    artifact_writers.states(root / "states.npz")
    write(analyze(read_puzzles(root / "diag.npz"), "tiny", compat=True), root)
    for seed in (0, 1):
        cell_writers.cell(root / "cells" / f"s{seed}", seed)
        log_writers.foreign_log(root / f"vanilla_{seed}.log", "vanilla", seed)
        log_writers.foreign_log(root / f"routing_{seed}.log", "routing", seed)
    return root


def _two_by_two(name: str) -> Callable[[Path, Style], Plate]:
    return lambda root, style: two_by_two.PLATES[name](read_study(root, "tiny"), style)


def _dynamics(root: Path, style: Style) -> Plate:
    schema = read_schema("reward_hacking")
    return dynamics.small_multiples([read_log(path, schema) for path in sorted(root.glob("*.log"))], schema, style, [])


def _cells(view: PerturbationView) -> Callable[[Path, Style], Plate]:
    return lambda root, style: perturbation.perturbation(perturbation.chosen_cells(root / "cells", view), view, style)


def _trajectories(root: Path, style: Style) -> Plate:
    puzzles = read_puzzles(root / "diag.npz")
    return trajectories.trajectories(puzzles, cells_by_own_threshold(puzzles), "tiny", style)


RENDERINGS: dict[str, tuple[Style, Callable[[Path, Style], Plate]]] = {
    "drift_hist": (Style(), _two_by_two("drift_hist")),
    "lyap_by_cell": (Style(), _two_by_two("lyap_by_cell")),
    "scatter_dark": (Style(dark=True), _two_by_two("scatter")),
    "spectrum": (Style(), _two_by_two("spectrum")),
    "dynamics": (Style("page"), _dynamics),
    "perturbation_band": (Style(), _cells(PerturbationView(alphas=("0.5", "2.0")))),
    "perturbation_mass": (
        Style("page"),
        _cells(PerturbationView(spaghetti=True, color_by_pmass=True, alphas=("1.0", "4.0"))),
    ),
    "trajectories": (Style("page"), _trajectories),
    "toy": (Style(), lambda root, style: toy.toy(read_npz(root / "toy.npz"), style)),
    "latent": (Style(), lambda root, style: latent.plane(read_npz(root / "states.npz"), style, 9)),
    "filmstrip": (
        Style(),
        lambda root, style: filmstrip.filmstrip(filmstrip.read_strip(read_npz(root / "diag.npz")), [1, 4, 16], style),
    ),
}


def render(name: str, root: Path, path: Path) -> Path:
    style, make = RENDERINGS[name]
    with style.active():
        make(root, style).figure.savefig(path, dpi=DPI)
    return path


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), dtype=float)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        source = study(Path(scratch))
        for each in RENDERINGS:
            print(render(each, source, FOLDER / f"{each}.png"))
