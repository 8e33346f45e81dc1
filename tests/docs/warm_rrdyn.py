"""`rrdyn` for a page with dozens of command lines: one process has imported everything, and forks for each line.

Every line still runs in a process of its own, with its own folder, environment and streams; only the seconds that
Python takes to import torch are spent once.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

CLIENT = """#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(line, [len(asked).to_bytes(8, "big")], [0, 1, 2])
    line.sendall(asked)
    sys.exit(int(line.recv(4) or b"1"))
"""


@contextmanager
def warm_rrdyn(folder: Path) -> Iterator[Path]:
    """A folder for PATH with a `rrdyn` in it that works as long as the context lasts."""
    address, program = str(folder / "socket"), folder / "rrdyn"
    program.write_text(CLIENT.format(python=sys.executable, address=address))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen()
        # a process of its own: libraries that have begun to work in threads do not live through a fork
        server = subprocess.Popen([sys.executable, __file__, str(door.fileno())], pass_fds=[door.fileno()])
        try:
            yield folder
        finally:
            server.terminate()
            server.wait()


def serve(door: socket.socket) -> None:
    for slow_to_import in ("rrdyn.cli.app", "rrdyn.measurement.campaign", "rrdyn.plotting"):
        import_module(slow_to_import)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    while True:
        line, _ = door.accept()
        if os.fork() == 0:
            answer(line)
        line.close()


def answer(line: socket.socket) -> None:
    """Carry out the command line that was asked for, in its folder, environment and streams; send its exit code."""
    code = 1
    try:
        head, fds, _, _ = socket.recv_fds(line, 8, 3)
        argv, folder, environment = json.loads(line.makefile("rb").read(int.from_bytes(head, "big")))
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        for number, (name, fd) in enumerate(zip(("stdin", "stdout", "stderr"), fds)):
            os.dup2(fd, number)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))
        from rrdyn.cli.app import main

        code = main(argv)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        line.sendall(str(code).encode())
        os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
