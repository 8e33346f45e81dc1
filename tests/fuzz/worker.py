"""Running one case: in a fork of a process that has everything loaded, or in a process of its own; watched."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import io
import os
import resource
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import torch
from tests.fuzz import disks
from tests.fuzz.case import Case

import rrdyn.cli
import rrdyn.plotting

SECONDS = 30.0
"""What a case may take, in seconds of work: on a busy machine the clock says nothing of the code."""
IDLE = 6.0
"""Asleep for so long without any work, a case hangs already: what it waits for never comes."""
PATIENCE = 600.0
"""What it may take by the clock, however busy the machine is."""
MEMORY = 2_500_000_000
"""Bytes that a case may take beyond what is loaded."""
LOADED = 4_000_000_000
"""Bytes of addresses, not of memory, that the libraries of a process of its own may take."""
TICKS = os.sysconf("SC_CLK_TCK")
DISK = 200_000_000
"""Bytes that a file of a case may have."""
STREAMS = ("stdout closed", "stderr closed", "all closed", "stdout full", "stderr full", "both full",
           "stdout a broken pipe", "both broken pipes", "stdin closed")  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How a case ended."""

    code: int
    """The exit code, or minus the signal."""
    seconds: float
    """Of work."""
    hung: bool
    out: str
    err: str


def load(modules: list[str]) -> None:
    """Load what commands load when they run, so that a fork has it; nothing is computed here: a fork in the midst of
    another library's threads would hang."""
    for name in modules:
        if not name.startswith("__"):
            with contextlib.suppress(Exception, SystemExit):  # some are made, not found
                import_module(name)
    for room in (rrdyn.cli, rrdyn.plotting):
        for module in iter_modules(room.__path__):
            import_module(f"{room.__name__}.{module.name}")
    torch.set_num_threads(1)


def run(case: Case) -> Ended:
    """Run a case to its end, or to its time."""
    files = {name: case.root / name for name in ("stdout", "stderr")}
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        try:
            _become(case, files)
        finally:
            os._exit(99)
    code, hung = _watch(pid, began)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = spent.ru_utime + spent.ru_stime - before.ru_utime - before.ru_stime
    return Ended(code, seconds, hung, *(_text(files[name]) for name in ("stdout", "stderr")))


def _text(path: Path) -> str:
    return path.read_bytes()[:200_000].decode("utf-8", "replace") if path.exists() else ""


def _become(case: Case, files: dict[str, Path]) -> None:
    """In the child: the place, limits, streams and environment of a case, then its command."""
    os.setsid()
    os.chdir(case.cwd)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (DISK, DISK))
    _streams(case, files)
    if case.full is not None:
        disks.fill(case.full)
    _no_superuser()
    if case.fresh:
        resource.setrlimit(resource.RLIMIT_AS, (LOADED + MEMORY, LOADED + MEMORY))
        command = [sys.executable, "-c", FRESH, *case.argv]
        os.execve(sys.executable, [word.encode("utf-8", "surrogateescape") for word in command], case.env)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    for name in [*os.environ]:
        del os.environ[name]
    os.environ.update(case.env)
    sys.argv = ["rrdyn"]
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))  # type: ignore[arg-type]
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)))
    sys.stderr = io.TextIOWrapper(io.BufferedWriter(io.FileIO(2, "w", closefd=False)), "utf-8", "backslashreplace",
                                  line_buffering=True)  # fmt: skip
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    faulthandler.register(signal.SIGUSR1, all_threads=False)
    os._exit(_main(case.argv))


FRESH = """
import sys
sys.argv[0] = "rrdyn"
from rrdyn.cli.app import main
sys.exit(main())
"""
"""What the `rrdyn` script does."""


def _main(argv: list[str]) -> int:
    """The exit code as the interpreter gives it."""
    from rrdyn.cli.app import main

    try:
        code = main(argv)
    except SystemExit as end:
        code = 0 if end.code is None else end.code
        if not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    return code & 0xFF


def _streams(case: Case, files: dict[str, Path]) -> None:
    """The three streams: files unless the case says otherwise."""
    handles = [os.open("/dev/null", os.O_RDONLY)]
    handles += [os.open(files[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for name in ("stdout", "stderr")]
    for number, handle in enumerate(handles):
        os.dup2(handle, number)
    kind = case.streams
    full = os.open("/dev/full", os.O_WRONLY)
    reader, broken = os.pipe()
    os.close(reader)
    for number, name in ((1, "stdout"), (2, "stderr")):
        if kind in (f"{name} full", "both full"):
            os.dup2(full, number)
        if kind in (f"{name} a broken pipe", "both broken pipes"):
            os.dup2(broken, number)
    for handle in (*handles, full, broken):
        if handle > 2:
            os.close(handle)
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        if kind in (f"{name} closed", "all closed"):
            os.close(number)


def _no_superuser() -> None:
    """Let permissions hold for root as for everybody: without the two capabilities that pass over them."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    if libc.capget(header, data):
        return
    passes = ~((1 << 1) | (1 << 2))  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    for word in range(3):
        data[word] &= passes
    libc.prctl(24, 1, 0, 0, 0)  # PR_CAPBSET_DROP, so that a program that is started does not get them back
    libc.prctl(24, 2, 0, 0, 0)
    libc.capset(header, data)


def _watch(pid: int, began: float) -> tuple[int, bool]:
    """Wait for a child; kill it and all it started when its time is over."""
    idle_since, work = began, -1
    hung = False
    pause = 0.002
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        time.sleep(pause)
        pause = min(0.2, pause * 1.3)
        if pause < 0.1:
            continue
        now = time.monotonic()
        asleep, spent = _state(pid)
        if spent != work or not asleep:
            idle_since, work = now, spent
        if work > SECONDS * TICKS or now - began > PATIENCE or now - idle_since > IDLE:
            hung = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGUSR1)  # where it stands
                time.sleep(0.3)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if hung:
        _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), hung


def _state(leader: int) -> tuple[bool, int]:
    """Whether all processes of a session sleep, and the ticks that they have worked."""
    asleep, ticks = True, 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader:
                asleep = asleep and fields[0] in "SDZ"
                ticks += int(fields[11]) + int(fields[12])
    return asleep, ticks
