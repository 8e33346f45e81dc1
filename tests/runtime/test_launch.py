"""Groups of processes as torchrun, srun and batch scripts describe them, and what is said when none comes about."""

from __future__ import annotations

import socket
import sys
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist

from rrdyn.artifacts.errors import RrdynError, UsageError
from rrdyn.runtime import launch

NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "SLURM_PROCID", "SLURM_LOCALID",
         "SLURM_NTASKS", "SLURM_STEP_NUM_TASKS")  # fmt: skip
SRUN = {"SLURM_PROCID": "1", "SLURM_LOCALID": "1", "SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2"}


@pytest.fixture
def environment(monkeypatch):
    """Sets variables, in an environment that has none of a group."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)

    def told(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return told


def test_srun_makes_a_group_without_an_address(environment):
    """Measurements need none: without MASTER_ADDR each of N tasks took itself for the only one."""
    environment(**SRUN)
    assert launch.given_group() == launch.Group(1, 2, 1)


def test_a_port_that_is_none_is_told_though_a_measurement_needs_no_address(environment):
    environment(RANK="1", WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT="99999")
    with pytest.raises(UsageError, match="MASTER_PORT"):
        launch.given_group()


def test_a_batch_script_alone_is_no_group(environment):
    """Outside of srun the job's variables are there too: with MASTER_ADDR the one process waited for others."""
    environment(SLURM_PROCID="0", SLURM_NTASKS="4", SLURM_LOCALID="0", MASTER_ADDR="node0")
    assert launch.given_group() is None


def test_training_under_srun_says_which_address_it_needs(environment):
    environment(**SRUN)
    with pytest.raises(UsageError, match="MASTER_ADDR") as caught:
        launch.join(torch.device("cpu"))
    assert "scontrol show hostnames" in str(caught.value)


def test_a_port_in_use(environment):
    """Two runs on one port of a machine: the second says so, at once."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        environment(RANK="0", WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
        with pytest.raises(RrdynError, match=f"port {port} is in use") as caught:
            launch.join(torch.device("cpu"))
    assert "MASTER_PORT=" in str(caught.value)


def test_flags_travel_between_hosts_where_devices_sum_over_nccl(environment, monkeypatch):
    """NCCL alone takes no tensor of the host: the first step of two GPUs, which agree on whether to stop, failed."""
    rendezvous, asked = sys.modules["torch.distributed.rendezvous"], []
    store = SimpleNamespace(set_timeout=lambda time: None)
    monkeypatch.setattr(rendezvous, "rendezvous", lambda *_, **__: iter([(store, 1, 2)]))
    monkeypatch.setattr(dist, "init_process_group", lambda backend, **_: asked.append(backend))
    monkeypatch.setattr(launch, "_board", None)  # what `join` puts there goes again with the test
    environment(RANK="1", WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT="29544")
    launch.join(torch.device("cuda"))
    assert asked == ["cpu:gloo,cuda:nccl"]


def test_too_little_memory_is_not_a_lost_process():
    """OutOfMemoryError is a RuntimeError: it was told as the loss of another process."""
    with pytest.raises(torch.OutOfMemoryError), launch._together():
        raise torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(RrdynError, match="another process of the group is gone"), launch._together():
        raise RuntimeError("Connection closed by peer")


def test_processes_that_are_asked_to_stop_have_time_to_save(monkeypatch):
    """PyTorch's launcher kills after 30 seconds: a state that took longer was lost, and said to be saved."""
    from torch.distributed import launcher

    monkeypatch.delenv("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", raising=False)
    configs = []

    def remembered(config, function):
        configs.append(config)
        return lambda *arguments: {0: "done"}

    monkeypatch.setattr(launcher.api, "elastic_launch", remembered)
    assert launch.start(print, (), 2) == "done"
    assert getattr(configs[0], "shutdown_timeout", launch.SAVING) == launch.SAVING
