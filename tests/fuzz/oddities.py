"""Cases with an odd path, argument, environment or stream."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.fuzz import doors, places
from tests.fuzz.case import ANY, FAILS, Case, Impossible, a_line, prepared
from tests.fuzz.corpus import Corpus
from tests.fuzz.doors import Line
from tests.fuzz.worker import STREAMS

from rrdyn.cli.app import COMMANDS, load


def odd_input(rng: Random, corpus: Corpus, root: Path, short: bool) -> Case:
    """An odd place where a file is read."""
    line = a_line(rng, short, lambda line: bool(line.inputs))
    name, kind = rng.choice(line.inputs), rng.choice(list(places.READ))
    make, good = places.READ[kind]
    place = _made(make, root / "in", corpus.path(name))
    if name in line.writes and place.startswith(places.OF_THE_MACHINE):
        raise Impossible(f"{place} is only read")
    made = prepared(line, corpus, root, **{name: place})
    made.label = f"{name}: {kind}"
    if name in line.writes:
        made.mine.append(Path(place.replace("\0", "")))
        made.codes = ANY
    elif not good:
        made.codes = (2, 3) if 2 in line.codes or kind in ("an empty name", "a NUL") else (3,)
        if kind in ("a folder", "an empty name") and line.command in ("report", "plot dynamics"):
            made.codes = (0, *made.codes)  # a folder may hold nothing of interest
        if line.command == "hub push" and (place.startswith(places.OF_THE_MACHINE) or kind == "a folder"):
            made.codes = ANY  # any folder can be sent; that one cannot be read is found out then
        if line.command == "inspect" and kind == "a file":
            made.codes = (0, *made.codes)  # a table of one line is one
        if line.command == "evolution":
            made.codes = (0, *made.codes)  # passes over files that are not there, and says so
    elif name not in doors.NOT_ALONE:
        made.codes = line.codes if 0 not in line.codes else (0,)
    return made


def odd_output(rng: Random, corpus: Corpus, root: Path, short: bool) -> Case:
    """An odd place where something is written."""
    line = a_line(rng, short, lambda line: "{out}" in line.text)
    kind = rng.choice(list(places.WRITTEN))
    make, good = places.WRITTEN[kind]
    suffix = next(word for word in line.words if "{out}" in word).partition("{out}")[2]
    place = _made(make, root / "in", Path(f"result{suffix}"))
    made = prepared(line, corpus, root, out=place.removesuffix(suffix) if suffix and place.endswith(suffix) else place)
    made.label = f"--out: {kind}"
    made.codes = line.codes if good else FAILS
    made.full = root / "in" / places.FULL if kind == "a full disk" else None
    if kind in ("an empty name", "a name that only just fits") or (kind == "a folder of the user's" and not suffix):
        made.codes = ANY
    if not good:
        made.out = None
        made.mine = [root / "work"]
        if kind == "a folder of the user's" and not suffix:
            made.mine.append(Path(place))
    return made


def _made(make: Callable[[Path, Path], str], folder: Path, source: Path) -> str:
    try:
        return make(folder, source)
    except OSError as error:
        raise Impossible(str(error)) from None


NUMBERS = ["-1", "0", "1e30", str(10**23), "9" * 400, "nan", "inf", "-inf", "1e400", "", "x", "0x10", "1_0", "+1",
           "1.5", "١", "1,2", "--", "\udcff", "None", "True", " 1"]  # fmt: skip
WORDS = ["", "x", "\udcff", "a" * 300, "../x", "-", "--", "None", "é", "{}", "%s", "a=b", "=", "a=[", "1"]


def odd_argument(rng: Random, corpus: Corpus, root: Path, short: bool) -> Case:
    """A value, a name or an order of arguments that no command has."""
    command = a_line(rng, True, lambda line: line.command not in ("hub push", "report"))
    made = prepared(command, corpus, root)
    fields = load(command.command).Args.model_fields
    name = rng.choice(list(fields))
    flag = "--" + name.replace("_", "-")
    action = rng.choice(["value", "value", "value", "none", "unknown", "twice", "stray", "missing"])
    made.codes = (0, 2, 3, 4)
    if action == "value":
        numeric = any(kind in str(fields[name].annotation) for kind in ("int", "float"))
        value = rng.choice(NUMBERS if numeric else WORDS)
        made.argv += [flag, value]
        made.label = f"{flag} {value[:30]!r}"
        if name in ("out", "log_file"):
            made.codes = ANY
            made.mine.append(Path(os.path.normpath(root / "work" / value)))
    elif action == "none":
        made.argv.append(flag)
        made.label = f"{flag} alone"
    elif action == "unknown":
        made.argv += [rng.choice(["--nothing", "--n=", "-x", "---", "--" + name[:2]]), "1"]
        made.label, made.codes = f"{made.argv[-2]} 1", (0, 2, 3)
    elif action == "twice":
        made.argv += made.argv[len(command.command.split()) :]
        made.label = "everything twice"
    elif action == "stray":
        made.argv.insert(rng.randrange(1, len(made.argv)), rng.choice(WORDS))
        made.label, made.codes = "a stray word", ANY
    else:
        del made.argv[rng.randrange(len(command.command.split()), len(made.argv))]
        made.label, made.codes = "a word is missing", ANY
    made.mine.append(root / "in")  # a stray word may make an output of an input's folder
    made.out = None
    return made


REFUSED = [
    "RANK=5 WORLD_SIZE=2", "RANK=-1 WORLD_SIZE=2", "RANK=x WORLD_SIZE=2", "RANK=1.5 WORLD_SIZE=2",
    "RANK=0 WORLD_SIZE=x", "RANK=0 WORLD_SIZE=0", "RANK=0 WORLD_SIZE=-3", f"RANK={'9' * 30} WORLD_SIZE=1",
    f"RANK=0 WORLD_SIZE={'9' * 400}", "RANK=1 WORLD_SIZE=2 MASTER_ADDR=256.256.256.256 MASTER_PORT=x",
    "RANK=1 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=99999",
    "RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=-1",
    "SLURM_PROCID=x SLURM_STEP_NUM_TASKS=2 MASTER_ADDR=127.0.0.1",
    "SLURM_PROCID=7 SLURM_STEP_NUM_TASKS=2 MASTER_ADDR=127.0.0.1",
]  # fmt: skip
"""Groups of processes that cannot be."""
EITHER = [
    "RANK= WORLD_SIZE=", "RANK=0 WORLD_SIZE=1", "RANK=0 WORLD_SIZE=1 LOCAL_RANK=x", "SLURM_PROCID=0 SLURM_NTASKS=2",
    "SLURM_PROCID=0 SLURM_NTASKS=x MASTER_ADDR=127.0.0.1", "SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=x",
    "RRDYN_PUZZLES=nothing_here", "RRDYN_PUZZLES=,,",
    "RRDYN_PUZZLES=../x", "RRDYN_PUZZLES=os", "RRDYN_PLUGINS=nothing_here", "RRDYN_PLUGINS=a.b.c,",
    "MPLBACKEND=nothing",
]  # fmt: skip
"""What may be refused or passed over."""
HARMLESS = [
    "COLUMNS=1", "COLUMNS=0", "COLUMNS=-1", "COLUMNS=x", "COLUMNS=", f"COLUMNS={'9' * 30}", "NO_COLOR= TERM=",
    "LANG=C LC_ALL=C PYTHONCOERCECLOCALE=0 PYTHONUTF8=0", "PYTHONIOENCODING=ascii PYTHONUTF8=0",
    "LC_ALL=xx_XX.none LANG=xx", "RRDYN_DEBUG=0", "RRDYN_QUIET=1", "RRDYN_WITHIN_STUDY=1",
    "RRDYN_HUB_SECONDS=x RRDYN_HUB_BYTES=-1", "HOME=/nonexistent MPLCONFIGDIR=", "HOME= XDG_CACHE_HOME=\udcff",
    "TMPDIR=/nonexistent", "MPLCONFIGDIR=/dev/null/x", "OMP_NUM_THREADS=0", "OMP_NUM_THREADS=x",
    "CUDA_VISIBLE_DEVICES=99", "NUMBA_CACHE_DIR=/nonexistent", "CI=true", "FORCE_COLOR=1",
    "HF_HOME=/dev/null HF_ENDPOINT=nothing HF_TOKEN=\udcff",
]  # fmt: skip
"""What is no matter for commands that read and print."""


def odd_environment(rng: Random, corpus: Corpus, root: Path, short: bool) -> Case:
    """A variable that a machine, a scheduler or a user has set, or a program that is not what it should be."""
    if not short and rng.random() < 0.1:
        return _ruined_program(rng, corpus, root)
    among, codes = rng.choice([(REFUSED, (1, 2)), (EITHER, (0, 1, 2)), (HARMLESS, (0,)), (HARMLESS, (0,))])
    given = rng.choice(among)
    env = dict(word.split("=", 1) for word in given.split(" "))
    many = "RANK" in env or "SLURM_PROCID" in env
    text = rng.choice(GROUPED if many else [*doors.BARE, *[f"{name} --help" for name in COMMANDS]])
    made = prepared(Line(text), corpus, root)
    made.env |= env
    if "HOME" in env:
        made.mine.append(Path(env["HOME"] or "/nonexistent"))
    made.label, made.fresh = ascii(given[:100])[1:-1], True
    made.codes = (0, *codes) if text == "cite" or text.endswith("--help") else codes
    return made


def _ruined_program(rng: Random, corpus: Corpus, root: Path) -> Case:
    """An ffmpeg that fails, or that leaves nothing behind."""
    code = rng.choice([0, 1, 127])
    made = prepared(Line("plot puzzle {diag.npz} --data {data} --segments 1 2 --film mp4 --out {out}"), corpus, root)
    program = root / "in" / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat > /dev/null\nexit {code}\n")
    program.chmod(0o755)
    made.env["PATH"] = f"{program.parent}:{made.env['PATH']}"
    made.label, made.fresh, made.codes = f"ffmpeg exits with {code}", True, (1,)
    return made


GROUPED = [
    "diagnose {step} --data {data} --n 2 --k 1 --segments 2 --out {out}.npz",
    "rollout {step} --data {data} --n 2 --segments 2 --out {out}.npz",
    "perturb {step} --data {data} --n 2 --copies 2 --segments 2 --out {out}.npz",
    "evaluate {step} --data {data} --n 4 --out {out}.json",
    "train {data} --preset demo-tiny --steps 1 --out {out}",
]
"""Lines that a scheduler starts several times."""


def odd_streams(rng: Random, corpus: Corpus, root: Path, short: bool) -> Case:
    """A stdin, stdout or stderr that is none."""
    kind = rng.choice(list(STREAMS))
    text = rng.choice([*doors.BARE, "cite --json", "inspect {run} --json", "--help", "--version", "plot", "nothing",
                       "inspect {diag.npz} --json", "train --help",
                       "analyze-2x2 {diag.npz} --no-figures --out {out}",
                       *([] if short else ["train {data} --preset demo-tiny --steps 1 --out {out}"])])  # fmt: skip
    made = prepared(Line(text), corpus, root)
    made.streams, made.fresh, made.label = kind, True, kind
    made.codes = (0, 1, 2) if text in ("plot", "nothing") else (0, 1)
    return made
