"""A scorer run on brought files: its report, what of it can be charted and taken along, and pictures of the worst items."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacestudio.errors import InputError, SpaceStudioError
from spacestudio.figures.graph import thumbnail
from spacestudio.formats.archive import unzip
from spacestudio.formats.pictures import read_picture
from spacestudio.formats.spreadsheet import guarded
from spacestudio.metrics.report import Cell, Figure, Item, Report, Table
from spacestudio.services.scores import SCORERS, Scorer
from spacestudio.settings import settings

MOST_BARS = 20
MOST_PICTURES = 12
HIDDEN = (".", "__")
"""How the names of files begin that a system puts into an archive by itself."""
SIDE = 240
"""Longest side of a worst item's picture, px."""


@dataclass(frozen=True)
class Bars:
    """A column of a table to draw: N names, values, and the ends of their intervals (None where there is none)."""

    names: tuple[str, ...]
    values: tuple[float, ...]
    lows: tuple[float | None, ...]
    highs: tuple[float | None, ...]
    title: str
    axis: str


def evaluate(name: str, files: Mapping[str, Path | None], chosen: Mapping[str, Any]) -> Report:
    """The report of the scorer `name`.

    Args:
        name: in `SCORERS`.
        files: by slot; one that is missing or None was not given. A folder comes as a ZIP file.
        chosen: settings by name; one that is missing or None keeps its default.

    Raises:
        UnknownName, Unavailable: there is no such scorer, or it can't run here.
        InputError: a needed file is missing, or nothing can be scored. Names files without their folders.
    """
    scorer: Scorer = SCORERS.load(name)
    given = {slot.name: path for slot in scorer.files if (path := files.get(slot.name)) is not None}
    if missing := [titled(slot.name) for slot in scorer.files if slot.required and slot.name not in given]:
        raise InputError(f"No file was given for: {', '.join(missing)}", next_step="Drop it in its place")
    made = {c.name: c.default if chosen.get(c.name) is None else type(c.default)(chosen[c.name]) for c in scorer.choices}
    with ExitStack() as stack:
        places = dict(given)
        for slot in scorer.files:
            if slot.folder and slot.name in given:
                places[slot.name] = _unpacked(given[slot.name], stack)
        try:
            return scorer.score(places, made)
        except SpaceStudioError as error:
            raise InputError(_without_folders(str(error), places.values())) from None


def titled(name: str) -> str:
    """An option's name as a title: "as_published" -> "As published"."""
    words = name.replace("_", " ").replace("-", " ")
    return words[:1].upper() + words[1:]


def published_title(table: Table) -> str:
    """What stands above published rows, so that nobody takes them for measured here."""
    return f"Published, not measured here: {re.sub('^Published[:,] ', '', table.title)}"


