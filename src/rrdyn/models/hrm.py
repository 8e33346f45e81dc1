"""The Hierarchical Reasoning Model (Wang et al. 2025, arXiv:2506.21734): a slow and a fast stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, model_validator

from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.record import Meta
from rrdyn.models.config import Cycles, ReasonerConfig
from rrdyn.models.family import register
from rrdyn.models.layers import Stack
from rrdyn.models.published import PublishedFamily
from rrdyn.models.reasoner import Stacked

TRM_ONLY = ("mlp_t", "puzzle_emb_len", "no_ACT_continue")
"""Fields that HRM's own code does not know."""


class HRMConfig(ReasonerConfig):
    """An HRM: as many prefix positions as the puzzle vector fills, and a continue head."""

    name: Literal["hrm"] = "hrm"
    H_cycles: Cycles = 2
    """z_H updates a segment."""
    L_cycles: Cycles = 2
    """z_L updates before each z_H update."""
    H_layers: Annotated[int, Field(ge=0, le=256)] = 4
    """Blocks of the H stack."""
    L_layers: Annotated[int, Field(ge=1, le=256)] = 4
    """Blocks of the L stack."""
    no_ACT_continue: bool = False
    """Always false: an HRM halts on q_halt > q_continue."""

    @model_validator(mode="after")
    def _is_an_hrm(self) -> HRMConfig:
        if self.H_layers == 0:
            raise UsageError("an HRM needs an H stack", found="H_layers 0", expected="H_layers of 1 or more")
        if self.puzzle_emb_len or self.no_ACT_continue:
            raise UsageError(
                "an HRM derives its prefix and always has a continue head",
                found=f"puzzle_emb_len {self.puzzle_emb_len}, no_ACT_continue {self.no_ACT_continue}",
                expected="puzzle_emb_len 0, no_ACT_continue false",
            )
        return self


class HRM(Stacked):
    """H_cycles x (L_cycles x [z_L <- f_L(z_L + (z_H + e))], [z_H <- f_H(z_H + z_L)])."""

    @property
    def stack_H(self) -> Stack:
        return self.inner.H_level

    @property
    def gradient_span(self) -> int:
        """The last L update and the last H update."""
        return 2


@register
class HRMFamily(PublishedFamily):
    """HRM as its authors publish it, and as TRM's repository does."""

    name = "hrm"
    config = HRMConfig
    upstream = (
        "hrm.hrm_act_v1@HierarchicalReasoningModel_ACTV1",
        "recursive_reasoning.hrm@HierarchicalReasoningModel_ACTV1",
    )

    def build(self, config: HRMConfig, dtype: torch.dtype | None) -> HRM:
        return HRM(config, dtype)

    def claims(self, named: str) -> bool:
        return named.partition("@")[2] == "HierarchicalReasoningModel_ACTV1"

    def from_upstream(self, arch: Mapping[str, Any], *, published: bool) -> Meta:
        fields = super().from_upstream(arch, published=published)
        unread = {"no_ACT_continue": False, "puzzle_emb_len": 0} if published else {}  # its class reads neither
        return {**fields, **unread}

    def to_upstream(self, config: ReasonerConfig) -> Meta:
        arch = dict(super().to_upstream(config))
        if config.mlp_t or config.pos_encodings == "none":  # only the HRM of TRM's repository has these
            arch["name"] = self.upstream[1]
        return {key: value for key, value in arch.items() if key not in TRM_ONLY or (key == "mlp_t" and value)}

    def upstream_run(self, dataset: str | None, *, ema: bool) -> Meta:
        return {"data_path": dataset or ""}
