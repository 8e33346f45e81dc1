"""What each figure takes: what it is drawn from, how it is shown. Free of matplotlib, so that --help stays light."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from tyro.conf import Positional, arg

from rrdyn.artifacts.config import Config

Size = Literal["column", "page", "slide"]


class FigureOptions(Config):
    """The paper a figure is drawn for, and where it goes. A figure's own options begin with what it is drawn from."""

    size: Size = "column"
    """column: 85 mm and 8 pt text; page: 175 mm; slide: 10 inches and 14 pt."""
    dark: bool = False
    """Light lines on a dark ground."""
    out: Path | None = None
    """A folder, or a name that ends in .png, .pdf or .svg; default: beside what was read. The others go along."""
    style: Path | None = None
    """A style sheet of matplotlib (.mplstyle), whose settings come on top of ours."""


class PageOptions(FigureOptions):
    """Those of a figure whose panels need the width of a page."""

    size: Size = "page"
    """column: 85 mm and 8 pt text; page: 175 mm; slide: 10 inches and 14 pt."""


class TwoByTwoOptions(FigureOptions):
    """The four figures of the 2x2 analysis: drift histogram, exponent by cell, drift against exponent, spectra.

    1. rrdyn plot 2x2 runs/demo/analysis
    2. rrdyn plot 2x2 analysis/results_trm.json --size page --dark
    """

    path: Positional[Path]
    """What rrdyn analyze-2x2 wrote: its folder (every tag in it), or one results_<tag>.json."""


class BasinOptions(FigureOptions):
    """Does a restart from a perturbed start free a failed puzzle? One restart and the best of K, over the noise.

    1. rrdyn plot basin select/
    2. rrdyn plot basin select/basin_trm.csv --dark
    """

    path: Positional[Path]
    """What rrdyn select wrote: its folder, or one basin_<tag>.csv."""


class CompareOptions(PageOptions):
    """Two measurements of the same puzzles: who is right in which, from which fate or cell to which, the differences.

    1. rrdyn plot compare comparison/
    2. rrdyn plot compare comparison/ --size slide --dark
    """

    path: Positional[Path]
    """The folder that rrdyn compare wrote."""


class DynamicsOptions(PageOptions):
    """Training dynamics: a column per arm, a row per metric, marks as logged, means in bold; and one overlay.

    1. rrdyn plot dynamics logs/
    2. rrdyn plot dynamics runs/sudoku-trm-none runs/sudoku-trm-multi4 --out figures/dynamics.png
    3. rrdyn plot dynamics 'logs/*.log' --schema reward_hacking
    4. rrdyn plot dynamics logs/ --schema my_logs.yaml --size slide --dark
    5. rrdyn plot dynamics runs/maze-trm-multi4 --watch
    """

    logs: Positional[tuple[str, ...]]
    """Log files, globs, folders of logs, run folders."""
    log_schema: Annotated[str, arg(name="schema")] = "rrdyn"
    """The family of logs: a preset of configs/plot (rrdyn, reward_hacking) or a YAML file."""
    watch: bool = False
    """Draw again whenever a log has grown, until Ctrl-C."""


class EvolutionOptions(FigureOptions):
    """Shares of the four cells, accuracy and the cells' exponents over the checkpoints of a run.

    1. rrdyn plot evolution analysis/evolution_trm.csv
    2. rrdyn plot evolution analysis --size page
    """

    path: Positional[Path]
    """What rrdyn evolution wrote: its folder, or one evolution_<tag>.csv."""


class FatesOptions(FigureOptions):
    """What became of each puzzle: fates over segments, flow from the budget to the horizon, multipliers, return maps.

    Of several checkpoints one picture: shares of the fates over the steps, a panel for each training run.

    1. rrdyn plot fates fate.npz
    2. rrdyn plot fates fate.npz --returns rollout.npz --size page
    3. rrdyn plot fates fates/s0/*.npz fates/s1/*.npz --size page
    """

    paths: Positional[tuple[Path, ...]]
    """A fate.npz, or one of each of several checkpoints."""
    returns: Path | None = None
    """A rollout.npz or diag.npz of the same checkpoint: also draw the return distances of example puzzles."""
    examples: Annotated[int, Field(ge=1, le=16)] = 8
    """How many of them, at most: one of each fate and outcome."""


class LatentOptions(FigureOptions):
    """One latent trajectory in its principal plane, with the variance that the plane holds and leaves out.

    1. rrdyn plot latent states.npz
    2. rrdyn plot latent states.npz --idx 17 --latent z_L --size page
    """

    states: Positional[Path]
    """A states.npz of rrdyn diagnose --save-states."""
    idx: Annotated[int, Field(ge=0, le=1 << 40)] | None = None
    """Index of the puzzle in its dataset; default: the first in the file."""
    latent: Literal["z_H", "z_L"] = "z_H"
    """Which of the two states."""


