"""The tables of the reference study: what is there is counted, what is missing is told, words around them are kept."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
from tests.analysis.test_scaling import N, fates
from tests.outside_modules import module
from tests.scripts.study_scripts import called

script = module(Path(__file__).parents[2] / "scripts" / "study_tables.py")


def test_of_what_is_there_and_no_more(tmp_path, monkeypatch):
    (tmp_path / "study" / "maze" / "trm_s1").mkdir(parents=True)
    fates(tmp_path / "study" / "maze" / "trm_s1" / "fate.npz")
    page = tmp_path / "page" / "README.md"
    page.parent.mkdir()
    page.write_text(f"# A study\n\nBy hand.\n\n{script.BEGIN}\nold\n{script.END}\n\nBy hand too.\n")
    called(script, monkeypatch, tmp_path / "study", "--out", page.parent)
    right, wrong = pl.read_csv(page.parent / "fates.csv").to_dicts()
    assert (right["at_budget"], right["n"], right["fixed"], right["right_end"]) == ("right", N // 4, N // 4, N // 4)
    assert (wrong["n"], wrong["fixed"], wrong["cycle"], wrong["right_end"]) == (3 * N // 4, N // 2, N // 4, N // 4)
    assert wrong["multiplier"] is None
    text = page.read_text()
    assert text.startswith("# A study\n\nBy hand.\n")
    assert text.endswith("\n\nBy hand too.\n")
    assert "old" not in text
    assert f"| maze | trm | 1 | wrong | {3 * N // 4} | {N // 2} | {N // 4} |" in text
    assert "- fates: sudoku trm (0, 1, 2); " in text
    assert "maze trm (0, 2); maze att (0, 1, 2)" in text
    missing = json.loads((page.parent / "study.json").read_text())["not_reached"]
    assert "fates: maze trm, seed 1" not in missing
    assert "models: maze trm, seed 1" in missing
    assert text == script.filled(text, page.parent)


def test_real_puzzles_and_recipes(tmp_path, monkeypatch):
    study, page = tmp_path / "study", tmp_path / "page"
    for folder in ("real/hard", "real/somebody", "recipes/base/s0/fates", "recipes/raw/s0/fates"):
        (study / folder).mkdir(parents=True)
        names = ["fate_step_40.npz", "fate_step_9.npz"] if folder.endswith("fates") else ["fate.npz"]
        for name in names:
            fates(study / folder / name)
    called(script, monkeypatch, study, "--out", page)
    hard, other = pl.read_csv(page / "real.csv").to_dicts()
    assert (hard["task"], other["task"]) == ("hard", "somebody")
    assert (hard["n"], hard["right"], hard["fixed"]) == (N, 0.25, 3 * N // 4)
    recipes = pl.read_csv(page / "recipes.csv")
    assert recipes["step"].to_list() == [9, 40] * 2  # by number, not by letters
    assert recipes["moving"].to_list() == [0.0] * 4  # fixed points and cycles alone
    assert recipes["moving_change"].to_list() == [0.0] * 4
    missing = json.loads((page / "study.json").read_text())["not_reached"]
    assert "real: extreme trm, seed 0" in missing
    assert "recipes: sudoku base, seed 0" not in missing
