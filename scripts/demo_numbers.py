"""Put what a run of the demo found into docs/demo and into the README, whose numbers are traced to it.

rrdyn demo --out runs/demo > demo.txt
rrdyn demo --out runs/demo --json > demo.json        # nothing is run again
python scripts/demo_numbers.py runs/demo demo.txt demo.json
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from rrdyn.analysis.fates import read_fates
from rrdyn.artifacts.files import make_folder, read_json, write_json, write_text
from rrdyn.studies.demo import MODELS, fate

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ("idx", "period", "settled_at", "right_budget", "right_end", "right_at", "followed")
PART = re.compile(r"<!-- demo -->.*?<!-- /demo -->", re.DOTALL)


def main(run: Path, text: Path, data: Path) -> None:
    out = make_folder(ROOT / "docs" / "demo")
    shutil.copyfile(text, out / "demo.txt")
    found = read_json(data)
    write_json(out / "demo.json", {key: found[key] for key in ("fates", "arms", "noise")})
    for model in MODELS:
        artifact = read_fates(fate(run, model))
        names = artifact.meta["fates"]
        lines = [",".join(["fate", *COLUMNS])]
        for row, code in enumerate(artifact["fate"]):
            lines.append(",".join([names[code], *(str(int(artifact[key][row])) for key in COLUMNS)]))
        write_text(out / f"points_{model}.csv", "\n".join(lines) + "\n")
    readme = ROOT / "README.md"
    write_text(readme, PART.sub(lambda _: part(text.read_text()), readme.read_text()))


def part(told: str) -> str:
    """The README's part: the sentences of the pretrained model, the table, the arms."""
    lines = told.splitlines()
    sentences = [f"> {line}" for line in lines if line.startswith("pretrain: ")]
    rule = next(
        number for number, line in enumerate(lines) if line.startswith("-----") and "model" in lines[number - 1]
    )
    rows = [re.split(r"\s{2,}", line.strip()) for line in (lines[rule - 1], *lines[rule + 1 : rule + 1 + len(MODELS)])]
    table = [f"| {' | '.join(row)} |" for row in rows]
    table.insert(1, "|" + "---|" * len(rows[0]))
    arms = [f"- {line.strip()}" for line in lines if line.startswith("  right at ") or line.startswith("  one fate ")]
    head = f"{lines[rule - 2]}, of one run ([its output, and a row a puzzle](docs/demo/README.md)):"
    blocks = [head[:1].upper() + head[1:], "\n".join(table), "\n>\n".join(sentences), "\n".join(arms)]
    return "<!-- demo -->\n" + "\n\n".join(blocks) + "\n<!-- /demo -->"


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
