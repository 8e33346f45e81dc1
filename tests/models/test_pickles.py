"""A pickle as data: what python's own reader makes of plain values, and inert records in place of everything else."""

from __future__ import annotations

import argparse
import dataclasses
import enum
import io
import pickle
import sys
from collections import Counter, OrderedDict, defaultdict
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrdyn.models import pickles
from rrdyn.models.pickles import Harmful, Record, read_pickle

SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**100), 2**100) | st.floats(allow_nan=False) | st.text() | st.binary()
)
VALUES = st.recursive(
    SCALARS | st.binary(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


def read(value: object, protocol: int = 2, **known) -> object:
    return read_pickle(io.BytesIO(pickle.dumps(value, protocol)), known, lambda reference: ("outside", reference))


@settings(max_examples=50)
@given(value=VALUES, protocol=st.integers(0, 5))
def test_plain_values_are_what_pickle_reads(value, protocol):
    assert read(value, protocol) == value


@pytest.mark.parametrize("protocol", range(6))
def test_containers_of_the_library(protocol):
    shared = [1]
    value = {"o": OrderedDict(a=1), "c": Counter("aab"), "d": defaultdict(list, x=[2]), "s": {3}, "f": frozenset({4}),
             "twice": [shared, shared], "a": bytearray(b"xy")}  # fmt: skip
    found = read(value, protocol)
    assert (found["o"], found["c"], found["d"]) == ({"a": 1}, {"a": 2, "b": 1}, {"x": [2]})
    assert (found["s"], found["f"], bytes(found["a"])) == ([3], [4], b"xy")
    assert found["twice"][0] is found["twice"][1]


class Colour(enum.Enum):
    red = 1


@dataclasses.dataclass
class Config:
    size: int = 3
    inner: object = None


class Slots:
    __slots__ = ("depth",)


class Listing(list):
    pass


@pytest.mark.parametrize("protocol", range(6))
def test_foreign_objects_are_records_of_their_fields(protocol):
    slots = Slots()
    slots.depth = 5
    value = [argparse.Namespace(lr=0.1), Config(inner=Config(4)), Listing([1, 2]), PurePosixPath("a/b")]
    value += [slots] if protocol >= 2 else []
    space, config, listing, path, *rest = read(value, protocol)
    assert (space.name, space.fields) == ("argparse.Namespace", {"lr": 0.1})
    assert (config.fields["size"], config.fields["inner"].fields["size"]) == (3, 4)
    assert config.name.endswith(".Config")
    assert listing.items == [1, 2] or listing.arguments[-1] == [1, 2]  # as the protocol writes lists
    assert path.name in ("pathlib.PurePosixPath", "pathlib._local.PurePosixPath")  # the latter in Python 3.13
    assert all(item.fields == {"depth": 5} for item in rest)
    assert read(Colour.red, protocol).arguments == (1,)


def test_nothing_is_imported():
    """A class of a module that is not here, and one that would be imported on a look."""
    content = b"cno_such_module\nThing\n)\x81}X\x01\x00\x00\x00aK\x01sb."
    assert read_pickle(io.BytesIO(content), {}, str).fields == {"a": 1}
    assert "antigravity" not in sys.modules
    assert read_pickle(io.BytesIO(b"cantigravity\nfly\n)R."), {}, str).name == "antigravity.fly"
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\n(U\x02lstR.",
        b"(U\x02lsios\nsystem\n.",
        b"(cposix\nsystem\nU\x02lso.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R.",
        b"cbuiltins\neval\n(U\x021+tR.",
        b"c__builtin__\n__import__\n(U\x02ostR.",
        b"csubprocess\nPopen\n)\x81.",
    ],
)
def test_calls_that_no_checkpoint_needs_are_refused_by_name(content):
    with pytest.raises(Harmful) as caught:
        read_pickle(io.BytesIO(content), {}, str)
    assert "." in caught.value.name


DAMAGED = [b"", b".", b"N", b"tR.", b"}(K\x01u.", b"h\x07.", b"cos\n", b"\x82\x01.", b"(ld(lsb.", b"N(ts."]


@pytest.mark.parametrize("content", DAMAGED)
def test_damaged_pickles_raise(content):
    with pytest.raises(Exception):  # noqa: B017  any: the caller tells all of them alike
        read_pickle(io.BytesIO(content), {}, str)


def test_depth_and_cycles_take_no_stack():
    deep = b"]" * 200_000 + b"a" * 199_999 + b"."
    assert isinstance(read_pickle(io.BytesIO(deep), {}, str), list)
    key = b"}" + b"(" * 50_000 + b"t" * 50_000 + b"K\x01s."
    assert all(isinstance(name, Record | tuple) for name in read_pickle(io.BytesIO(key), {}, str))
    own = read_pickle(io.BytesIO(b"]q\x00h\x00a."), {}, str)
    assert own[0] is own


def test_a_pickle_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(pickles, "MOST_STEPS", 1000)
    with pytest.raises(ValueError, match="instructions"):
        read_pickle(io.BytesIO(b"N" + b"20" * 501 + b"."), {}, str)
