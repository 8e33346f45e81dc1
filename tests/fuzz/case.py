"""One case: a command line on copies of sound files, in a folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fuzz.corpus import Corpus, environment
from tests.fuzz.doors import LINES, PLACE, Line

FOLDERS = ("in", "work", "home", "tmp")
ANY = (0, 1, 2, 3, 4)
FAILS = (1, 2, 3)


class Impossible(Exception):
    """This case cannot be made on this machine."""


@dataclass(kw_only=True)
class Case:
    """One command line, ready to run."""

    label: str
    """What is odd about it."""
    line: Line
    argv: list[str]
    root: Path
    codes: tuple[int, ...]
    env: dict[str, str]
    streams: str = "files"
    """What stdin, stdout and stderr are: files, or one of `worker.STREAMS`."""
    fresh: bool = False
    """Whether it needs a process of its own from the start."""
    full: Path | None = None
    """A folder on a disk without room."""
    out: Path | None = None
    """What has to be there after exit code 0."""
    mine: list[Path] = field(default_factory=list)
    """What it may write: these files, and all below them."""

    @property
    def cwd(self) -> Path:
        return self.root / "work"


def a_line(rng: Random, short: bool, fits: Callable[[Line], bool]) -> Line:
    """One of the lines that fit; those that take long come less often, in a short run the longest never."""
    fitting = [line for line in LINES if fits(line)]
    weights = [
        (0.0 if short else 0.25) if line.slow else (0.2 if short else 0.6) if line.draws else 1.0 for line in fitting
    ]
    if not any(weights):
        raise Impossible("no line fits")
    return rng.choices(fitting, weights=weights)[0]


def prepared(line: Line, corpus: Corpus, root: Path, **given: str) -> Case:
    """A line on sound copies of its files; `given` words stand in the place of some names."""
    words: dict[str, str] = {"out": str(root / "out"), **given}
    for name in line.inputs:
        if name not in words:
            copy = _copied(corpus, root, name)
            words[name] = name.removeprefix("./") if name.startswith("./") else str(copy)
    argv = [PLACE.sub(lambda match: words[match[1]], word) for word in line.words]
    out = next((PLACE.sub(lambda match: words[match[1]], word) for word in line.words if "{out}" in word), None)
    mine = [
        root / "work",
        *([Path(out)] if out and "\0" not in out else []),
        *(root / place_of(name) for name in line.writes),
    ]
    if out and "\0" not in out and Path(out).suffix:  # files beside it, such as its states and its figures
        mine += [Path(out).with_suffix("")]
    return Case(
        label="sound", line=line, argv=argv, root=root, codes=line.codes, env=environment(root), mine=mine,
        out=Path(out) if out and "\0" not in out else None,
    )  # fmt: skip


def place_of(name: str) -> str:
    """Where a name of the corpus lies in the folder of a case."""
    return f"work/{name[2:]}" if name.startswith("./") else f"in/{name}"


def _copied(corpus: Corpus, root: Path, name: str) -> Path:
    source, copy = corpus.path(name), root / place_of(name)
    copy.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        if not copy.exists():
            shutil.copytree(source, copy, symlinks=True)
    elif not copy.exists():
        shutil.copyfile(source, copy)
    return copy
