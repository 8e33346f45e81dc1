"""The layers both models are made of: casted linear maps and embeddings, RMSNorm, rotary positions, attention, SwiGLU.

Parameters keep their own dtype (float32) and are cast to the dtype of the computation at use, as in the
published models. Where no gradient is wanted the cast copy is kept and buffers are reused; neither changes a bit.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from rrdyn.runtime.shapes import Float, Integer

CosSin = tuple[Tensor, Tensor] | None
"""Rotary tables (S,head_dim), or None for no rotation."""
INNER_MULTIPLE = 256
WIDE_AT_ONCE = 1 << 20
"""Elements of a SwiGLU's inner layer held at a time on a CPU: fresh memory for all of it costs more than it saves."""


def truncated_normal_(tensor: Tensor, std: float) -> Tensor:
    """Fill with a normal truncated at two standard deviations whose realised deviation is `std` (0 gives zeros)."""
    if tensor.is_meta:
        return tensor  # nothing to fill, but torch would load its compiler for it, a third of a command's start
    with torch.no_grad():
        if std == 0:
            return tensor.zero_()
        root2 = math.sqrt(2)
        edge = math.erf(2 / root2)
        density = math.exp(-2.0) / math.sqrt(2 * math.pi)
        wide = std / math.sqrt(1 - 4 * density / edge)  # deviation before truncation
        return tensor.uniform_(-edge, edge).erfinv_().mul_(root2 * wide).clip_(-2 * wide, 2 * wide)


