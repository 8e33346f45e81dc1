"""The four cells of (settled) x (correct) and what the source study reports of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rrdyn.analysis.puzzles import Puzzles
from rrdyn.analysis.ranks import auc
from rrdyn.artifacts.record import Known, Value, Written
from rrdyn.artifacts.results import CELLS, AuxRecord, CellRecord, MixtureRecord, SourceRecord

CSV_COLUMNS = ("cell", "n", "lam1_median", "lam1_mean", "lam1_q25", "lam1_q75", "lam8_median", "token_acc_median",
               "halted_at_median")  # fmt: skip


class SweepRow(Written):
    """Cell sizes and the leading exponent of the wrong at one threshold."""

    pct: int
    tau: float
    nA: int
    nB: int
    nC: int
    nD: int
    lam1_med_B: Known
    lam1_med_D: Known


def masks(settled: np.ndarray, correct: np.ndarray) -> dict[str, np.ndarray]:
    """(N,) bool each, in the order of `CELLS`."""
    return dict(zip(CELLS, (settled & correct, settled & ~correct, ~settled & correct, ~settled & ~correct)))


def letters(settled: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """ "A", "B", "C" or "D" for each row."""
    return np.asarray(np.array(["A", "B", "C", "D"])[2 * (~settled).astype(int) + (~correct).astype(int)])


def median(values: np.ndarray) -> float:
    """The median of values (n,); NaN of none."""
    return float(np.median(values)) if len(values) else float("nan")


def share(part: np.ndarray, whole: np.ndarray) -> float:
    """How many of `whole` (N,) bool are in `part`, from 0 to 1; 0 where `whole` is empty."""
    return float(part.sum() / max(whole.sum(), 1))


def describe(puzzles: Puzzles, rows: np.ndarray) -> CellRecord:
    """One cell: only its n where it is empty."""
    n = int(rows.sum())
    if n == 0:
        return CellRecord(n=0)
    exponents = puzzles.exponents[rows]
    first = exponents[:, 0]
    spectrum = [float(value) for value in np.median(exponents, axis=0)]
    return CellRecord(
        n=n,
        lam1_median=spectrum[0],
        lam1_mean=float(first.mean()),
        lam1_iqr=[float(value) for value in np.percentile(first, [25, 75])],
        lam8_median=spectrum[-1],
        spectrum_median=spectrum,
        token_acc_median=median(puzzles.token_acc[rows]),
        halted_at_median=median(puzzles.halted_at[rows]),
    )


def contrasts(puzzles: Puzzles, cells: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The lambda_1 of the two groups behind each contrast (median of the first minus median of the second)."""
    first, correct = puzzles.lambda_1, puzzles.correct
    a, b, c, d = (first[rows] for rows in cells.values())
    return {
        "dlam1_correct_minus_wrong_overall": (first[correct], first[~correct]),
        "dlam1_within_converged": (a, b),
        "dlam1_within_nonconverged": (c, d),
        "dlam1_wrong_conv_minus_wrong_nonconv": (b, d),
    }


def aucs(puzzles: Puzzles, settled: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Score and label behind each AUC of the source study."""
    calm, correct = -puzzles.lambda_1, puzzles.correct
    return {
        "neg_lam1_predicts_correct_overall": (calm, correct),
        "neg_lam1_predicts_correct_within_conv": (calm[settled], correct[settled]),
        "neg_lam1_predicts_correct_within_nonconv": (calm[~settled], correct[~settled]),
        "neg_logdrift_predicts_correct": (-puzzles.log_late_drift(), correct),
        "neg_lam1_predicts_converged": (calm, settled),
    }


def source_numbers(puzzles: Puzzles, settled: np.ndarray, otsu_tau: float) -> SourceRecord:
    """All numbers of the source study's results file, under its names."""
    correct = puzzles.correct
    cells = masks(settled, correct)
    return SourceRecord(
        npz=str(puzzles.path),
        n=puzzles.n,
        exact_acc=float(correct.astype(int).mean()),
        late_drift_def=f"mean(drift_zH[:, -{puzzles.late}:])",
        otsu_tau_log10=otsu_tau,
        frac_converged=float(settled.mean()),
        cells={name: describe(puzzles, rows) for name, rows in cells.items()},
        mixture=MixtureRecord(
            wrong_that_converged=share(cells["B_conv_wrong"], ~correct),
            correct_that_nonconverged=share(cells["C_nonconv_correct"], correct),
        ),
        contrasts={name: median(first) - median(second) for name, (first, second) in contrasts(puzzles, cells).items()},
        auc={name: auc(score, label) for name, (score, label) in aucs(puzzles, settled).items()},
        aux=AuxRecord(
            late_drift_zL_corr_with_zH_log=_correlation(puzzles.log_late_drift(), puzzles.log_late_drift("zL")),
            # in the dtype of the file, as the source study has it: the mean of two float32 is rounded
            q_halt_final_median_by_cell={name: median(puzzles.q_halt[rows, -1]) for name, rows in cells.items()},
        ),
    )


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    if len(x) < 2 or x.std() == 0 or y.std() == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def sweep(puzzles: Puzzles) -> list[SweepRow]:
    """Cell sizes and lambda_1 of the wrong at thresholds from the 5th to the 95th percentile of what motion is judged
    by."""
    motion, correct, first = puzzles.log_motion(), puzzles.correct, puzzles.lambda_1
    rows = []
    percentiles = range(5, 96, 5)
    for percentile, tau in zip(percentiles, np.percentile(motion, list(percentiles))):
        a, b, c, d = masks(motion < tau, correct).values()
        rows.append(
            SweepRow(
                pct=percentile, tau=float(tau), nA=int(a.sum()), nB=int(b.sum()), nC=int(c.sum()), nD=int(d.sum()),
                lam1_med_B=median(first[b]), lam1_med_D=median(first[d]),
            )
        )  # fmt: skip
    return rows


def cells_csv(cells: Mapping[str, CellRecord]) -> str:
    """`cells_<tag>.csv` in the source study's columns and digits."""
    lines = [",".join(CSV_COLUMNS)]
    for name, cell in cells.items():
        if cell.n == 0 or cell.lam1_iqr is None:
            lines.append(f"{name},0" + "," * (len(CSV_COLUMNS) - 2))
            continue
        middle = [cell.lam1_median, cell.lam1_mean, *cell.lam1_iqr, cell.lam8_median]
        numbers = [
            *(f"{value:.6f}" for value in middle),
            f"{cell.token_acc_median:.4f}",
            f"{cell.halted_at_median:.1f}",
        ]
        lines.append(",".join([name, str(cell.n), *numbers]))
    return "\n".join(lines) + "\n"


def rows_csv(rows: Sequence[Mapping[str, Value]]) -> str:
    """Rows as the source study writes them: repr of each value, NaN as "nan"."""
    return "\n".join([",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)]) + "\n"
