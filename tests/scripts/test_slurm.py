"""The job scripts, with a pretended srun and scontrol: what is started, and when a job is queued again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SLURM = Path(__file__).parents[2] / "scripts" / "slurm"


def submitted(folder: Path, script: str, code: int, **more: str) -> tuple[subprocess.CompletedProcess, list[str]]:
    """A job script run by bash whose srun ends with `code`; what was called."""
    calls = folder / "calls.txt"
    for name, body in {"srun": f'echo "srun $MASTER_ADDR:$MASTER_PORT $@" >> {calls}; exit {code}',
                       "scontrol": f'echo "scontrol $@" >> {calls}; echo node7; echo node8'}.items():  # fmt: skip
        (folder / name).write_text(f"#!/bin/bash\n{body}\n")
        (folder / name).chmod(0o755)
    told = {"SLURM_JOB_NODELIST": "node[7-8]", "SLURM_JOB_ID": "41", "SLURM_CPUS_PER_TASK": "8", "SLURM_NNODES": "2"}
    environment = {**os.environ, **told, **more, "PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", str(SLURM / script), "maze", "--out", "run"], env=environment)
    return done, calls.read_text().splitlines()


@pytest.mark.parametrize(
    ("code", "restarts", "queued"), [(0, 0, False), (1, 0, False), (130, 9, True), (137, 0, True), (137, 5, False)]
)
def test_a_job_is_queued_again_where_its_state_is_saved(tmp_path, code, restarts, queued):
    """After 130 always; after a process was killed a few times only; and one task that fails ends the others."""
    done, calls = submitted(tmp_path, "train.sbatch", code, SLURM_RESTART_COUNT=str(restarts))
    assert done.returncode == code
    assert "srun node7:20041 --kill-on-bad-exit=1 rrdyn train maze --out run" in calls
    assert ("scontrol requeue 41" in calls) == queued


def test_torchrun_meets_at_the_first_node(tmp_path):
    done, calls = submitted(tmp_path, "torchrun.sbatch", 0)
    assert done.returncode == 0
    assert "--rdzv-endpoint=node7:29531" in calls[-1]
    assert "-m -- rrdyn train maze --out run" in calls[-1]
