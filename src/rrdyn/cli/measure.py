"""`rrdyn measure`"""

from __future__ import annotations

from pathlib import Path

from rrdyn.artifacts.pasting import quoted
from rrdyn.cli.command import Outcome, Positional
from rrdyn.cli.names import check_measurement
from rrdyn.cli.options import MeasurementOptions


class Args(MeasurementOptions):
    """A measurement by its name: one of ours, or one that a plug-in registers.

    Stopped anywhere, the same command continues; a finished file of the same settings is kept.

    1. rrdyn measure evaluation ckpt.pt
    2. RRDYN_PLUGINS=speed rrdyn measure speed ckpt.pt --set n=64
    """

    name: Positional[str]
    """The measurement."""
    ckpts: Positional[tuple[Path, ...]]
    """Checkpoints: files or folders of any public layout."""
    set: tuple[str, ...] = ()
    """Settings of the measurement, each as KEY=VALUE."""
    out: Path | None = None
    """File to write; with several checkpoints a folder. Default RUN/eval/ for a checkpoint of a run, else beside it."""

    def check_names(self) -> None:
        check_measurement(self.name)
        super().check_names()


def run(args: Args) -> Outcome:
    from rrdyn.cli.results import UNFINISHED, MeasuredRow, MeasureResult
    from rrdyn.measurement import campaign
    from rrdyn.measurement.measurement import measurement_named
    from rrdyn.training.recipes import settings_from

    done = campaign.run(args.request(args.name, args.ckpts, args.out, **settings_from(args.set)))
    if not done:
        return Outcome(text="this share is done; others are still at work", data=UNFINISHED)
    following = measurement_named(args.name).following
    files = quoted(*(result.path for result in done))
    return Outcome(
        data=MeasureResult(results=[MeasuredRow(path=str(one.path), n=len(one.arrays["idx"])) for one in done]),
        text="\n".join(f"{result.path}: {len(result.arrays['idx'])} puzzles" for result in done),
        wrote=[path for result in done for path in ([result.path] if result.fresh else []) + list(result.also)],
        kept=[result.path for result in done if not result.fresh],
        next=[f"rrdyn {following} {files}"] if following else [f"rrdyn inspect {files}"],
    )
