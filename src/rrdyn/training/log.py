"""What a run says: an aligned table for people and `plot dynamics`, JSON lines for programs, trackers if wanted."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path

from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.files import cannot_write, dump_json, replacing, write_text
from rrdyn.artifacts.places import is_file, opened
from rrdyn.artifacts.reading import read_text
from rrdyn.artifacts.record import Meta
from rrdyn.runtime.progress import duration, journal
from rrdyn.training.folder import LOG, ROWS

COLUMNS: dict[str, tuple[int, str]] = {
    "step": (8, "d"),
    "epoch": (9, ".2f"),
    "loss": (8, ".4f"),
    "lr": (9, ".2e"),
    "acc": (7, ".4f"),
    "acc_pert": (9, ".4f"),
    "drift": (9, ".3g"),
    "lam1": (9, "+.4f"),
    "q_acc": (7, ".4f"),
    "noise": (9, ".2e"),
    "changed": (8, ".4f"),
    "sps": (8, ".1f"),
    "eta": (9, "s"),
}
"""Column -> (width, format). What was not measured at a row is a dash."""
HEADER_EVERY = 25
Cell = float | int | None
Tracker = Callable[[Mapping[str, Cell]], None]
"""Takes the rows of a log."""
WANDB_ID, TRACKIO_NAME, MOST_ID = "wandb_id.txt", "trackio_name.txt", 200


class TrainLog:
    """Writes `train.log` and `train.jsonl` of one run, and repeats the table on stderr."""

    def __init__(
        self, folder: Path, *, heading: Sequence[str], trackers: Sequence[str] = (), config: Meta | None = None,
        facts: Mapping[str, str | int] | None = None, step: int = 0,
    ) -> None:  # fmt: skip
        """`heading`: lines written first, each time the run starts or is resumed; `facts` go into the first record.

        Trackers are told the `config` and the `step` from which the run starts or goes on.
        """
        self.folder = folder
        self.rows_since_header, self.facts = HEADER_EVERY, facts or {}
        self.trackers = [make_tracker(tracker, folder, config or {}, step) for tracker in trackers]
        self.message = journal(lambda line: self._append(LOG, line))
        """Says one line of text, in the log and on stderr."""
        self._end_line()
        for line in heading:
            self.message(line)

    def row(self, values: Mapping[str, Cell]) -> None:
        """One row of the table and one JSON object; `values` has the columns, None where unknown, and may have more."""
        if self.rows_since_header >= HEADER_EVERY:
            self.message(header())
            self.rows_since_header = 0
        self.rows_since_header += 1
        self.message(table_row(values))
        begun = is_file(self.folder / ROWS) and (self.folder / ROWS).stat().st_size > 0
        facts = {} if begun else self.facts
        self._append(ROWS, dump_json({**facts, **values}, indent=None))
        for tracker in self.trackers:
            tracker(values)

    def rewind(self, step: int) -> None:
        """Forget the JSON rows after a step, which a resumed run writes again."""
        path = self.folder / ROWS
        if not is_file(path):
            return
        with opened(path) as rows, replacing(path) as partial, open(partial, "wb") as kept:
            for line in rows:
                with suppress(ValueError, KeyError, TypeError, RecursionError):  # what a killed process was writing
                    if json.loads(line)["step"] <= step:
                        kept.write(line.rstrip(b"\n") + b"\n")

    def _end_line(self) -> None:
        """Begin a new line where a killed process left half of one."""
        path = self.folder / LOG
        if is_file(path):
            with opened(path) as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, size - 1))
                whole = stream.read(1) in (b"\n", b"")
            if not whole:
                self._append(LOG, "")

    def _append(self, name: str, line: str) -> None:
        try:
            with open(self.folder / name, "a", encoding="utf-8") as stream:
                stream.write(line + "\n")
        except OSError as error:
            raise cannot_write(self.folder / name, error) from None


def header() -> str:
    """The header line of the log table."""
    return " ".join(f"{name:>{width}}" for name, (width, _) in COLUMNS.items())


def table_row(values: Mapping[str, Cell]) -> str:
    """The columns of one row, right-aligned under the header."""
    return " ".join(f"{_cell(values.get(name), form):>{width}}" for name, (width, form) in COLUMNS.items())


def _cell(value: Cell, form: str) -> str:
    if value is None or value != value:
        return "-"
    return duration(value) if form == "s" else format(value, form)


def make_tracker(kind: str, folder: Path, config: Meta, step: int) -> Tracker:
    """A function that sends a row to wandb, tensorboard or trackio; UsageError where it is not installed.

    config : the settings of the run, which wandb and trackio keep beside its curves.
    step : from which the run starts or goes on: what was sent of later ones is taken back.
    """
    try:
        return TRACKERS[kind](folder, config, step)
    except ImportError:
        package = kind if kind == "trackio" else f"'rrdyn[{kind}]'"
        raise UsageError(f"{kind} is not installed", run=f"pip install {package}") from None


def _wandb(folder: Path, config: Meta, step: int) -> Tracker:
    """One run of W&B for one run folder, however often it is stopped: its id is kept there."""
    import wandb

    known = _remembered(folder / WANDB_ID)
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", "rrdyn"), name=folder.name, dir=str(folder), config=dict(config),
        id=known or None, resume="allow", allow_val_change=True,
    )  # fmt: skip
    if run.id != known:
        write_text(folder / WANDB_ID, f"{run.id}\n")
    return lambda row: run.log({key: row[key] for key in row if row[key] is not None}, step=row["step"])


def _trackio(folder: Path, config: Meta, step: int) -> Tracker:
    """One run of trackio for one run folder: its name is kept there. What was sent of steps after a resume stays."""
    import trackio

    known = _remembered(folder / TRACKIO_NAME)
    with redirect_stdout(sys.stderr):  # it says on stdout, which is for data, what it does
        run = trackio.init(
            project=os.environ.get("TRACKIO_PROJECT", "rrdyn"), name=known or f"{folder.parent.name}-{folder.name}",
            config=dict(config), resume="allow" if known else "never", embed=False,
        )  # fmt: skip
    if run.name != known:
        write_text(folder / TRACKIO_NAME, f"{run.name}\n")

    def send(row: Mapping[str, Cell]) -> None:
        with redirect_stdout(sys.stderr):
            run.log({key: row[key] for key in row if row[key] is not None}, step=row["step"])

    return send


def _remembered(path: Path) -> str:
    """What a tracker calls the run of this folder; empty before its first start."""
    return read_text(path, most=MOST_ID).strip() if is_file(path) else ""


def _tensorboard(folder: Path, config: Meta, step: int) -> Tracker:
    """Event files in the run folder; rows after the step of a resume are marked as gone (`purge_step`)."""
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1 if step else None)

    def send(row: Mapping[str, Cell]) -> None:
        for key, value in row.items():
            if isinstance(value, int | float) and key != "step":
                writer.add_scalar(key, value, row["step"])
        writer.flush()

    return send


TRACKERS = {"wandb": _wandb, "tensorboard": _tensorboard, "trackio": _trackio}
"""Each imports its package when a run starts."""
