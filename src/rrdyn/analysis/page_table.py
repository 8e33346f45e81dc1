"""The tables of a page, a csv or a printed text, and how a paper has them: LaTeX with booktabs, html, plain text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tabulate import tabulate

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.files import write_text
from rrdyn.artifacts.places import shown
from rrdyn.artifacts.reading import read_table, read_text

FORMS = {"latex": "latex_raw", "markdown": "pipe", "html": "html", "text": "simple"}
"""Forms a table can be had in, by tabulate's names; LaTeX is laid out here, as its rules are booktabs'."""
COMMENTS = {"latex": "% {}", "markdown": "<!-- {} -->", "html": "<!-- {} -->", "text": "# {}"}
"""How a form says what is no part of a table; plain text just says it."""
SPECIAL = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
           "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "λ": r"$\lambda$", "₁": r"$_1$",
           "<": r"$<$", ">": r"$>$", "|": r"\textbar{}"}  # fmt: skip
MINUS = re.compile(r"(?<![\w.\]$}])-(?=\d)")
LAMBDA = re.compile(r"\blambda_(\d|late)\b")
RULE = re.compile(r"-+(?:  +-+)+")
"""What stands under the heads of a printed table."""
MARKS = re.compile(r"\*\*|`")


@dataclass(frozen=True, kw_only=True)
class PageTable:
    """One table: what stood above it, its heads, and its rows of words."""

    caption: str
    heads: list[str]
    rows: list[list[str]]

    def told(self, form: str) -> str:
        """In one of `FORMS`."""
        if form == "latex":
            return self._latex()
        return tabulate(self.rows, self.heads, tablefmt=FORMS[form], disable_numparse=True)

    def _latex(self) -> str:
        """A table environment that needs no package but booktabs; what LaTeX would read as commands is escaped."""
        rows = [[escaped(cell) for cell in row] for row in self.rows]
        raw = tabulate(rows, [escaped(head) for head in self.heads], tablefmt="latex_raw", disable_numparse=True)
        lines = [line.rstrip() for line in raw.splitlines()]
        rules = iter([r"\toprule", r"\midrule", r"\bottomrule"])
        inner = "\n".join(next(rules) if line == r"\hline" else line for line in lines)
        return f"\\begin{{table}}\n\\caption{{{escaped(self.caption)}}}\n{inner}\n\\end{{table}}"


def escaped(text: str) -> str:
    """Text as LaTeX sets it: special letters escaped, lambda_1 as a symbol, a minus before a number as one."""
    parts = LAMBDA.split(MARKS.sub("", text))
    plain = ["".join(SPECIAL.get(letter, letter) for letter in part) for part in parts[::2]]
    symbols = [rf"$\lambda_{{{name}}}$" if len(name) == 1 else r"$\lambda_{\mathrm{late}}$" for name in parts[1::2]]
    joined = "".join(piece for pair in zip(plain, [*symbols, ""]) for piece in pair)
    return MINUS.sub("$-$", joined)


def read_tables(path: Path) -> list[PageTable]:
    """Every table of a page (.md) or the one of a csv. Raises InputError where there is none."""
    found = _of_page(read_text(path)) if path.suffix == ".md" else _of_csv(path)
    if not found:
        raise InputError(f"{shown(path)} holds no table", expected="a page (.md) or csv of an analysis",
                         run="rrdyn analyze-2x2 diag.npz")  # fmt: skip
    return found


def _of_csv(path: Path) -> list[PageTable]:
    rows = read_table(path)
    return [PageTable(caption=path.stem, heads=rows[0], rows=rows[1:])] if rows else []


def _of_page(text: str) -> list[PageTable]:
    """Runs of lines that begin with a bar; the caption is the nearest heading, or the paragraph right above."""
    found: list[PageTable] = []
    heading, above = "", ""
    run: list[list[str]] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            run.append(_cells(line))
        elif run:
            if len(run) > 2:
                found.append(PageTable(caption=": ".join(filter(None, [heading, above])), heads=run[0], rows=run[2:]))
            run, above = [], ""
        elif line.startswith("#"):
            heading, above = line.lstrip("# ").strip(), ""
        elif line.strip():
            above = "" if line.startswith(("-", ">")) else line.strip()
    return found


def in_latex(text: str) -> str:
    """The tables in what a command prints, as LaTeX; what stands above a table is its caption."""
    return "\n\n".join(table.told("latex") for table in [*_of_print(text), *_of_page(text)])


def _of_print(text: str) -> list[PageTable]:
    """Tables as `tabulate` prints them: heads, a rule of dashes that says where columns are, rows that keep to them."""
    found, lines, above = [], text.splitlines(), ""
    for number, line in enumerate(lines):
        if number and RULE.fullmatch(line.strip()):
            spans = [match.span() for match in re.finditer("-+", line)]
            between = [(end, start) for (_, end), (start, _) in pairwise(spans)]
            rows = [lines[number - 1]]
            for row in lines[number + 1 :]:
                if not row.strip() or any(row[end:start].strip() for end, start in between):
                    break
                rows.append(row)
            cut = [[row[start:end].strip() for start, end in spans] for row in rows]
            found.append(PageTable(caption=above, heads=cut[0], rows=cut[1:]))
        elif line.strip() and not (number + 1 < len(lines) and RULE.fullmatch(lines[number + 1].strip())):
            above = line.strip()
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def together(tables: Iterable[PageTable], form: str) -> str:
    """Tables in one of `FORMS`, one after another."""
    return "\n\n".join(table.told(form) for table in tables)


def write_tables(path: Path, tables: Iterable[PageTable], form: str) -> Path:
    """Tables in one of `FORMS` under a first line that says what wrote them; only such a file is replaced."""
    first = COMMENTS[form].format("tables of rrdyn")
    return write_text(path, f"{first}\n{together(tables, form)}\n", begins=first.encode())


def write_latex(page: Path) -> Path:
    """The tables of a page beside it, as LaTeX."""
    return write_tables(page.with_suffix(".tex"), read_tables(page), "latex")
