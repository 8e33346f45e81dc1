"""All parameters of a model as one vector, so that an optimiser step, an average or a reduction is one operation."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FlatParameters:
    """Makes every trainable parameter (and its gradient) a view into one vector.

    Small models spend their time launching operations rather than doing them; one AdamATan2 step over the vector is
    eight operations whatever the number of parameters. Parameters must share one dtype and device, and must not be
    moved afterwards.
    """

    def __init__(self, model: nn.Module) -> None:
        named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
        self.names = [name for name, _ in named]
        self.shapes = [parameter.shape for _, parameter in named]
        self.parameters = [parameter for _, parameter in named]
        self.vector = nn.Parameter(torch.cat([parameter.detach().reshape(-1) for _, parameter in named]))
        self.vector.grad = torch.zeros_like(self.vector)
        for parameter, value, grad in zip(self.parameters, self.views(self.vector.data), self.views(self.vector.grad)):
            parameter.data = value
            parameter.grad = grad

    def views(self, vector: Tensor) -> list[Tensor]:
        """A vector of this length cut into the parameters' shapes; the views share its memory."""
        pieces = vector.split([shape.numel() for shape in self.shapes])
        return [piece.view(shape) for piece, shape in zip(pieces, self.shapes)]

    def named(self, vector: Tensor) -> dict[str, Tensor]:
        """The views of `vector` under the parameters' names."""
        return dict(zip(self.names, self.views(vector)))

    @property
    def grad(self) -> Tensor:
        assert self.vector.grad is not None
        return self.vector.grad

    def zero_grad(self) -> None:
        self.grad.zero_()
