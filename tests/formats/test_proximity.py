"""Proximity QA's records and question sets."""

from __future__ import annotations

import json

import pytest

from spacestudio.errors import FormatError
from spacestudio.formats.predictions import read_rows
from spacestudio.formats.proximity import FORMAT, ProximityQuestion, SetObject, write_questions
from spacestudio.services.tell import told
from tests.formats.made import full_sample, plain_sample


def test_a_record_is_seeds_4_4(tmp_path):
    rows = FORMAT.rows([told(full_sample()), told(plain_sample())])
    assert rows, "the sample has depth and named objects"
    for row in rows:
        assert set(row) == {"id", "image", "conversations", "meta"}
        assert set(row["meta"]) >= {"objects", "depths", "polarity", "tau", "type"}
        human, gpt = row["conversations"]
        assert human["from"] == "human" and human["value"].startswith("<image>\n") and gpt["from"] == "gpt" and gpt["value"]
        assert row["meta"]["polarity"] == "0 nearest, 1 farthest" and row["meta"]["raw"]["polarity"] == "larger is farther"
        assert len(row["meta"]["depths"]) == len(row["meta"]["objects"]) == (1 if row["meta"]["type"] == "perception" else 2)
    assert len({row["id"] for row in rows}) == len(rows)
    assert {row["image"] for row in rows} == {"images/made-0001.png"}, "the plain sample has no depth, so nothing is asked"
    files = FORMAT.write([told(full_sample()), told(plain_sample())], tmp_path)
    assert [f.name for f in files] == ["proximity.json", "made-0001.png"]
    assert FORMAT.read(tmp_path) == FORMAT.read(tmp_path / "proximity.json") == rows


@pytest.mark.parametrize("change", [{"conversations": []}, {"meta": {}}, {"image": 3}, {"meta": None}])
def test_a_row_of_another_shape_is_named(tmp_path, change):
    rows = FORMAT.rows([told(full_sample())])
    (tmp_path / "proximity.json").write_text(json.dumps([rows[0], rows[0] | change]))
    with pytest.raises(FormatError, match="Row 1 of"):
        FORMAT.read(tmp_path)


def question(**changes) -> dict:
    cup, bowl = {"name": "cup", "depth01": 0.1}, {"name": "bowl", "depth01": 0.6, "synonyms": ["dish"]}
    return {
        "question_id": "q", "image": "a.png", "type": "direct", "asked": "closer", "question": "Which?",
        "objects": [cup, bowl], "gold": "first", "tau": 0.05,
    } | changes  # fmt: skip


def test_a_set_comes_back_as_written(tmp_path):
    one = ProximityQuestion.model_validate(question())
    two = ProximityQuestion.model_validate(
        question(question_id="p", type="perception", asked="depth", objects=[{"name": "cup", "depth01": 0.1}], gold=0.1)
    )
    path = write_questions([one, two], tmp_path / "new" / "set.jsonl")
    assert list(read_rows(path, ProximityQuestion).items) == [one, two]
    assert path.read_bytes() == write_questions([one, two], tmp_path / "again.jsonl").read_bytes()
    assert one.objects[1] == SetObject(name="bowl", depth01=0.6, synonyms=("dish",))


@pytest.mark.parametrize(
    "change",
    [
        {"type": "perception"}, {"gold": 0.3}, {"asked": "depth"}, {"objects": []}, {"gold": "third"}, {"tau": 2},
        {"type": "perception", "asked": "depth", "objects": [{"name": "cup", "depth01": 0.1}], "gold": 1.5},
        {"objects": [{"name": "cup", "depth01": 3}, {"name": "bowl", "depth01": 0.1}]}, {"type": "other"}, {"question": ""},
    ],
)  # fmt: skip
def test_a_line_that_can_not_be_scored_is_left_out(tmp_path, change):
    path = tmp_path / "set.jsonl"
    path.write_text(f"{json.dumps(question())}\n{json.dumps(question(question_id='bad') | change)}\nnonsense\n")
    rows = read_rows(path, ProximityQuestion)
    assert [q.question_id for q in rows.items] == ["q"] and len(rows.problems) == 2


def test_a_place_that_can_not_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FormatError, match="can't be written"):
        write_questions([], tmp_path / "file" / "set.jsonl")
