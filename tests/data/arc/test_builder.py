"""Datasets of ARC tasks: the published builder's arrays, and what is ours."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from tests.data.arc.made_tasks import challenges, files

from rrdyn.artifacts.errors import InputError, Notice, UsageError
from rrdyn.data.arc.kind import Arc
from rrdyn.data.arc.recipe import ArcRecipe
from rrdyn.data.build import build
from rrdyn.data.folder import PuzzleSplit, open_split

PUBLISHED = {
    "train": ["4e2bd73b37923d3a", "42d8580f47cac519", "27bf9c8f23dccfaf", "b9567c8b7c351409", "7b5903f2fe287c92"],
    "test": ["fdfa7aa3e62ab79b", "473026cc013f707d", "7313d305c51e1124", "8dbc9cdc0f389ce6", "543f0cc9b48f3db8"],
}
"""sha256 of the arrays that the published builder (TinyRecursiveModels e7b6871) writes of the same tasks, seed 42."""
ARRAYS = ("inputs", "labels", "puzzle_identifiers", "puzzle_indices", "group_indices")


def arc(out: Path, source: Path | str, **settings) -> Path:
    return build(ArcRecipe(source=str(source), **{"aug": 7, "val_groups": 0, **settings}), out)


def names_of(split: PuzzleSplit) -> list[str]:
    return [split.identifiers[number] for number in split.puzzle_identifiers]


def test_arrays_are_those_of_the_published_builder(tmp_path):
    out = arc(tmp_path / "out", challenges(tmp_path / "json"))
    for split, digests in PUBLISHED.items():
        found = [np.load(out / split / f"all__{name}.npy").tobytes() for name in ARRAYS]
        assert [hashlib.sha256(array).hexdigest()[:16] for array in found] == digests
    names = json.dumps(json.loads((out / "identifiers.json").read_text()))
    assert hashlib.sha256(names.encode()).hexdigest()[:16] == "058bb146c677cbcb"
    tested = json.loads((out / "test_puzzles.json").read_text())
    assert all(pair["output"] for task in tested.values() for pair in task["test"])
    assert json.loads((out / "test" / "dataset.json").read_text())["total_puzzles"] == 16


def test_a_file_a_task_has_the_same_tasks(tmp_path):
    one, other = arc(tmp_path / "a", challenges(tmp_path / "json")), arc(tmp_path / "b", files(tmp_path / "files"))
    tested = [json.loads((out / "test_puzzles.json").read_text()) for out in (one, other)]
    assert tested[0] == tested[1]
    assert sorted(open_split(one, "test").identifiers) == sorted(open_split(other, "test").identifiers)


def test_the_last_demonstrations_validate_and_are_not_trained_on(tmp_path):
    source = challenges(tmp_path / "json")
    whole, out = arc(tmp_path / "whole", source), arc(tmp_path / "out", source, val_groups=4)
    val = open_split(out, "val")
    assert (len(val), val.groups) == (4, 4)
    assert len(open_split(out, "train")) == len(open_split(whole, "train")) - 4 * 8
    trained = {row.tobytes() for row in np.asarray(open_split(out, "train").inputs)}
    assert not {row.tobytes() for row in np.asarray(val.inputs)} & trained
    assert (open_split(out, "test").inputs == open_split(whole, "test").inputs).all()


def test_held_out_copies_are_tested_and_never_trained(tmp_path):
    out = arc(tmp_path / "out", challenges(tmp_path / "json"), held_out=3)
    train, test = open_split(out, "train"), open_split(out, "test")
    left = set(names_of(test)) - set(names_of(train))
    assert len(left) == 3 * test.groups
    assert all("|||" in name for name in left)


def test_extra_folders_are_trained_on(tmp_path):
    folder = tmp_path / "more" / "Concept"
    folder.mkdir(parents=True)
    (folder / "Inside1.json").write_text(json.dumps(one_task()))
    out = arc(tmp_path / "out", challenges(tmp_path / "json"), extra=(tmp_path / "more",))
    assert "Inside1" in names_of(open_split(out, "train"))
    assert "Inside1" not in names_of(open_split(out, "test"))


def one_task() -> dict[str, object]:
    pair = {"input": [[1, 2]], "output": [[2, 1]]}
    return {"train": [pair, pair], "test": [pair]}


def test_generated_tasks_have_answers_a_small_frame_and_no_question_twice(tmp_path):
    out = arc(tmp_path / "out", "generate", canvas=8, aug=1, pairs=12, val_groups=128)
    train, val, test = (open_split(out, split) for split in ("train", "val", "test"))
    assert isinstance(test.puzzle, Arc)
    assert (test.puzzle.height, test.groups, len(val), len(test)) == (8, 12, 12, 12 * 2 * 4)
    assert (test.asked > 0).all()
    rows = [
        row.tobytes() + bytes([puzzle])
        for split in (val, test)
        for row, puzzle in zip(np.asarray(split.inputs), split.example_identifiers % 256)
    ]
    assert len(set(rows)) == len(rows)
    assert train.metadata.num_puzzle_identifiers == 25


def test_a_test_question_without_an_answer(tmp_path):
    content = one_task()
    content["test"] = [{"input": [[1, 2]]}]
    (tmp_path / "task.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="task task of evaluation has no answer to test pair 1"):
        arc(tmp_path / "out", tmp_path / "task.json")
    out = arc(tmp_path / "out", tmp_path / "task.json", unanswered=True)
    assert (open_split(out, "test").asked == 0).all()


def test_refusals(tmp_path):
    source = challenges(tmp_path / "json")
    with pytest.raises(InputError, match="has no subset 'concept'"):
        arc(tmp_path / "out", source, subsets=("training", "concept"))
    with pytest.raises(InputError, match="no task is tested"):
        arc(tmp_path / "out", source, subsets=("training",))
    with pytest.raises(InputError, match="does not fit the frame"):
        arc(tmp_path / "out", source, canvas=4)
    with pytest.raises(InputError, match="does not exist"):
        arc(tmp_path / "out", tmp_path / "nowhere")
    with pytest.raises(UsageError, match="--train is not for ARC"):
        ArcRecipe(train=Path("a.csv"))
    with pytest.raises(UsageError, match="--held-out is more than there are copies"):
        ArcRecipe(aug=2, held_out=3)
    with pytest.raises(UsageError, match="not so many transformations"):
        arc(tmp_path / "out", "generate", test_n=99)
    (tmp_path / "json" / "arc_training_solutions.json").write_text("{}")
    with pytest.raises(InputError, match="lacks the answers of a task"):
        arc(tmp_path / "out", source)
    assert not (tmp_path / "out").exists()


def test_a_tested_task_that_is_trained_on_is_told(tmp_path):
    source = challenges(tmp_path / "json")
    for kind in ("challenges", "solutions"):
        text = (source / f"arc_evaluation_{kind}.json").read_text()
        (source / f"arc_more_{kind}.json").write_text(text)
    with pytest.warns(Notice, match="2 tested tasks stand in a subset that is trained on too"):
        arc(tmp_path / "out", source, subsets=("more", "evaluation"))
