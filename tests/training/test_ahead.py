"""What is drawn before it is asked for is what would be drawn then."""

from __future__ import annotations

import threading
import time

import pytest
import torch
from tests.cuda.pretended import PretendedCard
from tiny_runs import arm, random_rows, tiny_config, tiny_learner

from rrdyn.runtime.launch import Group
from rrdyn.training import objective as objectives
from rrdyn.training.ahead import READY, Ahead
from rrdyn.training.folder import RunFolder
from rrdyn.training.learner import Learner
from rrdyn.training.loop import Run, train
from rrdyn.training.objective import Share
from rrdyn.training.rollouts import Rollouts


@pytest.fixture
def ahead():
    made = Ahead(torch.device("cuda"))
    yield made
    made.close()


def until(condition) -> None:
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)
    assert condition()


def test_a_few_are_made_before_they_are_asked_for(ahead):
    made = []
    for number in range(6):
        ahead.expect(number, lambda number=number: (made.append(number), threading.current_thread())[1])
    until(lambda: len(made) == READY)
    time.sleep(0.02)
    assert made == [0, 1]  # no more, or large noise would fill the memory
    threads = [ahead.take(number, lambda: pytest.fail("made twice")) for number in range(6)]
    assert set(threads) == {ahead._thread}
    assert made == list(range(6))


def test_what_was_not_expected_is_made_now_and_what_was_is_forgotten(ahead):
    for number in range(4):
        ahead.expect(number, lambda number=number: number)
    assert ahead.take(2, lambda: -1) == 2  # 0 and 1 are not asked for any more
    assert ahead.take("else", lambda: -1) == -1
    assert ahead.take(3, lambda: -1) == -1
    ahead.expect(5, lambda: 5)
    assert ahead.take(5, lambda: -1) == 5


def test_an_error_is_told_to_whoever_asks(ahead):
    ahead.expect(0, lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ahead.take(0, lambda: 0)


def test_on_a_cpu_nothing_is_made_before_its_time():
    plain = Ahead(torch.device("cpu"))
    plain.expect(0, lambda: pytest.fail("made"))
    assert plain.take(0, lambda: 7) == 7


@pytest.mark.parametrize("changes", [{}, {"rollout": "serial_act"}, {"normalise": "step", "rollout": "act_mask"}])
def test_noise_is_foreseen_in_the_order_of_its_use(monkeypatch, changes):
    """So that no draw of a step is made where it is needed; the numbers are those of the CPU."""
    found, here, plain = {}, [], objectives.draw

    def noted(*given, **more):
        here.append(threading.current_thread())
        return plain(*given, **more)

    monkeypatch.setattr(objectives, "draw", noted)
    for device in ("cuda", "cpu"):
        here.clear()
        with PretendedCard():
            learner = tiny_learner()
            learner.model.to(device)
            learner = Learner(learner.model, micro=4)
            rollouts = Rollouts(learner, arm("multi4", **changes), Share.of(4), 0)
            rows = {name: column[:4] if name == "index" else column[:4].to(device)
                    for name, column in random_rows(6).items()}  # fmt: skip
            rollouts.foresee(rows["index"].tolist(), 1)
            found[device] = float(rollouts.step(rows, 1, lambda: None)["loss"])
            rollouts.ahead.close()
        main = threading.main_thread()
        assert here
        assert all((thread is main) == (device == "cpu") for thread in here)
    assert found["cuda"] == pytest.approx(found["cpu"], rel=1e-9)


def test_a_save_is_behind_the_batches_that_were_used(dataset, tmp_path):
    """The sampler is a batch ahead; a run that goes on has the batches it would have had."""
    light = {"every": 2, "n": 2, "perturbed_n": 0, "lyapunov_n": 0}
    config = tiny_config(dataset, steps=4, dtype="float64", eval=light)
    with PretendedCard():
        train(config, tmp_path / "whole", device="cuda")
        train(config.model_copy(update={"steps": 2}), tmp_path / "again", device="cuda")
        train(config, tmp_path / "again", device="cuda", state=RunFolder(tmp_path / "again").last_state())
    read = [torch.load(tmp_path / name / "checkpoints" / "step_4" / "state.pt", weights_only=True)
            for name in ("whole", "again")]  # fmt: skip
    assert torch.equal(read[0]["trainer"]["weights"], read[1]["trainer"]["weights"])
    assert read[0]["sampler"] == read[1]["sampler"]
    assert not [thread for thread in threading.enumerate() if thread.name == "rrdyn-ahead"]


def test_a_step_that_is_given_up_takes_its_batch_back(dataset, tmp_path):
    with PretendedCard():
        run = Run(tiny_config(dataset), RunFolder(tmp_path), torch.device("cuda"), Group())
        run.prepare(None)
        from rrdyn.training.batches import Batches

        run.batches = Batches(run.sampler, run.device, 1, run.trainer.objective.foresee)
        before = run.position
        first = run.batches.next()["index"].tolist()
        until(lambda: len(run.batches.ahead._ready) == 1)
        run._go_back((before, {}))
        assert run.position == before == run.sampler.state_dict()
        assert run.sampler.next()["index"].tolist() == first
        run.close()
