"""Shell completion of every command and flag, made by tyro from the commands' own arguments.

Plug-ins' tasks (`rrdyn data NAME`) and figures (`rrdyn plot NAME`) are among them as they are known when the script is
printed. NAME of `rrdyn measure` is an argument, not a command, and arguments that are not choices are not completed.
"""

from __future__ import annotations

from dataclasses import make_dataclass
from typing import Annotated, Any, Union

import tyro

from rrdyn.artifacts.errors import UsageError
from rrdyn.cli.command import MARKERS, Arguments, print_by_parser

SHELLS = ("bash", "zsh", "fish")


def print_completion(commands: dict[str, type[Arguments]], argv: list[str]) -> int:
    """Print a completion script. `argv` is the flag and one of `SHELLS`; `commands` maps names to their arguments."""
    if len(argv) != 2 or argv[1] not in SHELLS:
        raise UsageError(f"{argv[0]} takes the name of a shell", found=" ".join(argv[1:]), expected=", ".join(SHELLS))
    top: list[Any] = []
    groups: dict[str, list[Any]] = {}
    for name, kind in commands.items():
        *group, last = name.split()
        command = Annotated[kind, tyro.conf.subcommand(last)]  # type: ignore[valid-type]
        groups.setdefault(group[0], []).append(command) if group else top.append(command)
    for group_name, members in groups.items():
        holder = make_dataclass(group_name.capitalize(), [("command", _one_of(members))])
        top.append(Annotated[holder, tyro.conf.subcommand(group_name)])
    print_by_parser(_one_of(top), argv, "rrdyn", (*MARKERS, tyro.conf.OmitSubcommandPrefixes))
    return 0


def _one_of(types: list[Any]) -> Any:
    return Union[tuple(types)]  # noqa: UP007 - a union of a computed list
