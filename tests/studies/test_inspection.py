"""`rrdyn inspect` on the files that people have: each says what it is, and what to run next or how to mend it."""

from __future__ import annotations

import json
import pickle
import re
import shlex
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from jsonschema import Draft202012Validator

from rrdyn.artifacts.npz import write_npz
from rrdyn.artifacts.schemas import SCHEMAS
from rrdyn.cli.app import main
from rrdyn.cli.schema import schema_of
from rrdyn.data import ModularAddition, write_split
from rrdyn.models import build, save
from rrdyn.models.building import model_config
from rrdyn.models.exporting import export
from rrdyn.studies import inspection
from rrdyn.training.config import TrainConfig
from rrdyn.training.recipes import settings_from

FIELDS = {"name": "trm", "hidden_size": 8, "num_heads": 2, "expansion": 1.0, "L_layers": 1, "H_cycles": 1,
          "L_cycles": 1, "halt_max_steps": 2, "puzzle_emb_ndim": 0,
          "pos_encodings": "learned", "seq_len": 3, "vocab_size": 8}  # fmt: skip
SCHEMA = Draft202012Validator(schema_of("inspect"))
QUESTION, ANSWER = "1.34341221434321", "1234341221434321"


def model():
    torch.manual_seed(0)
    return build(FIELDS)


def ours(folder: Path) -> Path:
    return save(model(), folder / "ckpt", {"step": 3})


def exported(folder: Path) -> Path:
    return export(model(), folder / "one file.pt", "pt")[0]  # a space: what follows must be quoted


def upstream(folder: Path) -> Path:
    export(model(), folder / "up", "upstream")
    return folder / "up"


def foreign(folder: Path) -> Path:
    torch.save({"model": model().state_dict(), "config": {**FIELDS, "lr": 0.1}, "step": 7}, folder / "f.pt")
    return folder / "f.pt"


def averaged(folder: Path) -> Path:
    state = {"model": model().state_dict(), "ema": model().state_dict(), "config": FIELDS}
    torch.save(state, folder / "e.pt")
    return folder / "e.pt"


