"""Carrying out a command's request: which checkpoints, which process does what, where the output goes."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.npz import Artifact, read_npz
from rrdyn.artifacts.schemas import DIAG, ROLLOUT
from rrdyn.measurement import parts as part_files
from rrdyn.measurement.calibration import Calibration, calibrate, swept, write_cells
from rrdyn.measurement.diagnosis import Diagnosis, DiagnosisConfig, check_indices, diagnose, save_states
from rrdyn.measurement.parts import Arrays, Shard
from rrdyn.measurement.perturbation import Perturbation, PerturbationConfig, perturb
from rrdyn.measurement.rollout import RolloutConfig, rollout, state_file
from rrdyn.measurement.subject import Subject, default_outputs, open_subject
from rrdyn.models.layouts import locate
from rrdyn.runtime import devices, launch
from rrdyn.runtime.hub_address import is_address
from rrdyn.runtime.progress import say

NO_PIECE = "--piece is not a piece of the puzzles"


def run_diagnoses(request: dict[str, Any]) -> list[Diagnosis | None]:
    """Diagnose the checkpoints of a request (the fields of `rrdyn diagnose`), over `devices` processes."""
    if not request["ckpts"]:
        raise UsageError("no checkpoint is given", run="rrdyn diagnose CKPT")
    outputs = request["outputs"] = output_files(request["ckpts"], request["out"], "diag")
    for output in outputs:
        output.parent.mkdir(parents=True, exist_ok=True)
    if request["devices"] > 1 and launch.given_group() is None:
        check_devices(request["devices"], request["device"])
        before = [_stamp(output) for output in outputs]
        launch.start(_in_group, (request,), request["devices"])
        return [
            _diagnosis(read_npz(output, DIAG), fresh=_stamp(output) != stamp) for output, stamp in zip(outputs, before)
        ]
    return _diagnose_all(request)


@dataclass(frozen=True, kw_only=True)
class Rolled:
    """A rollout with what its report needs."""

    path: Path
    arrays: Arrays
    budget: int
    """Segments the model was trained for."""
    state: Path | None


@dataclass(frozen=True, kw_only=True)
class Perturbed:
    """A perturbation with what its report needs."""

    result: Perturbation | None
    readout: int
    calibration: Calibration | None = None
    cell: Path | None = None


def run_rollout(request: dict[str, Any]) -> Rolled | None:
    """Roll out the checkpoint of a request (the fields of `rrdyn rollout`), over `devices` processes."""
    out = request["output"] = output_files((request["ckpt"],), request["out"], "rollout")[0]
    if request["devices"] > 1 and launch.given_group() is None:
        check_devices(request["devices"], request["device"])
        launch.start(_roll, (request,), request["devices"])
        artifact = read_npz(out, ROLLOUT)
        state = state_file(out) if request["keep_state"] else None
        budget = int(artifact.meta["model"]["halt_max_steps"])
        return Rolled(path=out, arrays=artifact.arrays, budget=budget, state=state)
    return _roll(request)


def _roll(request: dict[str, Any]) -> Rolled | None:
    shard, device = place(request)
    subject = opened(request, request["ckpt"], device)
    config = RolloutConfig(**{key: request[key] for key in RolloutConfig.model_fields})
    result = rollout(
        subject, request["output"], config, batch=request["batch"], shard=shard, extend=request["extend"],
        keep_state=request["keep_state"],
    )  # fmt: skip
    if result is None:
        return None
    budget = subject.model.config.halt_max_steps
    return Rolled(path=result.path, arrays=result.arrays, budget=budget, state=result.state)


def run_perturbation(request: dict[str, Any]) -> Perturbed:
    """Perturb the checkpoint of a request (the fields of `rrdyn perturb`), over `devices` processes."""
    pieces = _fraction(request["piece"], NO_PIECE)[1]
    if request["cells"] is not None and pieces > 1:
        raise UsageError("--cells holds all puzzles, and --piece measures some of them", found=f"{pieces} pieces",
                         expected="either", run="without --piece (--devices or --shard share the work out), or "
                         "without --cells, and rrdyn merge")  # fmt: skip
    request["output"] = output_files((request["ckpt"],), request["out"], "perturb")[0]
    if request["devices"] > 1 and launch.given_group() is None:
        check_devices(request["devices"], request["device"])
        request["calibration"] = _calibrate(request)  # once, so that all processes sweep the same scales
        return launch.start(_perturb, (request,), request["devices"])
    return _perturb({**request, "calibration": _calibrate(request)})


def _calibrate(request: dict[str, Any]) -> Calibration | None:
    if request["calibrate_kl"] is None:
        return None
    subject = opened(request, request["ckpt"], place(request)[1])
    return calibrate(subject, _restarts(request, subject), request["calibrate_kl"], puzzles=request["calibrate_n"])


def _restarts(request: dict[str, Any], subject: Subject) -> PerturbationConfig:
    readout = request["readout"] or min(subject.model.config.halt_max_steps, request["segments"])
    fields = {key: request[key] for key in PerturbationConfig.model_fields if key in request}
    return PerturbationConfig(**{**fields, "readout": readout})


def _perturb(request: dict[str, Any]) -> Perturbed:
    shard, device = place(request)
    subject = opened(request, request["ckpt"], device)
    config = _restarts(request, subject)
    found: Calibration | None = request["calibration"]
    about: dict[str, Any] = {}
    if found is not None:
        reached = found.sigma_star is not None
        about = {"calibration": asdict(found), "sigma_star": found.sigma_star}
        if reached:
            config = swept(config, found, request["alphas"])
            about["alphas"] = request["alphas"]
        else:
            say(f"{found.told}; sweeping --sigmas instead")
    result = perturb(subject, request["output"], config, batch=request["batch"], shard=shard, about=about)
    cell = None
    if request["cells"] is not None and found is not None and result is not None:
        rows = result if found.sigma_star is not None else None
        cell = write_cells(request["cells"], subject, rows, config, found, request["alphas"])
    return Perturbed(result=result, readout=config.readout, calibration=found, cell=cell)


def opened(request: dict[str, Any], checkpoint: Path, device: torch.device) -> Subject:
    """The checkpoint and puzzles a request names."""
    dtype = devices.resolve_dtype(request["dtype"])
    return open_subject(checkpoint, data=request["data"], split=request["split"], dtype=dtype, device=device)


def _in_group(request: dict[str, Any]) -> None:
    _diagnose_all(request)


def _diagnose_all(request: dict[str, Any]) -> list[Diagnosis | None]:
    shard, device = place(request)
    results: list[Diagnosis | None] = []
    for number, (checkpoint, out) in enumerate(zip(request["ckpts"], request["outputs"])):
        subject = opened(request, checkpoint, device)
        fields = {key: request[key] for key in DiagnosisConfig.model_fields if key in request}
        fields["segments"] = request["segments"] or subject.model.config.halt_max_steps
        config = DiagnosisConfig(**fields)
        label = "diagnose" if len(request["ckpts"]) == 1 else f"diagnose {number + 1}/{len(request['ckpts'])}"
        results.append(_diagnose_one(request, subject, out, config, shard, label))
    return results


def _diagnose_one(
    request: dict[str, Any], subject: Subject, out: Path, config: DiagnosisConfig, shard: Shard, label: str
) -> Diagnosis | None:
    idx = shard.own(subject.choose(config.n, config.seed))
    if shard.rank == 0 and not request["quiet"]:
        say(
            f"{subject.weights}: {len(idx)} of {len(subject.split)} puzzles of {subject.split.path} "
            f"({subject.split.split}), {config.segments} segments, {config.exponents} exponents, "
            f"{devices.describe(subject.device)} -> {out}"
        )
    check_indices(subject, np.array(request["save_states"], dtype=int))
    key = part_files.key_of(subject.fingerprint(idx, config.model_dump()))
    there = None if request["force"] else part_files.finished(out, key)
    if there is not None:
        result: Diagnosis | None = _diagnosis(there, fresh=False)
    else:
        result = diagnose(subject, out, config, batch=request["batch"], shard=shard, label=label)
    if result is not None and request["save_states"]:
        states = out.with_name(out.name.replace("diag", "states", 1) if "diag" in out.name else f"states_{out.name}")
        save_states(subject, config, np.array(request["save_states"]), states)
        result.states.append(states)
    return result


def place(request: dict[str, Any]) -> tuple[Shard, torch.device]:
    """This process's share of the work, and its device."""
    group = launch.given_group()
    name = request["device"]
    piece = _fraction(request["piece"], NO_PIECE)
    if group is not None and group.world > 1:
        device = devices.resolve(name)
        if device.type == "cuda" and device.index is None:
            device = torch.device("cuda", group.local_rank)
        if device.type == "cpu":
            torch.set_num_threads(max(1, torch.get_num_threads() // request["devices"]))
        return Shard(rank=group.rank, world=group.world, together=True, piece=piece), device
    rank, world = _fraction(request["shard"], "--shard is not a share of the work")
    return Shard(rank=rank, world=world, piece=piece), devices.resolve(name)


def _fraction(text: str | None, problem: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)/(\d+)", text or "0/1")
    if match is None or not int(match[1]) < int(match[2]):
        raise UsageError(problem, found=text, expected="R/W with R from 0 to W-1: 0/4")
    return int(match[1]), int(match[2])


def check_devices(count: int, device: str) -> None:
    """Raise UsageError where more processes are asked for than GPUs are visible; on a CPU any number goes."""
    if devices.resolve(device).type == "cuda" and count > devices.visible_gpus():
        raise UsageError("--devices is more than there are", found=count, expected=f"at most {devices.visible_gpus()}")


def output_files(checkpoints: tuple[Path, ...], out: Path | None, kind: str) -> list[Path]:
    """One output per checkpoint: `out` itself, files in the folder `out`, or the default places."""
    weights = [locate(path).weights if is_address(path) else Path(path) for path in checkpoints]
    if out is None:
        return default_outputs(weights, kind)
    if len(checkpoints) == 1 and out.suffix == ".npz":
        return [out]
    if len(checkpoints) == 1:
        return [out / f"{kind}.npz"]
    if out.suffix == ".npz":
        raise UsageError("--out is one file for several checkpoints", found=out, expected="a folder")
    names = [path.stem if path.suffix in (".pt", ".safetensors") else path.name for path in checkpoints]
    if len(set(names)) < len(names):  # step_10 of two runs: tell them apart by the run
        names = [f"{path.resolve().parent.parent.name}_{name}" for path, name in zip(checkpoints, names)]
    return [out / f"{kind}_{name}.npz" for name in names]


def _diagnosis(artifact: Artifact, *, fresh: bool) -> Diagnosis:
    return Diagnosis(path=artifact.path, arrays=artifact.arrays, meta=artifact.meta, fresh=fresh)


def _stamp(path: Path) -> int | None:
    """When a file was written, None where there is none."""
    return path.stat().st_mtime_ns if path.exists() else None
