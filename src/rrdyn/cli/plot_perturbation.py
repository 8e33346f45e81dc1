"""`rrdyn plot perturbation`"""

from __future__ import annotations

from pathlib import Path

from rrdyn.cli.command import Arguments, Outcome, Positional
from rrdyn.plotting.options import FigureOptions, PerturbationView, Size


class Args(FigureOptions, PerturbationView, Arguments):
    """KL to the clean run and mass on the right answer after a perturbed start, a column per alpha; and their table.

    1. rrdyn plot perturbation runs/perturb/cells
    2. rrdyn plot perturbation cells --spaghetti --color-by-pmass --alphas 0.5 1.0 2.0
    3. rrdyn plot perturbation cells --kl-only --quantile-lines --mark-t 16 --size slide
    4. rrdyn plot perturbation outputs --window 512 --roll 65 --step token --model-contains 0.5B
    """

    cells: Positional[Path]
    """A folder of three-file cells (calib.json, trajectory.json, pmass.json), or one cell."""
    size: Size = "page"
    """column: 85 mm and 8 pt text; page: 175 mm; slide: 10 inches and 14 pt."""


def run(args: Args) -> Outcome:
    from rrdyn.analysis.aggregate import calibrations, cell_table, cells_markdown
    from rrdyn.artifacts.files import write_text
    from rrdyn.plotting.perturbation import draw

    stem = args.stem(args.cells, "perturbation")
    wrote = draw(args.cells, args, stem, args.style)
    table = cell_table(calibrations(args.cells))
    wrote.append(write_text(stem.parent / "table.csv", table.write_csv()))
    wrote.append(write_text(stem.parent / "table.md", cells_markdown(table) + "\n"))
    return Outcome(data={"table": table.to_dicts()}, text=cells_markdown(table), wrote=wrote)
