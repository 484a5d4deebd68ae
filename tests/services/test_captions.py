"""The captions command from annotations to files, its sheet, and the sheet's way back."""

from __future__ import annotations

import csv
import json
import os
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from spacestudio.errors import InputError, UnknownName
from spacestudio.formats.sheet import read_sheet
from spacestudio.formats.sr4g import read_captions
from spacestudio.services.caption_sheet import sheet
from spacestudio.services.captions import Wanted, draw
from spacestudio.services.scores import SCORERS
from tests.captions.test_sr4g import boxes
from tests.formats.test_sr4g import about_of
from tests.support import DATA, HOSTILE, ROOT, needs_data


def run(*words, cwd=ROOT):
    command = [sys.executable, "-m", "spacestudio", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=300
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """60 pictures with crowds, small boxes, a hostile name and some damage."""
    data = boxes(60, seed=3)
    data["categories"][2]["name"] = HOSTILE
    rows = data["annotations"]
    rows[5]["iscrowd"], rows[9]["bbox"][2], rows[13]["category_id"], rows[17]["bbox"] = 1, 0, 99, [1, 1, 8, 8]
    file = tmp_path_factory.mktemp("annotations") / "made.json"
    file.write_text(json.dumps(data))
    return file


@pytest.mark.parametrize("name", ["c.parquet", "c.jsonl", "shards"])
@pytest.mark.parametrize(
    "settings", [{}, {"balance": "triplet", "limit": 30, "instances": "agree"}, {"unseen": 2, "inverse": False}]
)
def test_the_counts_are_those_of_the_rows_and_the_bytes_are_the_same(name, settings, made, tmp_path):
    wanted = Wanted(made, seed=4, **settings)
    one, two = (draw(wanted, tmp_path / place / name) for place in ("one", "two"))
    rows = list(read_captions(tmp_path / "one" / name))
    counts = one.about["counts"]
    assert counts["captions"] == len(rows) > 0 and counts["pictures_told"] == len({c.image_id for c in rows})
    assert counts["triplets"] == len({(c.subject, c.relation, c.object) for c in rows})
    of_each = Counter((c.split, c.relation) for c in rows)
    assert {(s, r): n for s, row in counts["splits"].items() for r, n in row.items() if n} == of_each
    assert one.about == two.about == about_of(tmp_path / "one" / name)
    for a, b in zip(one.files, two.files, strict=True):
        assert a.name == b.name and a.read_bytes() == b.read_bytes()


def test_the_card_tells_counts_and_what_was_left_out(made, tmp_path):
    about = draw(Wanted(made, unseen=1), tmp_path / "c.parquet").about
    card = (tmp_path / "README.md").read_text()
    head, body = card.split("---\n", 2)[1:]
    assert 'path: "c.parquet"' in head and "size_categories:\n- n<1K" in head
    for relation in about["relations"]:
        row = next(line for line in body.splitlines() if line.startswith(f"| {relation} |"))
        numbers = [about["counts"]["splits"][split][relation] for split in ("train", "validation", "test")]
        assert row == f"| {relation} | {' | '.join(f'{n:,}' for n in [*numbers, sum(numbers)])} |"
    assert about["command"] in body and about["inputs"][0]["sha256"] in body
    assert {"crowds", "flat", "unknown_categories", "small", "other_side"} <= set(about["left_out"])
    assert all(" ".join(line.split()) in body for line in about["left_out"].values())


def test_the_command_it_tells_draws_the_same_again(made, tmp_path):
    wanted = Wanted(made, None, "ours", ("scale", "left of"), 0.1, 0.02, "agree", False, 3, (50, 20, 30), "relation", 9, 7)
    about = draw(wanted, tmp_path / "c.jsonl").about
    words = shlex.split(about["command"])
    assert words[:4] == ["python", "-m", "spacestudio", "captions"]
    done = run(*words[3:], "--out", tmp_path / "again" / "c.jsonl", "--json", cwd=made.parent)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "again" / "c.jsonl").read_bytes() == (tmp_path / "c.jsonl").read_bytes()
    said = json.loads(done.stdout)
    assert {key: said[key] for key in about} == json.loads(json.dumps(about))
    assert [Path(f).name for f in said["files"]] == ["c.jsonl", "README.md", "c.card.json"]


