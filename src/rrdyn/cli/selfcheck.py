"""`rrdyn selfcheck`"""

from __future__ import annotations

from rrdyn.cli.command import Outcome
from rrdyn.cli.options import TableOptions


class Args(TableOptions):
    """The estimators against systems with known exponents and fates. Exits with 4 where a check fails.

    Takes some seconds.

    1. rrdyn selfcheck
    """


def run(args: Args) -> Outcome:
    from dataclasses import asdict

    from tabulate import tabulate

    from rrdyn.cli.results import CheckRow, SelfcheckResult
    from rrdyn.measurement.selfcheck import run_checks
    from rrdyn.runtime.progress import Progress

    checks = []
    with Progress(20, "selfcheck") as progress:
        for check in run_checks():
            checks.append(check)
            progress.advance(note=check.name)
    rows = [
        {
            "system": check.name,
            "known from": check.tier,
            "found": check.found,
            "known": check.known,
            "error": f"{check.error:.1e}",
            "allowed": f"{check.tolerance:.0e}",
            "float32": "" if check.float32 is None else f"{check.float32:.1e}",
            "": "ok" if check.passed else "FAILED",
            "note": check.note,
        }
        for check in checks
    ]
    failed = [check.name for check in checks if not check.passed]
    verdict = f"{len(checks)} checks passed"
    if failed:
        verdict = f"{len(failed)} of {len(checks)} checks failed: {', '.join(failed)}"
    return Outcome(
        data=SelfcheckResult(
            checks=[CheckRow(**asdict(check), passed=check.passed) for check in checks], failed=failed
        ),
        text=args.told(tabulate(rows, headers="keys", disable_numparse=True) + f"\n\n{verdict}"),
        exit_code=4 if failed else 0,
    )
