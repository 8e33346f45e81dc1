"""`permute`: each particle is asked another puzzle that means the same; answers are mapped back, to be voted on."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from rrdyn.measurement.scaling.method import Method, Setting, register_method
from rrdyn.measurement.scaling.symmetry import Map
from rrdyn.measurement.subject import Questions


@register_method
class Permute(Method):
    """The task's symmetries; particle 0 has the puzzle as it is."""

    name, reader = "permute", "majority"
    source = "Ren & Liu 2601.10679 (token permutations)"

    @classmethod
    def most(cls, setting: Setting) -> int | None:
        return 0 if setting.symmetries is None else setting.symmetries.most

    @cached_property
    def maps(self) -> list[Map]:
        """A map a row."""
        assert self.setting.symmetries is not None
        return [self.setting.symmetries.of(idx, particle) for idx, particle in self.rows]

    def asked(self) -> Questions:
        plain = super().asked()
        device = plain.inputs.device
        inputs, labels = plain.inputs.cpu().numpy(), plain.labels.cpu().numpy()
        turned = [np.stack([one.forward(row) for one, row in zip(self.maps, rows)]) for rows in (inputs, labels)]
        return Questions(inputs=torch.from_numpy(turned[0]).to(device), labels=torch.from_numpy(turned[1]).to(device),
                         identifiers=plain.identifiers, idx=plain.idx)  # fmt: skip

    def answered(self, preds: Tensor) -> Tensor:
        rows = preds.cpu().numpy()
        back = np.stack([one.back(row) for one, row in zip(self.maps, rows)])
        return torch.from_numpy(back).to(preds.device)