def test_pictures_that_are_missing_are_not_counted(made, tmp_path):
    (tmp_path / "images").mkdir()
    for number in range(0, 60, 2):
        (tmp_path / "images" / f"{number}.jpg").write_bytes(b"a picture")
    about = draw(Wanted(made, pictures=tmp_path / "images"), tmp_path / "shards").about
    rows = list(read_captions(tmp_path / "shards"))
    assert about["counts"]["captions"] == len(rows) and {c.image_id % 2 for c in rows} == {0}
    missing = about["left_out"]["without_picture"]
    assert missing.startswith("pictures that can't be had, left out: ") and "“1.jpg” is not in images" in missing


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        ([], 2, "--coco"), (["--out", "c.jsonl"], 2, "--coco"), (["--coco", "FILE", "--out", "c.jsonl", "--balance", "x"], 2, "relation or triplet"),
        (["--coco", "FILE", "--out", "c.jsonl", "--shares", "1,2"], 2, "three numbers"),
        (["--coco", "FILE", "--out", "c.jsonl", "--rules", "nobody"], 2, "sstd"),
        (["--coco", "FILE", "--out", "c.jsonl", "--rules", "visor", "--relations", "wider"], 1, "visor know no relation “wider”"),
        (["--coco", "FILE", "--out", "c.txt"], 1, ".parquet"), (["--coco", "none.json", "--out", "c.jsonl"], 1, "can't be opened"),
        (["--coco", "FILE", "--out", "c.jsonl", "--min-area", "1"], 1, "No caption is left"),
        (["--coco", "FILE", "--out", "c.jsonl", "--pictures", "."], 1, "--pictures is only for shards"),
        (["--coco", "FILE", "--out", "shards", "--pictures", "none"], 1, "“none” is no folder"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_one_line(words, status, reason, made, tmp_path):
    done = run("captions", *(str(made) if word == "FILE" else word for word in words), cwd=tmp_path)
    assert done.returncode == status and reason in done.stderr, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_errors_as_exceptions(made, tmp_path):
    with pytest.raises(UnknownName, match="sstd"):
        draw(Wanted(made, rules="none"), tmp_path / "c.jsonl")
    for shares in ((1, 2), (0, 0, 0), (1, -1, 3)):
        with pytest.raises(InputError, match="three numbers"):
            draw(Wanted(made, shares=shares), tmp_path / "c.jsonl")


@needs_data
def test_the_samples_by_the_command(tmp_path):
    done = run("captions", "--coco", DATA / "coco/panoptic.json", "--out", tmp_path / "c.parquet", "--seed", "1", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    rows = list(read_captions(tmp_path / "c.parquet"))
    assert said["counts"]["captions"] == len(rows) and {c.file_name for c in rows} == {"000000142238.jpg"}
    assert {c.caption for c in rows if c.relation == "above"} >= {"sky above grass"}
    assert "crowd regions, left out: 1 (annotation 3153362 of image 142238)" in done.stderr
    assert "crowds" in said["left_out"]


def test_a_sheet_is_balanced_over_relations_and_comes_back(made, tmp_path):
    draw(Wanted(made, instances="any", min_share=0.0), tmp_path / "c.parquet")
    counts = sheet(tmp_path / "c.parquet", tmp_path / "out" / "s.csv", 70, made.parent, 2)
    assert sum(counts.values()) == 70 and max(counts.values()) - min(counts.values()) <= 1 and len(counts) == 14
    again = sheet(tmp_path / "c.parquet", tmp_path / "out" / "t.csv", 70, made.parent, 2)
    assert again == counts and (tmp_path / "out" / "s.csv").read_bytes() == (tmp_path / "out" / "t.csv").read_bytes()
    known = {(str(c.image_id), c.caption) for c in read_captions(tmp_path / "c.parquet")}
    lines = read_sheet(tmp_path / "out" / "s.csv")
    assert {(line.image_id, line.caption) for line in lines} <= known and {line.verdict for line in lines} == {""}
    assert (tmp_path / "out" / lines[0].image).resolve() == (made.parent / Path(lines[0].image).name).resolve()


def test_a_filled_sheet_is_scored_per_relation(made, tmp_path):
    draw(Wanted(made, instances="any", min_share=0.0), tmp_path / "c.jsonl")
    sheet(tmp_path / "c.jsonl", tmp_path / "s.csv", 140)
    with (tmp_path / "s.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for k, row in enumerate(rows):
        row["verdict"] = "No" if row["relation"] == "wider" and k % 2 else "agree"
    rows[0]["verdict"], rows[1]["verdict"], rows[2]["verdict"] = "", "unclear", "perhaps"
    with (tmp_path / "filled.csv").open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), delimiter=";")  # as some spreadsheets write it
        table.writeheader()
        table.writerows(rows)
    scorer = SCORERS.load("captions")
    report = scorer.score({"sheet": tmp_path / "filled.csv"}, {})
    against = [r for r in rows if r["verdict"] == "No"]
    judged = [r for r in rows if r["verdict"] in ("No", "agree")]
    assert (
        report["agreement"].value == pytest.approx(100 * (1 - len(against) / len(judged))) and report["agreement"].n == 137
    )
    assert report["agreement"].low < report["agreement"].value < report["agreement"].high
    assert report.counts == {"n_items": 140, "n_empty": 1, "n_invalid": 1, "n_unclear": 1}
    assert [item.id for item in report.worst] == [r["item"] for r in against] and "3" in report.notes[0].rpartition(":")[2]
    (table,) = report.tables
    by_name = {row[0]: row for row in table.rows}
    own = [r for r in judged if r["relation"] == "wider"]
    assert by_name["wider"][1] == pytest.approx(100 * sum(r["verdict"] == "agree" for r in own) / len(own))
    assert by_name["wider"][4] == len(own) and by_name["taller"][1] == 100
    assert scorer.json(report)["agreement"] == report["agreement"].value


def test_a_sheet_nobody_filled(made, tmp_path):
    draw(Wanted(made), tmp_path / "c.jsonl")
    sheet(tmp_path / "c.jsonl", tmp_path / "s.csv", 5)
    with pytest.raises(InputError, match="No caption was judged"):
        SCORERS.load("captions").score({"sheet": tmp_path / "s.csv"}, {})
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no column image_id, item, relation, verdict"):
        SCORERS.load("captions").score({"sheet": tmp_path / "other.csv"}, {})
    with pytest.raises(InputError, match=r"\.csv or \.html"):
        sheet(tmp_path / "c.jsonl", tmp_path / "s.xlsx", 5)


def test_the_sheets_command(made, tmp_path):
    draw(Wanted(made, instances="any"), tmp_path / "shards")
    done = run("captions", "sheet", tmp_path / "shards", "--out", tmp_path / "s.html", "--count", 28, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["captions"] == 28
    page = (tmp_path / "s.html").read_text(encoding="utf-8")
    assert HOSTILE not in page and page.count("<section") == 28 and "http" not in page
