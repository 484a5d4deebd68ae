"""Annotations -> captions with explicit relations, in a stream: a few pictures at a time from boxes to the file."""

from __future__ import annotations

import hashlib
import platform
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacestudio import __version__
from spacestudio.captions.card import card
from spacestudio.captions.sampling import Balance, Census, Draw, sides
from spacestudio.captions.sr4g import (
    MAX_BOXES,
    MIN_SHARE,
    Choice,
    Instances,
    Sides,
    eligible,
    extract,
    relation_names,
    spoken,
)
from spacestudio.domain.captions import SPLITS, BoxTable, CaptionRows, Tally
from spacestudio.domain.dice import number
from spacestudio.errors import InputError
from spacestudio.formats.coco_stream import read_boxes
from spacestudio.formats.door import reason
from spacestudio.formats.sr4g import Header, Writer, writer
from spacestudio.relations.rules import RULE_SETS

SHARES = (80.0, 10.0, 10.0)
"""Of train, validation and test, in percent of the pictures."""
TOLD_OF = 1_000_000
"""Captions between two lines of progress."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for; see `captions.sr4g.Choice` and `captions.sampling.Draw`.

    Attributes:
        coco, panoptic: annotation files, at least one of them.
        rules: name of a rule set.
        relations: names, or words for several: projective, topological, scale. Empty for all that the rules know.
        unseen: seed of the categories' halves; None when every split has all categories.
        shares: of train, validation and test.
        limit: most captions of a relation in a split.
        seed: of the split and of the draw.
        pictures: folder of the pictures, for shards.
    """

    coco: Path | None
    panoptic: Path | None = None
    rules: str = "sstd"
    relations: tuple[str, ...] = ()
    margin: float = 0.0
    min_share: float = MIN_SHARE
    instances: Instances = "one"
    inverse: bool = True
    unseen: int | None = None
    shares: tuple[float, ...] = SHARES
    balance: Balance = ""
    limit: int | None = None
    seed: int = 0
    pictures: Path | None = None

    @property
    def command(self) -> str:
        """The command that draws the same captions: every setting spelled out, bare file names, `--out` left open."""
        words = ["python", "-m", "spacestudio", "captions"]
        for name, file in (("--coco", self.coco), ("--panoptic", self.panoptic), ("--pictures", self.pictures)):
            words += [name, file.name] if file else []
        words += (
            ["--rules", self.rules, "--relations", ",".join(self.relations)] if self.relations else ["--rules", self.rules]
        )
        words += ["--margin", f"{self.margin:.15g}", "--min-area", f"{self.min_share:.15g}", "--instances", self.instances]
        words += ["--shares", ",".join(f"{share:.15g}" for share in self.shares)]
        words += [] if self.inverse else ["--no-inverse"]
        words += [] if self.unseen is None else ["--split-unseen", str(self.unseen)]
        words += ["--balance", self.balance] if self.balance else []
        words += [] if self.limit is None else ["--per-relation", str(self.limit)]
        return shlex.join([*words, "--seed", str(self.seed)])


@dataclass(frozen=True)
class Drawn:
    """What was written.

    Attributes:
        files: in the order they were written.
        about: command, settings, inputs, versions, counts and what was left out; as the files tell it of themselves.
    """

    files: tuple[Path, ...]
    about: dict[str, Any]


def draw(wanted: Wanted, out: Path, tell: Callable[[str], None] = lambda line: None) -> Drawn:
    """Captions of annotation files, written to `out`: .parquet, .jsonl, or a folder of WebDataset shards.

    Beside a file lies its card, README.md (NAME.README.md where a README of another kind is there already).

    Raises:
        InputError: a file can't be read, nothing can be written, a setting is out of range, or no caption is left.
        UnknownName: no such rule set.
    """
    choice = _choice(wanted)
    if wanted.pictures and out.suffix:
        raise InputError(f"“{out.name}” holds no pictures: --pictures is only for shards", next_step="Let --out be a folder")
    if wanted.pictures and not wanted.pictures.is_dir():
        raise InputError(f"“{wanted.pictures}” is no folder", "a folder of pictures, to be put into shards")
    table, tallies = read_boxes(wanted.coco, wanted.panoptic, choice.rules.uses_centroids)
    tell(f"{len(table.category):,} boxes of {len(table.image_ids):,} pictures read")
    side = _sides(table, wanted)
    told, reasons = eligible(table, choice, side)
    captions = partial(extract, table, told, choice, side)
    try:
        with writer(out, Header(table, choice.relations, choice.rules.name, wanted.pictures)) as sink:
            lot = _lot(captions, table, choice, wanted, tell)
            census, dropped = _stream(captions(), lot, sink, tell)
            left_out = _left_out((*tallies, *sink.tallies), Counter(reasons) + dropped, wanted)
            if not census.total:
                raise InputError("No caption is left", next_step=f"Left out: {'; '.join(left_out.values()) or 'nothing'}")
            about = _about(wanted, choice, table, side, census, left_out)
            files = sink.finish(about, card(about, _hub_files(out, census)))
    except OSError as error:
        raise InputError(f"“{out}” can't be written ({reason(error)})", next_step="Choose another place") from None
    return Drawn(tuple(files), about)


