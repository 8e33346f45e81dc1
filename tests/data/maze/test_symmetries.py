from __future__ import annotations

from pathlib import Path

import numpy as np

from rrdyn.data.maze.symmetries import INVERSE, Dihedral, dihedral

GOLDEN = Path(__file__).parents[2] / "golden" / "data"


def test_dihedral_maps_are_numbered_as_upstream():
    golden = np.load(GOLDEN / "augment_trm.npz")
    square = golden["square"]
    maps = Dihedral(3, 3)
    for number, expected in enumerate(golden["dihedral_square"]):
        np.testing.assert_array_equal(dihedral(square, number), expected)
        np.testing.assert_array_equal(maps.listed(number, square.reshape(1, 9))[0].reshape(3, 3), expected)
        np.testing.assert_array_equal(dihedral(expected, INVERSE[number]), square)


def test_a_random_image_is_one_of_the_listed():
    maps = Dihedral(4, 4)
    grid = np.arange(16, dtype=np.uint8)[None].repeat(64, axis=0)
    (images,) = maps.apply(np.linspace(0, 1, 64, endpoint=False)[:, None], grid)
    for at, image in enumerate(images):
        np.testing.assert_array_equal(image, maps.listed(at // 8, grid[:1])[0][0])
