"""Opening a checkpoint of any layout, strictly, and writing ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_bytes
from torch import Tensor

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.files import make_folder, replacing, sha256, write_json
from rrdyn.artifacts.places import META, STATE, WEIGHTS, is_file, regular, shown
from rrdyn.artifacts.reading import parse_json
from rrdyn.artifacts.record import Meta
from rrdyn.models.archives import damaged, damaged_if_unreadable
from rrdyn.models.building import build
from rrdyn.models.candidates import Candidate, Choice, Described, choose
from rrdyn.models.flat import cut, trainable
from rrdyn.models.foreign import inside
from rrdyn.models.layouts import Found, locate, whole
from rrdyn.models.model import Model, Source
from rrdyn.models.nano import from_nano, nano_names
from rrdyn.models.sizes import complete, resolve_dataset
from rrdyn.models.weights import FLOATS, Contents, read_weights

SCHEMA, VERSION = "checkpoint", 1
EXPORT, HEADER = "rrdyn-checkpoint", "rrdyn"
STEPS = ("step", "global_step", "steps", "iteration")
"""Where files say how far training had come."""
LISTED = 8


def load(
    path: Path | str,
    dataset: Path | str | None = None,
    dtype: torch.dtype | None = torch.float32,
    device: torch.device | str = "cpu",
    *,
    weights: str | None = None,
) -> Model:
    """Open a checkpoint: ours, a run folder, upstream's step_N, the Hub's layouts, an export, `hub://owner/repo/folder`.

    `dataset`: folder whose sizes the model must fit; default what the checkpoint names, if it is here.
    `dtype`: what to compute in; None for what the model was made for. The model is in eval mode.
    `weights`: which of several in one file: "raw", "ema" (a moving average), or the key of one; default the average
    where there is one, else the first. `model.source` says which were taken.
    Raises InputError for whatever is missing, damaged, misshapen, unknown or would run code.
    """
    given = None if dataset is None else Path(dataset)
    return load_found(locate(path), given, dtype, device, weights=weights)


def load_found(
    found: Found,
    given: Path | None = None,
    dtype: torch.dtype | None = torch.float32,
    device: torch.device | str = "cpu",
    *,
    any_length: int | None = None,
    weights: str | None = None,
) -> Model:
    """`load` of a located checkpoint; `any_length` stands in for a puzzle length that is known nowhere."""
    contents = read_weights(found.weights)
    _check_digest(found)
    arch, found, nano = _config_of(found, contents)
    try:
        config = complete(
            arch, contents.tensors, given=given, named=found.dataset, near=found.weights, any_length=any_length
        )
    except UsageError as error:  # a bad value in a file is a bad file
        problem = f"{shown(found.weights)}: its config cannot be used: {error.problem}"
        raise InputError(problem, found=error.found, expected=error.expected, run=error.run) from None
    with torch.device("meta"):
        model = build(config, dtype)
    wanted = model.state_dict()
    there = nano_names(wanted) if nano else wanted
    choice = choose(_candidates(found, contents, model, weights), there, weights, found.weights)
    check_described(choice.tensors, there, found.weights, model.config.summary)
    tensors = contents.read(choice.tensors)
    check_finite(tensors, found.weights)
    tensors = from_nano(tensors, wanted) if nano else tensors
    return _filled(model, tensors, device, _source(found, given, choice))


def _candidates(found: Found, contents: Contents, model: Model, which: str | None) -> list[Candidate]:
    """What the weights may be: of one set what is written beside it says whether it is an average, and where raw
    weights are asked for, a run's training state has them."""
    candidates = contents.candidates
    if len(candidates) > 1 or not _written(found, candidates[0]):
        return candidates
    average = replace(candidates[0], average=True)
    state = found.weights.with_name(STATE)
    if which != "raw" or found.layout != "rrdyn" or not is_file(state):
        return [average]
    return [average, Candidate(STATE, {**average.tensors, **_raw(state, model)}, average=False)]


def _raw(state: Path, model: Model) -> dict[str, Tensor]:
    """The weights that a run trains, by name, from its state; its checkpoint holds their average."""
    parameters = trainable(model)
    with damaged_if_unreadable(state):
        vector = torch.load(regular(state), map_location="cpu", weights_only=True, mmap=True)["trainer"]["weights"]
        return cut(vector, parameters)


def _config_of(found: Found, contents: Contents) -> tuple[Mapping[str, Any], Found, bool]:
    """The arch fields beside the weights, or inside the weights file; and whether its tensors are a nano-trm's."""
    about = contents.about
    if isinstance(text := about.get(HEADER), str):  # the header of a safetensors file holds text only
        about = parse_json(text, f"{shown(found.weights)}: its header")
    about = about if isinstance(about, dict) else {}
    if found.config is not None:
        step = whole(about.get("step")) if found.step is None and found.meta is None else None
        return found.config, found if step is None else replace(found, meta={"step": step, "ema": found.ema}), False
    config = inside(about, contents.tensors)
    if config is None:
        raise InputError(
            f"{shown(found.weights)} comes without its config",
            found=f"beside the tensors: {_listed(list(about))}" if about else None,
            expected="all_config.yaml beside it, or a .pt written by rrdyn export",
        )
    ours = about.get("format") == EXPORT
    upstream = about.get("upstream") if ours else config.run
    steps = (whole(about.get(key)) for key in STEPS)
    return config.arch, Found(
        weights=found.weights, layout="export" if ours or HEADER in contents.about else "foreign", config=config.arch,
        meta={"step": next((step for step in steps if step is not None), found.step), "ema": about.get("ema")},
        upstream=upstream if isinstance(upstream, dict) else None,
        dataset=about["dataset"] if ours and isinstance(about.get("dataset"), str) else config.dataset,
        dataset_digest=about["dataset_digest"] if ours and isinstance(about.get("dataset_digest"), str) else None,
        training=config.training,
    ), config.nano  # fmt: skip


