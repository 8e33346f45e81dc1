"""The `rrdyn` program: finds the command, turns errors into one message and an exit code.

Nothing heavy is imported here: a command's module is loaded when that command is run.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module

from rrdyn.artifacts.errors import Interrupted, RrdynError, UsageError, unexpected
from rrdyn.runtime import interrupts, output
from rrdyn.version import __version__

TYPE_CHECKING = False  # `typing` alone would be a good part of what --help loads
if TYPE_CHECKING:
    from types import ModuleType

    from rrdyn.cli.command import Command

GROUPS: dict[str, dict[str, str]] = {
    "start here": {
        "demo": "a whole study from nothing: data, training, fates, 2x2, figures",
        "selfcheck": "the estimators against systems with known exponents",
        "inspect": "what a file is: shapes, config, where it came from",
        "schema": "the JSON Schema of what a command prints with --json",
        "cite": "what to cite",
    },
    "data and models": {
        "data sudoku": "make a Sudoku dataset: published, generated or your CSV",
        "data maze": "make a maze dataset: published, generated or your CSV",
        "data arc": "make an ARC dataset from task JSON, or generated transformations",
        "train": "train TRM, HRM or SRM, with or without trajectory augmentation",
        "evaluate": "accuracy per segment, at the fixed budget and with real halting",
        "vote": "copies of each ARC task vote on its answer: pass@1, pass@2, pass@k",
        "solve": "one puzzle typed in, its answer segment by segment",
        "export": "a checkpoint as one .pt, in upstream's layout or the Hub's",
        "hub pull": "fetch a checkpoint or an artifact from the Hugging Face Hub",
        "hub push": "send a checkpoint or an artifact to the Hugging Face Hub",
        "sweep": "arms x seeds x settings from one YAML file",
    },
    "dynamics": {
        "diagnose": "drift, Lyapunov exponents, halting and correctness of each puzzle",
        "fate": "what becomes of each puzzle: settled, cycling, wandering or out of time",
        "rollout": "the recurrence far past its budget",
        "perturb": "restarts from perturbed initial states, with calibrated noise",
        "scale": "inference compute on one axis: depth, breadth, noise, particles, views",
        "measure": "any registered measurement, a plug-in's too",
        "merge": "files of disjoint puzzles as one",
        "toy": "the transient-chaos toy model",
    },
    "analysis": {
        "analyze-2x2": "settled x correct, with exponents, intervals and controls",
        "evolution": "cells, exponents and accuracy over checkpoints",
        "survival": "escape from failure over segments",
        "compare": "two measurements of the same puzzles, puzzle by puzzle",
        "select": "which restart to trust: selectors at equal compute",
        "export-table": "an analysis' tables as LaTeX, html or text",
        "analyze-scale": "what inference compute buys, method by method, at equal compute",
        "aggregate": "one row per task, model, arm: mean and spread over seeds",
    },
    "figures": {
        "plot dynamics": "training curves, one column per arm",
        "plot trajectories": "drift and running exponent of each puzzle, by cell",
        "plot spectrum": "the exponent spectrum per cell",
        "plot 2x2": "the four figures of the 2x2 analysis",
        "plot evolution": "cells and exponents over checkpoints",
        "plot rollout": "accuracy against compute, and survival",
        "plot perturbation": "KL and mass on the right answer after a perturbed start",
        "plot basin": "does a restart free a failed puzzle?",
        "plot selectors": "selectors, risk and coverage",
        "plot scaling": "accuracy against compute by method, depth x breadth, readers, freed fates",
        "plot fates": "fates over segments, their flow, multipliers, return distances",
        "plot compare": "what differs between two measurements of the same puzzles",
        "plot latent": "one trajectory in its principal plane",
        "plot toy": "the toy model's exponents and success",
        "plot puzzle": "puzzles of a dataset, or an answer over segments",
        "watch": "a run's curves in the terminal while it trains",
        "report": "a run folder as one self-contained HTML page",
    },
}
COMMANDS = {name: summary for group in GROUPS.values() for name, summary in group.items()}
OPEN = {"data": "rrdyn.cli.data_kind", "plot": "rrdyn.cli.plot"}
"""Groups with members that plug-ins add: the module whose `commands()` names them, and whose `command(NAME)` is one."""
COMPLETION = "--tyro-print-completion"
JSON = "--json"


def program() -> int:
    """The installed program: `main`, and after it a further Ctrl-C ends the process at once and in silence."""
    try:
        code = main()
    except KeyboardInterrupt:  # heard between the lines that begin and end to listen
        output.tell("rrdyn: interrupted")
        code = Interrupted.exit_code
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    return code


def main(argv: list[str] | None = None) -> int:
    """Run one command line; returns the exit code. Called with `argv`, it is that command as far as provenance goes.

    Whatever happens is one message and a documented exit code; `RRDYN_DEBUG=1` shows the traceback too.
    """
    argv = sys.argv[1:] if argv is None else argv
    if not os.environ.get(output.DEBUG):  # torch's own log of a lost connection is pages of addresses
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")
    before, sys.argv = sys.argv, [sys.argv[0], *argv]
    try:
        with output.standing(), interrupts.listening() as heard:
            try:
                return _dispatch(argv)
            except BaseException as error:
                return _told(error, argv, interrupted=heard.asked is not None)
    finally:
        sys.argv = before


def _told(error: BaseException, argv: list[str], *, interrupted: bool) -> int:
    """Say what ended a command; returns its exit code. Under an interrupt any error is a consequence of it."""
    if isinstance(error, SystemExit | GeneratorExit):
        raise error
    output.tell_trace(error)
    if isinstance(error, RrdynError):
        told = error
    elif interrupted or isinstance(error, KeyboardInterrupt):
        told = Interrupted("interrupted")
    else:
        told = unexpected(error)
    output.tell(f"rrdyn: {told}")
    if JSON in argv and not isinstance(error, output.Unanswered):
        _answer_failure(argv, told)
    return told.exit_code


def _answer_failure(argv: list[str], error: RrdynError) -> None:
    """The same as an object on stdout, as far as that takes it."""
    from contextlib import suppress

    from rrdyn.cli.command import put_json
    from rrdyn.cli.results import failure

    name = None
    with suppress(RrdynError):
        name = find_command(argv)[0]
    with suppress(RrdynError):
        put_json(failure(name, error).model_dump())


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        output.put(overview())
        return 0 if argv else 2
    if argv[0] in ("-V", "--version"):
        output.put(f"rrdyn {__version__}")
        return 0
    if argv[0] == COMPLETION:
        from rrdyn.cli.completion import print_completion

        names = [*COMMANDS, *(f"{group} {name}" for group in OPEN for name in added(group))]
        return print_completion({name: load(name).Args for name in dict.fromkeys(names)}, argv)
    name, rest = find_command(argv)
    if " " not in name and name not in COMMANDS:  # a group such as `rrdyn plot`, alone or with --help
        output.put(overview(only=name))
        return 0 if rest else 2
    from rrdyn.cli.command import run_command

    return run_command(name, load(name), rest)


def find_command(argv: list[str]) -> tuple[str, list[str]]:
    """Split a command line into a command's name and its arguments."""
    if argv[0] in COMMANDS:
        return argv[0], argv[1:]
    members = [name.split()[1] for name in COMMANDS if name.startswith(argv[0] + " ")]
    if not members:
        raise _unknown(argv[0], list({name.split()[0]: None for name in COMMANDS}), "rrdyn")
    if len(argv) == 1 or argv[1] in ("-h", "--help"):
        return argv[0], argv[1:]
    if argv[1] not in members:
        members += [name for name in added(argv[0]) if name not in members]
    if argv[1] not in members:
        raise _unknown(argv[1], members, f"rrdyn {argv[0]}")
    return f"{argv[0]} {argv[1]}", argv[2:]


