"""A scale.npz as points: what K particles of a method answer after D times the model's budget."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rrdyn.analysis.readers import Particles
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.npz import Artifact
from rrdyn.artifacts.places import shown


@dataclass(frozen=True, order=True)
class Point:
    """Breadth K and depth D of a method; it costs K x D times the model's own compute."""

    breadth: int
    depth: int

    @property
    def budget(self) -> int:
        return self.breadth * self.depth


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Every point of every method."""

    artifact: Artifact
    methods: tuple[str, ...]
    singles: tuple[str, ...]
    """Methods of one particle, which only go deeper."""
    segments: int
    """Of the model's budget."""
    sub_updates: int
    """Of a segment."""
    flops: int
    """Floating point operations of a segment."""

    @property
    def n(self) -> int:
        return len(self.artifact["idx"])

    def reader(self, method: str) -> str:
        """How the method's source chooses."""
        return str((self.artifact.meta.get("readers") or {}).get(method, "q_halt"))

    @cached_property
    def _columns(self) -> dict[tuple[str, int, int], np.ndarray]:
        """(method, population, particle) -> its columns, segment after segment."""
        a = self.artifact
        found: dict[tuple[str, int, int], list[int]] = {}
        for column, (code, population, particle) in enumerate(zip(a["method"], a["population"], a["particle"])):
            found.setdefault((self.methods[code], int(population), int(particle)), []).append(column)
        return {key: np.array(columns)[np.argsort(a["segment"][columns])] for key, columns in found.items()}

    def points(self, method: str) -> list[Point]:
        """Powers of two in breadth and depth, and the largest breadth where it is none."""
        depth = {(population, k): len(columns) // self.segments
                 for (name, population, k), columns in self._columns.items() if name == method}  # fmt: skip
        together = {population for population, _ in depth if population}
        count = 1 + max(k for _, k in depth)
        breadths = sorted(together) or [*(2**j for j in range(count.bit_length()) if 2**j < count), count]
        points = []
        for K in breadths:
            deepest = min(depth[K if together else 0, k] for k in range(K))
            points += [Point(K, 2**j) for j in range(deepest.bit_length()) if 2**j <= deepest]
        return points

    def curve(self, method: str) -> list[Point]:
        """Its points along the axis of compute: wider for several particles, deeper for one."""
        return [p for p in self.points(method) if p.depth == 1 or (method in self.singles and p.breadth == 1)]

    def at(self, method: str, point: Point) -> Particles:
        """What its particles read there."""
        population = point.breadth if (method, point.breadth, 0) in self._columns else 0
        until = point.depth * self.segments
        columns = np.stack([self._columns[method, population, k][:until] for k in range(point.breadth)])
        a, last = self.artifact, columns[:, -1]
        return Particles(
            right=a["right"][:, columns].astype(bool), q_halt=a["q_halt"][:, columns], residual=a["residual"][:, last],
            return_distance=a["return_distance"][:, last], answer=a["answer"][:, last],
        )  # fmt: skip

    def evaluations(self, point: Point) -> int:
        """Sub-updates that it costs a puzzle."""
        return point.budget * self.segments * self.sub_updates

    @property
    def plain(self) -> np.ndarray:
        """(N,) whether the plain rollout is right at the budget."""
        return np.asarray(self.at("longer", Point(1, 1)).right[:, 0, -1])


def grid(artifact: Artifact) -> Grid:
    """The points of a read scale.npz. Raises InputError where its provenance does not say what its columns are."""
    meta = artifact.meta
    named = meta.get("methods")
    methods = tuple(map(str, named)) if isinstance(named, list) else ()
    codes = artifact["method"]
    known = len(codes) and int(codes.min()) >= 0 and int(codes.max()) < len(methods)
    if not known or not meta.get("budget") or not meta.get("sub_updates_per_segment"):
        raise InputError(f"{shown(artifact.path)} does not say what its columns are", expected="a file of rrdyn scale",
                         run="rrdyn scale CKPT")  # fmt: skip
    if "longer" not in methods:
        raise InputError(f"{shown(artifact.path)} has no plain rollout to compare with", found=", ".join(methods),
                         expected="longer among the methods", run="rrdyn scale CKPT --methods longer ...")  # fmt: skip
    return Grid(
        artifact=artifact, methods=methods, singles=tuple(meta.get("singles", ())), segments=int(meta["budget"]),
        sub_updates=int(meta["sub_updates_per_segment"]), flops=int(meta.get("flops_per_segment") or 0),
    )  # fmt: skip
