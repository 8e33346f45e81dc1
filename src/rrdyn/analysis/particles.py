"""A scale.npz as points: what K particles of a method answer after D times the model's budget."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rrdyn.analysis.readers import READERS, TANGENTS, Particles, Reader
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.npz import Artifact
from rrdyn.artifacts.places import shown

PLAIN = "longer"
"""The method that all are compared with."""


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
        told = self.artifact.meta.get("readers")
        name = told.get(method) if isinstance(told, dict) else None
        return name if isinstance(name, str) and name in READERS.keys() - TANGENTS.keys() else "q_halt"

    @property
    def readers(self) -> dict[str, Reader]:
        """Those whose columns are there, by name."""
        return {name: read for name, read in READERS.items() if name not in TANGENTS or name in self.artifact}

    def read_by(self, reader: str, method: str) -> list[Point]:
        """Points of a method that cost no more by a reader than the method's largest."""
        most = max(point.budget for point in self.points(method))
        return [point for point in self.points(method) if point.budget * TANGENTS.get(reader, 1) <= most]

    @cached_property
    def _columns(self) -> dict[tuple[str, int, int], np.ndarray]:
        """(method, population, particle) -> its columns, segment after segment."""
        a = self.artifact
        found: dict[tuple[str, int, int], list[int]] = {}
        for column, (code, population, particle) in enumerate(zip(a["method"], a["population"], a["particle"])):
            found.setdefault((self.methods[code], int(population), int(particle)), []).append(column)
        return {key: np.array(columns)[np.argsort(a["segment"][columns])] for key, columns in found.items()}

    def whole(self) -> bool:
        """Whether every method has its particles from 0 on, each with every segment once, in whole budgets."""
        segment = self.artifact["segment"]
        for method in self.methods:
            mine = {key[1:]: columns for key, columns in self._columns.items() if key[0] == method}
            for population in {key[0] for key in mine}:
                count = sum(key[0] == population for key in mine)
                if (population and count != population) or any((population, k) not in mine for k in range(count)):
                    return False
            if not mine or any(
                len(columns) % self.segments or not np.array_equal(segment[columns], np.arange(1, len(columns) + 1))
                for columns in mine.values()
            ):
                return False
        return True

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
            lambda_1=a["lambda_1"][:, last] if "lambda_1" in a else None,
        )  # fmt: skip

    def evaluations(self, point: Point) -> int:
        """Sub-updates that it costs a puzzle."""
        return point.budget * self.segments * self.sub_updates

    @property
    def plain(self) -> np.ndarray:
        """(N,) whether the plain rollout is right at the budget."""
        return np.asarray(self.at(PLAIN, Point(1, 1)).right[:, 0, -1])


def grid(artifact: Artifact) -> Grid:
    """The points of a read scale.npz. Raises InputError where its provenance does not say what its columns are."""
    meta, codes = artifact.meta, artifact["method"]
    named, singles = meta.get("methods"), meta.get("singles")
    methods = tuple(map(str, named)) if isinstance(named, list) else ()
    numbers = [meta.get(key) for key in ("budget", "sub_updates_per_segment", "flops_per_segment")]
    told = all(isinstance(number, int) and number > 0 for number in numbers[:2]) and len(artifact["idx"]) > 0
    if not told or not len(codes) or int(codes.min()) < 0 or int(codes.max()) >= len(methods):
        raise InputError(f"{shown(artifact.path)} does not say what its columns are", expected="a file of rrdyn scale",
                         run="rrdyn scale CKPT")  # fmt: skip
    if PLAIN not in methods:
        raise InputError(f"{shown(artifact.path)} has no plain rollout to compare with", found=", ".join(methods),
                         expected="longer among the methods", run="rrdyn scale CKPT --methods longer ...")  # fmt: skip
    segments, sub_updates, flops = (number if isinstance(number, int) else 0 for number in numbers)
    found = Grid(
        artifact=artifact, methods=methods, singles=tuple(map(str, singles)) if isinstance(singles, list) else (),
        segments=segments, sub_updates=sub_updates, flops=flops,
    )  # fmt: skip
    if not found.whole():
        raise InputError(f"{shown(artifact.path)} is damaged", found="columns of some particles are missing",
                         expected="every segment of every particle once", run="rrdyn scale CKPT")  # fmt: skip
    return found
