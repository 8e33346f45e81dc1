"""The trainable parameters of a model as one vector, in the order in which the model names them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """What a gradient moves, by name; a table of puzzle vectors, which has an optimiser of its own, is not of it."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def cut(vector: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A vector (N,) in the shapes of the parameters, which have N elements together; the views share its memory."""
    pieces = vector.split([parameter.numel() for parameter in parameters.values()])
    return {name: piece.view(parameter.shape) for (name, parameter), piece in zip(parameters.items(), pieces)}
