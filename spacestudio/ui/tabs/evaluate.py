"""Evaluate: predictions scored against truths, beside published rows; needs no open sample."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from spacestudio.errors import SpaceStudioError, sentence
from spacestudio.figures.bars import bars_figure
from spacestudio.metrics.report import Report, Table
from spacestudio.services.evaluate import as_csv, as_json, bars_of, evaluate, pictures_of, published_title, titled, written
from spacestudio.services.scores import SCORERS, Choice, Scorer
from spacestudio.ui.components.choices import Choice as Menu
from spacestudio.ui.components.table import table as make_table
from spacestudio.ui.frame import Frame, View
from spacestudio.ui.session import plain, shown

MOST = {"file": 5, "menu": 3, "tick": 4, "number": 7, "words": 3}
"""Inputs of each kind, made once and shown as the chosen scorer needs them."""
START = "Choose a scorer, drop its files and press **Score**. Nothing is kept, and no sample is touched."
KINDS = {bool: "tick", str: "words"}
"""Type of a setting -> the kind of input for it; a number else."""
WIDEST = 32
"""Characters of a column that make it wider."""
CAPTION = 16
"""Characters below a picture."""

CLOSE_MESSAGES = "() => document.querySelectorAll('.toast-wrap .toast-close').forEach((button) => button.click())"
"""JavaScript: what was told of an earlier press goes."""


@dataclass(frozen=True, eq=False)
class Scored:
    """A report, by which scorer, small pictures of its worst items with words below them, and which can't be shown."""

    scorer: str
    report: Report
    pictures: list[tuple[NDArray[np.uint8], str]]
    problems: list[str]


def evaluate_tab(frame: Frame) -> None:
    """Build the tab."""
    first = next(iter(SCORERS), "")
    with gr.Row(elem_classes="spread"):
        with gr.Column(scale=2, min_width=300):
            which = gr.Dropdown(
                [(entry.label or name, name) for name, entry in SCORERS.items()],
                value=first or None,
                label="Scorer",
                elem_id="scorer",
            )
            about = gr.Markdown(about_words(first), elem_id="scorer-about", elem_classes="quiet")
            inputs = [made for kind in MOST for made in _made(kind, first)]
            pictures = gr.File(
                label="Pictures of the worst (optional), or one ZIP",
                file_count="multiple",
                height=92,
                elem_id="score-pictures",
            )
            run = gr.Button("Score", variant="primary", elem_id="score")
        with gr.Column(scale=5, min_width=320):
            hint = gr.Markdown(START, elem_id="score-hint", elem_classes="empty")
            with gr.Column(visible=False, elem_id="report") as results:
                title = gr.Markdown(elem_id="report-title")
                with gr.Row():
                    with gr.Column(scale=3, min_width=300):
                        figures = make_table(
                            {"figure": 40, "value": 18, "95 % interval": 28, "n": 14}, "Figures", "report-figures", 300
                        )
                    with gr.Column(scale=4, min_width=300) as beside:
                        published = make_table({"method": 100}, "Published, not measured here", "report-published", 300)
                counts = gr.Markdown(elem_id="report-counts")
                parts = Menu([], label="Breakdown", elem_id="report-parts")
                with gr.Row():
                    with gr.Column(scale=3, min_width=300):
                        table = make_table({"group": 100}, "Breakdown", "report-table", 460)
                    with gr.Column(scale=4, min_width=300) as charted:
                        chart = gr.Plot(show_label=False, elem_id="report-chart")
                worst = make_table(
                    {"item": 16, "picture": 18, "score": 8, "what was expected and said": 58},
                    "The worst items",
                    "worst",
                    360,
                )
                gallery = gr.Gallery(
                    label="Their pictures",
                    elem_id="worst-pictures",
                    elem_classes="low-gallery",
                    columns=6,
                    object_fit="contain",
                    interactive=False,
                    buttons=[],
                )
                with gr.Row():
                    json_file = gr.DownloadButton("Take the report as JSON", elem_id="report-json", min_width=160)
                    csv_file = gr.DownloadButton("Take the report as CSV", elem_id="report-csv", min_width=160)
    scored = gr.State(None)
    head = [hint, results, title, figures, beside, published, counts, parts]
    drawn = [*head, table, charted, chart, worst, gallery, json_file, csv_file]
    frame.add(View("evaluate", [], lambda look: []))

    quick: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    which.input(
        shown(lambda name: [about_words(name), *_offers(name), None, START, gr.Column(visible=False), None]),
        which,
        [about, *inputs, pictures, hint, results, scored],
        trigger_mode="always_last",
        **quick,
    )
    cleared = run.click(
        lambda: (START, gr.Column(visible=False), None), None, [hint, results, scored], js=CLOSE_MESSAGES, **quick
    )
    done = cleared.then(
        shown(_score),
        [which, pictures, *inputs],
        scored,
        concurrency_id="work",
        concurrency_limit=1,
        show_progress="full",
        show_progress_on=hint,
        api_visibility="private",
    )
    draw = shown(lambda name, scored: _drawn(name, scored) or [gr.skip()] * len(drawn))
    done.success(draw, [which, scored], drawn, **quick)
    parts.input(shown(_part), [scored, parts], [table, charted, chart], trigger_mode="always_last", **quick)


