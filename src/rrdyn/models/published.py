"""What the configs and checkpoints of TRM's and HRM's own code say, in their fields and tensor names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rrdyn.artifacts.errors import UsageError, notice
from rrdyn.artifacts.record import Meta
from rrdyn.models.config import SIZES, ReasonerConfig
from rrdyn.models.family import ModelFamily, Shaped

NOT_READ = ("batch_size", "causal")
"""Fields of published configs that size a buffer of their training or that no class reads."""


class PublishedFamily(ModelFamily):
    """A family whose configs and checkpoints other code writes and reads."""

    def from_upstream(self, arch: Mapping[str, Any], *, published: bool) -> Meta:
        known = {*self.config.model_fields, "loss"}
        off = [key for key, value in arch.items() if key not in known and (not value or value == "none")]
        neutral = off if published else []
        fields = {key: value for key, value in arch.items() if key not in (*NOT_READ, *neutral)}
        if told := [f"{key}: {arch[key]}" for key in neutral if key not in NOT_READ]:
            notice(f"fields of a fork, switched off in this config, are passed over: {', '.join(told)}")
        if isinstance(loss := fields.get("loss"), Mapping):
            fields["loss"] = loss_name(loss.get("loss_type"))
        if fields.get("puzzle_emb_ndim") is None:
            fields.pop("puzzle_emb_ndim", None)
        if isinstance(dtype := fields.get("forward_dtype"), str):
            fields["forward_dtype"] = dtype.removeprefix("torch.")
        if "pos_encodings" in fields and fields["pos_encodings"] is None:
            fields["pos_encodings"] = "none"
        return fields

    def to_upstream(self, config: ReasonerConfig) -> Meta:
        return self.arch(config, self.upstream[0])

    def arch(self, config: ReasonerConfig, named: str) -> Meta:
        """The arch section of a config that calls the model so."""
        arch = {key: value for key, value in config.model_dump().items() if key not in SIZES}
        arch["name"] = named
        arch["loss"] = {"name": "losses@ACTLossHead", "loss_type": f"{config.loss}_cross_entropy"}
        return arch

    def sizes(self, tensors: Mapping[str, Shaped], arch: Mapping[str, Any]) -> dict[str, int]:
        return self.counted(tensors, arch, ("L_level.layers.0.mlp_t.down_proj.weight", "embed_pos.embedding_weight"))

    def counted(
        self, tensors: Mapping[str, Shaped], arch: Mapping[str, Any], by_position: Sequence[str]
    ) -> dict[str, int]:
        """Rows of the embeddings; positions that a tensor `by_position` has as rows, less the prefix."""

        def rows(name: str) -> int | None:
            tensor = next((tensor for key, tensor in tensors.items() if f".{key}".endswith(f".inner.{name}")), None)
            return tensor.shape[0] if tensor is not None and len(tensor.shape) == 2 else None

        found = {
            "vocab_size": rows("embed_tokens.embedding_weight"),
            "num_puzzle_identifiers": rows("puzzle_emb.weights"),
        }
        positions = next((counted for name in by_position if (counted := rows(name))), None)
        if positions is not None and arch.get("seq_len") is None:
            fields = self.from_upstream(arch, published="@" in str(arch.get("name")))
            least = {"name": self.name, "seq_len": 1, "vocab_size": 1, "num_puzzle_identifiers": 1}
            found["seq_len"] = positions - self.config(**{**fields, **least}).prefix  # type: ignore[attr-defined]
        return {key: size for key, size in found.items() if size is not None}


def loss_name(loss_type: object) -> str:
    """stablemax or softmax, from upstream's `loss_type`."""
    text = str(loss_type).removesuffix("_cross_entropy")
    if text not in ("stablemax", "softmax"):
        raise UsageError("the config names no known loss", found=loss_type, expected="stablemax or softmax")
    return text
