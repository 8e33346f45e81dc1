"""What a checkpoint is: parameters by part, config, dtype, training step, the data it expects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rrdyn.artifacts.files import sha256
from rrdyn.artifacts.record import Count, Meta, Number, Written
from rrdyn.models.checkpoints import load_found
from rrdyn.models.contraction import Certificate
from rrdyn.models.layouts import locate
from rrdyn.models.model import Model
from rrdyn.models.sizes import resolve_dataset

UNKNOWN_LENGTH = 1
PROVENANCE = ("rrdyn_version", "git_commit", "command", "seed")


class Clock(Written):
    """Sub-updates of a segment, and segments of the budget."""

    per_segment: Count
    differentiated_in_training: Count
    budget_segments: Count


class Expected(Written):
    """The puzzles that a checkpoint takes."""

    seq_len: Count | None
    vocab_size: Count
    num_puzzle_identifiers: Count
    prefix: Count
    dataset: str | None
    dataset_here: bool


class Contraction(Written):
    """That a sub-update contracts, where the family is made so (`models/contraction.py`); natural units."""

    bound: Number
    tighter: Number
    exponent: Number
    """log of the bound, nats per sub-update."""
    gain: Number
    slack: Number
    alpha: Number
    eta: list[Number]


class Description(Written):
    """What a checkpoint is."""

    kind: str
    what: str
    path: str
    layout: str
    step: int | None
    ema: bool | None
    weights: str | None
    weights_in_file: list[str]
    bytes: Count
    sha256: str
    parameters: dict[str, int]
    """By part, and "all"."""
    initial_state: Count
    forward_dtype: str
    sub_updates: Clock
    expects: Expected
    contraction: Contraction | None = None
    config: Meta
    provenance: Meta


def describe(
    path: Path | str, *, weights: str | None = None, find: Callable[[str, str, Path], Path | None] | None = None
) -> tuple[Description, str]:
    """A record and a text for a person; `weights`: which of several, as in `load`.

    `find(digest, named, near)` finds a dataset that lies elsewhere by now; by default only its name is looked up.

    Raises InputError as `load` does, but for an unknown puzzle length.
    """
    found = locate(path)
    model = load_found(found, dtype=None, any_length=UNKNOWN_LENGTH, weights=weights)
    config, source = model.config, model.source
    assert source is not None
    config_fields = config.model_dump()
    length_known = config.seq_len != UNKNOWN_LENGTH
    if find is not None and found.dataset and found.dataset_digest:
        here = find(found.dataset_digest, found.dataset, found.weights)
    else:
        here = resolve_dataset(found.dataset, found.weights)
    record = Description(
        kind="checkpoint",
        what=config.summary if length_known else config.short,
        path=str(found.weights),
        layout=source.layout,
        step=source.step,
        ema=source.ema,
        weights=source.weights,
        weights_in_file=list(source.choices),
        bytes=found.weights.stat().st_size,
        sha256=sha256(found.weights),
        parameters=parts(model),
        initial_state=sum(model.state_dict()[name].numel() for name in model.initial_tensors),
        forward_dtype=config.forward_dtype,
        sub_updates=Clock(
            per_segment=model.sub_updates_per_segment,
            differentiated_in_training=model.gradient_span,
            budget_segments=model.budget,
        ),
        expects=Expected(
            seq_len=config.seq_len if length_known else None,
            vocab_size=config.vocab_size,
            num_puzzle_identifiers=config.num_puzzle_identifiers,
            prefix=model.prefix,
            dataset=source.dataset if here is None else str(here),
            dataset_here=here is not None,
        ),
        contraction=contraction_of(proof) if (proof := model.certificate()) is not None else None,
        config=config_fields if length_known else {**config_fields, "seq_len": None},
        provenance={key: (found.meta or {})[key] for key in PROVENANCE if key in (found.meta or {})},
    )
    return record, text(record)


def contraction_of(proof: Certificate) -> Contraction:
    """A certificate as it is written down."""
    return Contraction(
        bound=proof.bound, tighter=proof.tighter, exponent=proof.exponent, gain=proof.gain, slack=proof.slack,
        alpha=proof.alpha, eta=list(proof.metric),
    )  # fmt: skip


def parts(model: Model) -> dict[str, int]:
    """Number of parameters by part, and of all: what training changes, puzzle vectors too, the initial state not."""
    counts: dict[str, int] = {}
    for name, tensor in model.state_dict().items():
        if name in model.initial_tensors:
            continue
        part = name.removeprefix("inner.").split(".")[0].replace("puzzle_emb", "puzzle vectors")
        counts[part] = counts.get(part, 0) + tensor.numel()
    return {**counts, "all": sum(counts.values())}


def contraction_text(proof: Contraction) -> str:
    """The proof for a person, in a line."""
    proved = "proved" if proof.bound < 1 else "not proved"
    return (
        f"{proved}: a sub-update parts states by at most {proof.bound:.6f} ({proof.tighter:.6f} by its matrices' own "
        f"norms) in |h|^2 + {proof.eta[-1]:g} |l|^2: lambda_1 <= {proof.exponent:+.6f} nats a sub-update there"
    )


def text(record: Description) -> str:
    """The record for a person."""
    expects, clock = record.expects, record.sub_updates
    step = "unknown" if record.step is None else f"{record.step:,}"
    weights = {True: ", moving average of the weights", False: ", raw weights", None: ""}[record.ema]
    if len(record.weights_in_file) > 1:
        weights += f"; of {', '.join(record.weights_in_file)} (--weights raw, ema or a key)"
    dataset = expects.dataset or "not named"
    there = " (here)" if expects.dataset_here else " (not on this machine: --data FOLDER)"
    length = expects.seq_len or "unknown (rotary positions do not show it): --data FOLDER"
    lines = [
        f"{record.what}: {record.parameters['all']:,} parameters",
        f"file        {record.path} ({record.layout} layout, {record.bytes:,} bytes)",
        f"sha256      {record.sha256}",
        f"step        {step}{weights}",
        f"computes    in {record.forward_dtype}; {clock.budget_segments} segments of {clock.per_segment} "
        f"sub-updates, the last {clock.differentiated_in_training} of each differentiated in training",
        f"expects     puzzles of length {length}, {expects.vocab_size} tokens, "
        f"{expects.num_puzzle_identifiers} identifiers; {expects.prefix} prefix positions",
        f"dataset     {dataset}{there if expects.dataset else ''}",
        *([f"contracts   {contraction_text(record.contraction)}"] if record.contraction else []),
        "parameters  "
        + ", ".join(f"{part} {count:,}" for part, count in record.parameters.items() if part != "all")
        + f"; beside them the initial state, {record.initial_state:,} numbers that training leaves alone",
        "config      " + " ".join(f"{key}={value}" for key, value in record.config.items()),
    ]
    named = {key.removeprefix("rrdyn_").replace("_", " "): value for key, value in record.provenance.items()}
    lines += [f"{name:<12}{value}" for name, value in named.items() if value is not None]
    return "\n".join(lines)
