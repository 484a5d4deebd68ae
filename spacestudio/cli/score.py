"""score NAME: predictions against truths. Every entry of `SCORERS` is a command by itself, made when it is asked for."""

from __future__ import annotations

import gc
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from spacestudio.cli.common import Json, answer, tell

if TYPE_CHECKING:
    from spacestudio.metrics.report import Cell, Figure, Report, Table
    from spacestudio.services.scores import Choice, Scorer, Slot

HELP = "Score predictions; every figure comes with its counts and its definition."
BAD = ("n_bad_lines", "n_failed")
"""Counts of what could not be read; any make the exit status 1, although the rest is scored."""


class Scorers(TyperGroup):
    """The registry as commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every name there is."""
        from spacestudio.services.scores import SCORERS

        return list(SCORERS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A scorer's command; an unknown name is wrong usage."""
        from spacestudio.services.scores import SCORERS

        if cmd_name not in SCORERS:
            return None
        one = typer.Typer(add_completion=False, rich_markup_mode=None)
        one.command(name=cmd_name, help=SCORERS[cmd_name].help)(command(SCORERS.load(cmd_name)))
        return typer.main.get_command(one)


app = typer.Typer(cls=Scorers, no_args_is_help=True, help=HELP, rich_markup_mode=None)


@app.callback()
def _score() -> None:
    """Score predictions; every figure comes with its counts and its definition."""


def command(scorer: Scorer) -> Callable[..., None]:
    """A scorer as a function whose parameters are its files, its settings and `as_json`."""

    def run(**given: Any) -> None:
        as_json = given.pop("as_json")
        files = {slot.name: given.pop(slot.name) for slot in scorer.files}
        gc.disable()  # rows by the million live until the end; looking for rubbish among them takes as long as scoring
        try:
            report = scorer.score({name: path for name, path in files.items() if path is not None}, given)
        finally:
            gc.enable()
        answer(scorer.json(report) if as_json else {}, as_json, lines(report))
        if any(report.counts.get(name) for name in BAD):
            for note in report.notes if as_json else ():
                tell(note)
            sys.exit(1)

    parameters = [*map(_file, scorer.files), *map(_setting, scorer.choices), _parameter("as_json", Json, False)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    return run


def _file(slot: Slot) -> inspect.Parameter:
    option = typer.Option(_option(slot.name), help=slot.help)
    if slot.required:
        return _parameter(slot.name, Annotated[Path, option])
    return _parameter(slot.name, Annotated[Path | None, option], None)


def _setting(choice: Choice) -> inspect.Parameter:
    name = _option(choice.name)
    if choice.default is True:
        name = f"{name}/--no-{name.removeprefix('--')}"
    kind: Any = Literal[choice.options] if choice.options else type(choice.default)
    return _parameter(choice.name, Annotated[kind, typer.Option(name, help=choice.help)], choice.default)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def lines(report: Report) -> list[str]:
    """A report to be read: figures, breakdowns, published rows, the worst items, counts, notes."""
    rows = [(f.name, f.value, f.unit, _interval(f), f.n) for f in report.figures]
    out = [report.title, f"Definition {report.definition}", "", *_aligned(("", "value", "", "95 % interval", "of"), rows)]
    for table in (*report.tables, *((report.published,) if report.published else ())):
        out += ["", *_table(table)]
    if report.worst:
        worst = [(item.id, item.image, item.score, item.words) for item in report.worst]
        out += ["", "Worst", *_aligned(("id", "picture", "right", ""), worst)]
    out += ["", *_aligned(("count", ""), list(report.counts.items()))]
    return [*out, *(f"Note: {note}" for note in report.notes)]


def _table(table: Table) -> list[str]:
    return [table.title, *_aligned(table.columns, table.rows)]


def _interval(figure: Figure) -> str:
    return "" if figure.low is None or figure.high is None else f"{figure.low:.2f} to {figure.high:.2f}"


def _aligned(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[str]:
    """Columns of words to the left, columns of numbers to the right."""
    cells = [list(head), *([_shown(cell) for cell in row] for row in rows)]
    right = [any(isinstance(row[k], int | float) for row in rows) for k in range(len(head))]
    widths = [max(len(row[k]) for row in cells) for k in range(len(head))]
    return [
        "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)).rstrip()
        for row in cells
    ]


def _shown(cell: Cell) -> str:
    if cell is None:
        return "–"
    return f"{cell:.2f}" if isinstance(cell, float) else " ".join(str(cell).split())
