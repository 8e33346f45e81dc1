"""The fuzzer: python -m tests.fuzz --cases 3000 --seed 0

Mutated files, odd paths, arguments, environments and streams against every command that reads them. Each case is told
by its seed and number (--only NUMBER runs one and shows it). Exit code 1 where a fault was found.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import stat
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.fuzz import corpus as sound
from tests.fuzz import doors, worker
from tests.fuzz.case import Case, Impossible
from tests.fuzz.cases import case, on_sound_files
from tests.fuzz.verdict import Fault, faults, tree


def main() -> int:
    """Run the cases and report; returns the exit code."""
    args = arguments()
    if forgotten := doors.forgotten():
        print(f"no line of tests/fuzz/doors.py covers {', '.join(forgotten)}", file=sys.stderr)
        return 2
    os.nice(args.nice)
    if args.of:
        doors.LINES[:] = [line for line in doors.LINES if line.command in args.of]
    place = Path(tempfile.mkdtemp(prefix="fuzz-", dir=args.place))
    try:
        files = sound.make(place / "corpus", args.study or sound.demo(place / "study"))
        worker.load(files.modules)
        if args.sound:
            return lines_on_sound_files(files, place)
        numbers = [args.only] if args.only is not None else range(args.first, args.first + args.cases)
        result = run(numbers, args, files, place)
    finally:
        if not args.keep:
            _remove(place)
    text = report(result, args)
    print(text)
    if args.report:
        args.report.write_text(text + "\n", encoding="utf-8")
    if args.json:
        args.json.write_text(json.dumps(result, indent=1, ensure_ascii=True), encoding="utf-8")
    return 1 if result["faults"] else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--only", type=int, help="run this case alone, and show what it says")
    parser.add_argument("--sound", action="store_true", help="run every line on sound files: each has to exit 0")
    parser.add_argument("--of", nargs="+", default=[], metavar="COMMAND", help="the lines of these commands only")
    parser.add_argument("--short", action="store_true", help="leave out the lines that take seconds")
    parser.add_argument("--study", type=Path, help="a study of `rrdyn demo --tiny`, else one is made")
    parser.add_argument("--place", type=Path, help="a folder for the cases; default the system's for temporary files")
    parser.add_argument("--keep", action="store_true", help="keep the folders of the cases with faults")
    parser.add_argument("--report", type=Path, help="write the report here as well")
    parser.add_argument("--json", type=Path, help="write every fault here")
    parser.add_argument("--nice", type=int, default=5)
    return parser.parse_args()


def lines_on_sound_files(files: sound.Corpus, place: Path) -> int:
    """Whether the lines say what they are meant to: on sound files each ends well. Returns the exit code."""
    worst = 0
    for number, line in enumerate(doors.LINES):
        root = place / f"sound{number}"
        made = on_sound_files(line, files, root)
        before = tree(root) | around(place)
        ended = worker.run(made)
        wrong = faults(made, ended, before, tree(root) | around(place))
        bad = bool(wrong) or (ended.code and 0 in line.codes)
        worst = max(worst, int(bad))
        print(f"{'BAD ' if bad else 'good'} {ended.code:4d} {ended.seconds:6.2f} s  {line.text}", flush=True)
        if bad:
            print(ended.err[-800:], *wrong, sep="\n")
        _remove(root)
    return worst


def run(numbers: Any, args: argparse.Namespace, files: sound.Corpus, place: Path) -> dict[str, Any]:
    """The cases one after another."""
    found: list[dict[str, Any]] = []
    groups: Counter[str] = Counter()
    codes: Counter[int] = Counter()
    began, told, left_out, slowest = time.monotonic(), time.monotonic(), 0, (0.0, -1)
    for number in numbers:
        root = place / f"case{number}"
        try:
            made = case(number, args.seed, files, root, short=args.short)
        except Impossible:
            left_out += 1
            _remove(root)
            continue
        before = tree(root) | around(place)
        ended = worker.run(made)
        wrong = faults(made, ended, before, tree(root) | around(place))
        groups[made.label.partition(":")[0]] += 1
        codes[ended.code] += 1
        slowest = max(slowest, (ended.seconds, number))
        found += [_record(number, made, fault, ended) for fault in wrong]
        for fault in wrong:
            print(f"case {number}: {fault.kind}, {fault.root}: {fault.detail}", file=sys.stderr, flush=True)
        if args.only is not None:
            print(f"{made.label}\n$ rrdyn {' '.join(map(ascii, made.argv))}\nexit {ended.code}, {ended.seconds:.1f} s")
            print(ended.out, ended.err, *wrong, sep="\n")
        if not (args.keep and wrong):
            _remove(root)
        if time.monotonic() - told > 30:
            told = time.monotonic()
            print(f"case {number}: {len(found)} faults, {told - began:.0f} s", file=sys.stderr, flush=True)
    return {
        "seed": args.seed,
        "cases": sum(groups.values()),
        "left_out": left_out,
        "seconds": round(time.monotonic() - began, 1),
        "groups": dict(groups),
        "codes": {str(code): n for code, n in sorted(codes.items())},
        "slowest": slowest,
        "faults": found,
    }


def around(place: Path) -> dict[str, str]:
    """The names beside the folder of a case: what climbs out of it lands there."""
    return {str(path): "beside" for path in (*place.iterdir(), *(place / "corpus").iterdir())}


def _record(number: int, made: Case, fault: Fault, ended: worker.Ended) -> dict[str, Any]:
    words = [os.path.relpath(word, made.root) if word.startswith(str(made.root)) else word for word in made.argv]
    return {"case": number, "label": made.label, "line": " ".join(words)[:300], **asdict(fault), "code": ended.code,
            "said": ended.err[-2000:]}  # fmt: skip


def _remove(root: Path) -> None:
    """Remove a folder whatever its permissions."""
    for folder, _, _ in os.walk(root):
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                os.chmod(entry.path, stat.S_IRWXU)
    shutil.rmtree(root, ignore_errors=True)


def report(result: dict[str, Any], args: argparse.Namespace) -> str:
    """What was run and what was found, by root."""
    lines = [
        f"{result['cases']} cases of seed {result['seed']} in {result['seconds']:.0f} s; left out {result['left_out']}",
        "groups     " + ", ".join(f"{name} {n}" for name, n in sorted(result["groups"].items())),
        "exit codes " + ", ".join(f"{code}: {n}" for code, n in result["codes"].items()),
        f"slowest    {result['slowest'][0]:.1f} s, case {result['slowest'][1]}",
        f"faults     {len(result['faults'])}"
        + "".join(f", {kind} {n}" for kind, n in Counter(fault["kind"] for fault in result["faults"]).most_common()),
    ]
    roots: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for fault in result["faults"]:
        roots[fault["kind"], fault["root"]].append(fault)
    for (kind, root), members in sorted(roots.items(), key=lambda item: (item[0][0], -len(item[1]))):
        first = members[0]
        lines += ["", f"{kind}  {root}  x{len(members)}  cases {', '.join(str(m['case']) for m in members[:6])}"]
        lines += [
            f"    {first['detail']}",
            f"    {ascii(first['label'])[:160]}",
            f"    $ rrdyn {ascii(first['line'])[1:-1][:180]}",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
