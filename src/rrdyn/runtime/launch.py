"""Several processes as one: joining a group that torchrun or Slurm started, or starting one on this machine."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rrdyn.artifacts.errors import Interrupted, NumericalError, RrdynError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TIMEOUT = timedelta(minutes=30)  # a process that waits this long for another gives up
EXIT_CODES = {kind.exit_code: kind for kind in (RrdynError, NumericalError, Interrupted)}


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


@contextmanager
def _together() -> Iterator[None]:
    """Tell the loss of another process in one message."""
    try:
        yield
    except RuntimeError as error:
        raise RrdynError(
            "another process of the group is gone", found=str(error).splitlines()[0],
            run="start it again (training: with --resume last): it goes on from what was saved",
        ) from None  # fmt: skip


def given_group() -> Group | None:
    """The group that torchrun or Slurm has described in the environment; None outside of one."""
    env = os.environ
    if {"RANK", "WORLD_SIZE"} <= env.keys():
        return Group(int(env["RANK"]), int(env["WORLD_SIZE"]), int(env.get("LOCAL_RANK", 0)))
    if "SLURM_PROCID" in env and int(env.get("SLURM_NTASKS", 1)) > 1 and "MASTER_ADDR" in env:
        return Group(int(env["SLURM_PROCID"]), int(env["SLURM_NTASKS"]), int(env.get("SLURM_LOCALID", 0)))
    return None


def join(device: torch.device) -> Group:
    """Become part of the given group, over NCCL for CUDA devices and gloo for CPUs; alone where there is none."""
    group = given_group()
    if group is None or group.world == 1:
        return Group()
    import torch.distributed as dist

    os.environ.setdefault("MASTER_PORT", "29531")
    if not dist.is_initialized():
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo", rank=group.rank, world_size=group.world, timeout=TIMEOUT
        )
    return group


def leave() -> None:
    """Give the group up; nothing happens outside of one."""
    import torch.distributed as dist

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
            return self.function(*arguments)
        except RrdynError as error:
            rank = os.environ.get("RANK", "0")
            if rank == "0" or not isinstance(error, Interrupted):
                print(f"rrdyn: process {rank}: {error}", file=sys.stderr, flush=True)
            os._exit(error.exit_code)
        except Exception:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(RrdynError.exit_code)


def _dead(error: Any) -> RrdynError:
    """The error of a group in which one process died."""
    rank, failure = next(iter(sorted(error.failures.items(), key=lambda item: item[1].timestamp)))
    code = failure.exitcode
    kind = EXIT_CODES.get(code, RrdynError)
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    if kind is Interrupted:
        return Interrupted("interrupted; the state was saved")
    return kind(
        f"process {rank} of {len(error.failures)} failed ones died, so the group was stopped"
        if len(error.failures) > 1
        else f"process {rank} died, so the group was stopped",
        found=how,
        run="start it again (training: with --resume last): it goes on from what was saved",
    )