def _unpacked(file: Path, stack: ExitStack) -> Path:
    """What a ZIP file holds, in a folder that goes with the stack; a single folder in it is entered."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / file.stem
    unzip(file, folder, settings().max_upload_mb * 8)
    inside = [path for path in folder.iterdir() if not path.name.startswith(HIDDEN)]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _without_folders(text: str, places: Iterable[Path]) -> str:
    for path in places:
        text = text.replace(str(path), path.name).replace(f"{path.parent}/", "")
    return text


def as_json(name: str, report: Report) -> str:
    """What `score NAME --json` prints, indented."""
    return json.dumps(SCORERS.load(name).json(report), indent=2, ensure_ascii=False) + "\n"


def as_csv(report: Report) -> str:
    """The report as blocks of rows with an empty row between them: figures, counts, breakdowns, published rows, worst items.

    Text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    figures = tuple((f.name, f.value, f.unit, f.low, f.high, f.n) for f in report.figures)
    worst = tuple((item.id, item.image, item.score, item.words) for item in report.worst)
    notes = tuple((note,) for note in (report.definition, *report.notes))
    published = report.published
    blocks = [
        Table(report.title, ("figure", "value", "unit", "low", "high", "n"), figures),
        Table("Counts", ("count", "n"), tuple(report.counts.items())),
        *report.tables,
        *([replace(published, title=published_title(published))] if published else []),
        Table("Worst items", ("item", "picture", "score", "words"), worst),
        Table("Notes", ("note",), notes),
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for block in blocks:
        if block.rows:
            for row in ((block.title,), block.columns, *block.rows):
                writer.writerow([guarded(cell) if isinstance(cell, str) else cell for cell in row])
            writer.writerow([])
    return text.getvalue()


def written(figure: Figure) -> tuple[str, str]:
    """A figure's value and its 95 % interval as read: ("62.93 %", "60.1 – 65.8"); "–" where there is none."""
    value = "–" if figure.value is None else f"{_number(figure.value, figure.unit)} {figure.unit}".strip()
    if figure.low is None or figure.high is None:
        return value, "–"
    return value, f"{_number(figure.low, figure.unit)} – {_number(figure.high, figure.unit)}"


def _number(value: float, unit: str) -> str:
    return f"{value:.2f}" if unit == "%" else f"{value:.4g}"


def bars_of(table: Table) -> Bars | None:
    """Numbers by the first column's names: of a column with an interval, else with fractions, else any; None without one.

    An interval stands in columns called "low" and "high", or "recall low" and "recall high".
    """
    columns = [[row[k] for row in table.rows] for k in range(len(table.columns))]
    numeric = [k for k, cells in enumerate(columns) if k and _numbers(cells)]
    if not numeric:
        return None
    ends = dict(zip(table.columns, columns, strict=True))
    own = [k for k in numeric if f"{table.columns[k]} low" in ends]
    fractions = [k for k in numeric if any(isinstance(cell, float) for cell in columns[k])]
    k = [*own, *fractions, *numeric][0]
    rows = [row for row, cell in enumerate(columns[k]) if cell is not None][:MOST_BARS]
    known = sum(cell is not None for cell in columns[k])
    none: list[Cell] = [None] * len(table.rows)
    lows, highs = (ends.get(f"{table.columns[k]} {end}", ends.get(end, none)) for end in ("low", "high"))
    return Bars(
        tuple(str(columns[0][row]) for row in rows),
        tuple(float(columns[k][row]) for row in rows),  # type: ignore[arg-type]
        tuple(_float(lows[row]) for row in rows),
        tuple(_float(highs[row]) for row in rows),
        table.title + (f" (first {len(rows)} of {known})" if known > len(rows) else ""),
        table.columns[k],
    )


def _numbers(cells: Sequence[Cell]) -> bool:
    return all(cell is None or isinstance(cell, int | float) for cell in cells) and any(c is not None for c in cells)


def _float(cell: Cell) -> float | None:
    return float(cell) if isinstance(cell, int | float) else None


def pictures_of(items: Sequence[Item], files: Sequence[Path]) -> tuple[list[tuple[NDArray[np.uint8], Item]], list[str]]:
    """Small pictures of the first items whose file was brought; and why others can't be shown.

    A file is an item's when the ends of their paths agree as far as both tell them ("a/image.png" is not "b/image.png"), and
    no other file has that name. Where none has the name with its ending (a depth map's, say), one without will do.

    Args:
        items: from the worst up.
        files: pictures, or ZIP files of them.
    """
    found: list[tuple[NDArray[np.uint8], Item]] = []
    problems: list[str] = []
    with ExitStack() as stack:
        known: dict[str, Path | None] = {}
        for file in files:
            try:
                inside = sorted(_unpacked(file, stack).rglob("*")) if file.suffix.lower() == ".zip" else [file]
            except SpaceStudioError as error:
                problems.append(str(error))
                continue
            for path in (p for p in inside if p.is_file() and not p.name.startswith(HIDDEN)):
                for end in _ends(str(path)):
                    known[end] = None if end in known else path  # a name that two files have tells neither
        for item in items:
            picture = next((known[end] for end in _ends(item.image) if end in known), None)
            if picture is None or len(found) == MOST_PICTURES:
                continue
            try:
                found.append((thumbnail(read_picture(picture, picture.name).rgb, SIDE), item))
            except SpaceStudioError as error:
                problems.append(str(error))
    return found, list(dict.fromkeys(problems))


def _ends(path: str) -> list[str]:
    """Ends of a path, the longest first, each with its ending and then without; as names are after an upload, which drops
    some characters."""
    parts = [re.sub(r"[^a-z0-9.-]", "", part.casefold()) for part in path.replace("\\", "/").split("/") if part][-4:]
    ends = ["/".join(parts[k:]) for k in range(len(parts))]
    return [name for end in ends for name in dict.fromkeys((end, end.rpartition(".")[0])) if name]
