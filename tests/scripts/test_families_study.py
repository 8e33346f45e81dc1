"""The study of families and arms: its steps, its tables, and the whole of it at a size without sense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.docs.test_families_page import check
from tests.outside_modules import module
from tests.scripts.study_scripts import accepted, again_the_same, called

from rrdyn.models import build
from rrdyn.models.description import parts
from rrdyn.models.work import segment_work

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "configs" / "train"
script = module(ROOT / "scripts" / "families_study.py")


def test_every_step_is_a_command_line_that_is_accepted(tmp_path, monkeypatch, capsys):
    called(script, monkeypatch, tmp_path / "root", "--out", tmp_path / "out", "--list", "--seeds", "0")
    lines = accepted(capsys.readouterr().out)
    assert [line[0] for line in lines].count("train") == 9 + 3 + 3 + 3 + 1 + 10
    assert len({tuple(line) for line in lines}) == len(lines)
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize(("task", "sizes"), [("sudoku", (36, 8)), ("maze", (49, 6))])
def test_training_takes_equal_operations_whatever_the_family(task, sizes):
    """A family's steps times a segment, twice what is differentiated of it, and the segment of a continue head."""
    found = []
    for name, steps in script.STEPS[task].items():
        words = script.family(task, name)
        recipe = yaml.safe_load((RECIPES / f"{words[1]}.yaml").read_text())["model"]
        changed = dict(word.removeprefix("model.").split("=") for word in words if word.startswith("model."))
        changed = {key: yaml.safe_load(value) for key, value in changed.items()}
        model = build({**recipe, "seq_len": sizes[0], "vocab_size": sizes[1], **changed})
        work = segment_work(model)
        facts = {"continues": model.has_continue, "supervised": model.gradient_span / work.sub_updates}
        found.append((parts(model)["all"], steps * work.operations * script.passes(facts)))
    parameters, operations = np.array(found).T
    np.testing.assert_allclose(operations, operations[0], rtol=0.01)
    np.testing.assert_allclose(parameters, parameters[0], rtol=0.06)


@pytest.mark.slow
def test_all_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(script, "N_MEASURED", 8)
    line = [tmp_path / "root", "--out", tmp_path / "page", "--tiny", "--only", "sudoku", "arms", "--seeds", "0"]
    called(script, monkeypatch, *line)
    check(tmp_path / "page")
    again_the_same(script, monkeypatch, tmp_path / "page", *line)