class PerturbationView(Config):
    """How the perturbation figure shows its trajectories."""

    window: Annotated[int, Field(ge=1, le=1 << 20)] | None = None
    """Only cells of this many steps; needed where the folder holds several windows."""
    model_contains: str = ""
    """Only cells whose model's name holds this text."""
    alphas: tuple[str, ...] = ()
    """Multiples of the calibrated scale to draw, as spelled in the files; default: all."""
    kl_only: bool = False
    """Leave out the row with the mass on the right answer."""
    quantile_lines: bool = False
    """A fan of p10..p90 and p25..p75 round the median instead of one band."""
    spaghetti: bool = False
    """Single trajectories instead of a band, coloured by whether they cross the budget."""
    color_by_pmass: bool = False
    """With --spaghetti: colour by the mass on the right answer of the same trajectory."""
    budget: Annotated[float, Field(gt=0)] = 1.0
    """The KL budget, nats."""
    roll: Annotated[int, Field(ge=1, le=1 << 20)] = 1
    """Rolling mean over this many steps."""
    kl_ymax: Annotated[float, Field(gt=0)] = 6.0
    """The KL axis never reaches above this."""
    line_lw: Annotated[float, Field(gt=0)] = 0.35
    """Width of a single trajectory, points."""
    line_alpha: Annotated[float, Field(gt=0, le=1)] | None = None
    """Opacity of a single trajectory; default: less the more there are."""
    median_lw: Annotated[float, Field(gt=0)] = 1.2
    """Width of the median, points."""
    mark_t: float | None = None
    """Draw a vertical line at this step."""
    step: Literal["segment", "token"] = "segment"
    """What a step is: segments count from 1, tokens from 0."""


class PerturbationOptions(PageOptions, PerturbationView):
    """KL to the clean run and mass on the right answer after a perturbed start, a column per alpha; and their table.

    1. rrdyn plot perturbation runs/perturb/cells
    2. rrdyn plot perturbation cells --spaghetti --color-by-pmass --alphas 0.5 1.0 2.0
    3. rrdyn plot perturbation cells --kl-only --quantile-lines --mark-t 16 --size slide
    4. rrdyn plot perturbation outputs --window 512 --roll 65 --step token --model-contains 0.5B
    """

    cells: Positional[Path]
    """A folder of three-file cells (calib.json, trajectory.json, pmass.json), or one cell."""


class PuzzleOptions(FigureOptions):
    """Puzzles of a dataset, or one puzzle's answer over the segments of a diagnosis, as a picture.

    1. rrdyn plot puzzle data/sudoku-6x6
    2. rrdyn plot puzzle data/maze-7x7 --idx 3 17 40 --size page
    3. rrdyn plot puzzle diag.npz --idx 17 --segments 1 4 16
    4. rrdyn plot puzzle diag.npz --film gif
    """

    path: Positional[Path]
    """A dataset folder, or a diag.npz."""
    idx: tuple[Annotated[int, Field(ge=0, le=1 << 40)], ...] = ()
    """Which puzzles; default: the first few of a dataset, the first wrong one of a diagnosis."""
    split: Literal["train", "val", "test"] = "test"
    """Which split of a dataset."""
    segments: tuple[Annotated[int, Field(ge=1, le=1 << 20)], ...] = ()
    """diag.npz: after which segments the answer is shown, from 1 on; default: a choice of them."""
    film: Literal["gif", "mp4"] | None = None
    """diag.npz: also as a film over all segments."""
    data: Path | None = None
    """diag.npz: its dataset, where it is not where the file says."""


class RolloutOptions(FigureOptions):
    """Accuracy against compute on a log axis, and the survival of failures on a log scale with its best fit.

    1. rrdyn plot rollout survival/
    2. rrdyn plot rollout survival/survival.json --size page
    """

    path: Positional[Path]
    """What rrdyn survival wrote: its folder, or its survival.json."""


class ScalingOptions(PageOptions):
    """Inference compute: accuracy by method on one axis, depth x breadth, which answer is taken, which fates are freed.

    1. rrdyn plot scaling scaling/
    2. rrdyn plot scaling scaling/scaling_trm.csv --size slide
    """

    path: Positional[Path]
    """What rrdyn analyze-scale wrote: its folder, or one scaling_<tag>.csv."""


class SelectorsOptions(PageOptions):
    """Which restart to trust: accuracy of each selector, risk against coverage, calibration of q_halt.

    1. rrdyn plot selectors select/
    2. rrdyn plot selectors select/select_trm.csv --sigma 0.3
    """

    path: Positional[Path]
    """What rrdyn select wrote: its folder, or one select_<tag>.csv."""
    sigma: float | None = None
    """Noise scale of the second and third panel; default: where any restart is right most often."""


class SpectrumOptions(FigureOptions):
    """The median exponent spectrum of each cell with its intervals, one panel for each analysed file.

    1. rrdyn plot spectrum analysis/
    2. rrdyn plot spectrum analysis/results_trm.json
    """

    path: Positional[Path]
    """What rrdyn analyze-2x2 wrote: its folder (every tag in it), or one results_<tag>.json."""


class ToyOptions(FigureOptions):
    """The toy model: exponents of captured and searching trajectories, AUC and success over readout times.

    1. rrdyn plot toy toy.npz
    2. rrdyn plot toy toy.npz --readout 64 --size slide
    """

    file: Positional[Path]
    """A toy.npz of rrdyn toy."""
    readout: Annotated[int, Field(ge=1, le=1 << 20)] = 16
    """Readout time of the histogram."""


class TrajectoriesOptions(PageOptions):
    """Drift and running leading exponent of each puzzle over the segments, by cell of the 2x2.

    1. rrdyn plot trajectories diag.npz
    2. rrdyn plot trajectories diag/diag_trm.npz --points analysis/points_trm.csv
    """

    diag: Positional[Path]
    """A diag.npz; the running exponent needs its log_r."""
    points: Path | None = None
    """points_<tag>.csv of analyze-2x2, for its cells; default: the threshold that the analysis takes for this file."""
