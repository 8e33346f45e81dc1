"""A family of training logs in words: where its table is, what names an arm, what is drawn (`configs/plot/*.yaml`)."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from rrdyn.artifacts.config import Config, read_preset

HEX = r"^#[0-9a-fA-F]{6}$"


class Fact(Config):
    """One named thing that a log says about its run, found by a pattern in the lines that hold a text."""

    line: Annotated[list[str], Field(min_length=1)]
    """Texts that the line holds, all of them, such as ["preset=", "arm="]."""
    pattern: str
    """Regular expression with one group; its last match counts."""
    default: str
    """The value where nothing matches."""

    @field_validator("pattern")
    @classmethod
    def _one_group(cls, value: str) -> str:
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(f"{value} is not a regular expression: {error}") from None
        if groups != 1:
            raise ValueError(f"{value} has {groups} groups, 1 is needed")
        return value


class Arm(Config):
    """A column of the figure: its name, and the facts a run must have to belong there."""

    name: str
    when: dict[str, str] = {}
    """fact -> value, or ">0", "<=3", "!=0" to compare as numbers."""
    colour: Annotated[str | None, Field(pattern=HEX)] = None
    """Colour in the overlay; without one the house palette goes round."""

    def admits(self, facts: dict[str, str]) -> bool:
        return all(_holds(condition, facts.get(fact, "")) for fact, condition in self.when.items())


class Instead(Config):
    """For one arm, draw another column in place of the usual one."""

    arm: str
    draw: str
    instead_of: str


class Series(Config):
    """One line of a panel."""

    column: str
    label: str
    colour: Annotated[str | None, Field(pattern=HEX)] = None


class Group(Config):
    """One row of the figure: series in one unit."""

    label: str
    """The axis label, with its unit."""
    series: Annotated[list[Series], Field(min_length=1)]
    limits: tuple[float, float] | None = None
    """Axis limits; they widen where the data leave them."""
    zero: bool = False
    """Draw a rule at zero."""
    log: bool = False
    """Logarithmic axis."""


class Onset(Config):
    """The first step at which a column, as logged, exceeds a level."""

    column: str
    above: float = 0.0
    label: str


class Headline(Config):
    """The metric that the one-panel overlay compares over arms."""

    column: str
    label: str
    title: str
    suffix: str = "overlay"
    """The overlay is written beside the figure as <name>_<suffix>."""
    limits: tuple[float, float] | None = None


class LogSchema(Config):
    """One family of logs and the figure drawn from them."""

    name: str
    header: Annotated[list[str], Field(min_length=1)]
    """Column names (without decorations) that the header line of the table holds."""
    after: str = ""
    """Text that stands before the table on each of its lines, such as "| INFO |"; blanks in it may be any number."""
    requires: list[str] = []
    """Texts without which a file is no log of this family."""
    step: str = "step"
    """The column of the horizontal axis; rows are the lines whose field there is a whole number."""
    also: dict[str, list[str]] = {}
    """Column -> what other programs call it, in small letters; of a name with slashes or dots the last part counts."""
    facts: dict[str, Fact] = {}
    """`arm` and `seed` are the facts every family has; others serve the rules of the arms, and `apart`."""
    apart: list[str] = []
    """Facts in which the runs of one column agree, such as task, preset and model; told where any two runs differ."""
    apart_in_arm: list[str] = []
    """The same for facts that are the arm's own, such as its noise; told only where two runs of one arm differ."""
    arms: list[Arm] = []
    """Tried in order; a run that none admits is an arm of its own name. Columns stand in this order."""
    instead: list[Instead] = []
    groups: Annotated[list[Group], Field(min_length=1)]
    onset: Onset | None = None
    headline: Headline
    x_label: str = "optimizer step"
    title: str
    span: Annotated[int, Field(ge=1)] = 5
    """Span of the exponential moving average of long curves; 1 draws every log as it is."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        facts = {"arm", "seed", *self.facts}
        for arm in self.arms:
            unknown = set(arm.when) - facts
            if unknown:
                raise ValueError(f"arm {arm.name} asks for {', '.join(sorted(unknown))}, which no fact gives")
        if unknown := {*self.apart, *self.apart_in_arm} - facts:
            raise ValueError(f"apart names {', '.join(sorted(unknown))}, which no fact gives")
        return self

    @property
    def columns(self) -> list[str]:
        """Every column that is read, the drawn ones first."""
        drawn = [series.column for group in self.groups for series in group.series]
        more = [rule.draw for rule in self.instead] + [self.headline.column]
        return list(dict.fromkeys([*drawn, *more, *([self.onset.column] if self.onset else [])]))

    def arm_of(self, facts: dict[str, str]) -> str:
        named = next((arm.name for arm in self.arms if arm.admits(facts)), None)
        return named or facts.get("arm", "") or "run"

    def column_of(self, name: str, arm: str) -> str:
        """The column that an arm draws in the place of the usual one."""
        swap = next((rule.draw for rule in self.instead if rule.arm == arm and rule.instead_of == name), None)
        return swap or name

    def order(self, names: set[str]) -> list[str]:
        """Arms as the schema lists them, then those it does not know, by name."""
        known = [arm.name for arm in self.arms if arm.name in names]
        return list(dict.fromkeys([*known, *sorted(names)]))


def read_schema(name: str) -> LogSchema:
    """A schema by preset name ("rrdyn", "reward_hacking") or from a YAML file."""
    return LogSchema(**read_preset("plot", name, flag="--schema"))


def _holds(condition: str, value: str) -> bool:
    compared = re.fullmatch(r"(>=|<=|>|<|!=)\s*(-?[\d.]+)", condition.strip())
    if compared is None:
        return value == condition
    try:
        left, right = float(value), float(compared[2])
    except ValueError:
        return False
    return {">": left > right, "<": left < right, ">=": left >= right, "<=": left <= right, "!=": left != right}[
        compared[1]
    ]
