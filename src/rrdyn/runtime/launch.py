"""Several processes as one: joining a group that torchrun or Slurm started, or starting one on this machine."""

from __future__ import annotations

import logging
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rrdyn.artifacts.errors import InputError, Interrupted, NumericalError, RrdynError, UsageError, unexpected
from rrdyn.artifacts.places import said
from rrdyn.runtime.interrupts import listening
from rrdyn.runtime.output import tell, tell_trace
from rrdyn.runtime.progress import say

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TIMEOUT = timedelta(minutes=30)  # a process that waits this long for another gives up
JOINING = timedelta(minutes=5)  # for all of a group to be there
SAVING = 600  # seconds in which processes that are asked to stop may save
MOST_PROCESSES = 65536
_board: Any = None
"""The store by which the processes of a group found each other; None outside of one."""
EXIT_CODES = {kind.exit_code: kind for kind in (RrdynError, UsageError, InputError, NumericalError, Interrupted)}


@dataclass(frozen=True)
class Group:
    """This process among `world` equal ones; alone, every operation is the identity."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes files and messages."""
        return self.rank == 0

    def sum_(self, tensor: Tensor) -> Tensor:
        """The tensor summed over all processes, in place."""
        if self.world > 1:
            import torch.distributed as dist

            with _together():
                dist.all_reduce(tensor)
        return tensor

    def gather(self, tensor: Tensor) -> Tensor:
        """Every process's tensor (n, ...), joined along the first axis in order of rank, on every process."""
        if self.world == 1:
            return tensor
        import torch
        import torch.distributed as dist

        parts = [torch.empty_like(tensor) for _ in range(self.world)]
        with _together():
            dist.all_gather(parts, tensor.contiguous())
        return torch.cat(parts)

    def share(self, value: Any) -> Any:
        """The first process's value, on every process."""
        if self.world == 1:
            return value
        import torch.distributed as dist

        box = [value]
        with _together():
            dist.broadcast_object_list(box)
        return box[0]

    def wait(self) -> None:
        if self.world > 1:
            import torch.distributed as dist

            with _together():
                dist.barrier()

    def call_out(self, word: str) -> None:
        """Let the others know of something without waiting for them; `called_out` tells them when they ask."""
        if _board is not None:
            with suppress(RuntimeError):  # whoever keeps the board is gone; what is done together next tells it
                _board.set(word, "said")

    def called_out(self, word: str) -> bool:
        """Whether any process has called a word out. One question to the first process, and no meeting."""
        if _board is None:
            return False
        try:
            return bool(_board.check([word]))
        except RuntimeError:
            return False


@contextmanager
def _together() -> Iterator[None]:
    """Tell the loss of another process in one message."""
    try:
        yield
    except RuntimeError as error:
        if type(error).__name__ == "OutOfMemoryError":  # this process has too little memory; nobody is gone
            raise
        raise RrdynError(
            "another process of the group is gone", found=str(error).splitlines()[0],
            run="start it again (training: with --resume last): it goes on from what was saved",
        ) from None  # fmt: skip


def given_group() -> Group | None:
    """The group that torchrun or Slurm has described in the environment; None outside of one.

    Raises UsageError where what they say is no number, or no place in the group.
    """
    env = os.environ
    if "RANK" in env or "WORLD_SIZE" in env:
        world = _count("WORLD_SIZE", 1) if "WORLD_SIZE" in env else None
        rank = _count("RANK") if "RANK" in env else None
        if "MASTER_PORT" in env:
            _count("MASTER_PORT", 1, 65535)
        if rank is not None and world is not None:
            return _member("RANK", rank, "WORLD_SIZE", world, _count("LOCAL_RANK", default=0))
        if (rank or 0) > 0 or (world or 1) > 1:  # alone each of them would take itself for the only one
            given, missing = ("RANK", "WORLD_SIZE") if world is None else ("WORLD_SIZE", "RANK")
            raise UsageError(f"{given} is set and {missing} is not", found=f"{given}={env[given]}",
                             expected="both, as torchrun sets them, or neither", run=f"unset {given}")  # fmt: skip
    if "SLURM_PROCID" in env and "SLURM_STEP_NUM_TASKS" in env:  # srun sets it; a batch script alone has none
        world = _count("SLURM_STEP_NUM_TASKS", 1)
        if world > 1:
            rank, local = _count("SLURM_PROCID"), _count("SLURM_LOCALID", default=0)
            return _member("SLURM_PROCID", rank, "SLURM_STEP_NUM_TASKS", world, local)
    return None


def _count(name: str, least: int = 0, most: int = MOST_PROCESSES, *, default: int | None = None) -> int:
    """A whole number of the environment; `default` where it is not set."""
    text = os.environ.get(name)
    if text is None and default is not None:
        return default
    if text is None or not re.fullmatch(r"[+]?[0-9]{1,9}", text.strip()) or not least <= int(text) <= most:
        raise UsageError(
            f"the environment variable {name} is not a number of its kind", found=repr(text)[:60],
            expected=f"a whole number from {least} to {most}", run=f"unset {name}, or start with torchrun",
        )  # fmt: skip
    return int(text)