def _choice(wanted: Wanted) -> Choice:
    """The settings, checked."""
    rules = RULE_SETS.load(wanted.rules)
    asked = relation_names(wanted.relations) or rules.predicates
    if unknown := [name for name in asked if name not in rules.predicates]:
        raise InputError(f"The rules {rules.name} know no relation “{unknown[0]}”", ", ".join(rules.predicates))
    if len(wanted.shares) != len(SPLITS) or min(wanted.shares) < 0 or sum(wanted.shares) <= 0:
        raise InputError(f"Shares {wanted.shares}", "three numbers, for train, validation and test, such as 80,10,10")
    return Choice(rules, asked, wanted.margin, wanted.min_share, wanted.instances, wanted.inverse)


def _sides(table: BoxTable, wanted: Wanted) -> Sides:
    """By a number of each picture's id and each category's name, so that other files split the same."""
    pictures = np.array([number(wanted.seed, "picture", str(i)) for i in table.image_ids], np.uint64)
    categories = np.array([number(wanted.unseen or 0, "category", name) for name in table.names], np.uint64)
    return sides(pictures, categories, wanted.shares, wanted.unseen is not None)


def _lot(
    captions: Callable[[], Iterator[CaptionRows]],
    table: BoxTable,
    choice: Choice,
    wanted: Wanted,
    tell: Callable[[str], None],
) -> Draw | None:
    """The draw, for which all captions are counted first; None when all are kept."""
    if not wanted.balance and wanted.limit is None:
        return None
    census = Census(table, choice.relations)
    for rows in captions():
        census.add(rows)
    tell(f"{census.total:,} captions counted")
    return Draw(census, wanted.balance, wanted.limit, wanted.seed)


def _stream(
    captions: Iterator[CaptionRows], lot: Draw | None, sink: Writer, tell: Callable[[str], None]
) -> tuple[Census, Counter[str]]:
    """Write them as they come: what was written, and why the rest was not."""
    table, relations = sink.header.table, sink.header.relations
    census, dropped = Census(table, relations), Counter[str]()
    for rows in captions:
        kept = lot.keep(rows) if lot else rows
        dropped.update(rows.dropped)
        dropped["not_drawn"] += len(rows) - len(kept)
        before = census.total
        if len(kept):
            census.add(sink.write(kept, *_said(kept, table, relations)))
        if census.total // TOLD_OF > before // TOLD_OF:
            tell(f"{census.total:,} captions written")
    return census, dropped


def _said(rows: CaptionRows, table: BoxTable, relations: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    """The different captions, and which of them each row says."""
    count = len(table.names)
    codes = (rows.relation * count + table.category[rows.subject]) * count + table.category[rows.object]
    different, which = np.unique(codes, return_inverse=True)
    pairs = ((code // count, code % count) for code in different.tolist())
    return [spoken(relations[left // count], table.names[left % count], table.names[o]) for left, o in pairs], which


def _left_out(tallies: Sequence[Tally], counts: Counter[str], wanted: Wanted) -> dict[str, str]:
    """Why things are not told of, by key; in words with counts."""
    one = wanted.instances == "one"
    words = {
        "small": f"boxes of at most {wanted.min_share * 100:.15g} % of their picture",
        "crowded": f"boxes of pictures with more than {MAX_BOXES:,}",
        "ambiguous": f"boxes whose category {'is not alone' if one else 'has a crowd or a broken box'} in the picture",
        "other_side": "boxes of categories that belong to the other side of the unseen split",
        "contradicted": "relations of ties, for which the rules contradict themselves",
        "not_drawn": "captions not drawn",
    }
    return {t.key: t.line for t in tallies} | {k: f"{what}: {counts[k]:,}" for k, what in words.items() if counts[k]}


def _about(
    wanted: Wanted, choice: Choice, table: BoxTable, side: Sides, census: Census, left_out: dict[str, str]
) -> dict[str, Any]:
    """All there is to say; nothing in it changes from run to run."""
    sums = census.sums().tolist()
    halves = [[name for name, s in zip(table.names, side.side.tolist(), strict=True) if s == half] for half in (0, 1)]
    return {
        "command": wanted.command,
        "seed": wanted.seed,
        "versions": {
            "space-studio": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pyarrow": version("pyarrow"),
        },
        "inputs": [_input(file) for file in (wanted.coco, wanted.panoptic) if file],
        "rule_set": wanted.rules,
        "relations": list(choice.relations),
        "boxes": "x0, y0, x1, y1 px",
        "unseen": None if wanted.unseen is None else {"seed": wanted.unseen, "training": halves[0], "test": halves[1]},
        "counts": {
            "pictures": len(table.image_ids),
            "boxes": len(table.category),
            "captions": census.total,
            "pictures_told": census.pictures,
            "triplets": len(census.triplets()),
            "splits": {
                split: dict(zip(choice.relations, row, strict=True)) for split, row in zip(SPLITS, sums, strict=True)
            },
        },
        "left_out": left_out,
    }


def _input(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"file": file.name, "bytes": file.stat().st_size, "sha256": digest}


def _hub_files(out: Path, census: Census) -> dict[str, str]:
    """The Hub's split -> the files that hold it. A single file is one split there; its column `split` tells ours."""
    if out.suffix:
        return {"all": out.name}
    told = census.sums().sum(axis=1) > 0
    return {split: f"{split}-*.tar" for split, some in zip(SPLITS, told.tolist(), strict=True) if some}
