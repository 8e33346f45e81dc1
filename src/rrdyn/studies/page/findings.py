"""The claims of a study in words with their intervals, and its tables, from the analysis' files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rrdyn.analysis.summary import AUC_NAMES, CELL_NAMES, CONTRAST_NAMES, bounded
from rrdyn.studies.page.inventory import Inventory


@dataclass(frozen=True)
class Claims:
    """Sentences about one analysed file; `doubts` are the warnings that belong beside them."""

    title: str
    sentences: list[str]
    doubts: list[str]


@dataclass(frozen=True)
class Grid:
    """A table: caption, column heads, rows whose first cell is a row head."""

    caption: str
    heads: list[str]
    rows: list[list[str]]


def claims(stock: Inventory) -> list[Claims]:
    """What the study says in words, with intervals and n: the 2x2, survival and selection of each tag."""
    found = [_two_by_two(tag, stock.read(path)) for tag, path in stock.results]
    for path in stock.survivals:
        models = stock.read(path).get("models") or {}
        found += [_survival(tag, model) for tag, model in models.items()]
    return [*found, *(_selection(tag, stock.read(path)) for tag, path in stock.selections)]


def grids(stock: Inventory) -> list[Grid]:
    """The tables of the page."""
    tables: list[Grid] = []
    for tag, path in stock.results:
        record = stock.read(path)
        tables.append(_cells(tag, record))
        if "intervals" in record:
            tables += [_areas(tag, record), _tests(tag, record)]
    for path in stock.survivals:
        tables += [_fits(tag, model) for tag, model in (stock.read(path).get("models") or {}).items()]
    for tag, path in stock.selections:
        tables.append(_selectors(tag, stock.read(path)))
    return [table for table in tables if table.rows]


def _two_by_two(tag: str, record: dict[str, Any]) -> Claims:
    cells = {name: cell["n"] for name, cell in record["cells"].items()}
    a, b, c, d = cells.values()
    counts = f"{a} settled and right, {b} settled and wrong, {c} unsettled and right, {d} unsettled and wrong"
    bounds = record.get("intervals")
    if bounds is None:
        accuracy = f"Of {record['n']} puzzles {record['exact_acc']:.1%} are answered exactly: {counts}."
        return Claims(tag, [accuracy, "These are the source study's numbers, without intervals."], [])
    sentences = [
        f"Of {record['n']} puzzles {_percent(bounds['exact_acc'])} are answered exactly: {counts}.",
        f"Of the wrong answers {_percent(bounds['mixture.wrong_that_converged'])} had settled; of the right ones "
        f"{_percent(bounds['mixture.correct_that_nonconverged'])} had not.",
    ]
    right, wrong = (bounds.get(f"spectrum_median.{side}") or [None] for side in ("correct", "wrong"))
    if right[0] and wrong[0] and right[0]["value"] is not None and wrong[0]["value"] is not None:
        sentences.append(
            f"The median leading exponent is {bounded(right[0], 4, sign=True)} where the answer is right and "
            f"{bounded(wrong[0], 4, sign=True)} where it is wrong (nats per sub-update)."
        )
    area = bounds.get("auc.neg_lam1_predicts_correct_overall")
    if area and area["value"] is not None:
        drift = bounds.get("auc.neg_logdrift_predicts_correct")
        halt = bounds.get("auc.q_halt_predicts_correct")
        sentences.append(
            f"A smaller exponent tells right from wrong with an AUC of {bounded(area)}; late drift alone with "
            f"{bounded(drift)}, the halting logit alone with {bounded(halt)}."
        )
    says = (record.get("increment") or {}).get("says")
    if says:
        sentences.append(f"What the exponent adds to drift and q_halt: {says}")
    return Claims(tag, sentences, [str(warning) for warning in record.get("warnings") or []])


def _survival(tag: str, model: dict[str, Any]) -> Claims:
    sentences = [
        f"{model['failures']} of {model['n']} puzzles are wrong at segment {model['readout']}. Up to segment "
        f"{model['horizon']}, {_percent(model.get('escaped'))} of them are right at some time and "
        f"{_percent(model.get('never_correct'))} never.",
    ]
    if (model.get("settled_wrong") or {}).get("value") is not None:
        sentences.append(f"Settled on a wrong answer: {_percent(model['settled_wrong'])} of the failures.")
    best = model.get("best")
    rate = (((model.get("fits") or {}).get(best) or {}).get("escape_rate") or {}).get("per_segment") if best else None
    if rate:
        sentences.append(f"The law that fits best by AIC is {best}: {bounded(rate, 4)} escapes per segment.")
    return Claims(f"{tag}: past the budget", sentences, [])


def _selection(tag: str, record: dict[str, Any]) -> Claims:
    rows = [row for row in record.get("rows") or [] if row.get("right") is not None]
    honest = [row for row in rows if row.get("selector") not in ("oracle", "random", "first", "longer")]
    if not honest:
        return Claims(f"{tag}: restarts", ["No selector could be judged."], [])
    best = max(honest, key=lambda row: float(row["right"]))
    oracle = next((row for row in rows if row["selector"] == "oracle" and row["sigma"] == best["sigma"]), None)
    sentences = [
        f"Choosing among {record.get('K', '?')} restarts at sigma {best['sigma']:g} by {best['selector']} is right in "
        f"{_percent(_interval(best, 'right'))} of the puzzles, {bounded(_interval(best, 'gain'), 3, sign=True)} over a "
        "random restart."
    ]
    if oracle:
        sentences.append(
            f"Any restart is right in {_percent(_interval(oracle, 'right'))}: an oracle that knows the answer."
        )
    return Claims(f"{tag}: restarts", sentences, [])


def _interval(row: dict[str, Any], name: str) -> dict[str, Any]:
    """A flat row's value with its bounds, as an interval."""
    return {
        "value": row.get(name),
        "low": row.get(f"{name}_low"),
        "high": row.get(f"{name}_high"),
        "n": row.get("n"),
        "method": "interval of the table",
    }


