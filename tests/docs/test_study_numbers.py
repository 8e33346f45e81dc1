"""Every number on the study's page is that of a committed file, of its recipe, or named there as not traced.

Phrases are written anew from the files and struck from the page; what numbers are left must be on a list.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import polars as pl

STUDY = Path(__file__).resolve().parents[2] / "docs" / "study" / "first"
MODELS = {"TRM": "trm", "HRM": "hrm", "maze": "maze"}
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+(?:,\d{3})*(?:\.\d+)*|\.\d+)(?:e-?\d+)?(?!\w)")

SETTINGS = {
    "": "2 2.13.0 1 80 0 1 2 0 0 1 2 154,754 12 265,602 6 174,466 12 512 6x6 10 20 0 7x7 95",
    "The models": "8 512 1 8 0 0 4 0 750 1,800 800 .516 128 .43 .60",
    "Settled x right": ".8 10 5 80 5M 27M",
    "Spectrum": "12 6 1 2 3 4 5 6 7 8 5M 27M",
    "Escape far past the budget": "128 256 8 8 4 27M",
    "Perturbed starts": "95 1 32 64 4 4 8 32 24 4 0 0 4 2 20 5 4 64 32 24 1 2 4 1.05 .99 1.64",
    "Over training": "128",
    "multi4 beside its baseline": "60 16 8 .03 1 3e-5 3e-3 3 9 60",
    "What agrees, what does not, what cannot be said": "",
    "Claims withdrawn": "8 4 1 .53 .58 3.8 1.5 11.8 .23 2 +.090 20",
    "The same numbers again": "71 72 72",
}
"""What the recipe says (sizes, seeds, budgets, noise), what an earlier page said, and what is named as not traced."""


AREAS = ("neg_lam1_predicts_correct_overall", "neg_logdrift_predicts_correct", "q_halt_predicts_correct")


def short(value, digits=3, sign=False):
    """.625, -.072, +.002, 0: as the page writes them."""
    return f"{value:{'+' if sign else ''}.{digits}f}".replace("0.", ".", 1)


def told(value, digits=3, sign=False):
    value, low, high = (value[key] for key in ("value", "low", "high"))
    return f"{short(value, digits, sign)} [{short(low, digits, sign)}, {short(high, digits, sign)}]"


def of(row, name, value=""):
    """An interval out of a row of a table."""
    return {"value": row[name + value], "low": row[f"{name}_low"], "high": row[f"{name}_high"]}


class Page:
    """A page in parts by heading, from which what is known is struck."""

    def __init__(self, text):
        heads = re.split(r"^## (.*)$", re.sub(r"\]\([^)]*\)", "]", text), flags=re.MULTILINE)
        self.parts = {
            name: re.sub(r"\s+", " ", part) for name, part in zip(["", *heads[1::2]], heads[::2], strict=True)
        }

    def says(self, part, *phrases):
        for phrase in phrases:
            assert phrase in self.parts[part], (part, phrase)
            self.parts[part] = self.parts[part].replace(phrase, " ~ ", 1)

    def left(self, part):
        return NUMBER.findall(self.parts[part])


def read(name):
    return json.loads((STUDY / name).read_text())


def accuracies(page, again):
    for tag in MODELS.values():
        found = read(f"evaluate/{tag}.json")
        assert found["n"] == 512
        for key, word in (("exact", ""), ("path_valid", "path-valid ")):
            for at in (7, 0):
                if key in found["segments"][at]:
                    page.says("The models", word + told(found["segments"][at][key]))


def settled_and_right(page, again):
    part = "Settled x right"
    results = {tag: read(f"analysis/{tag}/results_{tag}.json") for tag in MODELS.values()}
    eta = [short(results[tag]["threshold"]["eta"], 2) for tag in MODELS.values()]
    page.says(part, f"separability {', '.join(eta)}")
    aucs = [value for arm in again["seeds"].values() for value in arm["auc"]["values"]]
    page.says(part, f"from {short(min(aucs), 2)} to {short(max(aucs), 2)}")
    for found in results.values():
        shares = [told(found["intervals"][f"cells.{cell}.share"]) for cell in sorted(found["cells"])]
        areas = [told(found["intervals"][f"auc.{name}"]) for name in AREAS]
        page.says(part, f"| {' | '.join([*shares, *areas])} |")
    gains = [again["increments"][tag]["smooth"] for tag in MODELS.values()]
    told_ = [told({**gain, "value": gain["delta_auc"]}, sign=True) for gain in gains]
    page.says(part, f"TRM {told_[0]}, HRM {told_[1]}, maze {told_[2]}")
    found = [again["increments"][tag]["detectable"] for tag in MODELS.values()]
    assert short(found[0]) == short(found[2])
    page.says(part, f"one of {short(found[0])} (TRM, maze) or {short(found[1])} (HRM)")
    p = [again["increments"][tag]["independence"]["p"] for tag in MODELS.values()]
    page.says(part, f"(p {short(p[2])}; TRM {short(p[0], 2)}, HRM {short(p[1], 2)})")


def spectra(page, again):
    part, differences = "Spectrum", []
    for tag in MODELS.values():
        found = read(f"analysis/{tag}/results_{tag}.json")["intervals"]
        for side in ("correct", "wrong"):
            values = [short(row["value"]) for row in found[f"spectrum_median.{side}"]]
            page.says(part, f"| {' | '.join(values)} |")
        differences.append(found["contrasts.dlam1_correct_minus_wrong_overall"])
    words = [
        f"{short(row['value'])} [{short(row['low'])}, {short(row['high'], sign=True)}]"
        if row["high"] > 0
        else told(row)
        for row in differences
    ]
    page.says(part, f"TRM {words[0]}, HRM {words[1]}, maze {words[2]}")


def escapes(page, again):
    part = "Escape far past the budget"
    found, anew = read("survival/survival.json")["models"], again["escapes"]["models"]
    for name, tag in MODELS.items():
        model, rates = found[tag], found[tag]["fits"]["exponential"]["escape_rate"]
        cells = [str(model["failures"]), told(model["never_correct"]), told(rates["per_segment"], 5),
                 told(rates["per_module_evaluation"], 6)]  # fmt: skip
        page.says(part, f"| {name} | {' | '.join(cells)} |")
    compared = again["escapes"]["compared"]
    ratios = [told(pair["rate_ratio"]["per_module_evaluation"], 2).replace(" 0.", " .") for pair in compared["pairs"]]
    p = [short(pair["p"], 2) for pair in compared["pairs"]]
    page.says(part, f"over the {compared['horizon']} module evaluations")
    page.says(part, f"TRM against HRM {ratios[0]} to 1, log-rank p {p[0]}")
    page.says(part, f"against the maze model {ratios[1]}, p {p[1]}; HRM against maze {ratios[2]}, p {p[2]}")
    page.says("Claims withdrawn", f"TRM against HRM {ratios[0]}")
    page.says(part, f"With {', '.join(str(anew[tag]['escapes']) for tag in ('trm', 'hrm'))} and "
                    f"{anew['maze']['escapes']} escapes")  # fmt: skip
    cured = [told(anew[tag]["cure_fraction"]) for tag in MODELS.values()]
    page.says(part, f"TRM {cured[0]}, HRM {cured[1]}, maze {cured[2]}")
    (pair,) = (one for one in compared["pairs"] if (one["first"], one["second"]) == ("trm", "hrm"))
    page.says("Claims withdrawn", f"from {min(m['escapes'] for m in anew.values())} to "
                                  f"{max(m['escapes'] for m in anew.values())} escapes")  # fmt: skip
    ratio = pair["rate_ratio"]["per_module_evaluation"]
    page.says("Claims withdrawn", f"{1 / ratio['value']:.1f} [{short(1 / ratio['high'], 1)}, {1 / ratio['low']:.1f}]")


def restarts(page, again):
    part = "Perturbed starts"
    tables = {tag: read(f"select/select_{tag}.json") for tag in MODELS.values()}
    basins = {tag: pl.read_csv(STUDY / "select" / f"basin_{tag}.csv") for tag in MODELS.values()}
    star = {tag: basin["sigma"][2] for tag, basin in basins.items()}
    sigmas = [short(star[tag], 2) for tag in MODELS.values()]
    page.says(part, f"TRM {sigmas[0]}, HRM {sigmas[1]}, maze {sigmas[2]}")
    page.says("The same numbers again", f"sigma* ({sigmas[0]})")
    for name, tag in list(MODELS.items())[:2]:
        still, shaken = basins[tag].row(0, named=True), basins[tag].row(2, named=True)
        cells = [str(still["n"]), told(of(still, "best_ever")), told(of(shaken, "best_ever")),
                 told(of(shaken, "best_ever_gain"), sign=True)]  # fmt: skip
        page.says(part, f"| {name} | {' | '.join(cells)} |")

    def gain(tag, times, selector):
        (row,) = (row for row in tables[tag]["rows"]
                  if row["selector"] == selector and np.isclose(row["sigma"], times * star[tag]))  # fmt: skip
        return told(of(row, "gain"), sign=True)

    page.says(part, f"{gain('trm', 2, 'q_halt')} at 2 sigma*")
    page.says(part, f"it gains {gain('trm', 1, 'q_halt')} at 32 segments and `longer` {gain('trm', 1, 'longer')} at 24")
    page.says(part, f"on HRM {gain('hrm', 1, 'q_halt')} and {gain('hrm', 1, 'longer')}")


def over_training(page, again):
    part = "Over training"

    def rows(tag):
        return pl.read_csv(STUDY / "evolution" / f"evolution_{tag}.csv", null_values="nan").to_dicts()

    def listed(values, digits):
        return ", ".join("0" if value == 0 else short(value, digits) for value in values)

    heads = {"trm": "TRM (steps 250, 500, 750)", "hrm": "HRM (300 ... 1,800)", "maze": "maze (250, 500, 750, 800)"}
    for tag, head in heads.items():
        digits = 3 if tag == "trm" else 2
        table = rows(tag)
        wrong, right = ([row[key] for row in table] for key in ("l1_wrong", "acc"))
        page.says(part, f"{head} {listed(wrong, digits)} at accuracies {listed(right, 2)}" if tag == "trm" else
                        f"{head} {listed(wrong, digits)} at {listed(right, 2)}")  # fmt: skip
    settled = {tag: rows(tag)[0]["settled"] for tag in MODELS.values()}
    page.says(part, f"({settled['hrm']:.3f} at step 300, {short(settled['maze'])} at step 250)")
    page.says(part, f"({short(settled['trm'])} at step 250)")
    share = read("analysis/hrm/results_hrm.json")["frac_converged"]
    page.says(part, f"{short(share)} settled in its 2x2, is {short(rows('hrm')[-1]['settled'])} here")


def the_arms(page, again):
    part, arms = "multi4 beside its baseline", again["seeds"]
    contrasts = {row["metric"]: row for row in read("aggregate/aggregate.json")["contrasts"]}
    for metric, words in (("test_accuracy", "test accuracy (512 each)"), ("auc", "AUC of -lambda_1"),
                          ("lambda_1_wrong", "median lambda_1 of wrong puzzles")):  # fmt: skip
        gap = contrasts[metric]
        cells = [_signed(arms[arm][metric]) for arm in ("none-fixed", "multi4")]
        page.says(part, f"| {words} | {' | '.join(cells)} | {told({**gap, 'value': gap['difference']}, sign=True)} |")
    cells = [told(arms[arm]["perturbed_accuracy"]) for arm in ("none-fixed", "multi4")]
    page.says(part, f"(64 each) | {' | '.join(cells)} | 0, equal in every seed |")
    assert arms["none-fixed"]["perturbed_accuracy"]["values"] == arms["multi4"]["perturbed_accuracy"]["values"]
    aucs = [value for arm in arms.values() for value in arm["auc"]["values"]]
    reach = f"{short(min(aucs), 2)} to {short(max(aucs), 2)}"
    page.says("What agrees, what does not, what cannot be said", f"({reach} over seeds here")
    page.says("Claims withdrawn", f"it is {reach}")


def _signed(row):
    """An interval that spans 0 writes its upper end with a sign."""
    low, high = short(row["low"]), short(row["high"], sign=row["low"] < 0 < row["high"])
    return f"{short(row['value'])} [{low}, {high}]"


def what_others_reported(page, again):
    """What the source study said of its models lies in one table."""
    with open(STUDY / "reported.csv", newline="") as stream:
        values = [row["value"] for row in csv.DictReader(stream)]
    for value in values:
        phrase = f"| {value.replace(' ', ' | ')} |" if value.count(".") == 8 else value
        part = next((name for name, text in page.parts.items() if phrase in text), "nowhere")
        page.says(part, phrase)
    page.says("What agrees, what does not, what cannot be said", ".99 reported")


PARTS = (accuracies, settled_and_right, spectra, escapes, restarts, over_training, the_arms, what_others_reported)


def test_every_number_is_of_a_file_or_of_the_recipe():
    page, again = Page((STUDY / "README.md").read_text()), read("again/again.json")
    for part in PARTS:
        part(page, again)
    for name in page.parts:
        allowed = SETTINGS[name].split()
        for number in page.left(name):
            assert number.strip(",.").lstrip("-") in allowed or number in allowed, (name, number, page.parts[name])