def _check_digest(found: Found) -> None:
    recorded = (found.meta or {}).get("sha256")
    if isinstance(recorded, str) and found.layout == "rrdyn" and sha256(found.weights) != recorded:
        raise damaged(found.weights, f"its sha256 is not the one in {META}")


def check_described(tensors: Mapping[str, Described], wanted: Mapping[str, Tensor], path: Path, of: str) -> None:
    """Raise InputError listing by name what is missing, unexpected, misshapen or of another type."""
    shared = [key for key in wanted if key in tensors]
    complaints = {
        "missing": [key for key in wanted if key not in tensors],
        "unexpected": [key for key in tensors if key not in wanted],
        "misshapen": [
            f"{key} {tuple(tensors[key].shape)} for {tuple(wanted[key].shape)}"
            for key in shared
            if tuple(tensors[key].shape) != tuple(wanted[key].shape)
        ],
        "not floating point": [f"{key} {tensors[key].dtype}" for key in shared if tensors[key].dtype not in FLOATS],
    }
    if any(complaints.values()):
        raise InputError(
            f"{shown(path)} does not hold this model's weights",
            found="; ".join(f"{kind}: {_listed(names)}" for kind, names in complaints.items() if names),
            expected=f"the {len(wanted)} tensors of {of}",
        )


def check_finite(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise InputError naming the tensors that hold infinities or NaN."""
    broken = [key for key, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise InputError(
            f"{shown(path)} does not hold usable weights", found=f"not finite: {_listed(broken)}",
            expected="finite numbers",
        )  # fmt: skip


def _listed(names: list[str]) -> str:
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")


def _filled(model: Model, tensors: Mapping[str, Tensor], device: torch.device | str, source: Source) -> Model:
    """The model, made without memory, with the tensors as its parameters and its tables computed."""

    def as_kept(key: str, tensor: Tensor) -> Tensor:
        if key in model.initial_tensors:
            return tensor.to(model.dtype)
        return tensor if tensor.dtype == model.dtype == torch.float64 else tensor.to(torch.float32)

    # clone: a tensor of the file may be a view of a larger storage
    kept = {key: as_kept(key, tensor).clone(memory_format=torch.contiguous_format) for key, tensor in tensors.items()}
    model.load_state_dict(kept, assign=True)
    model.fill_tables()
    model.source = source
    return model.to(device).eval()


def _source(found: Found, given: Path | None, choice: Choice) -> Source:
    near = resolve_dataset(found.dataset, found.weights)
    return Source(
        path=found.weights,
        layout=found.layout,
        weights=choice.taken.key or None,
        choices=tuple(candidate.called for candidate in choice.among),
        step=found.step,
        ema=_is_average(found, choice),
        dataset=str(given or near or found.dataset) if given or found.dataset else None,
        dataset_digest=None if given else found.dataset_digest,
        upstream=found.upstream,
        training=found.training,
    )


def _is_average(found: Found, choice: Choice) -> bool | None:
    if choice.taken.average:
        return True
    return False if len(choice.among) > 1 else _written(found, choice.taken)


def _written(found: Found, candidate: Candidate) -> bool | None:
    """Whether the only weights of a file are an average, as is written beside or in it."""
    # what a config beside the file says is said of the bare weights that upstream keeps, not of a part of some dict
    return found.ema if found.meta is not None or not candidate.key else None


def stored(model: Model) -> dict[str, Tensor]:
    """The state dict as it is written: on the CPU, the initial vectors in the dtype the model was made for."""
    made_for = getattr(torch, model.config.forward_dtype)
    return {
        key: tensor.detach().to("cpu", made_for if key in model.initial_tensors else tensor.dtype).contiguous()
        for key, tensor in model.state_dict().items()
    }


def save(model: Model, folder: Path | str, meta: Mapping[str, Any] | None = None) -> Path:
    """Write `folder/model.safetensors` and a readable `folder/meta.json`; returns the folder.

    `meta` is kept whole; `load` understands its `step` (int), `ema` (bool) and `dataset` (a folder, or a mapping
    with `path` and `digest`). Weights first, then meta with their sha256: a folder with both is a finished checkpoint.
    """
    folder = make_folder(folder)
    meta = {**_known(model), **(meta or {})}
    config = model.config.model_dump()
    about = {"config": config, "step": meta.get("step"), "ema": meta.get("ema")}
    header = {"format": "pt", HEADER: json.dumps(about)}  # the Hub and other readers ask for the format
    with replacing(folder / WEIGHTS) as partial:  # bytes: the library's own files are readable by their owner only
        partial.write_bytes(_in_order(to_bytes(stored(model), metadata=header)))
    record = {"schema": SCHEMA, "schema_version": VERSION, "config": config, **meta}
    write_json(folder / META, {**record, "sha256": sha256(folder / WEIGHTS)})
    return folder


def _in_order(content: bytes) -> bytes:
    """A safetensors file whose metadata stand in the order of their names: the library writes them in a random one."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def _known(model: Model) -> Meta:
    """What the model's own source says, kept when it is saved again."""
    if model.source is None:
        return {}
    source = model.source
    digest = source.dataset_digest
    dataset = source.dataset if digest is None else {"path": source.dataset, "digest": digest}
    return {"step": source.step, "ema": source.ema, "dataset": dataset}
