"""How long `rrdyn --help` takes, beside `import tyro` in the same interpreter, interleaved."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

PAIRS = 15


def seconds(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    pairs = [(seconds("-m", "rrdyn", "--help"), seconds("-c", "import tyro")) for _ in range(PAIRS)]
    ratios = sorted(ours / tyro for ours, tyro in pairs)
    print(f"rrdyn --help   {statistics.median(ours for ours, _ in pairs) * 1e3:.0f} ms (median of {PAIRS})")
    print(f"import tyro    {statistics.median(tyro for _, tyro in pairs) * 1e3:.0f} ms")
    print(f"ratio          {statistics.median(ratios):.2f}  [{ratios[0]:.2f}, {ratios[-1]:.2f}]  (target: below 0.5)")


if __name__ == "__main__":
    main()
