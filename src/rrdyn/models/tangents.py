"""Derivative rules, layer by layer, for value and tangents together.

A bundle is (B,1+K,S,D): slot 0 the value, slots 1..K tangents. Every linear map treats all slots alike, so that a
weight matrix meets them in one product; every other layer pushes the tangents by its derivative at the value. The
stream of residuals is overwritten in place, and on a CPU the wide activations live in memory kept from call to
call: fresh memory of this size costs more page faults than the arithmetic on it. Axes are regrouped by views, which
fail where a library's rearrangement would make a copy in silence, and what is then written would be lost.
"""

from __future__ import annotations

import threading

import torch
from torch import Tensor

from rrdyn.models.layers import Attention, Block, CosSin, Linear, Stack, SwiGLU
from rrdyn.runtime.shapes import Float

SCORES_AT_ONCE = {"cpu": 1 << 18, "cuda": 1 << 28}
"""Attention scores of tangents held at a time: what a core's cache holds, or a small part of a GPU's memory."""


def advance(
    stack: Stack, x: Float[Tensor, "B slots S D"], cos_sin: CosSin, model_dtype: torch.dtype
) -> Float[Tensor, "B slots S D"]:
    """Value and tangents (B,1+K,S,D) through a stack of blocks; `x` is overwritten.

    Runs in the dtype of x; the weights are first rounded to `model_dtype`, what the model computes in.
    """
    for block in stack.layers:
        assert isinstance(block, Block)
        _block(block, x, cos_sin, model_dtype)
    return x


def _block(block: Block, x: Tensor, cos_sin: CosSin, model_dtype: torch.dtype) -> None:
    if block.mixes_by_mlp:
        _add_swiglu_over_positions(block.mlp_t, x, model_dtype)
        _rms_norm(x, block.eps, dim=-2)
    else:
        _add_attention(block.self_attn, x, cos_sin, model_dtype)
        _rms_norm(x, block.eps, dim=-1)
    _add_swiglu(block.mlp, x, model_dtype)
    _rms_norm(x, block.eps, dim=-1)


def _weight(linear: Linear, dtype: torch.dtype, model_dtype: torch.dtype) -> Tensor:
    return linear.weight_as(model_dtype).to(dtype)


def _add_swiglu(mlp: SwiGLU, x: Tensor, model_dtype: torch.dtype) -> None:
    """x += W_down (silu(W_gate x) * W_up x) over the features."""
    B, slots, S, D = x.shape
    gate_up, down = (_weight(w, x.dtype, model_dtype) for w in (mlp.gate_up_proj, mlp.down_proj))
    wide = _memory("wide", (B * slots * S, len(gate_up)), x)
    flat = x.view(-1, D)
    torch.mm(flat, gate_up.mT, out=wide)
    gate, up = wide.view(B, slots, S, -1).chunk(2, dim=-1)
    _gated(gate, up)
    torch.addmm(flat, wide[:, : gate.shape[-1]], down.mT, out=flat)


def _add_swiglu_over_positions(mlp: SwiGLU, x: Tensor, model_dtype: torch.dtype) -> None:
    """The same over the positions: each slot (S,D) is multiplied from the left, no transposed copy is made."""
    B, slots, S, D = x.shape
    gate_up, down = (_weight(w, x.dtype, model_dtype) for w in (mlp.gate_up_proj, mlp.down_proj))
    wide = _memory("wide", (B * slots, len(gate_up), D), x)
    flat = x.view(-1, S, D)
    torch.bmm(gate_up.expand(B * slots, -1, -1), flat, out=wide)
    gate, up = wide.view(B, slots, -1, D).chunk(2, dim=-2)
    _gated(gate, up)
    torch.baddbmm(flat, down.expand(B * slots, -1, -1), wide[:, : gate.shape[-2]], out=flat)


def _gated(gate: Tensor, up: Tensor) -> None:
    """gate <- silu(gate) * up, both (B,1+K,...)."""
    g, u = gate[:, 0], up[:, 0]
    s = torch.sigmoid(g)
    silu = g * s
    slope = (1 - s).mul_(g).add_(1).mul_(s).mul_(u)  # silu'(g) u
    gate[:, 1:].mul_(slope[:, None]).addcmul_(up[:, 1:], silu[:, None])
    torch.mul(silu, u, out=g)


