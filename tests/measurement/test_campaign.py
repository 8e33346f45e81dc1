"""How a measurement is carried out: parts in turn on a GPU, batches too large for it, cards, tasks, one output."""

from __future__ import annotations

import os
import sys
import threading
import time

import numpy as np
import pytest
import torch
from tests.cuda.pretended import PretendedCard

from rrdyn.artifacts.npz import read_npz
from rrdyn.cli.app import main
from rrdyn.measurement import calibration, campaign, parts
from rrdyn.measurement.calibration import calibrate
from rrdyn.measurement.campaign import Request, place
from rrdyn.measurement.perturbation import Calibration, Perturbation, PerturbationConfig
from rrdyn.measurement.rollout import Rollout, RolloutConfig
from rrdyn.measurement.subject import open_subject

LINE = ["rollout", "--n", "8", "--segments", "2", "--quiet"]


@pytest.fixture
def observed(monkeypatch):
    """(puzzles, at work at the same time) of each batch that rollouts observe."""
    batches, at_work, lock = [], set(), threading.Lock()
    plain = Rollout.observe

    def noted(self, questions):
        with lock:
            at_work.add(threading.get_ident())
            batches.append((len(questions), len(at_work)))
        time.sleep(0.01)
        try:
            return plain(self, questions)
        finally:
            with lock:
                at_work.discard(threading.get_ident())

    monkeypatch.setattr(Rollout, "observe", noted)
    return batches


def measure(checkpoint, out, *more) -> int:
    return main([LINE[0], str(checkpoint), *LINE[1:], "--out", str(out), *more])


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_parts_of_a_gpu_are_done_one_at_a_time(trm_checkpoint, tmp_path, observed, device):
    """Each is sized for most of the card; there were as many at once as the CPU has threads, as on a CPU."""
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        with PretendedCard():
            assert measure(trm_checkpoint, tmp_path / "out.npz", "--device", device, "--batch", "2") == 0
    finally:
        torch.set_num_threads(threads)
    most = max(together for _, together in observed)
    assert most == 1 if device == "cuda" else most > 1


def test_a_batch_that_does_not_fit_is_halved(trm_checkpoint, tmp_path, monkeypatch, capsys):
    """Every measurement goes on with half as many puzzles and says so; it died, and its plan died with it each time."""
    monkeypatch.delenv("RRDYN_QUIET", raising=False)
    plain, sizes = Rollout.observe, []

    def limited(self, questions):
        sizes.append(len(questions))
        if len(questions) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self, questions)

    monkeypatch.setattr(Rollout, "observe", limited)
    with PretendedCard():
        line = [part for part in LINE[1:] if part != "--quiet"]
        out = str(tmp_path / "out.npz")
        assert main(["rollout", str(trm_checkpoint), *line, "--out", out, "--device", "cuda", "--batch", "8"]) == 0
    assert sizes == [8, 4, 2, 2, 4, 2, 2]
    assert "8 puzzles do not fit the device's memory: 4 at a time" in capsys.readouterr().err
    assert len(read_npz(out)["idx"]) == 8


def test_memory_of_a_batch_is_given_back_outside_of_the_handler(trm_checkpoint, tmp_path, monkeypatch):
    """Inside, the traceback holds what did not fit."""
    plain, handled = Rollout.observe, []

    def limited(self, questions):
        if len(questions) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self, questions)

    monkeypatch.setattr(Rollout, "observe", limited)
    with PretendedCard():
        monkeypatch.setattr(torch.cuda, "empty_cache", lambda: handled.append(sys.exc_info()[1]))
        assert measure(trm_checkpoint, tmp_path / "out.npz", "--device", "cuda", "--batch", "8") == 0
    assert handled == [None]


def test_cards_of_unequal_memory_share_one_measurement(trm_checkpoint, tmp_path, monkeypatch):
    """The larger one chose the size of parts; the smaller does each in halves, and the file is whole."""
    plain, sizes, most = Rollout.observe, [], {"0/2": 8, "1/2": 2}

    def limited(self, questions):
        if len(questions) > most[shard]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        sizes.append((shard, len(questions)))
        return plain(self, questions)

    monkeypatch.setattr(Rollout, "observe", limited)
    monkeypatch.setattr(campaign, "block_size", lambda *_: 4)
    for shard in most:
        with PretendedCard():
            found = campaign.run(request(trm_checkpoint, tmp_path / "out.npz", device="cuda", shard=shard, quiet=True))
    assert sizes == [("0/2", 4), ("1/2", 2), ("1/2", 2)]
    assert len(found[0].arrays["idx"]) == 8


