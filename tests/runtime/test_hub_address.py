"""Addresses of the Hub as people type and paste them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rrdyn.artifacts.errors import UsageError
from rrdyn.runtime.hub_address import Ref, is_address, parse

SITE = "https://huggingface.co"
SAME = [
    ("hub://o/r", "hub://o/r"),
    ("o/r/weights.pt", "hub://o/r/weights.pt"),
    ("hub://o/r@v1.2/a/b", "hub://o/r@v1.2/a/b"),
    ("hub://o/r@refs/pr/1/a", "hub://o/r@refs/pr/1/a"),
    ("hub://o/r@feature%2Fx/a", "hub://o/r@feature%2Fx/a"),
    ("hf://o/r/a", "hub://o/r/a"),
    ("hf://datasets/o/r", "hub://datasets/o/r"),
    (f"{SITE}/o/r", "hub://o/r"),
    (f"{SITE}/o/r/", "hub://o/r"),
    ("huggingface.co/o/r", "hub://o/r"),
    ("http://hf.co/o/r", "hub://o/r"),
    (f"{SITE}/o/r/tree/main", "hub://o/r"),
    (f"{SITE}/o/r/tree/main/a/b", "hub://o/r/a/b"),
    (f"{SITE}/o/r/blob/v1.0/weights.pt", "hub://o/r@v1.0/weights.pt"),
    (f"{SITE}/o/r/resolve/main/my%20weights.pt?download=true", "hub://o/r/my weights.pt"),
    (f"{SITE}/o/r/raw/main/a.json#L3", "hub://o/r/a.json"),
    (f"{SITE}/o/r/commit/{'a' * 40}", f"hub://o/r@{'a' * 40}"),
    (f"{SITE}/o/r/tree/refs%2Fpr%2F1/a", "hub://o/r@refs/pr/1/a"),
    (f"{SITE}/o/r/tree/refs/pr/1/a", "hub://o/r@refs/pr/1/a"),
    (f"{SITE}/o/r/tree/feature%2Fx", "hub://o/r@feature%2Fx"),
    (f"{SITE}/datasets/o/r/resolve/main/train.csv", "hub://datasets/o/r/train.csv"),
]


@pytest.mark.parametrize(("typed", "meant"), SAME)
def test_an_address_is_read_and_written(typed, meant):
    assert str(parse(typed)) == meant
    assert parse(meant) == parse(typed)
    assert parse(Path(typed)) == parse(typed), "a Path has lost a slash"


def test_the_parts_of_an_address():
    expected = Ref(owner="o", repo="r", revision="feature/x", inside="a", kind="dataset")
    assert parse(f"{SITE}/datasets/o/r/tree/feature%2Fx/a") == expected


BAD = [
    "", "owner", "hub://owner", "hub://a/b@/c", "hub://a/b/../../etc", "hub://a/b@../c", "hub://a/b@..%2F..%2Fc/d",
    "hub://a/b@%2Fetc/d", "a b/c", "hub://a/b\\c", "hub://a/b/\x00", "hub://a/b/\x1b[2J", SITE, f"{SITE}/o",
    f"{SITE}/o/r/discussions/3", f"{SITE}/o/r/tree", f"{SITE}/o/r/resolve/main/..%2F..%2Fetc",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_a_bad_place_is_refused(text):
    with pytest.raises(UsageError, match="not a place on the Hub") as caught:
        parse(text)
    assert str(caught.value).replace("\n", "").isprintable()


def test_what_is_certainly_an_address(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example.org")
    for text in (
        "hub://o/r",
        "hub:/o/r",
        "hf://o/r",
        f"{SITE}/o/r",
        "hf.co/o/r",
        "https:/hub.example.org/o/r/tree/main",
    ):
        assert is_address(text)
        assert is_address(Path(text))
    for text in ("o/r/weights.pt", "runs/a", "hub", "https://example.org/o/r", "/hf.co/o", "hubs/a", ""):
        assert not is_address(text)


@pytest.mark.parametrize("endpoint", ["http://[", "x", "", "http://h:port"])
def test_an_endpoint_that_is_none_is_no_matter_for_paths(monkeypatch, endpoint):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    assert not is_address("runs/a")
    assert is_address(f"{SITE}/o/r")