def about_words(name: str) -> str:
    """What a scorer measures and which files it reads, as Markdown."""
    if not name:
        return "No scorer is registered."
    files = (
        f"- **{plain(titled(slot.name))}** ({'needed' if slot.required else 'optional'}): {plain(slot.help)}"
        + (" As one ZIP file." if slot.folder else "")
        for slot in SCORERS.load(name).files
    )
    return "\n".join([SCORERS[name].help, "", *files])


def pools(scorer: Scorer) -> dict[str, list[Any]]:
    """A scorer's slots and choices by the kind of input they need."""
    found: dict[str, list[Any]] = {kind: [] for kind in MOST} | {"file": list(scorer.files)}
    for choice in scorer.choices:
        kind = "menu" if choice.options else KINDS.get(type(choice.default), "number")
        found[kind].append(choice)
    return found


def _props(kind: str, one: Any) -> dict[str, Any]:
    """What an input says and holds at first; hidden without anything to ask for."""
    if one is None:
        return {"visible": False, "value": False if kind == "tick" else "" if kind == "words" else None}
    if kind == "file":
        return {"visible": True, "value": None, "label": titled(one.name) + ("" if one.required else " (optional)")}
    props = {"visible": True, "value": one.default, "label": titled(one.name), "info": one.help}
    if kind == "menu":
        return props | {"choices": list(one.options)}
    return props | ({"precision": 0 if isinstance(one.default, int) else None} if kind == "number" else {})


def _asked(name: str) -> list[tuple[str, Any]]:
    """Each input's kind and what the scorer asks by it, or None."""
    found = pools(SCORERS.load(name)) if name else {kind: [] for kind in MOST}
    return [(kind, one) for kind, most in MOST.items() for one in [*found[kind], *[None] * most][:most]]


def _made(kind: str, name: str) -> list[Any]:
    make: Mapping[str, Any] = {"file": gr.File, "tick": gr.Checkbox, "number": gr.Number, "words": gr.Textbox, "menu": Menu}
    more: dict[str, Any] = {"file": {"height": 92}, "words": {"max_length": 400}}.get(kind, {})
    wanted = [one for other, one in _asked(name) if other == kind]
    return [make[kind](elem_id=f"score-{kind}-{k}", **more, **_props(kind, one)) for k, one in enumerate(wanted)]


def _offers(name: str) -> list[Any]:
    return [gr.update(**_props(kind, one)) for kind, one in _asked(name)]


