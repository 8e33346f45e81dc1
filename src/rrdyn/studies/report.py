"""`rrdyn report`: a run folder as one self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from rrdyn.artifacts.errors import RrdynError, notice
from rrdyn.artifacts.files import output_file, plain, sha256, write_text
from rrdyn.artifacts.npz import read_meta
from rrdyn.artifacts.places import META, is_file, resolved
from rrdyn.artifacts.provenance import provenance
from rrdyn.artifacts.record import Meta
from rrdyn.studies.page import explorer, findings, opening
from rrdyn.studies.page.explorer import Model, packed
from rrdyn.studies.page.figures import Picture, pictures
from rrdyn.studies.page.inventory import Inventory, meta_of, take_stock
from rrdyn.studies.page.opening import Fated
from rrdyn.version import __version__

FIRST = (("fig_", "_scatter"), ("puzzle_", ""))
"""What begins and ends the names of the pictures on the first screen: the scatter, and one answer over the segments."""
MISSING = (
    '<p class="doubt">There is no explorer of single puzzles on this page: plotly was not installed where it was made '
    "(<code>python -m pip install plotly</code>, and the same command again).</p>"
)
BEGINS = b"<!"
"""What a page begins with; another file is not replaced by one."""


@dataclass(frozen=True)
class Report:
    """The written page and what is on it."""

    path: Path
    figures: list[Picture]
    models: list[str]
    size: int


def write_report(root: Path | str, out: Path | str | None = None) -> Report:
    """Write the page of a run folder, by default as FOLDER_report.html beside it; nothing is written into the folder.

    Figures that are missing, or older than what they show, are drawn for the page. Without the charting library the
    page has no explorer, and says so. Raises InputError where the folder holds nothing to show.
    """
    stock = take_stock(root)
    path = output_file(Path(out) if out else beside(stock.root), begins=BEGINS)
    with tempfile.TemporaryDirectory() as scratch:
        shown = pictures(stock, Path(scratch))
    models = explorer.models(stock)
    text = page(stock, shown, models)
    write_text(path, text, begins=BEGINS)
    return Report(path, shown, [model.tag for model in models], len(text.encode(errors="backslashreplace")))


def beside(root: Path) -> Path:
    """Where the page of a folder goes by default."""
    named = root if root.name not in ("", "..") else resolved(root)
    return named.parent / f"{named.name}_report.html"


def page(stock: Inventory, shown: list[Picture], models: list[Model]) -> str:
    """The whole page as text. Everything that came from outside is escaped; scripts run only by their digest.

    The charting library is packed: the page's own script unpacks it, a third of the bytes.
    """
    chart, script = _charting_library() if models else "", _harmless(_asset("page.js"))
    allowed = " ".join(f"'sha256-{_digest(text)}'" for text in (chart, script) if text)
    title = stock.root.resolve().name
    followed = opening.fated(stock.fates)
    return Template(_asset("page.html")).substitute(
        policy=f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}",
        title=escape(title),
        style=_asset("page.css"),
        version=escape(__version__),
        opening=_opening(followed, shown),
        claims=_claims(findings.claims(stock)) if findings.claims(stock) or not followed else "",
        tables="".join(_table(grid) for grid in findings.grids(stock, followed)) or "<p>There are no tables.</p>",
        figures="".join(_figure(picture) for picture in shown) or "<p>There are no figures.</p>",
        commands=_commands(stock),
        provenance=_provenance(stock),
        hidden="" if models else "hidden",
        charts="" if chart else "hidden",
        missing="" if chart or not models else MISSING,
        data=_harmless_json({"models": models if chart else []}),
        chart=packed(chart.encode()),
        script=script,
    )


def _asset(name: str) -> str:
    return resources.files("rrdyn.studies.page").joinpath(name).read_text(encoding="utf-8")


def _charting_library() -> str:
    """plotly.js; "" where it is not installed, which is told."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        notice("the page has no explorer: it needs plotly (python -m pip install plotly)")
        return ""
    script: str = get_plotlyjs()
    return script


