from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from rrdyn.artifacts.errors import InputError, Notice, UsageError
from rrdyn.artifacts.npz import read_npz
from rrdyn.artifacts.schemas import ROLLOUT
from rrdyn.cli.app import main
from rrdyn.measurement import answers
from rrdyn.measurement.campaign import carry_out
from rrdyn.measurement.judging import Judgement
from rrdyn.measurement.rollout import Rollout, RolloutConfig
from rrdyn.measurement.subject import open_subject


@pytest.fixture(scope="module")
def subject(trm_checkpoint):
    return open_subject(trm_checkpoint, data=None, split="test", dtype=torch.float32, device=torch.device("cpu"))


def rollout(subject, out, config, batch=None, **more):
    return carry_out(Rollout(subject, config.model_copy(update=more)), out, batch=batch)


def test_it_is_the_models_segments(subject):
    with torch.no_grad():
        questions = subject.questions(np.array([3]))
        arrays = Rollout(subject, RolloutConfig(segments=6)).observe(questions)
        z = subject.model.initial(1)
        e = subject.model.embed(questions.inputs, questions.identifiers)
        for t in range(6):
            after = subject.model.segment(z, e)
            assert arrays["drift"][0, t] == (after.z_H.double() - z.z_H.double()).norm()
            z = after
        np.testing.assert_array_equal(arrays["end_z_H"], z.z_H)


def test_batches_do_not_matter_and_an_extension_is_the_long_run(subject, tmp_path):
    whole = rollout(subject, tmp_path / "whole.npz", RolloutConfig(n=5, segments=9), batch=2).arrays
    first = rollout(subject, tmp_path / "a.npz", RolloutConfig(n=5, segments=4), batch=3, keep_state=True)
    assert [path.name for path in first.also] == ["a_state.npz"]
    longer = rollout(subject, tmp_path / "b.npz", RolloutConfig(n=5, segments=9), extend=first.path).arrays
    assert whole.keys() == longer.keys()
    for key in whole:
        np.testing.assert_array_equal(whole[key], longer[key], err_msg=key)


def test_return_distances_go_on_across_an_extension(subject, tmp_path):
    """Of states that an earlier call saw, more than once; z(0) counts, and nothing is known of earlier."""
    config = RolloutConfig(n=2, segments=20, periods=5)
    whole = rollout(subject, tmp_path / "whole.npz", config).arrays["return_distance"]
    assert whole.shape == (2, 20, 5)
    assert np.isnan(whole[0]).sum() == 4 + 3 + 2 + 1
    before = rollout(subject, tmp_path / "a.npz", config, segments=3, keep_state=True)
    for segments in (4, 11, 20):
        before = rollout(subject, tmp_path / f"{segments}.npz", RolloutConfig(n=2, segments=segments, keep_state=True),
                         extend=before.path)  # fmt: skip
    np.testing.assert_array_equal(before.arrays["return_distance"], whole)


def test_an_extension_has_the_return_distances_of_what_it_extends(subject, tmp_path):
    without = rollout(subject, tmp_path / "a.npz", RolloutConfig(n=2, segments=3, periods=0, keep_state=True))
    longer = rollout(subject, tmp_path / "b.npz", RolloutConfig(n=2, segments=5), extend=without.path)
    assert "return_distance" not in longer.arrays
    assert longer.meta["settings"]["periods"] == 0
    stopped = rollout(subject, tmp_path / "c.npz", RolloutConfig(n=2, segments=3, stop_after=2, keep_state=True))
    longer = rollout(subject, tmp_path / "d.npz", RolloutConfig(n=2, segments=5), extend=stopped.path)
    assert np.isnan(longer.arrays["return_distance"][:, 3:]).all()  # what was before a stop is not known


