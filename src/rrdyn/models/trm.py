"""The Tiny Recursive Model (Jolicoeur-Martineau 2025, arXiv:2510.04871): one net updates both latents."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.record import Meta
from rrdyn.models.config import ReasonerConfig
from rrdyn.models.family import register
from rrdyn.models.layers import Stack
from rrdyn.models.published import PublishedFamily
from rrdyn.models.reasoner import Stacked

ABLATIONS = ("trm_singlez", "trm_hier6", "transformers_baseline")


class TRMConfig(ReasonerConfig):
    """A TRM: 16 prefix positions where there is a puzzle vector, no continue head."""

    name: Literal["trm"] = "trm"
    puzzle_emb_len: Annotated[int, Field(ge=0, le=1 << 16)] = 16
    """Prefix positions that hold the puzzle's vector; 0: as many as it fills."""


class TRM(Stacked):
    """H_cycles x (L_cycles x [z_L <- f(z_L + (z_H + e))], [z_H <- f(z_H + z_L)])."""

    @property
    def stack_H(self) -> Stack:
        return self.inner.L_level

    @property
    def gradient_span(self) -> int:
        """The whole last H cycle."""
        return self.config.L_cycles + 1


@register
class TRMFamily(PublishedFamily):
    """TRM as its authors publish it; their ablation variants are refused by name."""

    name = "trm"
    config = TRMConfig
    upstream = ("recursive_reasoning.trm@TinyRecursiveReasoningModel_ACTV1",)

    def build(self, config: TRMConfig, dtype: torch.dtype | None) -> TRM:
        return TRM(config, dtype)

    def upstream_run(self, dataset: str | None, *, ema: bool) -> Meta:
        paths = [dataset] if dataset else []
        return {"data_paths": paths, "data_paths_test": [], "evaluators": [], "ema": ema, "ema_rate": 0.999}

    def claims(self, named: str) -> bool:
        """Upstream reuses the class name for its variants; the last part of the module tells them apart."""
        for ablation in ABLATIONS:
            if ablation in named:
                raise UsageError(
                    f"{ablation} is an ablation variant of upstream that rrdyn does not build",
                    found=named,
                    expected="trm or hrm",
                )
        module, _, cls = named.partition("@")
        return cls == "TinyRecursiveReasoningModel_ACTV1" and module.rsplit(".", 1)[-1] == "trm"
