"""Studies remember what is done: a second run goes on where the first one stopped."""

from __future__ import annotations

import pytest

from rrdyn.artifacts.errors import RrdynError
from rrdyn.studies.steps import Pace, Step, run_steps


def steps(tmp_path, names="abc"):
    return [Step(title=name, argv=("touch", name), makes=tmp_path / name) for name in names]


def test_a_study_continues_after_a_failure_and_makes_lost_things_again(tmp_path):
    ran = []

    def execute(argv):
        ran.append(argv[1])
        if ran == ["a", "b"]:
            return 4
        (tmp_path / argv[1]).touch()
        return 0

    memory = tmp_path / "study.json"
    with pytest.raises(RrdynError, match="stopped at: b") as caught:
        run_steps(steps(tmp_path), memory, execute)
    assert caught.value.exit_code == 4
    run_steps(steps(tmp_path), memory, execute)
    assert ran == ["a", "b", "b", "c"]
    run_steps(steps(tmp_path), memory, execute)
    assert ran == ["a", "b", "b", "c"]
    (tmp_path / "b").unlink()
    run_steps(steps(tmp_path), memory, execute)
    assert ran == ["a", "b", "b", "c", "b"]


def test_what_uses_a_changed_thing_is_made_again(tmp_path):
    ran = []

    def execute(argv):
        ran.append(argv[0])
        (tmp_path / argv[0] / "x").parent.mkdir(exist_ok=True)
        (tmp_path / argv[0] / "x").touch()
        return 0

    def study(setting):
        return [
            Step(title="a", argv=("a", setting), makes=tmp_path / "a" / "x"),
            Step(title="b", argv=("b", str(tmp_path / "a")), makes=tmp_path / "b" / "x"),
            Step(title="c", argv=("c", str(tmp_path / "b" / "x")), makes=tmp_path / "c" / "x"),
            Step(title="d", argv=("d", "alone"), makes=tmp_path / "d" / "x"),
        ]

    run_steps(study("1"), tmp_path / "study.json", execute)
    run_steps(study("2"), tmp_path / "study.json", execute)
    assert "".join(ran) == "abcd" + "abc"


def test_a_changed_command_is_run_again(tmp_path):
    ran = []
    memory = tmp_path / "study.json"
    for argv in (("x", "1"), ("x", "2")):
        run_steps([Step(title="x", argv=argv, makes=tmp_path)], memory, lambda argv: ran.append(argv) or 0)
    assert ran == [["x", "1"], ["x", "2"]]


def test_the_time_left_follows_the_machine():
    work = [Step(title=name, argv=(name,), makes=None, seconds=50) for name in "abc"]
    pace = Pace(work)
    assert pace.left() == 150
    pace.finish(work[0], 100)
    assert 150 < pace.left() < 200