def _percent(interval: dict[str, Any] | None) -> str:
    if interval is None or interval.get("value") is None:
        return "an unknown share"
    low, high = interval.get("low"), interval.get("high")
    bounds = "" if low is None or high is None else f" [{low:.1%}, {high:.1%}]"
    return f"{interval['value']:.1%}{bounds} (n = {interval['n']})"


def _cells(tag: str, record: dict[str, Any]) -> Grid:
    bounds = record.get("intervals") or {}
    rows = []
    for name, cell in record["cells"].items():
        if cell["n"] == 0:
            share = bounds.get(f"cells.{name}.share")
            rows.append([CELL_NAMES[name], "0", f"at most {share['high']:.4f}" if share else "0", "-", "-", "-"])
            continue
        share = bounds.get(f"cells.{name}.share")
        lam = bounds.get(f"cells.{name}.lam1_median")
        rows.append([
            CELL_NAMES[name],
            str(cell["n"]),
            bounded(share) if share else f"{cell['n'] / record['n']:.3f}",
            bounded(lam, 4, sign=True) if lam else f"{cell['lam1_median']:+.4f}",
            f"{cell['token_acc_median']:.3f}",
            f"{cell['halted_at_median']:g}",
        ])  # fmt: skip
    heads = [
        "cell",
        "n",
        "share",
        "median λ₁ (nats per sub-update)",
        "median token accuracy",
        "median segment of halting",
    ]
    return Grid(f"{tag}: the four cells", heads, rows)


def _areas(tag: str, record: dict[str, Any]) -> Grid:
    bounds = record["intervals"]
    rows = [["AUC of " + name, bounded(bounds.get(f"auc.{key}"), 4)] for key, name in AUC_NAMES.items()]
    rows += [
        ["median λ₁, " + name, bounded(bounds.get(f"contrasts.{key}"), 4, sign=True)]
        for key, name in CONTRAST_NAMES.items()
    ]
    return Grid(f"{tag}: areas and contrasts", ["quantity", "value [95% interval] (n)"], rows)


def _tests(tag: str, record: dict[str, Any]) -> Grid:
    rows = [
        [
            str(test["name"]),
            str(test["method"]),
            _number(test["statistic"]),
            _number(test["p"]),
            _number(test["p_holm"]),
        ]
        for test in record.get("tests") or []
    ]
    return Grid(f"{tag}: tests, one family", ["test", "method", "statistic", "p", "p after Holm"], rows)


def _fits(tag: str, model: dict[str, Any]) -> Grid:
    rows = []
    for name, fit in (model.get("fits") or {}).items():
        if fit:
            rates = fit.get("escape_rate") or {}
            rows.append([
                name + (" (best)" if name == model.get("best") else ""),
                _number(fit.get("aic")),
                bounded(rates.get("per_segment"), 5),
                bounded(rates.get("per_module_evaluation"), 6),
            ])  # fmt: skip
    return Grid(f"{tag}: laws of escape", ["law", "AIC", "escapes per segment", "per module evaluation"], rows)


def _selectors(tag: str, record: dict[str, Any]) -> Grid:
    rows = [
        [
            f"{row['selector']}, sigma {row['sigma']:g}",
            bounded(_interval(row, "right")),
            bounded(_interval(row, "gain"), 3, sign=True),
        ]
        for row in record.get("rows") or []
    ]
    return Grid(f"{tag}: selectors among the restarts", ["selector", "right", "over a random restart"], rows)


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}"