def inner_size(size: int, expansion: float) -> int:
    """Width of a SwiGLU over `size` features: 2/3 of expansion x size, rounded up to a multiple of 256."""
    return -(round(expansion * size * 2 / 3) // -INNER_MULTIPLE) * INNER_MULTIPLE


def wants_gradient(*tensors: Tensor) -> bool:
    """Whether autograd would record an operation on these tensors."""
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


class Cast:
    """The copy of a parameter in the dtype of the computation, made once as long as no gradient is wanted.

    In training every use casts anew, so that the gradients of the uses are summed in the parameter's own dtype.
    """

    def __init__(self) -> None:
        self.kept: tuple[tuple[object, ...], Tensor] | None = None

    def __call__(self, parameter: Tensor, dtype: torch.dtype) -> Tensor:
        if parameter.dtype == dtype:
            return parameter
        if wants_gradient(parameter) or torch.compiler.is_compiling():  # a compiled region fuses the cast into its use
            return parameter.to(dtype)
        version = 0 if parameter.is_inference() else parameter._version
        key = (dtype, parameter.device, parameter.data_ptr(), version)
        kept = self.kept  # read once: another thread may replace it
        if kept is None or kept[0] != key:
            kept = self.kept = (key, parameter.detach().to(dtype))
        return kept[1]

    def forget(self) -> None:
        self.kept = None


class Linear(nn.Module):
    """y = x W^T (+ b), W of shape (out, in) drawn with deviation 1/sqrt(in), b zero."""

    def __init__(self, size_in: int, size_out: int, *, bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(truncated_normal_(torch.empty(size_out, size_in), 1 / size_in**0.5))
        self.bias = nn.Parameter(torch.zeros(size_out)) if bias else None
        self.cast_weight, self.cast_bias = Cast(), Cast()
        self.narrow: Tensor | None = None
        """A copy of the weight in the dtype of products that a training pass has made; it may have further rows and
        columns, of zeros."""

    def weight_as(self, dtype: torch.dtype) -> Tensor:
        return self.cast_weight(self.weight, dtype)

    def forward(self, x: Float[Tensor, "*any size_in"]) -> Float[Tensor, "*any size_out"]:
        if self.narrow is not None:
            bias = None if self.bias is None else self.bias.to(self.narrow.dtype)
            return F.linear(x.to(self.narrow.dtype), self.narrow, bias)
        bias = None if self.bias is None else self.cast_bias(self.bias, x.dtype)
        return F.linear(x, self.weight_as(x.dtype), bias)


class Embedding(nn.Module):
    """A table of vectors (rows, size), looked up in a given dtype."""

    def __init__(self, rows: int, size: int, *, std: float) -> None:
        super().__init__()
        self.embedding_weight = nn.Parameter(truncated_normal_(torch.empty(rows, size), std))
        self.cast_weight = Cast()

    def weight_as(self, dtype: torch.dtype) -> Tensor:
        return self.cast_weight(self.embedding_weight, dtype)

    def forward(self, ids: Integer[Tensor, "*any"], dtype: torch.dtype) -> Float[Tensor, "*any size"]:
        return F.embedding(ids, self.weight_as(dtype))


class PuzzleEmbedding(nn.Module):
    """One vector (ndim,) a puzzle identifier, zero at first. A buffer: its rows are trained by a sparse rule."""

    weights: Tensor

    def __init__(self, rows: int, ndim: int) -> None:
        super().__init__()
        self.register_buffer("weights", torch.zeros(rows, ndim))


class RotaryTable(nn.Module):
    """cos and sin (positions, head_dim) of the rotary angles, computed in float32 whatever the model's dtype."""

    cos: Tensor
    sin: Tensor

    def __init__(self, head_dim: int, positions: int, theta: float) -> None:
        super().__init__()
        halves = torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim
        angles = torch.outer(torch.arange(positions, dtype=torch.float32), 1.0 / theta**halves)
        angles = torch.cat((angles, angles), dim=-1)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def as_dtype(self, dtype: torch.dtype) -> tuple[Float[Tensor, "S d"], Float[Tensor, "S d"]]:
        """cos and sin in the dtype rotations are computed in for states of `dtype`: at least float32."""
        wide = at_least_float32(dtype)
        return self.cos.to(wide), self.sin.to(wide)


def at_least_float32(dtype: torch.dtype) -> torch.dtype:
    """float64 for float64, else float32: what norms and rotary positions work in."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def rotate(
    x: Float[Tensor, "B S heads d"], cos: Float[Tensor, "S d"], sin: Float[Tensor, "S d"]
) -> Float[Tensor, "B S heads d"]:
    """Rotate pairs (i, i + half) of the last axis of x (B,S,heads,head_dim) by the angle of the position S."""
    wide = x.to(cos.dtype)
    half = wide.shape[-1] // 2
    turned = torch.cat((-wide[..., half:], wide[..., :half]), dim=-1)
    cos, sin = cos.unsqueeze(-2), sin.unsqueeze(-2)
    if wants_gradient(x):
        return (wide * cos + turned * sin).to(x.dtype)
    return (wide * cos).add_(turned.mul_(sin)).to(x.dtype)


def rms_norm(x: Float[Tensor, "*any"], eps: float) -> Float[Tensor, "*any"]:
    """x / sqrt(mean(x^2) + eps) over the last axis, no weight; in float32 for narrower inputs, float64 in float64."""
    wide = x.to(at_least_float32(x.dtype))
    scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    return (wide * scale).to(x.dtype)


def add_and_norm(x: Float[Tensor, "*any"], update: Float[Tensor, "*any"], eps: float) -> Float[Tensor, "*any"]:
    """rms_norm(x + update); without a gradient the sum is overwritten."""
    total = x + update
    if wants_gradient(total) or total.dtype != at_least_float32(total.dtype):
        return rms_norm(total, eps)
    return total.mul_(torch.rsqrt(total.square().mean(-1, keepdim=True) + eps))


class Attention(nn.Module):
    """Multi-head self-attention over positions, every position seeing every other; qkv rows are all q, all k, all v."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, size // heads
        self.qkv_proj = Linear(size, 3 * heads * self.head_dim)
        self.o_proj = Linear(heads * self.head_dim, size)

    def forward(self, x: Float[Tensor, "B S D"], cos_sin: CosSin) -> Float[Tensor, "B S D"]:
        """x (B,S,D) -> (B,S,D); cos and sin (S,head_dim), or None for no rotation."""
        B, S, _ = x.shape
        qkv = self.qkv_proj(x).view(B, S, 3 * self.heads, self.head_dim)
        if cos_sin is None:
            q, k = qkv[:, :, : self.heads], qkv[:, :, self.heads : 2 * self.heads]
        else:
            q, k = rotate(qkv[:, :, : 2 * self.heads], *cos_sin).split(self.heads, dim=2)
        v = qkv[:, :, 2 * self.heads :]
        mixed = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        out: Tensor = self.o_proj(rearrange(mixed, "B heads S d -> B S (heads d)"))
        return out


class SwiGLU(nn.Module):
    """W_down (silu(W_gate x) * W_up x); gate and up are the two halves of one matrix, gate first."""

    def __init__(self, size: int, expansion: float) -> None:
        super().__init__()
        inner = inner_size(size, expansion)
        self.size = size
        self.gate_up_proj = Linear(size, 2 * inner)
        self.down_proj = Linear(inner, size)

    def forward(self, x: Float[Tensor, "*any size"]) -> Float[Tensor, "*any size"]:
        """x (...,size) -> (...,size)."""
        narrow = self.gate_up_proj.narrow
        if narrow is not None and narrow.shape[1] > self.size:  # rows of zeros beside, so that rows are aligned
            wide = F.pad(x.to(narrow.dtype), (0, narrow.shape[1] - self.size))
            return self._mixed(wide)[..., : self.size]
        return self._mixed(x)

    def _mixed(self, x: Tensor) -> Tensor:
        if wants_gradient(x, self.gate_up_proj.weight):
            gate, up = self.gate_up_proj(x).chunk(2, dim=-1)
            out: Tensor = self.down_proj(F.silu(gate) * up)
            return out
        rows = max(1, WIDE_AT_ONCE // len(self.gate_up_proj.weight))
        if x.device.type != "cpu" or x.numel() // x.shape[-1] <= rows:
            return self._overwriting(x)
        return torch.cat([self._overwriting(part) for part in x.flatten(0, -2).split(rows)]).view(x.shape)

    def _overwriting(self, x: Tensor) -> Tensor:
        gate, up = self.gate_up_proj(x).chunk(2, dim=-1)
        out: Tensor = self.down_proj(F.silu(gate, inplace=True).mul_(up))
        return out


class Block(nn.Module):
    """Token mixing (attention, or a SwiGLU over the positions), then a SwiGLU over the features, each post-normed."""

    def __init__(self, *, size: int, heads: int, expansion: float, eps: float, mixed_positions: int | None) -> None:
        """`mixed_positions`: the number of positions an MLP mixes; None for attention."""
        super().__init__()
        self.eps = eps
        if mixed_positions is None:
            self.self_attn = Attention(size, heads)
        else:
            self.mlp_t = SwiGLU(mixed_positions, expansion)
        self.mixes_by_mlp = mixed_positions is not None
        self.mlp = SwiGLU(size, expansion)

    def forward(self, x: Float[Tensor, "B S D"], cos_sin: CosSin) -> Float[Tensor, "B S D"]:
        """x (B,S,D) -> (B,S,D)."""
        if self.mixes_by_mlp:
            # The norm after token mixing runs over the positions, not over the features.
            x = x.transpose(1, 2)
            x = add_and_norm(x, self.mlp_t(x), self.eps).transpose(1, 2)
        else:
            x = add_and_norm(x, self.self_attn(x, cos_sin), self.eps)
        return add_and_norm(x, self.mlp(x), self.eps)


class Stack(nn.Module):
    """Blocks one after the other: the map f of a sub-update."""

    def __init__(self, blocks: list[Block]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(blocks)

    def forward(self, x: Float[Tensor, "B S D"], cos_sin: CosSin) -> Float[Tensor, "B S D"]:
        for block in self.layers:
            x = block(x, cos_sin)
        return x
