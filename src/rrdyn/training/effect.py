"""Whether the noise of an arm does anything: told once, where hardly any perturbed copy answers otherwise."""

from __future__ import annotations

from collections.abc import Mapping

from rrdyn.training.augmentation import AugConfig

FEW = 0.02
"""Share of changed answers below which the copies of an example are all but the same."""
ENOUGH_STEPS = 100


class Effect:
    """Adds up what log rows say of an arm's noise, from the step at which it has its full size."""

    def __init__(self, aug: AugConfig, total_steps: int) -> None:
        """A ramp that is longer than half of the run counts from there on."""
        self.aug, self.from_step = aug, min(aug.noise.warmup_steps + aug.noise.ramp_steps, total_steps // 2)
        self.steps, self.changed, self.noise = 0, 0.0, 0.0
        self.before: int | None = None
        """The step of the last row."""
        self.told = aug.noise.sampling == "none"

    def add(self, step: int, row: Mapping[str, float | None]) -> str | None:
        """Take the means of the steps up to `step`; returns what is to be said, once, where there is enough to say."""
        since, self.before = self.before, step
        changed, noise = row.get("changed"), row.get("noise")
        if self.told or since is None or since < self.from_step or changed is None or not noise:
            return None
        steps = step - since
        self.steps, self.changed, self.noise = self.steps + steps, self.changed + steps * changed, noise
        if self.steps < ENOUGH_STEPS:
            return None
        self.told, share = True, self.changed / self.steps
        if share >= FEW:
            return None
        return (
            f"note: the noise of arm {self.aug.name} changes {share:.2%} of the answers of perturbed copies (steps "
            f"{step - self.steps} to {step}; its norm is {self.noise:.1e} of that of z0): they learn what a clean copy "
            f"learns. For more of it, say: {self._more()}"
        )

    def _more(self) -> str:
        noise = self.aug.noise
        names = ("sigma_min", "sigma_max") if noise.sampling == "loguniform" else ("sigma",)
        return " ".join(["--set", *(f"aug.noise.{name}={100 * getattr(noise, name):.0e}" for name in names)])
