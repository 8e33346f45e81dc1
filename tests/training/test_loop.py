"""N + N steps are 2N steps, to the bit; whatever stops a run, nothing is lost."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_runs import arm, tiny_config

from rrdyn.artifacts.errors import InputError, NumericalError, RrdynError, UsageError
from rrdyn.cli.app import main
from rrdyn.models import load
from rrdyn.training.augmentation import AugConfig
from rrdyn.training.folder import RunFolder, find_run
from rrdyn.training.loop import Run, train

ARMS = {
    "none": AugConfig(),
    "none-fixed": arm("none-fixed"),
    "single": arm("single"),
    "multi4": arm("multi4"),
    "multi4-act": arm("multi4-act"),
    "serial": arm("multi4-act", rollout="serial_act"),
    "wta4": arm("wta4"),
    "segment": arm("multi4", update="segment"),
    "streamed noise": AugConfig(rollout="act", clean_copy=False, noise={"sampling": "fixed", "sigma": 0.1}),
}
LIGHT = {"every": 2, "n": 4, "perturbed_n": 0, "lyapunov_n": 0, "batch": 8}


def state(folder: Path, step: int) -> dict:
    return torch.load(folder / "checkpoints" / f"step_{step}" / "state.pt", weights_only=True)


def assert_equal_states(found, expected, where="state"):
    """Equal bits everywhere, but for what says how a state came to be saved."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key in expected.keys() - {"transient"}:
            assert_equal_states(found[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list):
        for number, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
            assert_equal_states(ours, theirs, f"{where}.{number}")
    elif torch.is_tensor(expected):
        assert found.dtype == expected.dtype, where
        assert torch.equal(found, expected), where
    else:
        assert found == expected, where


@pytest.mark.parametrize(
    ("arch", "name"), [*((arch, name) for name in ARMS for arch in ("trm", "hrm")), ("srm", "none"), ("srm", "multi4")]
)
def test_two_halves_are_the_whole(dataset, tmp_path, arch, name):
    short = tiny_config(dataset, arch, aug=ARMS[name], steps=2, global_batch=4, eval=LIGHT)
    whole = short.model_copy(update={"steps": 4})
    train(whole, tmp_path / "whole")
    train(short, tmp_path / "halves")
    folder, saved = find_run(str(tmp_path / "halves"))
    assert saved == folder / "checkpoints" / "step_2" / "state.pt"
    train(whole, folder, state=saved)
    assert_equal_states(state(folder, 4), state(tmp_path / "whole", 4))
    weights = [load_file(path / "checkpoints/step_4/model.safetensors") for path in (folder, tmp_path / "whole")]
    assert_equal_states(*weights)


def test_shuffles_and_patience_go_on_too(dataset, tmp_path):
    evaluations = {"every": 1, "n": 8, "perturbed_n": 4, "lyapunov_n": 0, "batch": 8, "patience": 9}
    short = tiny_config(dataset, steps=3, shuffle_puzzles=True, eval=evaluations)
    whole = short.model_copy(update={"steps": 6})
    train(whole, tmp_path / "whole")
    train(short, tmp_path / "halves")
    train(whole, tmp_path / "halves", state=find_run(str(tmp_path / "halves"))[1])
    assert_equal_states(state(tmp_path / "halves", 6), state(tmp_path / "whole", 6))
    rows = [
        [json.loads(line) for line in (tmp_path / name / "train.jsonl").read_text().splitlines()]
        for name in ("whole", "halves")
    ]
    for ours, theirs in zip(*rows):
        assert {key: ours[key] for key in ("step", "loss", "acc", "drift")} == {
            key: theirs[key] for key in ("step", "loss", "acc", "drift")
        }


def test_of_equal_evaluations_the_later_is_best_and_none_counts_as_better(dataset, tmp_path):
    """A model that solves nothing: every evaluation is 0."""
    evaluations = {"every": 1, "n": 8, "perturbed_n": 0, "lyapunov_n": 0, "batch": 8, "patience": 2}
    done = train(tiny_config(dataset, steps=5, eval=evaluations), tmp_path / "run")
    assert done.best.acc == 0
    assert done.step == done.best.step == 3  # the first, and two that were no better
    assert (tmp_path / "run" / "checkpoints" / "best").resolve().name == "step_3"


COMMAND = """
import sys, torch
torch.set_num_threads(1)
from rrdyn.cli.app import main
sys.exit(main(sys.argv[1:]))
"""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", COMMAND, *arguments]


def arguments(dataset: Path, out: Path, steps: int, aug: str = "none") -> list[str]:
    settings = ("save_minutes=0.002", "aug.noise.ramp_steps=0", "eval.lyapunov_n=0", "optim.lr_min_ratio=1.0")
    return [
        "train", str(dataset), "--preset", "demo-tiny", "--aug", aug, "--steps", str(steps), "--out", str(out),
        "--batch", "4", "--eval-every", "1000", "--set", *settings,
    ]  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_exits_130(dataset, tmp_path, number):
    line = arguments(dataset, tmp_path / "run", 100_000)
    process = subprocess.Popen(command(*line), stderr=subprocess.PIPE, text=True)
    wait_for(tmp_path / "run" / "checkpoints" / "last")
    process.send_signal(number)
    _, messages = process.communicate(timeout=600)
    assert process.returncode == 130, messages
    assert "the state is saved" in messages
    assert "--resume" in messages
    if number == signal.SIGTERM:
        continue_and_compare(dataset, tmp_path, RunFolder(tmp_path / "run").steps()[-1] + 3)


def wait_for(path: Path, seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.02)


def continue_and_compare(dataset: Path, folder: Path, steps: int, aug: str = "none") -> None:
    """Go on in folder/run and compare with an uninterrupted run in folder/whole, bit for bit."""
    for name in ("run", "whole"):
        assert main(arguments(dataset, folder / name, steps, aug)) == 0
    assert_equal_states(state(folder / "run", steps), state(folder / "whole", steps))


@pytest.mark.slow
@pytest.mark.parametrize("aug", ["none", "multi4"])
def test_killed_at_twenty_random_moments(dataset, tmp_path, aug):
    rng = random.Random(7)
    steps, log = 400 if aug == "none" else 60, tmp_path / "run" / "train.log"
    killed = 0
    for _ in range(20):
        process = subprocess.Popen(
            command(*arguments(dataset, tmp_path / "run", steps, aug)), stderr=subprocess.DEVNULL
        )
        before = log.stat().st_size if log.exists() else 0
        while process.poll() is None and (not log.exists() or log.stat().st_size == before):
            time.sleep(0.01)  # importing: nothing of the run is at stake yet
        time.sleep(rng.random() * 1.5)
        killed += process.poll() is None
        process.kill()
        process.wait()
        for folder in (tmp_path / "run" / "checkpoints").glob("step_*"):
            assert {"model.safetensors", "meta.json", "state.pt"} <= {path.name for path in folder.iterdir()}
            torch.load(folder / "state.pt", weights_only=True)
    assert killed >= 10, "the run ended too early to be killed often"
    continue_and_compare(dataset, tmp_path, steps, aug)


def test_a_changed_setting_is_named(dataset, tmp_path):
    config = tiny_config(dataset, steps=2, eval=LIGHT)
    train(config, tmp_path / "run")
    other = tiny_config(dataset, steps=4, eval=LIGHT, seed=1, global_batch=16)
    with pytest.raises(UsageError) as caught:
        train(other, tmp_path / "run", state=find_run(str(tmp_path / "run"))[1])
    assert "global_batch: 8 -> 16; seed: 0 -> 1" in str(caught.value)
    assert "--init" in str(caught.value)


def test_other_data_under_the_same_name_is_refused(dataset, tmp_path):
    import shutil

    here = shutil.copytree(dataset, tmp_path / "data")
    config = tiny_config(here, steps=2, eval=LIGHT)
    train(config, tmp_path / "run")
    state_file = find_run(str(tmp_path / "run"))[1]
    record = here / "train" / "dataset.json"
    record.write_text(record.read_text() + " ")
    with pytest.raises(InputError, match="is not the dataset the run was started with"):
        train(config, tmp_path / "run", state=state_file)
    shutil.rmtree(here)
    with pytest.raises(InputError, match="does not exist"):
        train(config, tmp_path / "run", state=state_file)


def test_a_gradient_that_is_not_finite_saves_the_last_good_state(dataset, tmp_path, monkeypatch):
    config = tiny_config(dataset, steps=4, eval=LIGHT)
    train(config, tmp_path / "whole")
    from rrdyn.training.trainer import Trainer

    update = Trainer.update

    def poisoned(trainer: Trainer) -> None:
        if trainer.step == 3:
            trainer.flat.grad[5] = float("nan")
        update(trainer)

    monkeypatch.setattr(Trainer, "update", poisoned)
    with pytest.raises(NumericalError) as caught:
        train(config, tmp_path / "run")
    assert caught.value.exit_code == 4
    assert "the gradient of step 3 is not finite" in str(caught.value)
    monkeypatch.undo()
    train(config, tmp_path / "run", state=find_run(str(tmp_path / "run"))[1])
    assert_equal_states(state(tmp_path / "run", 4), state(tmp_path / "whole", 4))


def test_a_full_disk_keeps_the_last_state(dataset, tmp_path, monkeypatch):
    config = tiny_config(dataset, steps=4, eval=LIGHT)
    save, calls = torch.save, []

    def fills_up(content, file):
        calls.append(file)
        if len(calls) == 2:
            Path(file).write_bytes(b"half")
            raise RuntimeError("[enforce fail at inline_container.cc] . PytorchStreamWriter failed writing file")
        save(content, file)

    monkeypatch.setattr(torch, "save", fills_up)
    with pytest.raises(RrdynError, match="cannot write") as caught:
        train(config, tmp_path / "run")
    assert "No space left" in str(caught.value)
    assert RunFolder(tmp_path / "run").steps() == [2]
    assert not list((tmp_path / "run" / "checkpoints").glob(".*.partial"))
    train(config, tmp_path / "run", state=find_run(str(tmp_path / "run"))[1])
    assert RunFolder(tmp_path / "run").steps() == [2, 4]


def test_a_damaged_state_is_refused(dataset, tmp_path):
    config = tiny_config(dataset, steps=2, eval=LIGHT)
    train(config, tmp_path / "run")
    saved = find_run(str(tmp_path / "run"))[1]
    saved.write_bytes(saved.read_bytes()[:1000])
    with pytest.raises(InputError, match="is not a readable training state"):
        train(config, tmp_path / "run", state=saved)


def test_raw_weights_beside_their_average(dataset, tmp_path):
    averaged = tiny_config(dataset, steps=4, eval=LIGHT)
    train(averaged, tmp_path / "averaged")
    train(averaged.model_copy(update={"optim": averaged.optim.model_copy(update={"ema_rate": 0.0})}), tmp_path / "raw")
    last, bare = (tmp_path / name / "checkpoints" / "last" for name in ("averaged", "raw"))
    found, expected = load(last, weights="raw"), load(bare)
    assert_equal_states(found.state_dict(), expected.state_dict())
    assert (found.source.ema, expected.source.ema, load(last).source.ema) == (False, False, True)
    assert any(not torch.equal(*pair) for pair in zip(found.parameters(), load(last, weights="ema").parameters()))
    with pytest.raises(InputError, match="holds no weights called ema"):
        load(bare, weights="ema")
    (last.resolve() / "state.pt").write_bytes(b"PK damaged")
    with pytest.raises(InputError, match="is damaged"):
        load(last, weights="raw")
    (last.resolve() / "state.pt").unlink()  # as where a checkpoint was copied without it
    with pytest.raises(InputError, match="holds no weights called raw"):
        load(last, weights="raw")


def test_two_processes_in_one_folder(dataset, tmp_path):
    first = RunFolder(tmp_path / "run")
    first.lock()
    with pytest.raises(UsageError, match="is being trained in by another process"):
        train(tiny_config(dataset, eval=LIGHT), tmp_path / "run")
    first.unlock()


def test_a_folder_that_cannot_be_written(dataset, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RrdynError, match="cannot write"):
        train(tiny_config(dataset, eval=LIGHT), tmp_path / "file" / "run")


def test_the_newest_periodic_save_replaces_the_one_before(dataset, tmp_path):
    config = tiny_config(dataset, steps=5, eval={**LIGHT, "every": 9}, save_minutes=1e-9)
    train(config, tmp_path / "run")
    assert RunFolder(tmp_path / "run").steps() == [5]
    assert (tmp_path / "run" / "checkpoints" / "last").resolve().name == "step_5"


def test_finding_runs(dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no run to resume"):
        find_run("last")
    config = tiny_config(dataset, steps=2, eval=LIGHT)
    train(config, Path("runs/a/one"))
    train(config, Path("runs/a/two"))
    assert find_run("last")[0] == Path("runs/a/two")
    for name in ("runs/a/one", "runs/a/one/checkpoints/last", "runs/a/one/checkpoints/step_2/state.pt"):
        folder, saved = find_run(name)
        assert folder.resolve() == (tmp_path / "runs/a/one").resolve()
        assert saved is not None
        assert saved.resolve() == (tmp_path / "runs/a/one/checkpoints/step_2/state.pt").resolve()
    with pytest.raises(InputError, match="is not a run to resume"):
        find_run("runs/a")


def test_a_run_is_its_own_class(dataset, tmp_path):
    """What a dry run measures changes nothing: the plan, then the same training."""
    from rrdyn.runtime.launch import Group

    config = tiny_config(dataset, steps=2, eval=LIGHT)
    train(config, tmp_path / "plain")
    run = Run(config, RunFolder(tmp_path / "planned"), torch.device("cpu"), Group())
    run.open_folder()
    run.prepare(None)
    plan = run.plan_only().plan
    assert plan is not None
    assert plan.step_seconds > 0
    model = run.trainer.model
    assert plan.parameters == run.trainer.flat.vector.numel() + model.inner.puzzle_emb.weights.numel()
    run.run()
    run.folder.unlock()
    assert_equal_states(state(tmp_path / "planned", 2), state(tmp_path / "plain", 2))