def _opening(followed: list[Fated], shown: list[Picture]) -> str:
    """The first screen: the question, what became of each model's puzzles, what changed, two pictures."""
    parts = [f"<p><strong>{escape(one.tag)}.</strong> {escape(opening.sentence(one))}</p>" for one in followed]
    if followed:
        heads, rows = opening.side_by_side({one.tag: one.table for one in followed})
        told = "By fate: wrong / right at the budget; shares with 95% intervals"
        parts.append(_table(findings.Grid(f"{followed[0].table.n} held-out puzzles. {told}", heads, rows)))
    if changed := opening.changes(followed):
        parts.append("<ul>" + "".join(f"<li>{escape(text)}</li>" for text in changed) + "</ul>")
    chosen = [next((p for p in shown if p.name.startswith(kind[0]) and p.name.endswith(kind[1])), None)
              for kind in FIRST]  # fmt: skip
    seen = "".join(
        f'<a href="#{escape(p.name)}"><img src="{p.source}" alt="{escape(p.alt)}"></a>' for p in chosen if p is not None
    )
    if not parts and not seen:
        return ""
    words = "".join(parts)
    return f'<div class="opening{"" if parts else " alone"}"><div>{words}</div><div class="seen">{seen}</div></div>'


def _harmless(script: str) -> str:
    """No text inside a script can end it."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _harmless_json(value: Any) -> str:
    return json.dumps(plain(value), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _claims(found: Iterable[findings.Claims]) -> str:
    parts = []
    for claim in found:
        sentences = "".join(f"<li>{escape(text)}</li>" for text in claim.sentences)
        doubts = "".join(f'<li class="doubt"><strong>Note:</strong> {escape(text)}</li>' for text in claim.doubts)
        parts.append(f"<h3>{escape(claim.title)}</h3><ul>{sentences}{doubts}</ul>")
    return "".join(parts) or "<p>Nothing has been analysed yet; the figures below show what was recorded.</p>"


def _table(grid: findings.Grid) -> str:
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in grid.heads)
    rows = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in grid.rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(grid.caption)}">'
        f"<table><caption>{escape(grid.caption)}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _figure(picture: Picture) -> str:
    return (
        f'<figure id="{escape(picture.name)}"><img src="{picture.source}" alt="{escape(picture.alt)}" loading="lazy">'
        f"<figcaption><strong>{escape(picture.name)}.</strong> {escape(picture.caption)}</figcaption></figure>"
    )


def _commands(stock: Inventory) -> str:
    """The exact command lines, in the order of the files that tell them, each once."""
    lines: dict[str, None] = {}
    for study in stock.studies:
        lines |= dict.fromkeys(study.record.done)
    for meta in _metas(stock).values():
        if meta.get("command"):
            lines[str(meta["command"])] = None
    if not lines:
        return "<p>No file tells the command that made it.</p>"
    return "<pre>" + "\n".join(escape(line) for line in lines) + "</pre>"


def _metas(stock: Inventory) -> dict[Path, Meta]:
    found: dict[Path, Meta] = {}
    for path in stock.trainings:
        meta = path.with_name(META)
        if is_file(meta):
            found[meta] = meta_of(meta)
    for path in stock.artifacts:
        try:
            found[path] = read_meta(path)
        except RrdynError:
            found[path] = {}
    found |= {source.path: source.record.meta or {} for source in stock.results}
    found |= {source.path: source.record.meta or {} for source in stock.selections}
    found |= {source.path: source.record.meta or {} for source in stock.scalings}
    return found | {source.path: source.record.meta or {} for source in stock.survivals}


def _provenance(stock: Inventory) -> str:
    rows = []
    for path, meta in _metas(stock).items():
        estimator = meta.get("estimator")
        told = ", ".join(f"{key} {value}" for key, value in estimator.items()) if isinstance(estimator, dict) else "-"
        rows.append([
            str(path.relative_to(stock.root)) if path.is_relative_to(stock.root) else str(path),
            str(meta.get("rrdyn_version") or "-"),
            str(meta.get("git_commit") or "-")[:12],
            "-" if meta.get("seed") is None else str(meta["seed"]),
            " ".join(str(meta.get(key) or "") for key in ("device", "dtype")).strip() or "-",
            told,
            sha256(path)[:16],
        ])  # fmt: skip
    heads = ["file", "rrdyn", "commit", "seed", "device, dtype", "estimator", "sha256"]
    here = provenance()
    versions = ", ".join(f"{name} {version}" for name, version in here["libraries"].items())
    table = _table(findings.Grid("Files this page was made from", heads, rows)) if rows else ""
    made = f"<code>{escape(here['command'])}</code>, rrdyn {__version__}, {escape(versions)}"
    return f"{table}<p>This page: {made}.</p>"
