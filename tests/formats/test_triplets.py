"""Counts of training captions: Parquet, CSV and JSON Lines say the same."""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spacestudio.errors import FormatError
from spacestudio.formats.triplets import read_triplets

ROWS = [("cup", "left of", "dog", 3), ("cup", "left of", "dog", 4), ("dog", "above", "cup", 1)] * 5
COLUMNS = ("subject", "relation", "object", "count")


def files(tmp_path, rows, columns=COLUMNS):
    dicts = [dict(zip(columns, row, strict=False)) for row in rows]
    pq.write_table(
        pa.table({c: [d[c] for d in dicts] for c in columns} | {"more": ["x"] * len(rows)}), tmp_path / "c.parquet"
    )
    with (tmp_path / "c.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(dicts)
    (tmp_path / "c.jsonl").write_text("".join(json.dumps(d) + "\n" for d in dicts))
    return [tmp_path / f"c.{end}" for end in ("parquet", "csv", "jsonl")]


def test_rows_with_counts(tmp_path):
    for path in files(tmp_path, ROWS):
        assert read_triplets(path) == ({("cup", "left of", "dog"): 35, ("dog", "above", "cup"): 5}, 0)


def test_rows_without_counts_count_once(tmp_path):
    for path in files(tmp_path, ROWS, COLUMNS[:3]):
        assert read_triplets(path) == ({("cup", "left of", "dog"): 10, ("dog", "above", "cup"): 5}, 0)


def test_of_a_split_file_the_training_rows_count(tmp_path):
    rows = [("a", "above", "b", 2, "train"), ("a", "above", "b", 5, "test"), ("b", "below", "a", 1, "train")]
    for path in files(tmp_path, rows, (*COLUMNS, "split")):
        assert read_triplets(path) == ({("a", "above", "b"): 2, ("b", "below", "a"): 1}, 0)


def test_bad_rows_are_counted_and_the_others_stay(tmp_path):
    for path in files(tmp_path, [("cup", "left of", "dog", "2"), ("", "left of", "dog", "1"), ("a", "b", "c", "1.5")])[1:]:
        assert read_triplets(path) == ({("cup", "left of", "dog"): 2}, 2)
    (tmp_path / "c.jsonl").write_text('{"subject": "a", "relation": "b", "object": "c"}\n5\n{"subject": null}\n')
    assert read_triplets(tmp_path / "c.jsonl") == ({("a", "b", "c"): 1}, 2)


@pytest.mark.parametrize(
    ("name", "text"),
    [("c.txt", "x"), ("c.csv", ""), ("c.csv", "subject,object\na,b\n"), ("c.jsonl", "nonsense"), ("c.jsonl", ""),
     ("c.parquet", "nonsense"), ("c.csv", "\x00\xff")],
)  # fmt: skip
def test_no_captions_is_one_line(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(FormatError) as caught:
        read_triplets(tmp_path / name)
    assert "\n" not in str(caught.value) and name in str(caught.value)
    with pytest.raises(FormatError):
        read_triplets(tmp_path / "none.csv")


@pytest.mark.parametrize(
    "odd",
    [{"count": ["three"]}, {"count": [[3]]}, {"split": [1]}, {"subject": [["cup"]]}, {"relation": [{"a": 1}]}],
)
def test_columns_of_other_kinds_are_told_in_one_line(tmp_path, odd):
    columns = {"subject": ["cup"], "relation": ["left of"], "object": ["dog"]} | odd
    pq.write_table(pa.table(columns), tmp_path / "c.parquet")
    with pytest.raises(FormatError, match="can't be read") as caught:
        read_triplets(tmp_path / "c.parquet")
    assert "\n" not in str(caught.value)


def test_deep_nesting_is_refused(tmp_path):
    (tmp_path / "c.jsonl").write_text("[" * 100_000 + "\n")
    with pytest.raises(FormatError, match="nested too deeply"):
        read_triplets(tmp_path / "c.jsonl")
