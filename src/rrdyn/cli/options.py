"""Arguments that several commands have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from rrdyn.artifacts.pasting import quoted
from rrdyn.artifacts.record import Settings
from rrdyn.cli.command import Arguments, Outcome, Positional
from rrdyn.cli.names import check_checkpoints
from rrdyn.runtime import devices

if TYPE_CHECKING:
    from rrdyn.analysis.thresholds import Tau
    from rrdyn.data.puzzle import Puzzle
    from rrdyn.measurement.campaign import Request


Count = Annotated[int, Field(ge=1, le=10**9)]
"""How many of something: puzzles, steps. More than any dataset has."""
Batch = Annotated[int, Field(ge=1, le=10**6)]
Segments = Annotated[int, Field(ge=1, le=10**6)]
Processes = Annotated[int, Field(ge=1, le=1024)]
Seed = Annotated[int, Field(ge=0, le=10**18)]
Index = Annotated[int, Field(ge=0, le=10**12)]
"""The number of a puzzle in its split."""


class DatasetOptions(Arguments):
    """Making a dataset folder, beside the settings of its recipe."""

    out: Path | None = None
    """The folder to write (default: data/NAME, with the source in its name)."""
    force: bool = False
    """Replace the folder if it is there."""

    @classmethod
    def untaken(cls) -> tuple[str, ...]:
        """What the recipe has no use for."""
        unused: tuple[str, ...] = getattr(cls, "unused", ())
        return unused


def made(args: DatasetOptions, kind: type[Puzzle]) -> Outcome:
    """Build the dataset of the recipe among the arguments and say what is in it."""
    from rrdyn.data.build import build, made_from
    from rrdyn.data.inspection import summary

    assert kind.recipe is not None
    recipe = kind.recipe(**{name: getattr(args, name) for name in kind.recipe.model_fields})
    there = args.out is not None and not args.force and made_from(args.out, recipe)
    path = build(recipe, args.out, kind=kind, force=args.force)
    data, text = summary(path)
    next = [f"rrdyn inspect {quoted(path)}", f"rrdyn train {quoted(path)}"]
    return Outcome(data=data, text=text, wrote=[] if there else [path], kept=[path] if there else [], next=next)


class ProcessOptions(Arguments):
    """Running a checkpoint on puzzles: which puzzles, on what, by how many."""

    data: Path | None = None
    """Dataset folder; default the one the checkpoint names."""
    split: Literal["test", "val", "train"] = "test"
    """Which split of it."""
    weights: str | None = None
    """Of a file with several weights: raw, ema, or a key that rrdyn inspect tells; default the average, if any."""
    batch: Batch | None = None
    """Puzzles at a time on a GPU, puzzles a part on a CPU; default by memory. Counts until the first part is done."""
    dtype: Literal["float32", "float64", "bfloat16"] = "float32"
    """What the model computes in."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    devices: Processes = 1
    """Processes that share the puzzles, one GPU each (or one share of the CPU's cores)."""

    def check_names(self) -> None:
        given = [path for name in ("ckpt", "ckpts", "members") for path in _paths(getattr(self, name, None))]
        check_checkpoints(given, self.data)
        devices.require_taken(self.device)

    def request(self, measurement: str, checkpoints: tuple[Path, ...], out: Path | None, **settings: Any) -> Request:
        """What is asked of a measurement: its config from the arguments of the same names and `settings`."""
        from rrdyn.measurement.campaign import Request
        from rrdyn.measurement.measurement import measurement_named

        given = {name: value for name, value in self if value is not None}
        kind = measurement_named(measurement).config
        config = kind(**{**{name: given[name] for name in kind.model_fields if name in given}, **settings})
        own = ("measurement", "config", "checkpoints", "out")
        shared = {name: given[name] for name in Request.__dataclass_fields__ if name in given and name not in own}
        return Request(measurement=measurement, config=config, checkpoints=checkpoints, out=out, **shared)


def _paths(value: Path | tuple[Path, ...] | None) -> tuple[Path, ...]:
    return value if isinstance(value, tuple) else () if value is None else (value,)


