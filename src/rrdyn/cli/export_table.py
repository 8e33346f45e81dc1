"""`rrdyn export-table`"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rrdyn.cli.command import Arguments, Outcome, Positional


class Args(Arguments):
    """The tables of an analysis for a paper: from its page or csv to LaTeX (booktabs), html, Markdown or text.

    1. rrdyn export-table analysis_2x2/results.md
    2. rrdyn export-table comparison/comparison.csv --form html --out comparison.html
    """

    files: Positional[tuple[Path, ...]]
    """Pages (.md) or csv files that an analysis wrote."""
    form: Literal["latex", "markdown", "html", "text"] = "latex"
    """How the tables are written; LaTeX needs the package booktabs."""
    out: Path | None = None
    """The file to write; default: stdout."""


def run(args: Args) -> Outcome:
    from rrdyn.analysis.page_table import read_tables, together, write_tables
    from rrdyn.cli.results import ExportTableResult, TableRows

    tables = [table for path in args.files for table in read_tables(path)]
    wrote = [write_tables(args.out, tables, args.form)] if args.out else []
    rows = [TableRows(caption=table.caption, heads=table.heads, rows=table.rows) for table in tables]
    return Outcome(
        data=ExportTableResult(tables=rows),
        text=f"{len(tables)} tables" if wrote else together(tables, args.form),
        wrote=wrote,
    )