def _score(name: str, pictures: Sequence[str] | None, *given: Any) -> Scored | None:
    """What the files come to; None where they can't be scored, which is said."""
    gr.Progress()(None, desc="Reading and scoring…")
    asked = [(one, value) for (_, one), value in zip(_asked(name), given, strict=True) if one is not None]
    files = {one.name: Path(value) if value else None for one, value in asked if not isinstance(one, Choice)}
    try:
        report = evaluate(name, files, {one.name: value for one, value in asked if isinstance(one, Choice)})
    except SpaceStudioError as error:
        gr.Warning(str(error), duration=12, title="Not scored")
        return None
    found, problems = pictures_of(report.worst, [Path(path) for path in pictures or []])
    return Scored(name, report, [(image, _short(item.id)) for image, item in found], problems)


def _short(text: str) -> str:
    return text if len(text) <= CAPTION else text[: CAPTION - 1] + "…"


def _drawn(name: str, scored: Scored | None) -> list[Any]:
    """The report as outputs; none where another scorer was chosen meanwhile."""
    if scored is None or scored.scorer != name:
        return []
    report = scored.report
    rows = [[f.name, *written(f), str(f.n)] for f in report.figures]
    worst = [[item.id, item.image, f"{item.score:.2f}", item.words] for item in report.worst]
    titles = [(table.title, str(k)) for k, table in enumerate(report.tables)]
    beside = report.published
    return [
        "",
        gr.Column(visible=True),
        title_words(report),
        rows,
        gr.Column(visible=beside is not None),
        _grid(beside, published_title(beside)) if beside else [],
        counts_words(report, scored.problems),
        gr.update(choices=titles, value="0" if titles else None, visible=len(titles) > 1),
        *_part(scored, "0"),
        gr.update(value=worst, visible=bool(worst)),
        gr.update(value=scored.pictures, visible=bool(scored.pictures)),
        *_files(scored),
    ]


def title_words(report: Report) -> str:
    """What was scored, and by which definition, as Markdown."""
    definition = report.definition[:1].upper() + report.definition[1:]
    return f"### {plain(report.title)}\n{plain(sentence(definition))}"


def counts_words(report: Report, problems: Sequence[str] = ()) -> str:
    """What was read, skipped and why, and what to know, as Markdown."""
    counts = " · ".join(f"**{n:,}** {plain(titled(name.removeprefix('n_')).lower())}" for name, n in report.counts.items())
    notes = [f"- {plain(line)}" for line in (*report.notes, *problems)]
    return "\n".join([counts, "", *notes])


def _grid(table: Table, label: str) -> dict[str, Any]:
    """A table of any columns, each as wide as its words need, for `gr.Dataframe`."""
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    needs = [min(max(map(len, words)), WIDEST) + 6 for words in zip(table.columns, *rows, strict=True)]
    widths = [f"{100 * need / sum(needs):.1f}%" for need in needs]
    return gr.update(value={"headers": list(table.columns), "data": rows}, column_widths=widths, label=label, visible=True)


def _cell(cell: object) -> str:
    if cell is None:
        return "–"
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _part(scored: Scored | None, place: str | None) -> list[Any]:
    """One breakdown, and its bars where it has numbers."""
    tables = scored.report.tables if scored else ()
    if place is None or not place.isdigit() or int(place) >= len(tables):
        return [gr.update(value=[], visible=False), gr.Column(visible=False), None]
    table = tables[int(place)]
    bars = bars_of(table)
    figure = bars_figure(bars.names, bars.values, bars.lows, bars.highs, bars.title, bars.axis) if bars else None
    return [_grid(table, table.title), gr.Column(visible=bars is not None), figure]


def _files(scored: Scored) -> list[str]:
    folder = Path(tempfile.mkdtemp(prefix="report-"))
    made = {"json": as_json(scored.scorer, scored.report), "csv": as_csv(scored.report)}
    for suffix, text in made.items():
        (folder / f"{scored.scorer}-report.{suffix}").write_text(text, "utf-8")
    return [str(folder / f"{scored.scorer}-report.{suffix}") for suffix in made]
