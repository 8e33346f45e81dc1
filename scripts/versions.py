"""The suite under other versions: each Python with the lowest versions that pyproject.toml allows, and the newest.

    python scripts/versions.py                                  # python3.11, 3.12 and 3.13, lowest and newest
    python scripts/versions.py --python python3.12 --set lowest --torch 2.11.0

Every combination gets an environment of its own, one after another, deleted at its end. Wheels only: a floor must be
installable without a compiler. pip's own settings hold; an index of CPU builds of torch saves gigabytes. Prints a table
for docs/development.md, and the last lines of what failed; exits 1 when something did.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PYTHONS = ("python3.11", "python3.12", "python3.13")
# What the tests below import beside the package's own dependencies.
TESTED_WITH = ("pytest", "hypothesis", "jaxtyping", "beartype", "scikit-learn", "lifelines", "threadpoolctl")
TESTS = (
    "tests/artifacts",
    "tests/models",
    "tests/dynamics",
    "tests/measurement",
    "tests/data",
    "tests/training/test_golden_training.py",
    "tests/training/test_optim.py",
    "tests/training/test_rollouts.py",
    "tests/analysis/test_two_by_two.py",
    "tests/analysis/test_intervals.py",
    "tests/analysis/test_ranks.py",
    "tests/cli/test_analysis_commands.py",
    "tests/plotting/test_two_by_two.py",
)
SHOWN = ("torch", "numpy", "scipy", "polars", "pydantic", "numba", "matplotlib", "huggingface_hub")


def requirements() -> list[str]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]["dependencies"]


def floors(wanted: list[str]) -> list[str]:
    """`name==X` of every `name>=X`."""
    return [line.replace(">=", "==") for line in wanted]


class Environment(NamedTuple):
    """An environment in a folder of its own."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    def install(self, *arguments: str) -> None:
        run([self.python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", *arguments])

    def versions(self) -> dict[str, str]:
        listed = run([self.python, "-m", "pip", "list", "--format", "json"]).stdout
        return {package["name"].replace("-", "_").lower(): package["version"] for package in json.loads(listed)}


def run(command: list[str], **more: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done


def made(python: str, lowest: bool, torch: str | None, folder: Path) -> Environment:
    run([python, "-m", "venv", str(folder)])
    environment = Environment(folder)
    environment.install("--upgrade", "pip")  # one that came with an old Python may search for minutes
    wanted = requirements()
    if torch:  # this build of it, whatever the set says
        wanted = [f"torch=={torch}" if line.startswith("torch>") else line for line in wanted]
    environment.install(*(floors(wanted) if lowest else ["--upgrade", *wanted]), *TESTED_WITH)
    return environment


class Row(NamedTuple):
    python: str
    versions: dict[str, str]
    tests: str
    demo: str
    failures: list[str]
    seconds: float

    def line(self, name: str) -> str:
        shown = [self.versions[package] for package in SHOWN]
        return "| " + " | ".join([self.python, name, *shown, self.tests, self.demo, f"{self.seconds:.0f} s"]) + " |"


def tried(environment: Environment, scratch: Path) -> Row:
    """The chosen tests and the demo at its smallest, of this checkout."""
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    variables = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    started = time.monotonic()
    pytest = [environment.python, "-m", "pytest", "-p", "no:cacheprovider", "--durations=0", "-o", "addopts="]
    marks = ["--import-mode=importlib", "-m", "not slow"]
    tests = subprocess.run([*pytest, *marks, *TESTS], cwd=ROOT, env=variables, capture_output=True, text=True)
    demo = subprocess.run(
        [environment.python, "-m", "rrdyn", "demo", "--tiny", "--out", str(scratch / "demo")],
        cwd=scratch, env=variables, capture_output=True, text=True,
    )  # fmt: skip
    verdict = re.findall(r"^=* ?(\d+ (?:passed|failed|error).*?) in ", tests.stdout, flags=re.MULTILINE)
    failures = re.findall(r"^(?:FAILED|ERROR) .*$", tests.stdout, flags=re.MULTILINE)
    if not verdict:
        failures += tests.stdout.splitlines()[-20:] + tests.stderr.splitlines()[-20:]
    if demo.returncode:
        failures += demo.stderr.splitlines()[-5:]
    version = run([environment.python, "-c", "import platform; print(platform.python_version())"]).stdout.strip()
    return Row(
        version,
        environment.versions(),
        verdict[-1] if verdict else "did not run",
        "done" if demo.returncode == 0 else f"exit {demo.returncode}",
        failures,
        time.monotonic() - started,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", nargs="+", default=list(PYTHONS), help="interpreters, by name or path")
    parser.add_argument("--set", nargs="+", default=["lowest", "newest"], choices=["lowest", "newest"])
    parser.add_argument("--torch", help="this version of torch in every environment")
    args = parser.parse_args()
    print("| Python | set | " + " | ".join(SHOWN) + " | tests | demo | time |")
    print("|---" * (len(SHOWN) + 5) + "|", flush=True)
    failed = False
    for python in args.python:
        for name in args.set:
            scratch = Path(tempfile.mkdtemp(prefix="rrdyn-versions-"))
            try:
                row = tried(made(python, name == "lowest", args.torch, scratch / "environment"), scratch)
            except SystemExit as error:  # pip's word: a set that cannot be installed is a finding like any other
                print(f"| {python} | {name} | not installed |\n{error}", flush=True)
                failed = True
                continue
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
            print(row.line(name), flush=True)
            print("\n".join(row.failures), end="\n" if row.failures else "", file=sys.stderr, flush=True)
            failed |= bool(row.failures)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
