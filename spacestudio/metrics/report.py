"""What every scorer returns, so that one command and one tab show them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Cell = str | int | float | None


@dataclass(frozen=True)
class Figure:
    """One number of a score.

    Attributes:
        name: as in the JSON: "recall", "VISOR_cond".
        value: in `unit`; None where there was nothing to count.
        n: how many items it is a share or a mean of.
        low, high: 95 % bootstrap interval over pictures (or what `Report.notes` names); None where it was not computed.
        unit: "%" or "" for a plain number.
    """

    name: str
    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    unit: str = "%"


@dataclass(frozen=True)
class Table:
    """A breakdown, or published rows; one cell per column in each row."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Item:
    """A scored item, for the list of the worst.

    Attributes:
        id: as in the files.
        image: file name of its picture as the files give it; "" when they don't.
        score: its own share of what was right, in [0, 1].
        words: what was expected and what was said, in a line.
    """

    id: str
    image: str
    score: float
    words: str


@dataclass(frozen=True)
class Report:
    """What a scorer found.

    Attributes:
        title: what was scored.
        definition: by which definition: "as published" or "corrected", and in words what that means.
        figures: the headline numbers, in the order they are printed.
        counts: what was read, skipped and why: "n_images", "n_invalid", …
        tables: breakdowns (per predicate, per relation, …).
        published: rows of the papers, to stand beside; None where none are known.
        worst: items from the worst up, at most some dozens.
        notes: warnings and assumptions, a line each.
        as_published: which of the two definitions.
    """

    title: str
    definition: str
    figures: tuple[Figure, ...]
    counts: Mapping[str, int] = field(default_factory=dict, hash=False)
    tables: tuple[Table, ...] = ()
    published: Table | None = None
    worst: tuple[Item, ...] = ()
    notes: tuple[str, ...] = ()
    as_published: bool = False

    def __getitem__(self, name: str) -> Figure:
        """The figure of that name."""
        return next(f for f in self.figures if f.name == name)