def optimiser(folder: Path) -> Path:
    torch.save({"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.1}]}, folder / "optim.pt")
    return folder / "optim.pt"


def run_folder(folder: Path) -> Path:
    save(model(), folder / "run" / "checkpoints" / "step_3", {"step": 3})
    return folder / "run"


def dataset(folder: Path) -> Path:
    puzzles = ModularAddition(7).puzzles(np.array([[1, 2], [3, 4]]))
    write_split(folder / "data", "test", ModularAddition(7), puzzles.inputs, puzzles.labels)
    return folder / "data"


def artifact(folder: Path) -> Path:
    arrays = {key: np.zeros(tuple(1 for _ in re.findall("[A-Z]", spec.dims)), _dtype(spec.kind))
              for key, spec in SCHEMAS["fate"].arrays.items() if spec.required}  # fmt: skip
    return write_npz(folder / "fate.npz", SCHEMAS["fate"], arrays, {})


def _dtype(kind: str) -> type:
    return {"bool": bool, "int": np.int64}.get(kind, np.float64)


def unknown_npz(folder: Path) -> Path:
    np.savez(folder / "x.npz", a=np.arange(3))
    return folder / "x.npz"


def text(name: str, content: str):
    def make(folder: Path) -> Path:
        (folder / name).write_text(content)
        return folder / name

    make.__name__ = name
    return make


def zipped(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "w.zip", "w") as archive:
        archive.writestr("readme", "x")
    return folder / "w.zip"


def pickled(folder: Path) -> Path:
    (folder / "p.pkl").write_bytes(pickle.dumps({"a": 1}))
    return folder / "p.pkl"


def lists(folder: Path) -> Path:
    (folder / "lists").mkdir()
    for name in ("test.csv", "train.csv"):
        (folder / "lists" / name).write_text(f"question,answer\n{QUESTION},{ANSWER}\n")
    return folder / "lists"


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 27310592\n"
ARCH = "name: recursive_reasoning.trm@TinyRecursiveReasoningModel_ACTV1\nhidden_size: 8\nnum_heads: 2\nH_cycles: 1\n"
CASES = [
    (ours, "a TRM", "next: rrdyn diagnose"),
    (exported, "a TRM", "one file.pt'"),
    (upstream, "a TRM", "next: rrdyn diagnose"),
    (foreign, "foreign layout", "next: rrdyn fate"),
    (averaged, "moving average of the weights", "--weights raw, ema or a key"),
    (optimiser, "holds no tensors", "expected:"),
    (run_folder, "a run folder", "next: rrdyn report"),
    (dataset, "modular 1x3", "next: rrdyn train"),
    (artifact, "fate:", "next: rrdyn plot fates"),
    (unknown_npz, "an npz file of no known schema", "a "),
    (text("points.csv", "idx,cell\n1,A\n"), "a table of 1 rows", "idx, cell"),
    (text("mine.csv", f"question,answer\n{QUESTION},{ANSWER}\n"), "sudoku puzzles of 4x4, with answers",
     "next: rrdyn data sudoku --train"),
    (text("kaggle.csv", f"id;puzzle;solution\n1;{QUESTION};{ANSWER}\n"), "separated by semicolons", "next: rrdyn data"),
    (text("list.sdm", f"# some\n{QUESTION}\n"), "without answers: the solver makes them", "next: rrdyn data sudoku"),
    (lists, "a folder of puzzle lists", "lists/train.csv --out data/mine"),
    (text("results_a.json", '{"schema": "two_by_two"}'), "two_by_two file", "next: rrdyn plot 2x2"),
    (text("train.jsonl", '{"arm": "none", "seed": 0, "step": 1, "loss": 2.0}\n'), "a training log of 1 run",
     "next: rrdyn plot dynamics"),
    (text("wandb.csv", '"Step","base - acc"\n1,0.5\n'), "training curves", "next: rrdyn plot dynamics"),
    (text("trm.yaml", ARCH), "the config of a model", "no weights beside it"),
    (text("other.yaml", ARCH.replace("trm@Tiny", "nosuch@")), "the config of a model", "no weights beside it"),
    (text("study.json", '{"done": {"rrdyn train x": 1.5}}'), "what a study remembers", "next: rrdyn report"),
    (text("preset.yaml", "model: {name: trm}\nsteps: 5\n"), "a training preset", "next: rrdyn train DATA --preset"),
    (text("notes.json", '{"a": [1, 2]}'), "a JSON object of no named schema", "list of 2"),
    (text("w.pt", POINTER), "Git-LFS pointer", "git lfs pull"),
    (text("page.pt", "<!doctype html><html>404</html>"), "is not a checkpoint", "found:"),
    (text("events.out.tfevents.17.host", "\0"), "is no training log", "try:"),
    (text("notes.txt", "hello"), "of no kind that rrdyn knows", "expected:"),
    (zipped, "of no kind that rrdyn knows", "expected:"),
    (pickled, "of no kind that rrdyn knows", "expected:"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "what", "then"), CASES, ids=[case[0].__name__ for case in CASES])
def test_each_file_says_what_it_is_and_what_to_do_next(make, what, then, tmp_path, capsys):
    path = make(tmp_path)
    code = main(["inspect", str(path)])
    heard = "".join(capsys.readouterr())
    assert code in (0, 3)
    assert what in heard
    assert then in heard
    assert "Traceback" not in heard
    if code == 0:
        assert main(["inspect", str(path), "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert SCHEMA.is_valid(answer)
        assert not SCHEMA.is_valid({**answer, "kind": 3})


def test_the_schema_knows_the_keys_of_each_kind():
    table = {"command": "inspect", "kind": "table", "columns": ["a"], "rows": 1, "wrote": [], "kept": []}
    assert SCHEMA.is_valid(table)
    for wrong in ({**table, "odd": 1}, {**table, "kind": "run"}, {**table, "rows": -1}, {**table, "columns": 1}):
        assert not SCHEMA.is_valid(wrong)


def test_large_arrays_are_told_by_their_headers(tmp_path, monkeypatch, capsys):
    """A file of 586 MB took 6.7 GB and 70 s."""
    monkeypatch.setattr(inspection, "MOST_READ", 1000)
    path = artifact(tmp_path)
    with np.load(path) as there:
        content = dict(there)
    content["large"] = np.zeros((len(content["idx"]), 5000))
    np.savez(path, **content)
    assert main(["inspect", str(path), "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["arrays"]}
    assert rows["large"]["shape"] == [len(content["idx"]), 5000]
    assert "median" not in rows["large"]
    assert "median" in rows["idx"]
    assert main(["inspect", str(path)]) == 0
    assert "MB, not read" in capsys.readouterr().out


def test_what_follows_a_config_is_that_model(tmp_path, capsys):
    main(["inspect", str(text("trm.yaml", ARCH)(tmp_path))])
    *line, setting = shlex.split(re.search("next: (.+)", capsys.readouterr().err)[1])
    assert line == ["rrdyn", "train", "DATA", "--set"]
    TrainConfig.require_key(*settings_from((setting,)))
    sizes = {"seq_len": 3, "vocab_size": 8}
    found = model_config({**settings_from((setting,))["model"], **sizes})
    assert found == model_config({**yaml.safe_load(ARCH), **sizes})
    assert (found.hidden_size, found.H_cycles) == (8, 1)
