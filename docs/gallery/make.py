"""Draw the gallery from the study beside this file, by public commands only.

    python docs/gallery/make.py        # every figure, README.md and, where a Chromium is found, report.png

`study.sh` tells the commands that made the study.

Only the pngs and their captions are kept here; `rrdyn plot` writes pdf and csv beside them as well.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

from rrdyn.cli.app import main

HERE = Path(__file__).resolve().parent
STUDY = HERE / "study"
LINES = """
plot 2x2 analysis/results_trm.json
plot spectrum analysis/results_trm.json
plot trajectories diag_trm.npz --points analysis/points_trm.csv
plot puzzle diag_trm.npz
plot latent states.npz
plot evolution evolution/evolution_trm.csv
plot rollout survival
plot perturbation cells
plot perturbation cells --spaghetti --color-by-pmass --out {out}/perturbation_mass.png
plot perturbation cells --kl-only --quantile-lines --mark-t 16
plot basin select/basin_trm.csv
plot selectors select/select_trm.csv
plot fates fate_trm.npz
plot fates fate_late.npz --returns rollout_late.npz
plot fates fates/fate_early.npz fates/fate_late.npz --size page
plot compare comparison
plot scaling scaling
plot toy toy.npz
plot dynamics logs --size page
plot 2x2 analysis/results_trm.json --dark --size slide --out {out}/dark
"""


def draw(out: Path) -> list[tuple[str, list[Path]]]:
    """Run every line; returns it with the pngs it made."""
    made = []
    for line in LINES.strip().splitlines():
        argv = shlex.split(line.format(out=out)) if "{out}" in line else [*shlex.split(line), "--out", str(out)]
        before = set(out.rglob("*.png"))
        if main([*argv, "--quiet"]) != 0:
            sys.exit(f"failed: rrdyn {line}")
        made.append((f"rrdyn {line.split(' --out')[0]}", sorted(set(out.rglob("*.png")) - before)))
    return made


def page(made: list[tuple[str, list[Path]]], out: Path) -> str:
    lines = [
        "# Gallery",
        "",
        "Every figure of `rrdyn`, drawn by `python make.py` from the study in this folder. "
        "`study.sh` tells its commands:",
        "a small TRM on 6x6 Sudoku, trained for minutes on two cores; fates, comparison and compute are of models",
        "that come along ([fates](../fates/README.md), [study](../study/README.md)). "
        "It shows what the figures look like; n is small.",
        "",
    ]
    for command, pictures in made:
        lines += [f"## `{command}`", ""]
        for png in pictures:
            name = png.relative_to(out).as_posix().replace("/", "_")
            caption = png.with_name(f"{png.stem}.caption.txt").read_text().strip()
            shutil.copyfile(png, HERE / name)
            lines += [f"![{png.stem}]({name})", "", caption.replace("|", "\\|"), ""]
    if screenshot():
        lines += ["## `rrdyn report`", "", "![The report's explorer in a browser](report.png)", ""]
    return "\n".join(lines)


def screenshot() -> bool:
    """The explorer of the study's report, as a headless Chromium shows it."""
    sys.path.insert(0, str(HERE.parents[1]))
    from tests.studies import browser

    if browser.find() is None:
        return (HERE / "report.png").exists()
    with tempfile.TemporaryDirectory() as scratch:
        written = Path(scratch) / "report.html"
        shutil.copytree(STUDY, Path(scratch) / "gallery")  # the figures that the report draws stay out of the study
        os.chdir(Path(scratch) / "gallery")
        if main(["report", ".", "--out", str(written), "--quiet"]) != 0:
            sys.exit("failed: rrdyn report")
        os.chdir(STUDY)
        with browser.chromium(Path(scratch) / "profile") as tab:
            tab.open(written)
            tab.wait("document.body && document.body.dataset.ready === 'true'")
            tab.value("document.getElementById('explorer').scrollIntoView()")
            tab.screenshot(HERE / "report.png")
    return True


if __name__ == "__main__":
    os.chdir(STUDY)
    # relative, so that the command kept inside every picture is the same on every machine
    figures = Path("../figures")
    text = page(draw(figures), figures)
    shutil.rmtree(figures)
    (HERE / "README.md").write_text(text)
