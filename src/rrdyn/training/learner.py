"""One supervised segment of a batch of trajectories, forwards and backwards, in micro-batches that fit the memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from rrdyn.dynamics.protocol import rebuild, take
from rrdyn.models.losses import answer_loss, continue_loss, continue_target, correctness, halt_loss, total_loss
from rrdyn.models.model import Model
from rrdyn.training.narrow import narrow_weights

Rows = dict[str, Tensor]
"""Examples: inputs (R,L), labels (R,L) with -100 ignored and puzzle_identifiers (R,) on the device; index (R,) on the
host, where it names the random streams of each."""


class Outcome(NamedTuple):
    """What one segment did to R trajectories; nothing in it carries a gradient."""

    z: Any
    """The state after it."""
    loss: Tensor
    """(R,) answer loss + 0.5 * (halt loss + continue loss), nats."""
    answer_loss: Tensor
    """(R,) cross entropy averaged over an example's labelled tokens, nats."""
    preds: Tensor
    """(R,L) decoded tokens."""
    correct: Tensor
    """(R,) whether every labelled token is right."""
    token_accuracy: Tensor
    """(R,) share of the labelled tokens that are right."""
    q_halt: Tensor
    """(R,) the halt logit."""
    wants_halt: Tensor
    """(R,) whether the model says stop."""


class Learner:
    """A model with the gradients of its supervised segments.

    Gradients of the weights gather in the parameters' `.grad`; those of the puzzle embeddings in `puzzle_grad`
    (N, ndim) with `touched` (N,), since only touched rows may move.
    """

    def __init__(
        self,
        model: Model,
        *,
        loss: Literal["stablemax", "softmax"] = "stablemax",
        micro: int = 0,
        autocast: torch.dtype | None = None,
    ) -> None:
        """`micro`: trajectories of one pass, 0 for all. `autocast`: dtype of matrix products, None for the model's."""
        self.model, self.loss, self.micro, self.autocast = model, loss, micro, autocast
        self.narrow = narrow_weights(model, autocast)
        """On a GPU the weights as products take them; whoever changes weights lets it `forget`."""
        table = model.puzzle_table
        self.puzzle_grad = None if table is None else torch.zeros_like(table)
        self.touched = None if table is None else torch.zeros(len(table), dtype=torch.bool, device=table.device)

    @property
    def segments(self) -> int:
        """Segments of the budget."""
        return self.model.budget

    @property
    def exploration(self) -> float:
        """Chance that an early halt is forbidden; a family that has no such setting never forbids one."""
        return float(getattr(self.model.config, "halt_exploration_prob", 0.0))

    @property
    def device(self) -> torch.device:
        return self.model.device

    def weights_changed(self) -> None:
        """Told by whoever changes them: what was made of the weights before is of no use."""
        if self.narrow is not None:
            self.narrow.forget()

    def zero_puzzle_grad(self) -> None:
        if self.puzzle_grad is not None and self.touched is not None:
            self.puzzle_grad.zero_()
            self.touched.zero_()

    def initial(self, rows: int) -> Any:
        """z0 of that many trajectories: a NamedTuple of the parts of the model's state."""
        return self.model.initial(rows)

    def segment(self, z: Any, rows: Rows, weights: Tensor | None) -> Outcome:
        """Take R trajectories one segment on; add sum(weights * loss) to the gradients (None: no gradient).

        `rows` has a column more, `last` (R,): whether the budget ends with this segment.
        """
        count = len(rows["labels"])
        size = self.micro or count
        if size >= count:
            return self._pass(z, rows, weights)
        parts = []
        for start in range(0, count, size):
            cut = slice(start, start + size)
            some = {name: column[cut] for name, column in rows.items()}
            parts.append(self._pass(take(z, cut), some, None if weights is None else weights[cut]))
        joined = [torch.cat(columns) for columns in zip(*(part[1:] for part in parts))]
        return Outcome(rebuild(z, (torch.cat(columns) for columns in zip(*(part.z for part in parts)))), *joined)

    def unrolled(self, z: Any, rows: Rows, weights: Tensor, *, ends: bool) -> list[Outcome]:
        """As `segment`, T segments on with the gradient through every sub-update of them; `weights` (T,R).

        `ends`: whether the budget ends with the last of them.
        """
        found, losses = [], []
        with torch.enable_grad(), self._precision():
            vectors = self._vectors(rows, trained=True)
            e = self.model.embed(rows["inputs"], rows["puzzle_identifiers"], vectors)
            for t in range(len(weights)):
                last = torch.full((len(rows["labels"]),), ends and t + 1 == len(weights), device=self.device)
                z, loss, outcome = self._judged(z, e, {**rows, "last": last}, truncate=False)
                losses.append((loss * weights[t]).sum())
                found.append(outcome)
        self._learn(torch.stack(losses).sum(), weights, rows, vectors)
        return found

    def _pass(self, z: Any, rows: Rows, weights: Tensor | None) -> Outcome:
        learns = weights is not None
        with torch.set_grad_enabled(learns), self._precision():
            vectors = self._vectors(rows, trained=learns)
            e = self.model.embed(rows["inputs"], rows["puzzle_identifiers"], vectors)
            _, loss, outcome = self._judged(z, e, rows, truncate=learns)
        if weights is not None:
            self._learn((loss * weights).sum(), weights, rows, vectors)
        return outcome

    def _vectors(self, rows: Rows, *, trained: bool) -> Tensor | None:
        vectors = self.model.puzzle_vectors(rows["puzzle_identifiers"])
        if vectors is not None and trained:
            vectors.requires_grad_()
        return vectors

    def _judged(self, z: Any, e: Tensor, rows: Rows, *, truncate: bool) -> tuple[Any, Tensor, Outcome]:
        """The state one segment on, its loss (R,), and both without their gradient."""
        model, labels = self.model, rows["labels"]
        after = model.recurrence(e).segment(z, truncate=truncate)
        readout = model.read(after)
        answer = answer_loss(readout.logits, labels, self.loss)
        preds = readout.logits.argmax(-1)
        exact, token_accuracy, _ = correctness(preds, labels)
        following = None
        if model.has_continue:
            with torch.no_grad():
                ahead = model.read(model.recurrence(e).segment(after))
            following = continue_loss(readout.q_continue, continue_target(ahead, rows["last"]))
        loss = total_loss(answer, halt_loss(readout.q_halt, exact), following)
        outcome = Outcome(
            rebuild(after, (part.detach() for part in after)), loss.detach(), answer.detach(), preds, exact,
            token_accuracy, readout.q_halt.detach(), model.halts(readout),
        )  # fmt: skip
        return after, loss, outcome

    def _learn(self, total: Tensor, weights: Tensor, rows: Rows, vectors: Tensor | None) -> None:
        """Add the gradients of a weighted loss, and of what the model asks for its weights."""
        if (penalty := self.model.penalty()) is not None:
            total = total + penalty * weights.sum()
        total.backward()
        if vectors is not None:
            self._gather_puzzle_grad(rows["puzzle_identifiers"], vectors)

    @contextmanager
    def _precision(self) -> Iterator[None]:
        if self.autocast is None:
            yield
            return
        narrow = nullcontext() if self.narrow is None else self.narrow.in_use()
        with torch.autocast(self.device.type, dtype=self.autocast), narrow:
            yield

    def _gather_puzzle_grad(self, ids: Tensor, vectors: Tensor) -> None:
        assert self.puzzle_grad is not None
        assert self.touched is not None
        ids = ids.long()
        self.touched[ids] = True
        if vectors.grad is not None:
            self.puzzle_grad.index_add_(0, ids, vectors.grad)