def test_a_million_puzzles_are_not_a_third_of_a_million_files(trm_checkpoint):
    """On a CPU a part was of 16 puzzles at most, however small the model; now of what takes a core a while."""
    rollout = Rollout(open_subject(trm_checkpoint), RolloutConfig(segments=4))
    assert campaign.block_size(rollout, 1_000_000) > 1000
    threads = torch.get_num_threads()
    assert campaign.block_size(rollout, 64 * threads, world=2) == 8  # and every thread has parts to do


def test_one_puzzle_that_does_not_fit(trm_checkpoint, tmp_path, monkeypatch, capsys):
    def never(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Rollout, "observe", never)
    assert measure(trm_checkpoint, tmp_path / "out.npz", "--device", "cpu") == 1
    assert "memory" in capsys.readouterr().err


def test_a_batch_that_is_asked_for_wins_until_a_part_is_done(tmp_path):
    """After an out-of-memory the saved plan was taken up again whatever --batch said, for good."""

    def planned(wanted):
        return parts.plan(tmp_path / "out.npz", {"x": 1}, 10, lambda: 8, wanted=wanted)

    assert planned(None).block == 8
    begun = planned(3)
    assert begun.block == 3
    parts.write_npz(begun.path(0), parts.PART, {"idx": np.arange(3)}, {"key": begun.key})
    assert planned(5).block == 3


def test_calibration_honours_the_batch(trm_checkpoint, tmp_path, monkeypatch):
    """It took as many puzzles as it thought fit, whatever --batch said."""
    plain, sizes = Perturbation.observe, []

    def noted(self, questions):
        sizes.append(len(questions))
        return plain(self, questions)

    monkeypatch.setattr(Perturbation, "observe", noted)
    with PretendedCard():
        subject = open_subject(trm_checkpoint, device="cuda")
        config = PerturbationConfig(n=2, copies=2, segments=2, readout=2)
        calibrate(subject, config, 0.1, puzzles=3, bracket=(0.1, 0.1001), batch=1)
    assert set(sizes) == {1}


def test_a_scale_is_found_once_for_all_that_share_the_work(trm_checkpoint, tmp_path, monkeypatch):
    """Each found its own: cards that differ in a last digit swept other scales, and waited for each other's parts."""
    found = []

    def differing(subject, config, budget, **_):
        found.append(0.1 * (1 + len(found)))
        return Calibration(sigma_star=found[-1], budget=budget, kl_at_star=0.5, floor=0.0, ceiling=float("inf"),
                           puzzles=1, copies=2, segments=2, percentile=95.0, tried=((1e-6, 0.0),))  # fmt: skip

    monkeypatch.setattr(calibration, "calibrate", differing)
    line = ["perturb", str(trm_checkpoint), "--n", "4", "--segments", "2", "--copies", "2", "--calibrate-kl", "0.5"]
    line += ["--out", str(tmp_path / "perturb.npz"), "--device", "cpu", "--quiet"]
    for shard in ("0/2", "1/2"):
        assert main([*line, "--shard", shard]) == 0
    assert found == [0.1]
    assert read_npz(tmp_path / "perturb.npz").meta["sigma_star"] == 0.1
    assert [path.name for path in tmp_path.iterdir()] == ["perturb.npz"]


def test_cards_of_different_names_make_the_same_parts(trm_checkpoint):
    """The name was in the key: two unlike cards waited a day for each other's parts. It is provenance."""
    keys = []
    for name in ("NVIDIA RTX A6000", "NVIDIA H200"):
        with PretendedCard(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.cuda, "get_device_name", lambda *_, name=name: name)
            subject = open_subject(trm_checkpoint, device="cuda")
            keys.append(parts.key_of(subject.fingerprint(np.arange(4), {})))
            assert subject.meta(seed=0, settings={}, dtype="float32")["device"] == name
    assert keys[0] == keys[1]


def request(checkpoint, out, **more) -> Request:
    return Request(measurement="rollout", config=RolloutConfig(n=8, segments=2), checkpoints=(checkpoint,), out=out,
                   **more)  # fmt: skip


