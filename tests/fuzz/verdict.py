"""What is wrong with how a case ended, and where in the code it comes from."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.case import Case
from tests.fuzz.worker import SECONDS, Ended

TRACEBACK = ("Traceback (most recent call last)", "Exception ignored", "Fatal Python error", '\n  File "')
FRAME = re.compile(r'File "[^"]*?src/rrdyn/([^"]+)", line (\d+)')
DOCUMENTED = (0, 1, 2, 3, 4, 130)
UNHEARD = ("stderr closed", "all closed", "stderr full", "both full", "both broken pipes")
"""Streams on which no message can be read."""

NESTED = ("plot", "sweep")
"""Commands that tell of what they run, each with a message of its own."""

Tree = dict[str, str]


@dataclass(frozen=True)
class Fault:
    """One thing that a case did and should not have done."""

    kind: str
    detail: str
    root: str
    """The innermost place in the package, or the command where there is none."""


def tree(root: Path) -> Tree:
    """Every file, folder, link and node below a folder, by what it is and holds."""
    found: Tree = {}
    pending = [root]
    while pending:
        folder = pending.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            mode = folder.lstat().st_mode
            os.chmod(folder, 0o700)
            entries = list(os.scandir(folder))
            os.chmod(folder, stat.S_IMODE(mode))
        for entry in entries:
            found[entry.path] = _what(entry)
            if entry.is_dir(follow_symlinks=False):
                pending.append(Path(entry.path))
    return found


def _what(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return f"-> {os.readlink(entry.path)}"
    mode = entry.stat(follow_symlinks=False).st_mode
    if not stat.S_ISREG(mode):
        return stat.filemode(mode)[0]
    try:
        return hashlib.sha1(Path(entry.path).read_bytes()).hexdigest()
    except PermissionError:  # where we are not root
        return "closed"


def faults(case: Case, ended: Ended, before: Tree, after: Tree) -> list[Fault]:
    """Everything that is wrong."""
    said = ended.err + (ended.out if case.streams == "files" else "")
    frames = FRAME.findall(ended.err)
    place = f"{frames[-1][0]}:{frames[-1][1]}" if frames else f"({case.line.command})"
    found = []
    if ended.hung:
        place = ":".join(FRAME.findall(ended.err)[0]) if frames else place  # faulthandler begins with the innermost
        found.append(Fault("hang", f"after {ended.seconds:.1f} s of work: over {SECONDS:g}, or asleep for good", place))
    elif ended.code < 0:
        found.append(Fault("crash", f"signal {-ended.code}", place))
    elif any(sign in ended.err for sign in TRACEBACK):
        found.append(Fault("traceback", _last_line(ended.err), place))
    elif ended.code not in DOCUMENTED:
        found.append(Fault("exit code", f"{ended.code} is none of ours", place))
    elif ended.code not in case.codes and ended.code != 130:
        found.append(Fault("exit code", f"{ended.code}, expected one of {case.codes}: {_message(said)}", place))
    elif (
        ended.code
        and case.streams not in UNHEARD
        and (told := messages(ended.err)) != 1
        and case.line.command not in NESTED
    ):
        found.append(Fault("message", f"{told} messages: {_message(ended.err)}", place))
    lost = [name for name in before if name not in after and not _may_write(case, name)]
    changed = [name for name in before if name in after and before[name] != after[name] and not _may_write(case, name)]
    made = [name for name in after if name not in before and not _may_write(case, name)]
    for kind, names in (("lost", lost), ("changed", changed), ("written outside", made)):
        if names:
            found.append(Fault(kind, f"{_relative(case, names[0])}, {len(names)} in all", place))
    if ended.code == 0 and case.out is not None and not os.path.lexists(case.out) and not ended.hung:
        found.append(Fault("nothing written", f"exit code 0 without {_relative(case, str(case.out))}", place))
    return found


def _may_write(case: Case, name: str) -> bool:
    path = Path(name)
    if path.name == "mine.txt":  # a user's own file, wherever it lies
        return False
    if path in (case.root / "stdout", case.root / "stderr", case.root / "mpl", case.root / "numba"):
        return True
    if path.parent == case.root / "tmp" and path.name.startswith("torchinductor"):  # an empty folder of torch's
        return True
    allowed = [
        *case.mine,
        case.root / "mpl",
        case.root / "numba",
        case.root / "home" / ".cache",
        case.root / "home" / ".config",
    ]
    return any(path == place or place in path.parents for place in allowed) or _beside(case, path)


def _beside(case: Case, path: Path) -> bool:
    """A file that belongs to an output: OUT.parts, states beside a diagnosis, the folder that an output needs."""
    for place in case.mine:
        if path.parent == place.parent and place.stem and place.stem in path.name:
            return True
        if path in place.parents and path != case.root:
            return True
    return False


def messages(text: str) -> int:
    """Errors that were told; a line within one may name the program too."""
    return sum(line.startswith("rrdyn: ") for line in text.splitlines())


def _relative(case: Case, name: str) -> str:
    return os.path.relpath(name, case.root)


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line and not line.startswith(" ")]
    return (lines[-1] if lines else "")[:160]


def _message(text: str) -> str:
    return " | ".join(text.strip().splitlines()[-3:])[:200]
