"""The base of our own JSON records that are read back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Number = Annotated[float, Field(allow_inf_nan=True)]
"""A number that may be NaN or infinite: other programs write NaN where ours write null."""
Known = Annotated[float, Field(allow_inf_nan=True), BeforeValidator(lambda value: math.nan if value is None else value)]
"""A number that is NaN where a file holds null."""
Count = Annotated[int, Field(ge=0)]
Meta = Mapping[str, Any]
"""What a file says of where it came from: JSON of any shape, looked into and never written into."""
Value = str | int | float | None
"""What a cell of a table holds."""
Row = dict[str, Value]
"""One line of a table, by column."""
Settings = Mapping[str, Any]
"""Settings as a YAML file has them, before a config has checked them."""


class Record(BaseModel):
    """A record that one of our commands wrote: unknown keys are passed over, types are not bent, numbers are finite.

    Read one with `rrdyn.artifacts.reading.read_json(path, kind)`, where lists fill tuples as JSON has them.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", strict=True, allow_inf_nan=False, protected_namespaces=(), populate_by_name=True,
        use_attribute_docstrings=True,
    )  # fmt: skip


class Written(Record):
    """A record that is written as it stands: the keys that were given, in the order of the fields, under their names in
    the file. What was not given has its default and no key."""

    @classmethod
    def extending(cls, record: Written, **more: Any) -> Self:
        """What a record of a base class says, and more."""
        return cls(**{name: getattr(record, name) for name in record.model_fields_set}, **more)

    def model_dump(self, **how: Any) -> dict[str, Any]:
        return super().model_dump(**{"exclude_unset": True, "by_alias": True, **how})
