"""The claims of a study in words with their intervals, and its tables, from the analysis' files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rrdyn.analysis import scaling_tables
from rrdyn.analysis.fates import WORDS, FateTable
from rrdyn.analysis.scaling import RIGHT
from rrdyn.analysis.summary import AUC_NAMES, CELL_NAMES, CONTRAST_NAMES, bounded
from rrdyn.artifacts.files import sha256
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.pasting import quoted
from rrdyn.artifacts.results import ResultsRecord
from rrdyn.artifacts.scaling import ScalingRecord, ScalingRow
from rrdyn.artifacts.selection import SelectionRecord, SelectionRow
from rrdyn.artifacts.survival import SurvivalModelRecord
from rrdyn.studies.page.inventory import Inventory
from rrdyn.studies.page.opening import Fated

REFERENCES = ("oracle", "random", "first", "longer")
"""Selectors that none would choose by: they know the answer, or do not look."""


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
    """What the study says in words beside its fates, with intervals and n: the 2x2, survival, selection and scaling."""
    found = [_two_by_two(source.tag, source.record) for source in stock.results]
    for source in stock.survivals:
        found += [_survival(tag, model) for tag, model in source.record.models.items()]
    found += [_selection(source.tag, source.record) for source in stock.selections]
    return [*found, *(_scaling(source.tag, source.record) for source in stock.scalings), *_unread(stock)]


def grids(stock: Inventory, models: Sequence[Fated]) -> list[Grid]:
    """The tables of the page."""
    tables = [_fate_grid(one.tag, one.table) for one in models]
    for result in stock.results:
        tables.append(_cells(result.tag, result.record))
        if result.record.intervals is not None:
            tables += [_areas(result.tag, result.record), _tests(result.tag, result.record)]
    for survival in stock.survivals:
        tables += [_fits(tag, model) for tag, model in survival.record.models.items()]
    tables += [_selectors(selection.tag, selection.record) for selection in stock.selections]
    for scaling in stock.scalings:
        tables += _scaling_grids(scaling.tag, scaling.record)
    return [table for table in tables if table.rows]


def _fate_grid(tag: str, table: FateTable) -> Grid:
    rows = [
        [
            name,
            *(bounded(table.share(code, right)) for right in (0, 1)),
            str(int(table.out_of_time[code])),
            str(int(table.lost[code])),
        ]
        for code, name in enumerate(table.fates)
        if table.counts[code].any()
    ]
    heads = ["fate", "of the wrong", "of the right", "out of time", "lost"]
    return Grid(f"{tag}: fate x right at segment {table.budget}, followed to {table.horizon}", heads, rows)


def _two_by_two(tag: str, record: ResultsRecord) -> Claims:
    a, b, c, d = (cell.n for cell in record.cells.values())
    counts = f"{a} settled and right, {b} settled and wrong, {c} unsettled and right, {d} unsettled and wrong"
    if record.intervals is None:
        accuracy = f"Of {record.n} puzzles {record.exact_acc:.1%} are answered exactly: {counts}."
        return Claims(tag, [accuracy, "These are the source study's numbers, without intervals."], [])
    exact = f"Of {record.n} puzzles {_percent(record.interval('exact_acc'))} are answered exactly"
    if record.threshold and record.threshold.one_mode:
        sentences = [f"{exact}. {record.threshold.of.capitalize()} has one mode: settled is not told from unsettled."]
    else:
        sentences = [
            f"{exact}: {counts}.",
            f"Of the wrong answers {_percent(record.interval('mixture.wrong_that_converged'))} had settled; of the "
            f"right ones {_percent(record.interval('mixture.correct_that_nonconverged'))} had not.",
        ]
    right, wrong = (record.interval(f"spectrum_median.{side}") for side in ("correct", "wrong"))
    if right and wrong and right.value is not None and wrong.value is not None:
        sentences.append(
            f"The median leading exponent is {bounded(right, 4, sign=True)} where the answer is right and "
            f"{bounded(wrong, 4, sign=True)} where it is wrong (nats per sub-update)."
        )
    area = record.interval("auc.neg_lam1_predicts_correct_overall")
    if area and area.value is not None:
        drift = record.interval("auc.neg_logdrift_predicts_correct")
        halt = record.interval("auc.q_halt_predicts_correct")
        sentences.append(
            f"A smaller exponent tells right from wrong with an AUC of {bounded(area)}; late drift alone with "
            f"{bounded(drift)}, the halting logit alone with {bounded(halt)}."
        )
    if record.increment and record.increment.says:
        sentences.append(f"What the exponent adds to residual, drift and q_halt: {record.increment.says}")
    return Claims(tag, sentences, record.warnings)


def _survival(tag: str, model: SurvivalModelRecord) -> Claims:
    sentences = [
        f"{model.failures} of {model.n} puzzles are wrong at segment {model.readout}. Up to segment "
        f"{model.horizon}, {_percent(model.escaped)} of them are right at some time and "
        f"{_percent(model.never_correct)} never.",
    ]
    if model.settled_wrong and model.settled_wrong.value is not None:
        sentences.append(f"Settled on a wrong answer: {_percent(model.settled_wrong)} of the failures.")
    law = model.fits.get(model.best) if model.best else None
    rate = law.escape_rate.per_segment if law and law.escape_rate else None
    if rate:
        sentences.append(f"The law that fits best by AIC is {model.best}: {bounded(rate, 4)} escapes per segment.")
    return Claims(f"{tag}: past the budget", sentences, [])


def _selection(tag: str, record: SelectionRecord) -> Claims:
    honest = [(row.right, row) for row in record.rows if row.right is not None and row.selector not in REFERENCES]
    if not honest:
        return Claims(f"{tag}: restarts", ["No selector could be judged."], [])
    best = max(honest, key=lambda pair: pair[0])[1]
    oracle = next((row for row in record.rows if row.selector == "oracle" and row.sigma == best.sigma), None)
    sentences = [
        f"Choosing among {record.K or '?'} restarts at sigma {best.sigma:g} by {best.selector} is right in "
        f"{_percent(_right(best))} of the puzzles, {bounded(_gain(best), 3, sign=True)} over a "
        "random restart."
    ]
    if oracle and oracle.right is not None:
        sentences.append(f"Any restart is right in {_percent(_right(oracle))}: an oracle that knows the answer.")
    return Claims(f"{tag}: restarts", sentences, [])


LEVEL = 0.05
"""Of a test after Holm."""


def _scaling(tag: str, record: ScalingRecord) -> Claims:
    curves = [row for row in record.rows if row.primary and row.on_curve]
    budgets = [row.budget for row in curves]
    sentences = [
        f"Compute up to {max(budgets, default=1)} times the model's own ({record.evaluations} sub-updates a puzzle) "
        f"was spent on the same {record.n} puzzles in {len({row.method for row in curves})} ways; the plain rollout "
        f"is right in {_percent(record.plain)} at 1x."
    ]
    tested = [row for row in curves if row.over_longer_p_holm is not None]
    for word, sign in (("better", 1), ("worse", -1)):
        first: dict[str, ScalingRow] = {}
        for row in sorted(tested, key=lambda row: row.budget):
            if (row.over_longer or 0) * sign > 0 and (row.over_longer_p_holm or 0) < LEVEL:
                first.setdefault(row.method, row)
        told = [f"{row.method}, first at {row.budget}x ({scaling_tables.interval(row, 'over_longer').told(sign=True)})"
                for row in first.values()]  # fmt: skip
        if told or sign > 0:
            sentences.append(
                f"With p < {LEVEL:g} after Holm over {len(tested)} comparisons, {word} than the plain rollout that "
                f"goes on for the same compute: {'; '.join(told) or 'no method'}."
            )
    for kind in dict.fromkeys(row.fate for row in record.freed if row.fate != RIGHT):
        rows = [row for row in record.freed if row.fate == kind and row.freed.value is not None]
        best = max(rows, key=lambda row: row.freed.value or 0, default=None)
        if best is not None and best.freed.value:
            does = WORDS[kind][0] if kind in WORDS else f"is {kind}"
            sentences.append(f"Of the wrong whose plain trajectory {does}, {best.method} has most right at "
                             f"{best.budget}x: {_percent(best.freed)}.")  # fmt: skip
    doubt = "Which method has most right was chosen by these same puzzles: its share is somewhat too high."
    return Claims(f"{tag}: inference compute", sentences, [doubt] if record.freed else [])


def _unread(stock: Inventory) -> list[Claims]:
    """What was measured of inference compute and is in no table yet."""
    known = {digest for source in stock.scalings for digest in _inputs(source.record).values()}
    left = [path for path in stock.scales if sha256(path) not in known]
    return [Claims(f"{path.stem}: inference compute",
                   [f"It was measured and not analysed: rrdyn analyze-scale {quoted(path)} says what it buys."], [])
            for path in left]  # fmt: skip


def _inputs(record: ScalingRecord) -> dict[str, str]:
    inputs = (record.meta or {}).get("inputs")
    return {str(key): str(value) for key, value in inputs.items()} if isinstance(inputs, dict) else {}


def _scaling_grids(tag: str, record: ScalingRecord) -> list[Grid]:
    told = {
        "each method by the reader of its own source; paired, p after Holm": scaling_tables.by_method(record.rows),
        "over the whole axis": scaling_tables.over_the_axis(record.areas),
        "every reader at each method's largest compute": scaling_tables.by_reader(record.rows),
        "freed, by the fate of the plain trajectory": scaling_tables.by_fate(record.freed),
    }
    return [Grid(f"{tag}: inference compute, {words}", heads, rows) for words, (heads, rows) in told.items()]


def _right(row: SelectionRow) -> Interval:
    return Interval(value=row.right, low=row.right_low, high=row.right_high, n=row.n, method="of the table")


def _gain(row: SelectionRow) -> Interval:
    return Interval(value=row.gain, low=row.gain_low, high=row.gain_high, n=row.n, method="of the table")


def _percent(interval: Interval | None) -> str:
    if interval is None or interval.value is None:
        return "an unknown share"
    low, high = interval.low, interval.high
    bounds = "" if low is None or high is None else f" [{low:.1%}, {high:.1%}]"
    return f"{interval.value:.1%}{bounds} (n = {interval.n})"


def _cells(tag: str, record: ResultsRecord) -> Grid:
    rows = []
    for name, cell in record.cells.items():
        share = record.interval(f"cells.{name}.share")
        if cell.n == 0:
            most = share.high if share else None
            rows.append([CELL_NAMES[name], "0", "0" if most is None else f"at most {most:.4f}", "-", "-", "-"])
            continue
        lam = record.interval(f"cells.{name}.lam1_median")
        rows.append([
            CELL_NAMES[name],
            str(cell.n),
            bounded(share) if share else f"{cell.n / record.n:.3f}",
            bounded(lam, 4, sign=True) if lam else _number(cell.lam1_median, "+.4f"),
            _number(cell.token_acc_median, ".3f"),
            _number(cell.halted_at_median, "g"),
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


def _areas(tag: str, record: ResultsRecord) -> Grid:
    rows = [["AUC of " + name, bounded(record.interval(f"auc.{key}"), 4)] for key, name in AUC_NAMES.items()]
    rows += [
        ["median λ₁, " + name, bounded(record.interval(f"contrasts.{key}"), 4, sign=True)]
        for key, name in CONTRAST_NAMES.items()
    ]
    return Grid(f"{tag}: areas and contrasts", ["quantity", "value [95% interval] (n)"], rows)


def _tests(tag: str, record: ResultsRecord) -> Grid:
    rows = [
        [test.name, test.method, _number(test.statistic), _number(test.p), _number(test.p_holm)]
        for test in record.tests
    ]
    return Grid(f"{tag}: tests, one family", ["test", "method", "statistic", "p", "p after Holm"], rows)


def _fits(tag: str, model: SurvivalModelRecord) -> Grid:
    rows = []
    for name, law in model.fits.items():
        if law:
            rates = law.escape_rate
            rows.append([
                name + (" (best)" if name == model.best else ""),
                _number(law.aic) if model.best else "-",
                bounded(rates.per_segment if rates else None, 5),
                bounded(rates.per_module_evaluation if rates else None, 6),
            ])  # fmt: skip
    return Grid(f"{tag}: laws of escape", ["law", "AIC", "escapes per segment", "per module evaluation"], rows)


def _selectors(tag: str, record: SelectionRecord) -> Grid:
    rows = [
        [f"{row.selector}, sigma {row.sigma:g}", bounded(_right(row)), bounded(_gain(row), 3, sign=True)]
        for row in record.rows
    ]
    return Grid(f"{tag}: selectors among the restarts", ["selector", "right", "over a random restart"], rows)


def _number(value: float | None, form: str = ".4g") -> str:
    return "-" if value is None else format(value, form)
