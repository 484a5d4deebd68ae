"""Files of prompts: what is written is read, and one bad row leaves the others."""

import json

import pytest

from spacestudio.domain.prompts import Prompt
from spacestudio.errors import FormatError
from spacestudio.formats.prompts import read_names, read_prompts, write_prompts
from spacestudio.services.prompts import sr2d

CUP = {
    "unique_id": 7, "num_objects": 2, "obj_1_attributes": ["cup"], "obj_2_attributes": ["dog"], "rel_type": "above",
    "text": "a cup above a dog",
}  # fmt: skip


def test_written_is_what_json_dump_writes_and_is_read_back(tmp_path):
    prompts = (
        Prompt(3, 'café "x"\n', "dog", "above", 'a café "x" above a dog'),
        Prompt(9, "cup", "", "single", "a cup"),
        *sr2d()[:50],
    )[:52]
    prompts = tuple({p.id: p for p in prompts}.values())
    path = tmp_path / "p.json"
    assert write_prompts(prompts, path) == len(prompts)
    rows = json.loads(path.read_text())
    assert path.read_text() == json.dumps(rows, indent=2)
    assert read_prompts(path) == (prompts, ())


def test_a_bad_row_is_named_and_the_others_stay(tmp_path):
    bad = [
        CUP | {"unique_id": "x"}, CUP | {"obj_1_attributes": []}, CUP | {"obj_2_attributes": [None]}, 5,
        {k: v for k, v in CUP.items() if k != "text"}, CUP | {"text": "again"},
    ]  # fmt: skip
    (tmp_path / "p.json").write_text(json.dumps([*bad[:3], CUP, *bad[3:]]))
    prompts, left_out = read_prompts(tmp_path / "p.json")
    assert prompts == (Prompt(7, "cup", "dog", "above", "a cup above a dog"),)
    assert [item for item, _ in left_out] == ["prompt 0", "prompt 1", "prompt 2", "prompt 4", "prompt 5", "prompt 6"]
    assert all("\n" not in why and why for _, why in left_out)


@pytest.mark.parametrize("text", ["", "{}", "[]", "[1, 2]", "nonsense", '{"a": 1}'])
def test_no_prompts_is_one_line(tmp_path, text):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(FormatError) as caught:
        read_prompts(tmp_path / "p.json")
    assert "\n" not in str(caught.value) and "p.json" in str(caught.value)


def test_names(tmp_path):
    (tmp_path / "n.txt").write_text("\ufeffcup\n\n hot   dog \ncup\n", encoding="utf-8")
    assert read_names(tmp_path / "n.txt") == ("cup", "hot dog")
    (tmp_path / "n.json").write_text('["cup", 4, "dog"]')
    assert read_names(tmp_path / "n.json") == ("cup", "dog")
    for text in ("\n \n", "[1]", "[nonsense"):
        (tmp_path / "n.txt").write_text(text)
        with pytest.raises(FormatError, match=r"n\.txt"):
            read_names(tmp_path / "n.txt")
