"""The golden and numerical tests under every kernel that this processor can be made to use.

    python scripts/portable.py             # some ten minutes on two cores
    python scripts/portable.py --short     # under a minute: the oldest kernels only, the goldens only

A library chooses its kernels by processor; another one adds in another order and rounds otherwise. Each setting below
asks a library for older kernels. What it really got is measured, as a digest of a few results; a setting that changes
nothing on this processor is told and not run. Exits 1 when a test fails.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
TORCH_ROOMS = ("models", "dynamics", "measurement", "training")
NUMPY_ROOMS = ("analysis", "data", "dynamics")
LEFT_OUT = ("processes", "start", "parts", "hub", "loop", "store", "folder")  # of processes and files, not of numbers
GOLDENS = (
    "tests/models/test_golden_models.py",
    "tests/dynamics/test_golden_models.py",
    "tests/dynamics/test_toy.py",
    "tests/analysis/test_two_by_two.py",
)
LONGEST = 3600  # seconds, after which a run of the tests counts as hung


class Setting(NamedTuple):
    """Variables of a run, and the rooms whose numbers they can change; `{numpy}` stands for numpy's features."""

    name: str
    variables: dict[str, str]
    rooms: tuple[str, ...] = tuple(sorted({*TORCH_ROOMS, *NUMPY_ROOMS}))
    threads: int = 1


TORCH = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",  # heeded on Intel's processors
    "MKL_CBWR": "COMPATIBLE",  # heeded on all
}
NUMPY = {"OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": "{numpy}", "NUMBA_CPU_NAME": "generic"}
OWN = Setting("own", {})
OLDEST = Setting("all the oldest", {**TORCH, **NUMPY})
SETTINGS = (
    Setting("own, 2 threads", {}, threads=2),
    Setting("ATEN_CPU_CAPABILITY=avx2", {"ATEN_CPU_CAPABILITY": "avx2"}, TORCH_ROOMS),
    *(Setting(f"{name}={value}", {name: value}, TORCH_ROOMS) for name, value in TORCH.items()),
    *(Setting(f"{name}={value}", {name: value}, NUMPY_ROOMS) for name, value in NUMPY.items()),
    OLDEST,
    OLDEST._replace(name="all the oldest, 2 threads", threads=2),
)


class Facts(NamedTuple):
    """What a process with a setting found: the kernels by name, and a digest of their results by library."""

    capability: str
    blas: str
    numpy_features: str
    threads: int
    digests: dict[str, str]


def facts() -> Facts:
    """Of this very process: ask in one that was started with the setting."""
    import numpy as np
    import torch
    from threadpoolctl import threadpool_info

    blas = sorted(
        {f"{pool['internal_api']} {pool['architecture']}" for pool in threadpool_info() if "architecture" in pool}
    )
    return Facts(
        capability=torch.backends.cpu.get_cpu_capability(),
        blas=", ".join(blas),
        numpy_features=" ".join(np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])),
        threads=torch.get_num_threads(),
        digests={name: digest(values) for name, values in kernels()},
    )


def digest(values: Iterable[object]) -> str:
    return hashlib.sha256(b"".join(bytes(memoryview(value).cast("B")) for value in values)).hexdigest()[:8]


def kernels() -> Iterable[tuple[str, list[object]]]:
    """A few results of each library whose last digits, or machine code, differ between its kernels."""
    import numba
    import numpy as np
    import torch
    from torch.nn import functional

    x = np.random.default_rng(0).standard_normal((64, 97, 512)).astype(np.float32)
    a, wide = torch.from_numpy(x), torch.from_numpy(x[0].astype(np.float64))
    heads = a.view(64, 97, 8, 64).transpose(1, 2)
    yield "ATen", [v.numpy() for v in (functional.silu(a), a.square().mean(-1), a.softmax(-1), a.sum())]
    attention = functional.scaled_dot_product_attention(heads, heads, heads)
    yield "MKL", [v.contiguous().numpy() for v in (a @ a[0].T, wide @ wide.T, torch.linalg.qr(wide)[1], attention)]
    yield "oneDNN", [functional.linear(a.bfloat16(), a[0].bfloat16()).float().numpy()]
    yield "numpy", [np.exp(x), np.tanh(x.astype(np.float64)), np.log(np.abs(x)), x.sum(), x.std(axis=-1)]
    yield "OpenBLAS", [x[0] @ x[0].T, x[0].astype(np.float64) @ x[0].T, np.linalg.svd(x[0], compute_uv=False)]
    total = numba.njit("float64(float64[:])")(lambda values: np.sum(np.exp(values) * values))
    yield "numba", [line.encode() for line in machine_code(total)]


