"""What torch.compile makes of a training run: graphs and breaks, counted with a backend that compiles nothing."""

from __future__ import annotations

import pytest
import torch
from tests.cuda.conftest import ARCHITECTURES
from tests.cuda.test_training import ARMS, trained
from tests.dynamics.small_models import grids, random_model
from torch._dynamo import reset
from torch._dynamo.utils import counters

from rrdyn.models.layers import Linear
from rrdyn.training import compiling, learner
from rrdyn.training.narrow import NarrowWeights


@pytest.fixture
def graphs(monkeypatch):
    """The graphs that nets are compiled to, as they come."""
    made: list[torch.fx.GraphModule] = []

    def backend(graph, _):
        made.append(graph)
        return graph.forward

    plain = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, "compile", lambda net: plain(net, backend=backend))
    monkeypatch.setattr(compiling, "obstacle", lambda device: None)
    reset()
    counters.clear()
    yield made
    reset()


CASES = [("multi4-act", "attention", "bfloat16")] + [
    pytest.param(arm, model, dtype, marks=pytest.mark.slow)
    for arm in ARMS for model in ARCHITECTURES for dtype in ("bfloat16", "float32")
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("arm", "model", "dtype"), CASES)
def test_no_break_and_few_graphs(graphs, monkeypatch, arm, model, dtype, dataset, tmp_path):
    """Of each net, over steps with and without gradient, micro-batches and evaluations, whatever the arm.

    It was 19 graphs and 18 breaks: the kept cast asked for addresses inside of compiled regions. Weights are copied
    once a step, as on a GPU.
    """
    narrow = dtype == "bfloat16"
    monkeypatch.setattr(learner, "narrow_weights", lambda model, _: NarrowWeights(model, torch.bfloat16) if narrow
                        else None)  # fmt: skip
    trained(tmp_path, dataset, model=model, arm=arm, device="cpu", dtype=dtype, compile="on", steps=4, global_batch=4,
            micro_batch=3)  # fmt: skip
    assert not counters["graph_break"], counters["graph_break"]
    assert 1 <= len(graphs) <= 6 * (2 if model == "hrm" else 1)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_models_of_one_shape_compile_once(graphs, architecture):
    """Weights are what a graph is given: the nets of a second and a third checkpoint find those of the first."""
    inputs, found = torch.from_numpy(grids(3)[0].astype("int32")), []
    for seed in range(3):
        model = random_model(ARCHITECTURES[architecture], seed)
        assert compiling.compile_nets(model, "on", torch.device("cpu"), pytest.fail)
        with torch.no_grad():
            model.segment(model.initial(3), model.embed(inputs, inputs[:, 0] * 0))
        found.append(len(graphs))
    assert found == [1, 1, 1]


def test_a_cast_does_not_break_a_graph():
    """A net whose weights are cast, without a gradient, is one graph. The cast broke it: `fullgraph` refuses that."""
    reset()
    net = Linear(4, 4)
    whole = torch.compile(net, backend="eager", fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(
            whole(torch.ones(2, 4, dtype=torch.bfloat16)), net(torch.ones(2, 4, dtype=torch.bfloat16))
        )
    reset()


def test_compiling_falls_back_with_one_message(ledger, monkeypatch, dataset, tmp_path, capsys):
    """Where Triton, a compiler or Python.h is missing a run on a GPU goes on as it is; asked for, it does not begin."""

    def missing(*_, **__):
        raise RuntimeError("Failed to find C compiler. Please specify via CC environment variable.\nmore\nlines")

    monkeypatch.setattr(torch, "compile", missing)
    monkeypatch.delenv("RRDYN_QUIET", raising=False)
    trained(tmp_path, dataset, compile="auto")
    log = (tmp_path / "run-cuda" / "train.log").read_text()
    assert log.count("not compiled, so that steps take longer: Failed to find C compiler") == 1
    with pytest.raises(AssertionError):
        trained(tmp_path, dataset, "--out", str(tmp_path / "other"), compile="on")
    assert "cannot be compiled here" in capsys.readouterr().err