def _member(rank_name: str, rank: int, world_name: str, world: int, local: int) -> Group:
    if rank >= world:
        raise UsageError(f"{rank_name} is no place among {world_name} processes", found=f"{rank} of {world}",
                         expected=f"0 to {world - 1}", run=f"unset {rank_name} {world_name}")  # fmt: skip
    return Group(rank, world, local)


def join(device: torch.device) -> Group:
    """Become part of the given group, over NCCL for CUDA devices and gloo for CPUs; alone where there is none.

    Raises UsageError for an address that is none, RrdynError where the others do not come.
    """
    group = given_group()
    if group is None or group.world == 1:
        return Group()
    import torch.distributed as dist
    from torch.distributed.rendezvous import rendezvous

    os.environ.setdefault("MASTER_PORT", "29531")
    port, address = _count("MASTER_PORT", 1, 65535), os.environ.get("MASTER_ADDR", "")
    if not re.fullmatch(r"[A-Za-z0-9._:%-]{1,255}", address):
        slurm = "export MASTER_ADDR=$(scontrol show hostnames $SLURM_JOB_NODELIST | head -n 1), before srun"
        raise UsageError("the environment variable MASTER_ADDR is not an address", found=repr(address)[:60],
                         expected="the host of the first process",
                         run=slurm if "SLURM_PROCID" in os.environ else "start with torchrun")  # fmt: skip
    global _board
    if dist.is_initialized():
        return group
    if group.leads:
        say(f"waiting for the other {group.world - 1} processes at {address}:{port}")
    try:
        store, rank, world = next(rendezvous("env://", group.rank, group.world, timeout=JOINING))
        store.set_timeout(TIMEOUT)
        # what the processes agree on travels between the hosts, beside what the devices sum
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=TIMEOUT)
        _board = store
    except (RuntimeError, ValueError, OSError) as error:
        if "EADDRINUSE" in str(error) or "in use" in str(error).lower():
            raise RrdynError(
                f"port {port} is in use on this machine", found="another run, or another program, listens there",
                expected="a port of its own for every run", run=f"MASTER_PORT={port + 1}, for all of its processes",
            ) from None  # fmt: skip
        raise RrdynError(
            f"the {group.world} processes did not find each other", found=f"{address}:{port}: {said(error)}",
            expected="all of them started at about the same time, and a free port at that address",
        ) from None  # fmt: skip
    return group


def leave() -> None:
    """Give the group up; nothing happens outside of one."""
    import torch.distributed as dist

    global _board
    _board = None
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def start(function: Callable[..., Any], arguments: tuple[Any, ...], processes: int) -> Any:
    """Run `function(*arguments)` in several processes by PyTorch's elastic launcher; returns rank 0's value.

    `function` must be importable by name. Ctrl-C and SIGTERM reach every process, which may save before it ends. When
    one process dies the others are stopped and RrdynError says so, or the error whose exit code it ended with.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # each worker tells its own error
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", str(SAVING))  # else they are killed after 30 seconds
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=processes, rdzv_backend="c10d", rdzv_endpoint="localhost:0",
        run_id=f"rrdyn-{os.getpid()}", max_restarts=0, start_method="spawn", monitor_interval=0.2,
    )  # fmt: skip
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        return elastic_launch(config, _Entry(function))(*arguments)[0]
    except ChildFailedError as error:
        raise _dead(error) from None
    except SignalException as error:
        raise Interrupted(f"stopped by {signal.Signals(error.sigval).name}") from None
    finally:
        with suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, before[0])
            signal.signal(signal.SIGTERM, before[1])


class _Entry:
    """Ends a worker process with the exit code of its error, after one message."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__name__ = self.__qualname__ = getattr(function, "__name__", "worker")

    def __call__(self, *arguments: Any) -> Any:
        try:
            with listening():
                return self.function(*arguments)
        except BaseException as error:
            rank = os.environ.get("RANK", "0")
            tell_trace(error)
            if isinstance(error, KeyboardInterrupt):
                error = Interrupted("interrupted")
            told = error if isinstance(error, RrdynError) else unexpected(error)
            if rank == "0" or not isinstance(told, Interrupted):
                tell(f"rrdyn: process {rank}: {told}")
            os._exit(told.exit_code)


def _dead(error: Any) -> RrdynError:
    """The error of a group in which one process died."""
    rank, failure = next(iter(sorted(error.failures.items(), key=lambda item: item[1].timestamp)))
    code = failure.exitcode
    kind = EXIT_CODES.get(code, RrdynError)
    if kind is Interrupted:
        return Interrupted("interrupted", run="start it again (training: with --resume last): it goes on")
    return kind(
        f"process {rank} of {len(error.failures)} failed ones died, so the group was stopped"
        if len(error.failures) > 1
        else f"process {rank} died, so the group was stopped",
        found=_how(code),
        run="start it again (training: with --resume last): it goes on from what was saved",
    )


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:  # one that has a number only
        return f"signal {-code}"
