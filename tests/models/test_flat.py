"""The vector that is trained, cut into a model's parameters."""

from __future__ import annotations

import pytest
import torch
from model_cases import FAMILIES, drawn

from rrdyn.models.flat import cut, trainable


@pytest.mark.parametrize("name", list(FAMILIES))
def test_a_vector_is_cut_into_what_it_was_made_of(name):
    parameters = trainable(drawn(FAMILIES[name]))
    assert parameters
    vector = torch.cat([parameter.detach().reshape(-1) for parameter in parameters.values()])
    found = cut(vector, parameters)
    assert list(found) == list(parameters)
    assert all(torch.equal(found[key], parameters[key]) for key in parameters)
    vector.zero_()
    assert not any(view.any() for view in found.values())
    with pytest.raises(RuntimeError, match="split"):
        cut(vector[1:], parameters)