def machine_code(function: object) -> list[str]:
    """The instructions of a compiled function, without the names, which hold addresses."""
    (text,) = function.inspect_asm().values()
    return re.findall(r"^\t([a-z]\w*)\b", text, flags=re.MULTILINE)


def environment(setting: Setting, found: str) -> dict[str, str]:
    """The environment of a run: that of this process, and the setting's variables."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    own = {key: value.format(numpy=found) for key, value in setting.variables.items()}
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return {**kept, **own, "OMP_NUM_THREADS": str(setting.threads), "PYTHONPATH": paths}


def facts_under(setting: Setting, found: str) -> Facts:
    command = [sys.executable, "-W", "ignore", __file__, "--facts"]
    done = subprocess.run(command, env=environment(setting, found), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{setting.name}: {done.stderr}")
    return Facts(**json.loads(done.stdout))


class Outcome(NamedTuple):
    setting: Setting
    passed: bool
    output: str
    seconds: float

    def told(self, pattern: str) -> str:
        found = re.findall(pattern, self.output, flags=re.MULTILINE)
        return found[-1] if found else ""


def run(setting: Setting, files: list[str], found: str) -> Outcome:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts=", "-m", "not slow"]
    command += ["--import-mode=importlib", *files]
    started = time.monotonic()
    variables = environment(setting, found)
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=LONGEST)
    return Outcome(setting, done.returncode == 0, done.stdout + done.stderr, time.monotonic() - started)


def tests_of(setting: Setting) -> list[str]:
    files = (path for room in setting.rooms for path in (ROOT / "tests" / room).rglob("test_*.py"))
    return sorted(str(path.relative_to(ROOT)) for path in files if not any(word in path.stem for word in LEFT_OUT))


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    model = re.search(r"^model name\s*: (.+)$", text, flags=re.MULTILINE)
    flags = re.search(r"^flags\s*: (.+)$", text, flags=re.MULTILINE)
    wide = [
        flag for flag in ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16") if flags and flag in flags[1].split()
    ]
    return f"{model[1] if model else platform.processor() or platform.machine()} ({', '.join(wide)})"


def differing(own: Facts, other: Facts) -> list[str]:
    return [name for name, value in own.digests.items() if other.digests[name] != value]


def chosen(own: Facts, settings: Iterable[Setting]) -> list[Setting]:
    """The settings that give kernels, or a number of threads, which no setting before them gave."""
    seen, result = {(own.threads, *own.digests.values())}, []
    for setting in settings:
        under = facts_under(setting, own.numpy_features)
        kernels_of_it = (under.threads, *under.digests.values())
        if kernels_of_it in seen:
            print(f"  {setting.name}: nothing changes; not run", flush=True)
            continue
        others = ", ".join(differing(own, under)) or "no kernels"
        print(f"  {setting.name}: {described(under)}; other than own: {others}", flush=True)
        seen.add(kernels_of_it)
        result.append(setting)
    return result


def described(found: Facts) -> str:
    return f"ATen {found.capability}, {found.blas}, numpy {found.numpy_features or 'baseline'}"


def carried_out(settings: list[Setting], found: str) -> Iterator[Outcome]:
    """Runs of one thread side by side, as many as there are processors; then those of several, one by one."""
    single = [setting for setting in settings if setting.threads == 1]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield from pool.map(lambda setting: run(setting, tests_of(setting), found), single)
    yield from (run(setting, tests_of(setting), found) for setting in settings if setting.threads > 1)


def report(outcome: Outcome) -> None:
    verdict = outcome.told(r"^=* ?(\d+ (?:passed|failed|error).*?) in ") or "did not run"
    bits = outcome.told(r"^published numbers.*")
    print(f"{outcome.setting.name:44} {outcome.seconds:5.0f} s  {verdict}; {bits}", flush=True)
    if not outcome.passed:
        print("\n".join(outcome.output.splitlines()[-60:]), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="the goldens under the oldest kernels")
    parser.add_argument("--facts", action="store_true", help="print what this process found, as JSON, and end")
    args = parser.parse_args()
    if args.facts:
        print(json.dumps(facts()._asdict()))
        return 0
    own = facts_under(OWN, "")
    print(f"{processor()}\nPython {platform.python_version()}; own: {described(own)}", flush=True)
    if args.short:
        outcomes = iter([run(setting, list(GOLDENS), own.numpy_features) for setting in chosen(own, [OLDEST]) or [OWN]])
    else:
        outcomes = carried_out([OWN, *chosen(own, SETTINGS)], own.numpy_features)
    passed = []
    for outcome in outcomes:
        report(outcome)
        passed.append(outcome.passed)
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