def _rms_norm(x: Tensor, eps: float, dim: int) -> None:
    """x <- x / sqrt(mean(x^2) + eps) along `dim`; dy = r (dx - y mean(y dx)) with y = r x."""
    value, tangents = x[:, 0], x[:, 1:]
    scale = torch.rsqrt(value.square().mean(dim, keepdim=True) + eps)
    value *= scale
    y = value[:, None]
    along = (tangents * y).mean(dim, keepdim=True)
    tangents.addcmul_(y, along, value=-1).mul_(scale[:, None])


def _add_attention(attention: Attention, x: Tensor, cos_sin: CosSin, model_dtype: torch.dtype) -> None:
    """x += W_o softmax(q k^T / sqrt(d)) v, written out: the fused kernels have no derivative of this kind."""
    B, slots, S, D = x.shape
    heads, size = attention.heads, attention.head_dim
    qkv_weight, out_weight = (_weight(w, x.dtype, model_dtype) for w in (attention.qkv_proj, attention.o_proj))
    qkv = _memory("wide", (B * slots * S, len(qkv_weight)), x)
    flat = x.view(-1, D)
    torch.mm(flat, qkv_weight.mT, out=qkv)
    split = qkv.view(B, slots, S, 3 * heads, size)
    if cos_sin is not None:
        _rotate(split[..., : 2 * heads, :], *cos_sin)
    q, k, v = split.transpose(2, 3).chunk(3, dim=2)  # each (B,1+K,heads,S,d)
    mixed = _memory("mixed", (B, slots, S, heads, size), x)
    _attend(q, k, v, mixed.transpose(2, 3))
    torch.addmm(flat, mixed.view(-1, heads * size), out_weight.mT, out=flat)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> None:
    """Rotary positions in place; x (B,1+K,S,heads,d), tables (S,d) whose halves are equal."""
    half = x.shape[-1] // 2
    cos, sin = (table[:, None, :half].to(x.dtype) for table in (cos, sin))
    first, second = x[..., :half], x[..., half:]
    turned = first * sin
    first.mul_(cos).addcmul_(second, sin, value=-1)
    second.mul_(cos).add_(turned)


def _attend(q: Tensor, k: Tensor, v: Tensor, out: Tensor) -> None:
    """Scaled dot-product attention of value and tangents, each (B,1+K,heads,S,d), into `out`.

    p = softmax(s), s = q k^T / sqrt(d); ds = (dq k^T + q dk^T) / sqrt(d); dp = p (ds - sum(p ds)); do = dp v + p dv.
    """
    B, slots, heads, S, size = q.shape
    q0, k0, v0 = (part[:, :1] for part in (q, k, v))
    q0 = q0 * size**-0.5
    p = torch.softmax(q0 @ k0.mT, dim=-1)
    out[:, :1] = p @ v0
    at_once = max(1, SCORES_AT_ONCE[q.device.type] // (B * heads * S * S))
    for first in range(1, slots, at_once):
        these = slice(first, min(first + at_once, slots))
        ds = (q[:, these] * size**-0.5) @ k0.mT
        ds += q0 @ k[:, these].mT
        ds *= p
        ds.addcmul_(p, ds.sum(-1, keepdim=True), value=-1)
        out[:, these] = torch.matmul(ds, v0).add_(p @ v[:, these])


_kept = threading.local()


def _memory(name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Uninitialised memory, on a CPU the same at every call of a thread; CUDA's allocator keeps its own."""
    if like.device.type != "cpu":
        return like.new_empty(shape)
    kept: dict[tuple[str, torch.dtype], Tensor] = _kept.__dict__.setdefault("tensors", {})
    size = 1
    for extent in shape:
        size *= extent
    tensor = kept.get((name, like.dtype))
    if tensor is None or tensor.numel() < size:
        tensor = kept[name, like.dtype] = torch.empty(size, dtype=like.dtype)
    return tensor[:size].view(shape)
