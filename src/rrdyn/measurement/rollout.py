"""The recurrence far past its budget: whether each puzzle is right, and how far z_H moved, after every segment.

Memory does not grow with the number of segments. A rollout can be extended from the state it ended in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.npz import read_npz
from rrdyn.artifacts.places import is_file
from rrdyn.artifacts.schemas import ROLLOUT, STATES
from rrdyn.dynamics import protocol
from rrdyn.dynamics.observers import Motion
from rrdyn.dynamics.returns import Past, Returns
from rrdyn.dynamics.trajectory import follow
from rrdyn.measurement.answers import Answers, RightInARow
from rrdyn.measurement.measurement import Cost, Measurement, ProductsConfig, register
from rrdyn.measurement.parts import Arrays, Parts, publish, state_file
from rrdyn.measurement.subject import Questions, Subject


class RolloutConfig(ProductsConfig):
    """How far, and for which puzzles."""

    n: Annotated[int, Field(ge=1)] = 256
    """Puzzles, drawn from the split without replacement."""
    segments: Annotated[int, Field(ge=1, le=1 << 24)] = 128
    """Segments rolled out."""
    stop_after: Annotated[int, Field(ge=0)] = 0
    """Stop a puzzle once it was right this many segments in a row; 0: never."""
    keep_state: bool = False
    """Write the last states beside the output, so that it can be extended."""
    periods: Annotated[int, Field(ge=0, le=4096)] = 16
    """Return distances after 1 to so many segments; 0: none. An extension has those of the rollout that it extends."""
    extend: Path | None = None
    """An earlier rollout of the same checkpoint that kept its state; its segments come first."""


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """A rollout to go on from."""

    arrays: Arrays
    states: tuple[np.ndarray, ...] = field(repr=False)
    """(N,R,S,D) each part of its last states, the one in which it ended last."""
    largest: np.ndarray = field(repr=False)
    """(N,) largest norm of the joint state so far; NaN where it was not kept."""

    @property
    def segments(self) -> int:
        return int(self.arrays["exact"].shape[1])

    @property
    def periods(self) -> int:
        """Return distances that it has, a segment."""
        return self.arrays["return_distance"].shape[2] if "return_distance" in self.arrays else 0


@register
class Rollout(Measurement[RolloutConfig]):
    """The columns of `rollout.npz`."""

    name, config, schema, revision = "rollout", RolloutConfig, ROLLOUT, 2
    following = "survival"

    def __init__(self, subject: Subject, config: RolloutConfig) -> None:
        self.earlier = None if config.extend is None else read_earlier(config.extend, subject, config)
        super().__init__(subject, config)

    @property
    def begun(self) -> int:
        """Segments that are there already."""
        return 0 if self.earlier is None else self.earlier.segments

    def resolved(self, config: RolloutConfig) -> RolloutConfig:
        return config if self.earlier is None else config.model_copy(update={"periods": self.earlier.periods})

    def told(self) -> str:
        return f"{self.settings.segments} segments"

    def choose(self) -> np.ndarray:
        return super().choose() if self.earlier is None else self.earlier.arrays["idx"]

    def recorded(self) -> dict[str, object]:
        return {**self.settings.model_dump(exclude={"extend"}), "from": self.begun}

    def cost(self) -> Cost:
        model, further = self.subject.model, self.settings.segments - self.begun
        return Cost(
            memory=model.activation_bytes() + 8 * self.settings.periods * model.state_elements,
            work=model.state_elements * further * model.sub_updates_per_segment,
        )

    def observe(self, questions: Questions) -> Arrays:
        config, model = self.settings, self.subject.model
        further = config.segments - self.begun
        recurrence = model.recurrence(model.embed(questions.inputs, questions.identifiers))
        checked = self.subject.split.puzzle.validity is not None
        keep = ("exact", "preds") if checked else ("exact",)
        motion = Motion(len(questions))
        answers = Answers(model, questions.labels, keep=keep, hold=keep)
        stop = [RightInARow(answers, config.stop_after)] if config.stop_after else []
        start, past = self._start(questions)
        returns = [Returns(start, config.periods, series=True, past=past)] if config.periods else []
        end = follow(recurrence, start, further, [motion, answers, *returns, *stop])
        columns = answers.table.columns(further)
        preds = columns["preds"].cpu().numpy() if checked else np.zeros((len(questions), 1, 1), dtype=np.uint8)
        wide = torch.float64 if config.dtype == "float64" else torch.float32
        return {
            "exact": columns["exact"].cpu().numpy(),
            "drift": motion.drift(0, further).cpu().numpy(),
            **({"return_distance": returns[0].distances(further).float().cpu().numpy()} if returns else {}),
            **self.subject.validity(questions.idx, preds),
            "idx": questions.idx,
            **{f"end_{name}": part.to("cpu", wide).numpy() for name, part in zip(end._fields, end)},
            **(self._past(returns[0].past(), end._fields, wide) if returns and self._keeps_past else {}),
        }

    @property
    def _keeps_past(self) -> bool:
        """What has been stopped does not go on from where it was when all began."""
        return self.settings.keep_state and not self.settings.stop_after

    def _past(self, past: Past, names: Sequence[str], wide: torch.dtype) -> Arrays:
        states = {f"past_{name}": part.to("cpu", wide).numpy() for name, part in zip(names, past.states)}
        return {**states, "largest_norm": past.largest.cpu().numpy()}

    def _start(self, questions: Questions) -> tuple[Any, Past | None]:
        """The states to go on from, and what was before them."""
        z0 = self.subject.model.initial(len(questions))
        if self.earlier is None:
            return z0, None
        rows = np.searchsorted(self.earlier.arrays["idx"], questions.idx)
        states = tuple(torch.from_numpy(part[rows]).to(like) for part, like in zip(self.earlier.states, z0))
        past = Past(states, torch.from_numpy(self.earlier.largest[rows]))
        return protocol.rebuild(z0, (part[:, -1] for part in states)), past

    def finish(self, arrays: Arrays) -> Arrays:
        if self.earlier is None:
            return arrays
        series = [key for key in arrays if key in self.earlier.arrays and key not in ("idx", "asked")]
        return {**arrays, **{key: np.concatenate([self.earlier.arrays[key], arrays[key]], axis=1) for key in series}}

    def beside(self, out: Path) -> list[Path]:
        return [state_file(out)] if self.settings.keep_state else []

    def write(self, parts: Parts, arrays: Arrays, meta: Mapping[str, object]) -> None:
        ends = {key.removeprefix("end_"): arrays.pop(key)[:, None] for key in list(arrays) if key.startswith("end_")}
        past = {key.removeprefix("past_"): arrays.pop(key) for key in list(arrays) if key.startswith("past_")}
        largest = {key: arrays.pop(key) for key in ("largest_norm",) if key in arrays}
        states = {**ends, **past, **largest}
        kept = (STATES, {**states, "idx": arrays["idx"]}) if self.settings.keep_state else None
        publish(parts, self.schema, arrays, meta, state=kept)

    def also(self, out: Path) -> list[Path]:
        return self.beside(out)


def read_earlier(path: Path, subject: Subject, config: RolloutConfig) -> Earlier:
    """An earlier rollout and its state; raises InputError where it is of another checkpoint or kept no state."""
    earlier = read_npz(path, ROLLOUT)
    state = state_file(Path(path))
    if not is_file(state):
        raise InputError(
            f"{path} kept no state to go on from", expected=str(state), run="rrdyn rollout CKPT --keep-state"
        )
    ends = read_npz(state, STATES)
    weights = subject.fingerprint(earlier["idx"], {})["weights"]
    if ends.meta.get("key") != earlier.meta.get("key"):
        raise InputError(f"{state} is not the state in which {path} ended", found="a state of other settings",
                         run="rrdyn rollout CKPT --keep-state")  # fmt: skip
    if weights not in earlier.meta.get("inputs", {}).values() or not np.array_equal(ends["idx"], earlier["idx"]):
        raise InputError(f"{path} is a rollout of another checkpoint", found=earlier.meta.get("inputs"))
    segments = earlier["exact"].shape[1]
    if segments >= config.segments:
        raise UsageError("nothing to extend", found=f"{segments} segments are there", expected="more --segments")
    if earlier.meta.get("dtype") != config.dtype:
        raise UsageError("--dtype differs from the rollout to extend", found=config.dtype,
                         expected=earlier.meta.get("dtype"))  # fmt: skip
    parts = subject.model.initial(1)._fields
    largest = ends.arrays.get("largest_norm", np.full(len(ends["idx"]), np.nan))
    return Earlier(arrays=earlier.arrays, states=tuple(ends[name] for name in parts), largest=largest)
