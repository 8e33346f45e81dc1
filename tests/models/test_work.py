"""What a segment costs, counted and by the formula of docs/scale.md."""

from __future__ import annotations

from rrdyn.models import build
from rrdyn.models.work import Work, equal_segments, segment_work

SIZES = {"seq_len": 5, "vocab_size": 6, "hidden_size": 8, "expansion": 4.0, "forward_dtype": "float32"}
TRM = {**SIZES, "name": "trm", "num_heads": 2, "H_cycles": 3, "L_cycles": 2, "L_layers": 2, "pos_encodings": "none",
       "puzzle_emb_ndim": 0, "halt_max_steps": 4}  # fmt: skip
HRM = {**TRM, "name": "hrm", "H_layers": 3, "L_layers": 1, "H_cycles": 2, "L_cycles": 2}
SRM = {**SIZES, "name": "srm", "H_cycles": 2, "L_cycles": 3, "L_layers": 2, "puzzle_emb_ndim": 0}
WIDE = 256
"""The inner width of a SwiGLU: 2/3 of four times 8, rounded up."""


def test_a_segment_by_the_formula():
    mixed = segment_work(build({**TRM, "mlp_t": True}))
    assert mixed == Work(operations=9 * 2 * 5 * (6 * 8 * WIDE) + 9 * 2 * 8 * 6 * 5 * WIDE, sub_updates=9, layers=18)
    attended = segment_work(build(TRM))
    assert attended.operations == 9 * 2 * 5 * (6 * 8 * WIDE + 8 * 8**2 + 4 * 5 * 8)


def test_layers_are_those_that_are_applied():
    assert segment_work(build(HRM)).layers == 4 * 1 + 2 * 3
    assert segment_work(build(SRM)).layers == 6 * 2 * 2  # both latents pass through two


def test_segments_of_equal_operations():
    small, large = build(TRM), build({**TRM, "L_layers": 4})
    assert equal_segments(small, small, 7) == 7
    assert equal_segments(small, large, 3) == 6
    assert equal_segments(large, small, 7) == 3  # what is left over is less than a segment
    assert equal_segments(large, small, 1) == 1
