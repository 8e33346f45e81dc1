"""Tables of pages as LaTeX and other forms."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from tests.analysis.made_files import ESTIMATOR, diagnosis, write_diagnosis

from rrdyn.analysis.page_table import PageTable, escaped, read_tables
from rrdyn.artifacts.errors import InputError, RrdynError
from rrdyn.artifacts.npz import read_npz
from rrdyn.cli.app import main

PAGE = """# Escape

## trm_a

Laws of escape

| law | AIC | 100% & more |
|---|---|---|
| two_population | -85.3 | **0.06** [-0.02, 0.11] |
| a \\| b | - | lambda_1 > 0 |

- a line

| only heads |
|---|
"""


def test_tables_of_a_page_have_the_heading_above_them(tmp_path):
    (tmp_path / "page.md").write_text(PAGE)
    (table,) = read_tables(tmp_path / "page.md")
    assert table.caption == "trm_a: Laws of escape"
    assert table.heads == ["law", "AIC", "100% & more"]
    assert table.rows[1] == ["a | b", "-", "lambda_1 > 0"]


def test_latex_has_the_rules_of_booktabs_and_nothing_that_latex_would_run(tmp_path):
    (tmp_path / "page.md").write_text(PAGE)
    text = read_tables(tmp_path / "page.md")[0].told("latex")
    for rule in (r"\\toprule", r"\\midrule", r"\\bottomrule", r"\\begin\{tabular\}\{lll\}"):
        assert len(re.findall(rule, text)) == 1
    text = re.sub(" +", " ", text)
    assert r"100\% \& more" in text
    assert r"two\_population" in text
    assert "$-$85.3 & 0.06 [$-$0.02, 0.11]" in text
    assert r"a \textbar{} b & - & $\lambda_{1}$ $>$ 0" in text
    assert "hline" not in text
    without = re.sub(r"\\[&%$#_{}\\]|\$[^$]*\$", "", text)
    assert not re.search(r"[%$#_^~]", without)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_latex_sets_it(tmp_path):
    (tmp_path / "page.md").write_text(PAGE)
    inner = "\n".join(table.told("latex") for table in read_tables(tmp_path / "page.md"))
    head = r"\documentclass{article}\usepackage{booktabs}\begin{document}"
    (tmp_path / "page.tex").write_text(f"{head}\n{inner}\n\\end{{document}}\n")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"], cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]


@pytest.mark.parametrize(
    ("text", "set_as"),
    [
        ("{x}", r"\{x\}"),
        ("λ₁ ~ 2^3", r"$\lambda$$_1$ \textasciitilde{} 2\textasciicircum{}3"),
        ("lambda_late", r"$\lambda_{\mathrm{late}}$"),
        ("none-fixed, 3-5", "none-fixed, 3-5"),
    ],
)
def test_letters_that_latex_reads_as_commands(text, set_as):
    assert escaped(text) == set_as


@pytest.mark.parametrize(("form", "has"), [("html", "<table>"), ("markdown", "|:"), ("text", "--")])
def test_other_forms(form, has):
    assert has in PageTable(caption="c", heads=["a", "b"], rows=[["1", "2"]]).told(form)


def test_an_analysis_writes_latex_beside_its_page_and_the_command_the_same(tmp_path, capsys):
    path = write_diagnosis(tmp_path / "diag.npz", diagnosis(60), estimator=ESTIMATOR)
    line = ["analyze-2x2", str(path), "--no-figures", "--replicates", "100", "--latex", "--out", str(tmp_path / "out")]
    assert main([*line, "--quiet"]) == 0
    written = (tmp_path / "out" / "results.tex").read_text()
    capsys.readouterr()
    assert main(["export-table", str(tmp_path / "out" / "results.md")]) == 0
    assert written.splitlines()[0].startswith("% ")
    assert capsys.readouterr().out.strip() == written.partition("\n")[2].strip()
    assert written.count(r"\toprule") >= 4
    assert main(["export-table", str(tmp_path / "out" / "cells_diag.csv"), "--form", "html", "--out",
                 str(tmp_path / "cells.html")]) == 0  # fmt: skip
    assert "A_conv_correct" in (tmp_path / "cells.html").read_text()


def test_a_table_replaces_a_table_and_nothing_else(tmp_path, capsys):
    (tmp_path / "page.md").write_text("| a |\n|---|\n| 1 |\n")
    (tmp_path / "mine.tex").write_text("my thesis")
    line = ["export-table", str(tmp_path / "page.md"), "--out"]
    for _ in range(2):
        assert main([*line, str(tmp_path / "table.tex")]) == 0
    assert main([*line, str(tmp_path / "mine.tex")]) == 1
    assert "no file of ours" in capsys.readouterr().err
    assert (tmp_path / "mine.tex").read_text() == "my thesis"


def test_a_page_without_a_table_is_refused(tmp_path):
    (tmp_path / "page.md").write_text("# nothing\n")
    with pytest.raises(InputError, match="holds no table"):
        read_tables(tmp_path / "page.md")


def test_arrays_as_tables_of_polars_and_under_named_dimensions(tmp_path, monkeypatch):
    found = read_npz(write_diagnosis(tmp_path / "diag.npz", diagnosis(30), estimator=ESTIMATOR))
    table = found.to_polars()
    assert table.height == 30
    assert table["lyap_spec"].to_numpy().shape == (30, 4)
    monkeypatch.setitem(sys.modules, "xarray", SimpleNamespace(Dataset=lambda parts, **more: (parts, more)))
    parts, more = found.to_xarray()
    assert parts["lyap_spec"][0] == ["N", "k"]
    assert parts["drift_zH"][2]["doc"].startswith("||z_H(t)")
    assert np.array_equal(more["coords"]["N"][1], found["idx"])
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(RrdynError, match="needs xarray"):
        found.to_xarray()
