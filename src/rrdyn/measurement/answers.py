"""An observer of a model's trajectory: what it answers after every segment, whether that is right, when it halts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from rrdyn.dynamics.observers import Table
from rrdyn.dynamics.trajectory import Step
from rrdyn.measurement.judging import judge
from rrdyn.models import Model, Readout

Extra = Callable[[Readout, Tensor], dict[str, Tensor]]
"""(readout, labels (b,L)) -> more columns (b,...)."""


class Answers:
    """Columns preds (B,T,L), exact, token_acc, q_halt, q_continue (B,T), and `halted_at` (B,).

    keep : which of these columns; the others cost no memory.
    extra : more columns from a readout.
    hold : columns that keep their last value for a puzzle that has left; else NaN, False or -1.
    host : hold the columns in the host's memory.
    leave : a puzzle leaves when it halts.
    """

    def __init__(
        self, model: Model, labels: Tensor, *, keep: Sequence[str], extra: Extra | None = None,
        hold: Sequence[str] = (), host: bool = False, leave: bool = False,
    ) -> None:  # fmt: skip
        self.model, self.labels, self.keep, self.extra = model, labels, keep, extra
        self.host, self.leave = host, leave
        self.tokens = token_dtype(model.config.vocab_size, signed=leave)
        self.table = Table(len(labels), hold=hold)
        self._halted_at = torch.zeros(len(labels), dtype=torch.int64, device=labels.device)
        self.exact: Tensor
        """(b,) whether the last answers seen were right."""

    def see(self, step: Step) -> Tensor | None:
        labels = self.labels if step.rows is None else self.labels[step.rows]
        readout = self.model.read(step.state)
        judged = judge(readout.logits, labels)
        self.exact = judged.exact
        answered = {**judged._asdict(), "preds": judged.preds.to(self.tokens)}
        columns = {**answered, "q_halt": readout.q_halt, "q_continue": readout.q_continue}
        kept = {name: columns[name] for name in self.keep}
        if self.extra is not None:
            kept |= self.extra(readout, labels)
        self.table.put(step, **{name: value.cpu() if self.host else value for name, value in kept.items()})
        halts = self.model.halts(readout)
        self._note_halt(halts, step)
        return halts if self.leave else None

    def _note_halt(self, halts: Tensor, step: Step) -> None:
        rows = slice(None) if step.rows is None else step.rows
        before = self._halted_at[rows]
        self._halted_at[rows] = torch.where(halts & (before == 0), step.number, before)

    def halted_at(self, segments: int) -> Tensor:
        """(B,) first segment, from 1, at which the model says stop, by its own rule; `segments` where it never did."""
        return torch.where(self._halted_at == 0, segments, self._halted_at)


def token_dtype(vocab_size: int, *, signed: bool) -> torch.dtype:
    """The narrowest integers that hold every token, and -1 where `signed`."""
    kinds = (torch.int16, torch.int32) if signed else (torch.uint8, torch.int16, torch.int32)
    return next(kind for kind in kinds if vocab_size <= torch.iinfo(kind).max + 1)


class RightInARow:
    """A puzzle leaves once it was right `count` segments in a row. Sees what `answers` has just seen."""

    def __init__(self, answers: Answers, count: int) -> None:
        self.answers, self.count = answers, count
        self.streak = torch.zeros(len(answers.labels), dtype=torch.int32, device=answers.labels.device)

    def see(self, step: Step) -> Tensor:
        rows = slice(None) if step.rows is None else step.rows
        self.streak[rows] = torch.where(self.answers.exact, self.streak[rows] + 1, 0)
        return self.streak[rows] >= self.count
