"""Shell completion of every command and flag, made by tyro from the commands' own arguments."""

from __future__ import annotations

from dataclasses import make_dataclass
from typing import Annotated, Any, Union

import tyro

from rrdyn.cli.command import MARKERS, Arguments


def print_completion(commands: dict[str, type[Arguments]], argv: list[str]) -> int:
    """Print a completion script; `argv` names the shell (bash, zsh, tcsh), `commands` maps names to arguments."""
    top: list[Any] = []
    groups: dict[str, list[Any]] = {}
    for name, kind in commands.items():
        *group, last = name.split()
        command = Annotated[kind, tyro.conf.subcommand(last)]  # type: ignore[valid-type]
        groups.setdefault(group[0], []).append(command) if group else top.append(command)
    for group_name, members in groups.items():
        holder = make_dataclass(group_name.capitalize(), [("command", _one_of(members))])
        top.append(Annotated[holder, tyro.conf.subcommand(group_name)])
    tyro.cli(_one_of(top), args=argv, prog="rrdyn", config=(*MARKERS, tyro.conf.OmitSubcommandPrefixes))
    return 0


def _one_of(types: list[Any]) -> Any:
    return Union[tuple(types)]  # noqa: UP007 - a union of a computed list
