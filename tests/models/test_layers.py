"""Layers against the published primitives, and what must hold of them on any machine."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rrdyn.models import layers
from rrdyn.models.layers import (
    Attention,
    Cast,
    Linear,
    RotaryTable,
    SwiGLU,
    inner_size,
    rms_norm,
    rotate,
    truncated_normal_,
)


def same(ours, published, atol=1e-6):
    """By default a few units of the last place of numbers round one."""
    torch.testing.assert_close(ours, published, rtol=0, atol=atol, check_dtype=True)


def test_rms_norm(primitives):
    same(rms_norm(primitives["h"], 1e-5), primitives["rms_norm_f32"])
    same(rms_norm(primitives["h"].bfloat16(), 1e-5).float(), primitives["rms_norm_bf16in_as_f32"])


def test_rms_norm_in_float64_is_float64(primitives):
    wide = primitives["h"].double()
    exact = wide / (wide.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    same(rms_norm(wide, 1e-5), exact, atol=1e-14)
    same(rms_norm(wide, 1e-5), primitives["rms_norm_f64in"], atol=1e-6)  # upstream works in float32 here


def test_rotary_table_and_rotation(primitives):
    cos, sin = RotaryTable(8, 9, 10000.0).as_dtype(torch.float32)
    same(cos, primitives["cos"])
    same(sin, primitives["sin"])
    for name in "qk":
        same(rotate(primitives[name], cos, sin), primitives[f"{name}_rot"], atol=1e-7)


def test_rotation_keeps_lengths_and_relative_angles():
    cos, sin = RotaryTable(8, 12, 10000.0).as_dtype(torch.float64)
    x, y = torch.randn(2, 1, 1, 1, 8, dtype=torch.float64).expand(2, 1, 12, 1, 8)
    turned, other = rotate(x, cos, sin), rotate(y, cos, sin)
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    products = torch.einsum("bshd,bthd->st", turned, other)
    for shift in (1, 5):  # depends on the difference of positions only; the tables are float32
        torch.testing.assert_close(products.diagonal(shift), products[0, shift].expand(12 - shift), rtol=0, atol=1e-5)


def test_rotary_positions_are_float32_in_float64():
    table = RotaryTable(8, 9, 10000.0)
    assert torch.equal(table.as_dtype(torch.float64)[0], table.cos.double())


def test_swiglu(primitives):
    layer = SwiGLU(32, 4.0)
    layer.load_state_dict(
        {"gate_up_proj.weight": primitives["swiglu_gate_up"], "down_proj.weight": primitives["swiglu_down"]}
    )
    same(layer(primitives["h"]).detach(), primitives["swiglu_out"], atol=1e-6)
    with torch.no_grad():  # the path that reuses memory
        same(layer(primitives["h"]), layer(primitives["h"].clone().requires_grad_()).detach())


@pytest.mark.parametrize("shape", [(7, 40, 64), (300, 64)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_swiglu_in_parts_is_the_whole_one(shape, dtype, monkeypatch):
    layer, x = SwiGLU(64, 4.0), torch.randn(shape).to(dtype)
    with torch.no_grad():
        whole = layer(x)
        monkeypatch.setattr(layers, "WIDE_AT_ONCE", 64 * 512)  # 64 rows at a time
        parts = layer(x)
        turned = layer(x.mT.contiguous().mT)
    same(parts, whole, atol=1e-5 if dtype == torch.float32 else 0.02)  # a kernel may add otherwise on fewer rows
    same(turned, parts, atol=1e-5 if dtype == torch.float32 else 0.02)


@pytest.mark.parametrize("rotary", [True, False])
def test_attention(primitives, rotary):
    layer = Attention(32, 4)
    layer.load_state_dict({"qkv_proj.weight": primitives["attn_qkv"], "o_proj.weight": primitives["attn_o"]})
    tables = (primitives["cos"], primitives["sin"]) if rotary else None
    published = primitives["attn_out" if rotary else "attn_out_norope"]
    same(layer(primitives["h"], tables).detach(), published, atol=1e-6)
    with torch.no_grad():
        same(layer(primitives["h"], tables), published, atol=1e-6)


def test_swiglu_inner_sizes(primitives):
    for size, expansion, inner in primitives["swiglu_inner"].tolist():
        assert inner_size(size, expansion) == inner


@given(st.integers(1, 4096), st.floats(0.1, 16))
def test_inner_size_is_the_next_multiple_of_256(size, expansion):
    inner, wanted = inner_size(size, expansion), round(expansion * size * 2 / 3)
    assert inner % 256 == 0
    assert wanted <= inner < wanted + 256


@pytest.mark.parametrize("std", [0.25, 1.0])
def test_truncated_normal_draws(primitives, std):
    torch.manual_seed(5)
    draws = truncated_normal_(torch.empty(4000), std)
    same(draws, primitives[f"trunc_{std}"])
    assert draws.std().item() == pytest.approx(std, rel=0.03)
    assert draws.abs().max() <= 2 * std / 0.8796256610342398 * (1 + 1e-6)
    assert not truncated_normal_(torch.ones(5), 0).any()


def test_linear_starts_with_deviation_one_over_root_in():
    layer = Linear(400, 300, bias=True)
    assert layer.weight.std().item() == pytest.approx(1 / math.sqrt(400), rel=0.02)
    assert not layer.bias.any()


def test_cast_is_made_once_and_again_after_a_change():
    cast, parameter = Cast(), torch.nn.Parameter(torch.ones(3))
    with torch.no_grad():
        first = cast(parameter, torch.bfloat16)
        assert cast(parameter, torch.bfloat16) is first
        parameter.mul_(2)
        assert cast(parameter, torch.bfloat16).tolist() == [2, 2, 2]
        assert cast(parameter, torch.float32) is parameter
    assert cast(parameter, torch.bfloat16).requires_grad  # a gradient must reach the parameter itself