def added(group: str) -> dict[str, str]:
    """Members of a group that plug-ins may add to, each with its summary; {} for a closed group."""
    return import_module(OPEN[group]).commands() if group in OPEN else {}


def _unknown(word: str, known: list[str], program: str) -> UsageError:
    import difflib

    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return UsageError(
        f"{program} has no command {word!r}",
        expected=f"did you mean {near[0]!r}?" if near else "one of " + ", ".join(known),
        run=f"{program} {near[0]} --help" if near else f"{program} --help",
    )


def load(name: str) -> ModuleType | Command:
    """A command's arguments and what it does with them: its module, or a member of a group that is made by name."""
    group, _, member = name.partition(" ")
    if group == "plot" or name not in COMMANDS:
        made: Command = import_module(OPEN[group]).command(member)
        return made
    return import_module("rrdyn.cli." + name.replace(" ", "_").replace("-", "_"))


def overview(only: str | None = None) -> str:
    """The commands by group; `only` keeps those that begin with one word."""
    lines = ["usage: rrdyn COMMAND [ARGUMENTS]        rrdyn COMMAND --help        rrdyn --version", ""]
    for group, commands in GROUPS.items():
        rows = [f"  {name:<20}{summary}" for name, summary in commands.items() if only in (None, name.split()[0])]
        if rows:
            lines += [f"{group}:", *rows, ""]
    if only is not None and (more := {f"{only} {name}": summary for name, summary in added(only).items()}):
        rows = [f"  {name:<20}{summary}" for name, summary in more.items() if name not in COMMANDS]
        lines += ["further kinds:", *rows, ""] if rows else []
    lines.append("Nothing at hand? `rrdyn demo` makes a whole study in minutes on a laptop.")
    return "\n".join(lines)