def test_extension_refusals(subject, hrm_checkpoint, tmp_path):
    plain = rollout(subject, tmp_path / "plain.npz", RolloutConfig(n=2, segments=2)).path
    with pytest.raises(InputError, match="kept no state"):
        rollout(subject, tmp_path / "c.npz", RolloutConfig(segments=4), extend=plain)
    kept = rollout(subject, tmp_path / "kept.npz", RolloutConfig(n=2, segments=2), keep_state=True).path
    with pytest.raises(UsageError, match="nothing to extend"):
        rollout(subject, tmp_path / "c.npz", RolloutConfig(segments=2), extend=kept)
    other = open_subject(hrm_checkpoint, data=None, split="test", dtype=torch.float32, device=torch.device("cpu"))
    with pytest.raises(InputError, match="another checkpoint"):
        rollout(other, tmp_path / "c.npz", RolloutConfig(segments=4), extend=kept)


def test_a_stopped_puzzle_stays_right(subject, monkeypatch):
    seen = []

    def judge(logits, labels):  # right from the second segment on
        seen.append(1)
        flag = torch.full((len(labels),), len(seen) >= 2)
        return Judgement(logits.argmax(-1), flag, flag.double())

    monkeypatch.setattr(answers, "judge", judge)
    with torch.no_grad():
        arrays = Rollout(subject, RolloutConfig(stop_after=2, segments=7)).observe(subject.questions(np.array([0])))
    assert arrays["exact"].tolist() == [[False, *[True] * 6]]
    assert np.isnan(arrays["drift"][0, 3:]).all()
    assert np.isfinite(arrays["drift"][0, :3]).all()


def test_command(trm_checkpoint, tmp_path, capsys):
    out = tmp_path / "rollout.npz"
    assert main(["rollout", str(trm_checkpoint), "--segments", "6", "--n", "5", "--out", str(out)]) == 0
    assert read_npz(out, ROLLOUT)["exact"].shape == (5, 6)
    assert "right at segment 4" in capsys.readouterr().out


def test_a_state_is_set_aside_with_its_rollout(subject, tmp_path):
    out, three, four = tmp_path / "r.npz", RolloutConfig(n=2, segments=3), RolloutConfig(n=2, segments=4)
    first = rollout(subject, out, three, keep_state=True)
    ended = read_npz(first.also[0])["z_H"]
    with pytest.warns(Notice, match=r"r\.1\.npz"):
        rollout(subject, out, four, keep_state=True)
    assert {path.name for path in tmp_path.iterdir()} == {"r.npz", "r_state.npz", "r.1.npz", "r.1_state.npz"}
    np.testing.assert_array_equal(read_npz(tmp_path / "r.1_state.npz")["z_H"], ended)
    longer = rollout(subject, tmp_path / "a.npz", four, extend=tmp_path / "r.1.npz").arrays
    np.testing.assert_array_equal(longer["drift"], read_npz(out)["drift"])
    with pytest.warns(Notice):  # one without a state: the old state goes with the old rollout
        rollout(subject, out, three)
    assert not (tmp_path / "r_state.npz").exists()
    shutil.copy(tmp_path / "r.1_state.npz", tmp_path / "r_state.npz")
    with pytest.raises(InputError, match="is not the state in which"):
        rollout(subject, tmp_path / "b.npz", RolloutConfig(n=2, segments=9), extend=out)


@pytest.mark.parametrize(("command", "more"), [("rollout", ["--segments", "3"]), ("perturb", ["--copies", "1"])])
def test_a_finished_file_is_kept(command, more, trm_checkpoint, tmp_path, capsys):
    out = tmp_path / "out.npz"
    line = [command, str(trm_checkpoint), "--n", "2", *more, "--out", str(out)]
    assert main(line) == 0
    written = out.stat().st_mtime_ns
    assert main(line) == 0
    assert "kept" in capsys.readouterr().err
    assert out.stat().st_mtime_ns == written
    assert main([*line, "--seed", "1"]) == 0  # another measurement: the earlier one is set aside
    assert out.stat().st_mtime_ns != written
    assert (tmp_path / "out.1.npz").stat().st_mtime_ns == written
