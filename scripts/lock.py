"""uv.lock: the versions of constraints.txt, with the digest of every file of theirs, for every system.

    python scripts/lock.py                 # needs uv (`pip install uv`); writes uv.lock

uv knows constraints only as lines of pyproject.toml. They stand there while it locks, in a copy; locking again without
them keeps what was chosen. Files of an index other than pypi.org are refused.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("pyproject.toml", "README.md", "LICENSE", "src/rrdyn/version.py", "uv.lock")
ADDRESS = re.compile(r'"https?://([^/"]+)')
LOCK = ["uv", "lock", "--no-config", "--default-index", "https://pypi.org/simple"]
KNOWN = {"pypi.org", "files.pythonhosted.org"}


def locked(folder: Path) -> str:
    """The text of a lock for the project in `folder`, of the versions in constraints.txt."""
    for name in COPIED:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    project = folder / "pyproject.toml"
    plain = project.read_text(encoding="utf-8")
    pins = re.findall(r"^[\w.-]+==\S+", (ROOT / "constraints.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    for text in (f"{plain}\n[tool.uv]\nconstraint-dependencies = {pins}\n", plain):
        project.write_text(text, encoding="utf-8")
        subprocess.run(
            ["uv", "lock", "--no-config", "--default-index", "https://pypi.org/simple"], cwd=folder, check=True
        )
    return (folder / "uv.lock").read_text(encoding="utf-8")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        text = locked(Path(folder))
    if strange := set(ADDRESS.findall(text)) - KNOWN:
        print(f"uv.lock would name {', '.join(sorted(strange))}", file=sys.stderr)
        return 1
    (ROOT / "uv.lock").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