def test_products_in_tf32(trm_checkpoint, tmp_path, monkeypatch):
    """For as long as puzzles are observed, and told in the file; without it settings are as they were."""
    plain, seen = Rollout.observe, []

    def noted(self, questions):
        seen.append(torch.get_float32_matmul_precision())
        return plain(self, questions)

    monkeypatch.setattr(Rollout, "observe", noted)
    with PretendedCard():
        assert measure(trm_checkpoint, tmp_path / "coarse.npz", "--device", "cuda", "--tf32") == 0
        assert measure(trm_checkpoint, tmp_path / "plain.npz", "--device", "cuda") == 0
    assert seen == ["high", torch.get_float32_matmul_precision()]
    assert read_npz(tmp_path / "coarse.npz").meta["settings"]["tf32"] is True
    assert "tf32" not in read_npz(tmp_path / "plain.npz").meta["settings"]


@pytest.mark.parametrize(
    ("line", "why"),
    [(["rollout", "--device", "cpu"], "float32 on cpu"), (["diagnose", "--device", "cuda"], "too coarse for tangents"),
     (["rollout", "--device", "cuda", "--dtype", "float64"], "float64 on cuda")],
)  # fmt: skip
def test_tf32_where_it_is_of_no_use(trm_checkpoint, tmp_path, capsys, line, why):
    with PretendedCard():
        command, *rest = line
        assert main([command, str(trm_checkpoint), *rest, "--tf32", "--n", "2", "--out", str(tmp_path / "o.npz")]) == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(("capability", "told"), [((8, 6), True), ((9, 0), False)])
def test_a_card_without_float64_is_told(trm_checkpoint, tmp_path, monkeypatch, capsys, capability, told):
    """An A6000 does float64 at a 64th of its rate in float32."""
    monkeypatch.delenv("RRDYN_QUIET", raising=False)
    line = ["rollout", str(trm_checkpoint), "--n", "1", "--segments", "2", "--dtype", "float64", "--device", "cuda"]
    with PretendedCard():
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: capability)
        assert main([*line, "--out", str(tmp_path / "o.npz")]) == 0
    assert ("at a small part of its rate" in capsys.readouterr().err) == told


def test_a_task_that_sees_one_card_takes_it(trm_checkpoint, tmp_path, monkeypatch):
    """`train.sbatch` shows each task a card of its own: the second asked for cuda:1 of 1."""
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    with PretendedCard():
        shard, device = place(request(trm_checkpoint, tmp_path / "out.npz", device="cuda"))
    assert (shard.rank, shard.world, shard.together) == (1, 2, True)
    assert device == torch.device("cuda", 0)


def test_tasks_of_srun_share_a_measurement_out(trm_checkpoint, tmp_path, monkeypatch, observed):
    """Without MASTER_ADDR too: each did the whole job. Here the two tasks of a step run one after the other."""
    threads = torch.get_num_threads()
    for rank in ("1", "0"):
        for name, value in {"SLURM_PROCID": rank, "SLURM_LOCALID": rank, "SLURM_STEP_NUM_TASKS": "2"}.items():
            monkeypatch.setenv(name, value)
        found = campaign.run(request(trm_checkpoint, tmp_path / "out.npz", batch=2, device="cpu", quiet=True))
        assert len(found) == (rank == "0")
    torch.set_num_threads(threads)
    assert sum(puzzles for puzzles, _ in observed) == 8
    assert len(read_npz(tmp_path / "out.npz")["idx"]) == 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_both_results_exist(trm_checkpoint, tmp_path):
    children = []
    for seed in ("0", "1", "2"):
        child = os.fork()
        if child == 0:
            line = ["rollout", str(trm_checkpoint), "--n", "4", "--segments", "6", "--seed", seed, "--quiet"]
            os._exit(main([*line, "--keep-state", "--out", str(tmp_path / "r.npz")]))
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    files = [path for path in tmp_path.glob("r*.npz") if "state" not in path.name]
    assert sorted(read_npz(path).meta["seed"] for path in files) == [0, 1, 2]
    for path in files:
        state = read_npz(path.with_name(f"{path.stem}_state.npz"))
        assert state.meta["key"] == read_npz(path).meta["key"]
    assert not list(tmp_path.glob("*.parts"))
