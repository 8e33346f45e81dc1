"""The package as others get it: wheel and sdist built and checked, the wheel used outside of the repository.

    python scripts/installed.py                                              # python3.11, 3.12 and 3.13
    python scripts/installed.py --python python3.12 --environments ~/envs    # environments that are kept

In each environment, in a folder of its own: `rrdyn demo --tiny`, `rrdyn report`, and the notebook on the demo's model.
Of the unpacked sdist the tests named below run under the first Python. pip's own settings hold; an index of CPU builds
of torch saves gigabytes. Prints a table for docs/releasing.md; exits 1 when something failed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

from versions import PYTHONS, ROOT, TESTED_WITH, Environment, run

FROM_SDIST = (
    "tests/artifacts",
    "tests/analysis/test_intervals.py",
    "tests/data/sudoku/test_solver.py",
    "tests/dynamics/test_qr.py",
    "tests/cli/test_app.py",
    "tests/test_api.py",
)
"""Tests that need no golden data, which the sdist leaves out."""
NOTEBOOK = ROOT / "docs" / "notebook" / "recursive_reasoning.ipynb"
READ = """
import nbformat, sys
from nbclient import NotebookClient
book = nbformat.read(sys.argv[1], 4)
at = next(i for i, cell in enumerate(book.cells) if "parameters" in cell.metadata.get("tags", ()))
book.cells.insert(at + 1, nbformat.v4.new_code_cell(f"CHECKPOINT = {sys.argv[2]!r}\\nN, SEGMENTS, COPIES = 10, 16, 2"))
NotebookClient(book, timeout=1800, kernel_name="python3").execute()
"""


def built(folder: Path) -> tuple[Path, Path]:
    """Wheel and sdist; SystemExit with what was said where one cannot be built or is not fit for an index."""
    tools = Environment(folder / "tools")
    run([sys.executable, "-m", "venv", str(tools.folder)])
    tools.install("build", "twine")
    said = run([tools.python, "-m", "build", "--outdir", str(folder), str(ROOT)])
    if warned := re.findall(r".*[Ww]arning.*", said.stdout + said.stderr):
        raise SystemExit("\n".join(warned))
    files = (*folder.glob("*.whl"), *folder.glob("*.tar.gz"))
    run([tools.python, "-m", "twine", "check", "--strict", *map(str, files)])
    wheel, sdist = files
    return wheel, sdist


class Used(NamedTuple):
    """What came of an environment: a word for each of its steps."""

    python: str
    torch: str
    steps: dict[str, str]
    failures: list[str]
    seconds: float

    def line(self) -> str:
        return "| " + " | ".join([self.python, self.torch, *self.steps.values(), f"{self.seconds:.0f} s"]) + " |"


def used(environment: Environment, wheel: Path, place: Path) -> Used:
    """The wheel at work in a folder that has no checkout above it."""
    environment.install("--force-reinstall", "--no-deps", str(wheel))
    environment.install(f"{wheel}[report]", "nbclient", "nbformat", "ipykernel")
    python, started = environment.python, time.monotonic()
    lines = {
        "from": [python, "-c", "import rrdyn, sys; assert sys.prefix in rrdyn.__file__, rrdyn.__file__"],
        "demo": [python, "-m", "rrdyn", "demo", "--tiny", "--out", "demo"],
        "report": [python, "-m", "rrdyn", "report", "demo", "--out", "report.html"],
        "notebook": [python, "-c", READ, str(NOTEBOOK), "demo/pretrain"],
    }
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
    steps, failures = {}, []
    for name, line in lines.items():
        done = subprocess.run(line, cwd=place, env=variables, capture_output=True, text=True)
        steps[name] = "done" if done.returncode == 0 else f"exit {done.returncode}"
        if done.returncode:
            failures += [name, *done.stderr.splitlines()[-15:]]
    said = run([python, "-c", "import platform, torch; print(platform.python_version(), torch.__version__)"]).stdout
    version, torch = said.split()
    return Used(version, torch, steps, failures, time.monotonic() - started)


def tried(environment: Environment, sdist: Path, place: Path) -> str:
    """The last line of the tests that run from the unpacked sdist; SystemExit where one fails."""
    with tarfile.open(sdist) as archive:
        archive.extractall(place, filter="data")
    (folder,) = place.iterdir()
    environment.install(*TESTED_WITH, "pytest-xdist")
    paths = os.pathsep.join([str(folder / "src"), str(folder)])
    variables = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    command = [environment.python, "-m", "pytest", "-p", "no:cacheprovider", "--durations=0", *FROM_SDIST]
    return run(command, cwd=folder, env=variables).stdout.strip().splitlines()[-1].strip("= ")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", nargs="+", default=list(PYTHONS), help="interpreters, by name or path")
    parser.add_argument("--environments", type=Path, help="where environments are kept; default: nowhere")
    parser.add_argument("--wheel-only", action="store_true", help="without the tests of the sdist")
    args = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory(prefix="rrdyn-installed-") as scratch:
        wheel, sdist = built(Path(scratch))
        print(f"built and checked: {wheel.name}, {sdist.name}", flush=True)
        print("| Python | torch | from the wheel | demo | report | notebook | time |\n" + "|---" * 7 + "|", flush=True)
        for number, python in enumerate(args.python):
            environment = Environment((args.environments or Path(scratch)) / Path(python).name)
            if not Path(environment.python).exists():
                run([python, "-m", "venv", str(environment.folder)])
            place = Path(scratch) / f"place{number}"
            place.mkdir()
            row = used(environment, wheel, place)
            print(row.line(), flush=True)
            print("\n".join(row.failures), end="\n" if row.failures else "", file=sys.stderr, flush=True)
            failed |= bool(row.failures)
            if number == 0 and not args.wheel_only:
                unpacked = Path(scratch) / "unpacked"
                unpacked.mkdir()
                print(f"from the sdist: {tried(environment, sdist, unpacked)}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
