"""Every way into the program: the command lines that read files, and what each of them may write.

A word in braces is a name of the corpus, of which a case gets a copy, below the folder that it runs in where the name
begins with ./; {out} is a place that is not there yet.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from rrdyn.cli.app import COMMANDS

PLACE = re.compile(r"\{([^}]+)\}")
PASSES = (0, 3, 4)
"""Exit codes of a command whose input files are wrong: it does without, refuses the file, or the numbers."""
CONFIG = (0, 2, 3, 4)
"""As `PASSES` where the file is a config, whose values are refused as those of a command line are. One that says where
results go may name a place that cannot be written: 1."""
WRITES = (0, 1, 3, 4)
"""Those of a command that goes on in a folder that may be wrong."""


@dataclass(frozen=True)
class Line:
    """A command line with places for files."""

    text: str
    codes: tuple[int, ...] = PASSES
    writes: tuple[str, ...] = ()
    """Names of the corpus that it may write into, beside {out}."""
    also: tuple[str, ...] = ()
    """Names that have to be there though the line does not say so."""
    slow: bool = False
    """Seconds and more where its files are right: left out of the short run."""

    @property
    def command(self) -> str:
        words = self.text.split()
        return " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else words[0]

    @property
    def draws(self) -> bool:
        """Whether it draws figures where its files are right."""
        return self.command.startswith(("plot", "report"))

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text)

    @property
    def inputs(self) -> list[str]:
        """The names of what it reads, those below a folder by the folder, each once."""
        names = [name for name in PLACE.findall(self.text) if name != "out"]
        return list(dict.fromkeys([*names, *self.also]))


LINES = [
    *[Line(f"inspect {{{name}}}") for name in (
        "diag.npz", "rolled/rollout.npz", "perturb.npz", "toy.npz", "diagnosed/states.npz", "evaluation.json",
        "ckpt.pt", "step", "upstream", "hub/trm_data", "run", "data", "study", "select/select_perturb.csv",
        "analysis/results_pretrain.json", "step/model.safetensors", "hub/data",
    )],
    *[Line(f"data {kind} --source csv --train {{{kind}_csv/train.csv}} --test {{{kind}_csv/test.csv}} --val-groups 0 "
           f"--workers 1 --out {{out}} {more}") for kind, more in (
        ("sudoku", ""), ("sudoku", "--aug 2"), ("maze", ""), ("maze", "--check"), ("maze", "--aug"),
    )],
    Line("data arc --source {task.json} --aug 2 --out {out}", CONFIG),
    Line("data sudoku --source generate --size 4 --clues 6 --n 12 --test-n 8 --val-groups 4 --workers 1 "
         "--out {dataset}", CONFIG, ("dataset",)),
    Line("train {data} --preset demo-tiny --steps 1 --out {out}", slow=True),
    Line("train {data} --preset {preset.yaml} --dry-run", CONFIG),
    Line("train {data} --preset {preset.yaml} --steps 1 --out {out}", CONFIG, slow=True),
    Line("train {data} --preset demo-tiny --aug {arm.yaml} --dry-run", CONFIG),
    Line("train {data} --preset demo-tiny --steps 1 --init {step} --out {out}", slow=True),
    Line("train --resume {./runs/tiny/pretrain}", CONFIG, also=("./runs/tiny/data",),
         slow=True),
    Line("evaluate {step} --data {data} --n 4 --out {out}.json"),
    Line("evaluate {ckpt.pt} --data {data} --n 4"),
    Line("evaluate {upstream} --data {data} --n 4"),
    Line("evaluate {hub/trm_data} --data {data} --n 4"),
    Line("evaluate {run} --data {data} --n 4 --halt"),
    Line("evaluate {step/model.safetensors} --data {data} --n 4"),
    Line("evaluate {ckpt.pt} --data {hub/data} --n 4"),
    Line("vote {arc_run} --data {arc_data} --submission {out}.json --out {out}.npz"),
    Line("solve {ckpt.pt} --puzzle {sudoku.txt} --segments 2", CONFIG),
    Line("solve {step} --data {data} --idx 0 --segments 2", CONFIG),
    Line("export {ckpt.pt} {out}.pt"),
    Line("export {step} {out} --layout upstream"),
    Line("export {upstream} {out} --layout hub --data {data}"),
    Line("export {run} {out} --layout rrdyn"),
    Line("hub push {step} someone/model --no-card", (1, 3)),
    Line("hub push {step} someone/model --license mit", (1, 3)),
    Line("sweep {sweep.yaml} --list", (*CONFIG, 1)),
    Line("sweep {sweep.yaml} --slurm", (*CONFIG, 1)),
    Line("diagnose {ckpt.pt} --data {data} --n 2 --k 1 --segments 2 --out {out}.npz"),
    Line("diagnose {run} --data {data} --n 2 --k 1 --segments 2 --out {out}.npz"),
    Line("diagnose {run} --data {data} --n 4 --k 1 --segments 4 --out {stopped}/diag.npz", WRITES, ("stopped",)),
    Line("rollout {step} --data {data} --n 2 --segments 2 --out {out}.npz"),
    Line("rollout {run} --data {data} --segments 14 --extend {rolled}/rollout.npz --out {out}.npz", CONFIG),
    Line("perturb {step} --data {data} --n 2 --copies 2 --segments 2 --out {out}.npz"),
    Line("fate {step} --data {data} --n 2 --horizon 8 --multipliers 0 --out {out}.npz"),
    Line("scale {step} --data {data} --n 2 --budget 2 --methods longer restarts --out {out}.npz"),
    Line("measure evaluation {step} --data {data} --set n=2 segments=2 --out {out}.npz", CONFIG),
    Line("merge {piece_0.npz} {piece_1.npz} --out {out}.npz"),
    Line("analyze-2x2 {diag.npz} --no-figures --replicates 100 --out {out}"),
    Line("analyze-2x2 {diag.npz} --compat --no-figures --replicates 100 --out {out}"),
    Line("analyze-2x2 {diag.npz} --fate {fate.npz} --no-figures --replicates 100 --out {out}"),
    Line("evolution {diag.npz} {diag_multi4.npz} --no-figures --replicates 100 --out {out}"),
    Line("survival {rolled/rollout.npz} --no-figures --out {out}", CONFIG),
    Line("select {perturb.npz} --no-figures --replicates 100 --out {out}", CONFIG),
    Line("analyze-scale {scale.npz} --no-figures --replicates 100 --out {out}", CONFIG),
    Line("analyze-scale {scale.npz} --fate {fate.npz} --no-figures --replicates 100 --out {out}", CONFIG),
    Line("compare {diag.npz} {diag_multi4.npz} --no-figures --replicates 100 --out {out}"),
    Line("compare {fate.npz} {fate.npz} --no-figures --replicates 100 --out {out}"),
    Line("export-table {analysis}/results.md --out {out}"),
    Line("aggregate {arms} --out {out}"),
    Line("aggregate {cells} --out {out}"),
    Line("plot dynamics {arms} --out {out}"),
    Line("plot dynamics {train.jsonl} --out {out}"),
    Line("plot dynamics {arms} --schema {logs.yaml} --out {out}", CONFIG),
    Line("plot trajectories {diag.npz} --out {out}"),
    Line("plot trajectories {diag.npz} --points {analysis/points_pretrain.csv} --out {out}"),
    Line("plot spectrum {analysis} --out {out}"),
    Line("plot 2x2 {analysis} --out {out}", slow=True),
    Line("plot 2x2 {analysis}/results_pretrain.json --out {out}"),
    Line("plot fates {fate.npz} --out {out}"),
    Line("plot scaling {scaling} --out {out}"),
    Line("plot compare {comparison} --out {out}"),
    Line("plot evolution {evolution} --out {out}"),
    Line("plot rollout {survival} --out {out}"),
    Line("plot perturbation {cells} --out {out}"),
    Line("plot basin {select} --out {out}"),
    Line("plot selectors {select} --out {out}"),
    Line("plot latent {diagnosed/states.npz} --out {out}"),
    Line("plot toy {toy.npz} --out {out}"),
    Line("plot puzzle {data} --out {out}"),
    Line("plot puzzle {diag.npz} --data {data} --segments 1 2 --out {out}", CONFIG),
    Line("plot puzzle {diag.npz} --data {data} --film gif --out {out}", CONFIG, slow=True),
    Line("report {arms} --out {out}.html", writes=("arms",)),
    Line("report {cells} --out {out}.html", writes=("cells",)),
    Line("report {select} --out {out}.html", writes=("select",)),
    Line("report {diagnosed} --out {out}.html", writes=("diagnosed",), slow=True),
    Line("report {run} --out {out}.html", writes=("run",)),
    Line("report {survival} --out {out}.html", writes=("survival",)),
    Line("report {analysis} --out {out}.html", writes=("analysis",)),
    Line("demo --tiny --out {./runs/tiny}", slow=True),
]  # fmt: skip
"""Lines that read files. `demo` goes on with a study that is there."""

WITHOUT_FILES = {
    "selfcheck": "takes no file and no setting",
    "cite": "takes no file and no setting",
    "schema": "takes no file",
    "toy": "takes settings and a place to write to",
    "watch": "ends when it is told to: tests/cli",
    "hub pull": "reads from a Hub: tests/runtime/test_guard.py",
}
"""Commands that read no file, and why; their arguments, environments and streams are tried as those of all are."""

NOT_ALONE = (
    "step/model.safetensors",
    "upstream",
    "rolled",
    "hub/trm_data",
    "study",
    "./runs/tiny",
    "./runs/tiny/pretrain",
)
"""What means something else under another name, or without what lies beside it."""

BARE = [
    "cite",
    "schema diagnose",
    "toy --T 4 --n 50 --seeds 0 --out {out}.npz",
    "inspect {diag.npz}",
    "evaluate {step} --data {data} --n 4",
]
"""Lines that print: tried with streams and environments of all kinds."""


def forgotten() -> list[str]:
    """Commands that no line covers."""
    return sorted(set(COMMANDS) - {line.command for line in LINES} - set(WITHOUT_FILES))
