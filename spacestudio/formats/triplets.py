"""How often a set of training captions says each (subject, relation, object), from Parquet, CSV or JSON Lines."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spacestudio.errors import FormatError
from spacestudio.formats.door import reason

CAPTIONS = "Parquet, CSV or JSON Lines with the columns subject, relation, object and, where rows are counts, count"

Triplet = tuple[str, str, str]
_COLUMNS, _MORE = ("subject", "relation", "object"), ("count", "split")
TRAIN = "train"


def read_triplets(path: Path) -> tuple[Mapping[Triplet, int], int]:
    """How often each (subject, relation, object) stands in a file of captions, and how many rows could not be read.

    A row counts once, or as often as its `count` says; of a file with a column `split` those of "train" count. The file is
    read bit by bit, so it may have millions of rows.

    Raises:
        FormatError: no such file, no such columns, or no row in it.
    """
    rows = {".parquet": _parquet, ".csv": _csv, ".jsonl": _lines}.get(path.suffix.lower())
    if rows is None or not path.is_file():
        what = "is no file of captions" if path.is_file() else "is not there, or no file"
        raise FormatError(f"“{path.name}” {what}", CAPTIONS, "Check the path")
    counts, bad = Counter[Triplet](), 0
    try:
        for *triplet, count in rows(path):
            if all(isinstance(word, str) and word.strip() for word in triplet) and (number := _count(count)) is not None:
                subject, relation, object_ = (" ".join(word.split()) for word in triplet)
                counts[subject, relation, object_] += number
            else:
                bad += 1
    except (OSError, ValueError, KeyError, RecursionError, csv.Error, pa.ArrowException) as problem:
        raise FormatError(f"“{path.name}” can't be read ({reason(problem)})", CAPTIONS) from None
    if not counts:
        raise FormatError(f"“{path.name}” holds no row that can be read", CAPTIONS)
    return counts, bad


def _count(value: Any) -> int | None:
    try:
        return int(value) if int(value) == float(value) >= 0 else None
    except (TypeError, ValueError, OverflowError):
        return None


def _check(names: Collection[str]) -> None:
    if missing := [name for name in _COLUMNS if name not in names]:
        raise ValueError(f"it has no column {missing[0]}")


Rows = Iterator[tuple[Any, Any, Any, Any]]


def _parquet(path: Path) -> Rows:
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        _check(names)
        for batch in file.iter_batches(columns=[name for name in (*_COLUMNS, *_MORE) if name in names]):
            table = pa.Table.from_batches([batch])
            if "split" in names:
                table = table.filter(pc.field("split") == TRAIN)
            counted = ("count", "sum") if "count" in names else ([], "count_all")
            table = table.group_by(list(_COLUMNS)).aggregate([counted])
            yield from zip(*(table[name].to_pylist() for name in table.column_names), strict=True)


def _csv(path: Path) -> Rows:
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file)
        _check(table.fieldnames or ())
        for row in table:
            if row.get("split", TRAIN) == TRAIN:
                yield row["subject"], row["relation"], row["object"], row.get("count", 1)


def _lines(path: Path) -> Rows:
    with path.open(encoding="utf-8-sig") as file:
        for line in filter(str.strip, file):
            row = json.loads(line)
            row = row if isinstance(row, dict) else {}
            if row.get("split", TRAIN) == TRAIN:
                yield row.get("subject"), row.get("relation"), row.get("object"), row.get("count", 1)
