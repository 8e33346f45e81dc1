"""The Stable Recursion Model: one tied operator moves both latents, and cannot expand.

    T(z) = (1 - alpha) z + alpha (A psi(z, x) + b(x)),   psi(z, x) = (phi(h), phi(l + e)),   z = (h, l)
    A = [[a_HH I, a_HL U_HL], [a_LH U_LH, a_LL I]],   |T(z) - T(z')|_P <= ((1 - alpha) + alpha |N|_2) |z - z'|_P

What is known of it, what its notes leave open and what was decided here: docs/models.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, NamedTuple

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.record import Meta
from rrdyn.models.config import Cycles, ReasonerConfig
from rrdyn.models.contraction import (
    Bounded,
    Certificate,
    cayley,
    in_metric,
    norm_of_two,
    scaled_gains,
    spectral_norm,
)
from rrdyn.models.family import Shaped, register
from rrdyn.models.latent import Latent
from rrdyn.models.layers import Linear, at_least_float32, rms_norm, truncated_normal_
from rrdyn.models.model import Readout
from rrdyn.models.published import PublishedFamily
from rrdyn.models.reasoner import Inner, Reasoner
from rrdyn.models.recurrence import Recurrence, Rows
from rrdyn.runtime.shapes import Float

LEAST_KAPPA, KAPPA_RANGE = 0.5, 0.49
"""kappa = .5 + .49 sigmoid(c), where it is learned."""


class SRMConfig(ReasonerConfig):
    """An SRM: positions and features mixed by bounded MLPs, HRM's heads and halting."""

    name: Literal["srm"] = "srm"
    num_heads: Literal[1] = 1
    """No attention."""
    expansion: Annotated[float, Field(gt=0, le=64)] = 2.0
    """Inner width of an MLP over what it mixes."""
    H_cycles: Cycles = 2
    """Cycles a segment."""
    L_cycles: Cycles = 3
    """Sub-updates a cycle, each of both latents; training differentiates the last cycle."""
    H_layers: Literal[0] = 0
    """One operator for both latents."""
    L_layers: Annotated[int, Field(ge=1, le=256)] = 2
    """Blocks of it."""
    pos_encodings: Literal["learned", "none"] = "none"
    """How a position is known, beside the rows of the MLP over positions."""
    mlp_t: Literal[True] = True
    """Always: attention has no such bound."""
    no_ACT_continue: bool = False
    """As HRM: halt on q_halt > q_continue."""
    alpha: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Damping: how much of the new state replaces the old one."""
    eta: Annotated[float, Field(ge=1e-4, le=1e4)] = 1.0
    """Weight of l in |z|_P^2 = |h|^2 + eta |l|^2."""
    kappa: Annotated[float, Field(ge=0.01, lt=1)] = 0.9
    """|N|_2, the norm of the coupling; where it is learned, the first value and the anchor."""
    kappa_learned: bool = False
    """kappa = .5 + .49 sigmoid(c)."""
    kappa_anchor: Annotated[float, Field(ge=0)] = 1.0
    """Weight of (kappa - anchor)^2 in the loss, where it is learned."""

    @model_validator(mode="after")
    def _is_an_srm(self) -> SRMConfig:
        if self.kappa_learned and not LEAST_KAPPA < self.kappa < LEAST_KAPPA + KAPPA_RANGE:
            raise UsageError(
                "a learned kappa begins inside its range", found=self.kappa,
                expected=f"above {LEAST_KAPPA} and below {LEAST_KAPPA + KAPPA_RANGE}",
            )  # fmt: skip
        return self

    @property
    def label(self) -> str:
        return self.name

    @property
    def short(self) -> str:
        return f"an SRM, hidden {self.hidden_size}"

    @property
    def summary(self) -> str:
        kappa = f"kappa {self.kappa:g}{' at first' if self.kappa_learned else ''}"
        return f"an SRM (hidden {self.hidden_size}, {self.positions} positions, {kappa}, alpha {self.alpha:g})"


class Mixing(nn.Module):
    """A block of phi: an MLP over the positions, then one over the features, each of two bounded matrices."""

    def __init__(self, positions: int, size: int, expansion: float) -> None:
        super().__init__()
        wide_t, wide = (max(1, round(expansion * n)) for n in (positions, size))
        self.token_up, self.token_down = Bounded(positions, wide_t), Bounded(wide_t, positions)
        self.up, self.down = Bounded(size, wide), Bounded(wide, size)

    def matrices(self, dtype: torch.dtype) -> Matrices:
        return Matrices(*(part.matrix(dtype) for part in (self.token_up, self.token_down, self.up, self.down)))


class Matrices(NamedTuple):
    """Of one block: (wide_t,S), (S,wide_t), (wide,D), (D,wide), each of norm at most 1."""

    token_up: Tensor
    token_down: Tensor
    up: Tensor
    down: Tensor


@dataclass(frozen=True, kw_only=True)
class Operators:
    """The operator as it is used: bounded matrices, and the coupling with alpha in it."""

    blocks: tuple[Matrices, ...]
    keep: float
    """1 - alpha."""
    h_from_h: Tensor
    """alpha a_HH, ()."""
    l_from_l: Tensor
    h_from_l: Tensor
    """alpha a_HL U_HL, (D,D)."""
    l_from_h: Tensor

    def as_dtype(self, dtype: torch.dtype) -> Operators:
        """The same numbers in another dtype."""
        if self.h_from_l.dtype == dtype:
            return self
        coupling = {name: getattr(self, name).to(dtype) for name in ("h_from_h", "l_from_l", "h_from_l", "l_from_h")}
        return replace(self, blocks=tuple(Matrices(*(m.to(dtype) for m in b)) for b in self.blocks), **coupling)


@dataclass(frozen=True, kw_only=True)
class JointUpdate:
    """One application of T to both latents."""

    operators: Operators
    e: Float[Tensor, "B S D"]
    drive: Latent
    """alpha b(x)."""
    closes_cycle: bool = False

    @property
    def layers(self) -> int:
        """Blocks that it applies, to either latent."""
        return 2 * len(self.operators.blocks)

    def value(self, z: Latent) -> Latent:
        """The state after this sub-update."""
        f = self.operators
        x = torch.cat((z.z_H, z.z_L + self.e))
        for block in f.blocks:
            x = block.token_down @ torch.relu(block.token_up @ x)
            x = torch.relu(x @ block.up.mT) @ block.down.mT
        h, l = x.chunk(2)
        return Latent(
            f.keep * z.z_H + (f.h_from_h * h + l @ f.h_from_l.mT) + self.drive.z_H,
            f.keep * z.z_L + (f.l_from_l * l + h @ f.l_from_h.mT) + self.drive.z_L,
        )

    def advance(self, bundle: Latent) -> Latent:
        """Value and tangents in one tensor (B,1+K,S,D) of each latent, which is overwritten.

        Every matrix meets all slots in one product; a ReLU lets a tangent through where it lets the value through.
        """
        z_H, z_L = bundle
        f, B = self.operators.as_dtype(z_H.dtype), len(z_H)
        x = torch.cat((z_H, z_L))
        x[B:, 0] += self.e
        for block in f.blocks:
            x = block.token_down @ _open(block.token_up @ x)
            x = _open(x @ block.up.mT) @ block.down.mT
        h, l = x.split(B)
        D = z_H.shape[-1]
        for part, own, gain, other, coupling in (
            (z_H, h, f.h_from_h, l, f.h_from_l), (z_L, l, f.l_from_l, h, f.l_from_h),
        ):  # fmt: skip
            part *= f.keep
            part.view(-1, D).addmm_(other.reshape(-1, D), coupling.mT)
            part.addcmul_(own, gain)
        z_H[:, 0] += self.drive.z_H
        z_L[:, 0] += self.drive.z_L
        return bundle

    def rows(self, index: Rows) -> JointUpdate:
        """This sub-update for some examples of the batch."""
        return replace(self, e=self.e[index], drive=Latent(*(part[index] for part in self.drive)))


def _open(x: Tensor) -> Tensor:
    """ReLU of value and tangents (B,1+K,...) in place."""
    return x.mul_(x[:, :1] > 0)


class StableInner(Inner):
    """The parameters: HRM's, and the operator's in the place of its stacks."""

    config: SRMConfig

    def add_levels(self, config: Any) -> None:
        size = config.hidden_size
        self.phi = nn.ModuleList([Mixing(config.positions, size, config.expansion) for _ in range(config.L_layers)])
        self.drive = Linear(size, 2 * size)
        std = 1 / math.sqrt(size)
        self.turn_HL = nn.Parameter(truncated_normal_(torch.empty(size, size), std))
        self.turn_LH = nn.Parameter(truncated_normal_(torch.empty(size, size), std))
        self.gain_logits = nn.Parameter(torch.zeros(2, 2))
        if config.kappa_learned:
            share = (config.kappa - LEAST_KAPPA) / KAPPA_RANGE
            self.kappa_logit = nn.Parameter(torch.tensor(math.log(share / (1 - share))))


class SRM(Reasoner):
    """H_cycles x L_cycles x [z <- T(z)]: two latents, one operator, no attention, no norm of the state."""

    config: SRMConfig
    inner: StableInner
    inner_type = StableInner

    def recurrence(self, e: Float[Tensor, "B S D"]) -> Recurrence[Latent]:
        """The sub-updates of one segment with the input embedding e (B,S,D)."""
        self._forget_casts()
        drive = Latent(*(self.config.alpha * self.inner.drive(e)).chunk(2, dim=-1))
        update = JointUpdate(operators=self.operators(), e=e, drive=drive)
        cycle = (*[update] * (self.config.L_cycles - 1), replace(update, closes_cycle=True))
        return Recurrence(sub_updates=cycle * self.config.H_cycles, gradient_span=self.gradient_span)

    def operators(self) -> Operators:
        """What is applied: computed in float32 at least, then rounded to what the model computes in."""
        wide = at_least_float32(self.dtype)
        with torch.autocast(self.device.type, enabled=False):
            alpha, inner = self.config.alpha, self.inner
            gains = (alpha * scaled_gains(inner.gain_logits.double(), self.config.eta, self.kappa)).to(wide)
            used = Operators(
                blocks=tuple(block.matrices(wide) for block in inner.phi),  # type: ignore[operator]
                keep=1 - alpha,
                h_from_h=gains[0, 0],
                l_from_l=gains[1, 1],
                h_from_l=gains[0, 1] * cayley(inner.turn_HL.to(wide)),
                l_from_h=gains[1, 0] * cayley(inner.turn_LH.to(wide)),
            )
        return used.as_dtype(self.dtype)

    @property
    def kappa(self) -> Tensor | float:
        """|N|_2 as it stands, float64 where it is learned."""
        if not self.config.kappa_learned:
            return self.config.kappa
        return LEAST_KAPPA + KAPPA_RANGE * torch.sigmoid(self.inner.kappa_logit.double())

    def penalty(self) -> Tensor | None:
        """What holds a learned kappa near its anchor."""
        kappa = self.kappa
        if not isinstance(kappa, Tensor) or not self.config.kappa_anchor:
            return None
        return self.config.kappa_anchor * (kappa - self.config.kappa) ** 2

    @torch.no_grad()
    def certificate(self) -> Certificate:
        """That a sub-update contracts, from the weights as they are used and in float64."""
        used, config = self.operators(), self.config
        h, l = (float(gain.double()) for gain in (used.h_from_h, used.l_from_l))
        across = [spectral_norm(used.h_from_l), spectral_norm(used.l_from_h)]
        norms = in_metric(torch.tensor([[abs(h), across[0]], [across[1], abs(l)]], dtype=torch.float64), config.eta)
        coupling = float(norm_of_two(norms))
        phi = math.prod(spectral_norm(matrix) for block in used.blocks for matrix in block)
        slack = max(1.0, phi)
        return Certificate(
            bound=used.keep + coupling * slack,
            tighter=used.keep + min(coupling, self._coupling_norm(used)) * phi,
            gain=coupling / config.alpha,
            slack=slack,
            alpha=config.alpha,
            metric=(1.0, config.eta),
        )

    def _coupling_norm(self, used: Operators) -> float:
        """|alpha A|_P by its singular values, in the coordinates (h, sqrt(eta) l)."""
        root = math.sqrt(self.config.eta)
        eye = torch.eye(self.config.hidden_size, dtype=torch.float64, device=used.h_from_l.device)
        top = torch.cat((used.h_from_h.double() * eye, used.h_from_l.double() / root), dim=1)
        bottom = torch.cat((used.l_from_h.double() * root, used.l_from_l.double() * eye), dim=1)
        return spectral_norm(torch.cat((top, bottom)))

    def contraction_bound(self) -> float:
        """The largest factor by which a sub-update can part two states in |.|_P (docs/models.md), in float64."""
        return self.certificate().bound

    def read(self, z: Latent) -> Readout:
        """As HRM, of z_H scaled to a mean square of 1: HRM's state is, this one's must not be."""
        return super().read(Latent(rms_norm(z.z_H, self.config.rms_norm_eps), z.z_L))

    @property
    def gradient_span(self) -> int:
        """The last cycle."""
        return self.config.L_cycles

    @property
    def nets(self) -> Sequence[nn.Module]:
        return ()

    def activation_bytes(self, tangents: int = 0, width: int = 4) -> int:
        """Value and tangents of both latents, what they are joined into, and the wider of the inner layers."""
        return round(width * (1 + tangents) * self.state_elements * (4 + 2 * self.config.expansion))

    def fill_tables(self) -> None:
        """Nothing is left out of the state dict."""


@register
class SRMFamily(PublishedFamily):
    """SRM by what its notes say; no code of its authors was at hand, so there is no class path."""

    name = "srm"
    config = SRMConfig

    def build(self, config: SRMConfig, dtype: torch.dtype | None) -> SRM:
        return SRM(config, dtype)

    def to_upstream(self, config: ReasonerConfig) -> Meta:
        return self.arch(config, self.name)

    def sizes(self, tensors: Mapping[str, Shaped], arch: Mapping[str, Any]) -> dict[str, int]:
        return self.counted(tensors, arch, ("phi.0.token_down.weight", "embed_pos.embedding_weight"))
