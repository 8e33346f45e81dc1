"""Training curves that other programs exported: tables of W&B and of other loggers, TensorBoard's event files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rrdyn.artifacts.places import shown
from rrdyn.artifacts.reading import read_table
from rrdyn.plotting.log_schema import LogSchema
from rrdyn.plotting.logs import LAST_STEP, Run, Skipped, as_numbers, settled

STEPS = ("step", "_step", "global_step", "trainer/global_step", "iteration", "epoch")
"""What programs call the horizontal axis; the first that is there counts."""
EVENTS = "tfevents"
"""In the name of every event file of TensorBoard."""
RANGES = re.compile(r"__(MIN|MAX)$")
"""Columns that W&B's charts write beside each curve."""


def read_export(path: Path, schema: LogSchema) -> list[Run]:
    """The runs of a CSV or TSV file. Raises Skipped where it has no step or no column that is drawn.

    A table of one run has a column a metric. The export of a chart of W&B has a column a run, "RUN - METRIC".
    """
    rows = read_table(path, delimiter="\t" if path.suffix == ".tsv" else ",")
    if len(rows) < 2:
        raise Skipped("its table has no rows")
    head, body = [name.strip() for name in rows[0]], [row for row in rows[1:] if len(row) == len(rows[0])]
    at = {name.lower(): place for place, name in reversed(list(enumerate(head)))}
    step = next((at[name] for name in STEPS if name in at), None)
    if step is None:
        raise Skipped(f"it has no column {' or '.join(STEPS[:3])}; it has {', '.join(head)[:120]}")
    cells = [as_numbers([row[place].strip() for row in body]) for place in range(len(head))]
    found: dict[str, dict[str, np.ndarray]] = {}
    for place, name in enumerate(head):
        run, _, metric = name.rpartition(" - ")
        column = column_of(metric, schema)
        if place != step and column is not None and not RANGES.search(name):
            found.setdefault(run, {}).setdefault(column, cells[place])
    if not found:
        raise Skipped(f"none of its columns is drawn; it has {', '.join(head)[:120]}")
    left_out = len(rows) - 1 - len(body)
    notes = [f"{left_out} broken line{'s were' if left_out > 1 else ' was'} left out"] if left_out else []
    return [run_of(path, name, cells[step], columns, schema, notes) for name, columns in found.items()]


def read_events(path: Path, schema: LogSchema) -> Run:
    """The scalars of one event file. Raises Skipped where TensorBoard is not installed, or nothing is drawn."""
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        raise Skipped("an event file of TensorBoard needs its reader: pip install 'rrdyn[tensorboard]'") from None
    try:
        events = EventAccumulator(str(path), size_guidance={"scalars": 0}).Reload()
        series = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}
    except Exception as error:  # its reader raises what its protocol raises
        raise Skipped(f"its events cannot be read: {' '.join(str(error).split())[:120]}") from None
    drawn = {column: series[tag] for tag in series if (column := column_of(tag, schema)) is not None}
    if not drawn:
        raise Skipped(f"none of its scalars is drawn; it has {', '.join(series)[:120] or 'none'}")
    steps = np.unique([event.step for points in drawn.values() for event in points])
    columns = {}
    for column, points in drawn.items():
        columns[column] = np.full(len(steps), np.nan)
        columns[column][np.searchsorted(steps, [event.step for event in points])] = [event.value for event in points]
    return run_of(path, path.parent.name, steps.astype(float), columns, schema, [])


def column_of(name: str, schema: LogSchema) -> str | None:
    """The column of the schema that a metric of another program is, by its own name or one of those in `also`."""
    plain = name.strip().lower()
    last = re.split(r"[/.]", plain)[-1]
    for word in (plain, last):
        if word in schema.columns:
            return word
        for column, names in schema.also.items():
            if word in names:
                return column
    return None


def run_of(
    path: Path, name: str, steps: np.ndarray, columns: Mapping[str, np.ndarray], schema: LogSchema, notes: Sequence[str]
) -> Run:
    """A run from curves over steps; rows without a step, or without any number, are left out."""
    kept = np.isfinite(steps) & (steps >= 0) & (steps < LAST_STEP)
    kept &= np.logical_or.reduce([np.isfinite(values) for values in columns.values()])
    if not kept.any():
        raise Skipped(f"{shown(path)} has no row with a step and a number")
    order = np.argsort(steps[kept], kind="stable")
    full = {one: columns.get(one, np.full(len(steps), np.nan))[kept][order] for one in schema.columns}
    facts = {fact: spec.default for fact, spec in schema.facts.items()} | {"arm": name or path.stem}
    said = [*notes, f"read as {', '.join(sorted(columns))} of {name or path.stem}"]
    return settled(Run(path, facts, steps[kept][order].astype(int), full, said))