class MeasurementOptions(ProcessOptions):
    """Measuring a checkpoint on puzzles, into a file of its own."""

    shard: str | None = None
    """R/W: do share R of W (from 0) of one output in a shared folder; the process that finds all parts joins them."""
    piece: str | None = None
    """R/W: only piece R of W (from 0) of the puzzles, as a file of its own; `rrdyn merge` joins the pieces."""
    submit: Processes | None = None
    """So many jobs of a cluster share the puzzles, through submitit (the extra `cluster`): each does a share, is queued
    again when its time is up, and goes on from the parts that are there; the last one joins them."""
    job: tuple[str, ...] = ()
    """Settings of those jobs as submitit has them, KEY=VALUE: timeout_min, gpus_per_node, slurm_partition, cluster."""
    force: bool = False
    """Measure again even where the file is there."""

    def instead(self, name: str, argv: list[str]) -> Outcome | None:
        if self.submit is None:
            return None
        from rrdyn.artifacts.errors import UsageError
        from rrdyn.cli.submission import submitted

        if self.shard is not None or self.piece is not None:
            raise UsageError("--submit shares the puzzles out itself", found="--shard or --piece", run="without either")
        given = [path for field in ("ckpt", "ckpts", "members") for path in _paths(getattr(self, field, None))]
        place = getattr(self, "out", None) or Path(given[0].name)
        shares = [["--shard", f"{share}/{self.submit}"] for share in range(self.submit)]
        return submitted(name, argv, shares, place.with_name(f"{place.name}.jobs"), self.job)


class TableOptions(Arguments):
    """Printing a table."""

    latex: bool = False
    """Print the tables as LaTeX (booktabs) instead of text."""

    def told(self, text: str) -> str:
        """What is printed: the text, or with --latex its tables."""
        from rrdyn.analysis.page_table import in_latex

        return in_latex(text) if self.latex else text


class PageOptions(Arguments):
    """Writing pages of tables."""

    latex: bool = False
    """Write the tables of each page as LaTeX too (.tex, booktabs)."""

    def tables(self, wrote: list[Path]) -> list[Path]:
        """What an analysis wrote, and with --latex the LaTeX beside its pages."""
        from rrdyn.analysis.page_table import write_latex

        return [*wrote, *(write_latex(page) for page in wrote if self.latex and page.suffix == ".md")]


class AnalysisOptions(PageOptions):
    """Analysing files into a folder of tables and figures."""

    files: Positional[tuple[Path, ...]]
    """The files."""
    out: Path | None = None
    """Folder to write to; default: beside the first file, in one named after the analysis."""
    figures: bool = True
    """Write the tables only, no figures."""

    def folder(self, name: str) -> Path:
        """Where the tables go; refused before the work where that is no folder."""
        from rrdyn.artifacts.files import output_folder

        return output_folder(self.out or self.files[0].parent / name)


class BootstrapOptions(AnalysisOptions):
    """An analysis with resampled intervals."""

    replicates: Annotated[int, Field(ge=100, le=100_000)] = 2000
    """Bootstrap replicates; above 4,000 puzzles closed forms take their place for AUCs."""
    seed: Seed = 0
    """Seed of the bootstrap, and of the folds of a cross-validation."""


class ThresholdOptions(AnalysisOptions):
    """An analysis that asks which trajectories have settled."""

    tau: tuple[str, ...] = ("otsu",)
    """Threshold on log10 late drift: otsu, mixture, band, or fixed VALUE."""

    @model_validator(mode="before")
    @classmethod
    def _files_after_tau(cls, given: Settings) -> Settings:
        """`--tau otsu a.npz b.npz`: what follows the threshold are files."""
        from rrdyn.analysis.thresholds import from_words

        words = given.get("tau", ("otsu",))
        rest = from_words(words)[1]
        files = (*given.get("files", ()), *map(Path, rest))
        return {**given, "tau": words[: len(words) - len(rest)], **({"files": files} if files else {})}

    @property
    def threshold(self) -> Tau:
        from rrdyn.analysis.thresholds import from_words

        return from_words(self.tau)[0]
