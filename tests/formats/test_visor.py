"""Result files and detections: every accepted shape says the same, and one bad row leaves the others."""

import json

import numpy as np
import pytest

from spacestudio.domain.boxes import Box
from spacestudio.domain.found import FoundBoxes, Results
from spacestudio.domain.prompts import Prompt
from spacestudio.errors import FormatError
from spacestudio.formats.visor import FoundPicture, picture_of, read_detections, write_detections, write_results

ROW = {"classes": ["cup", "dog"], "centroid": [[1, 2], [3, 4]], "recall": 2, "sra": 1, "text": "a cup above a dog"}


def put(tmp_path, value):
    path = tmp_path / "found.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_results(tmp_path):
    found = read_detections(put(tmp_path, {"17_0": ROW, "3_12": ROW | {"sra": 0, "classes": []}}))
    assert isinstance(found, Results)
    assert found.prompt.tolist() == [17, 3] and found.number.tolist() == [0, 12]
    assert found.right.tolist() == [True, False] and found.classes == [("cup", "dog"), ()]
    assert found.texts == ["a cup above a dog"] * 2 and found.bad == ()


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("17", ROW),
        ("a_b", ROW),
        ("1_2_3", ROW),
        ("1_1", 5),
        ("1_1", ROW | {"sra": 2}),
        ("1_1", ROW | {"sra": [1]}),
        ("1_1", ROW | {"sra": "1"}),
        ("1_1", ROW | {"classes": "cup"}),
        ("1_1", ROW | {"classes": ["cup", 3]}),
        ("1_1", ROW | {"text": None}),
        ("1_1", {"classes": ["cup"]}),
    ],
)
def test_a_bad_result_is_named_and_the_others_stay(tmp_path, name, row):
    found = read_detections(put(tmp_path, {"17_0": ROW, name: row, "images/18_3.png": ROW}))
    assert isinstance(found, Results)
    assert found.prompt.tolist() == [17, 18] and found.number.tolist() == [0, 3]
    assert [item for item, _ in found.bad] == [name]


@pytest.mark.parametrize(("names", "read"), [(("17_0_1", "17_1_1"), []), (("1_2_3", "4"), []), (("1_2_3", "4", "5_6"), [5])])
def test_names_that_only_together_look_like_pictures_are_named(tmp_path, names, read):
    path = put(tmp_path, dict.fromkeys(names, ROW))
    if not read:
        with pytest.raises(FormatError, match="its name is not"):
            read_detections(path)
        return
    found = read_detections(path)
    assert isinstance(found, Results) and found.prompt.tolist() == read and len(found.classes) == len(read)
    assert [item for item, _ in found.bad] == list(names[:2])


BOX = {"label": "cup", "bbox": [10, 20, 30, 40], "score": 0.5}


def as_coco():
    return {
        "images": [
            {"id": 1, "file_name": "images/17_0.png", "width": 100, "height": 80},
            {"id": 2, "file_name": "17_1.png", "width": 100, "height": 80},
        ],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 4, "bbox": [10, 20, 30, 40], "score": 0.5}],
        "categories": [{"id": 4, "name": "cup"}],
    }


@pytest.mark.parametrize(
    "value",
    [
        as_coco(),
        [{"image_id": "17_0", **BOX}],
        [{"file_name": "images/17_0.png", "category": "cup", "bbox": [10, 20, 30, 40], "score": 0.5}],
        json.dumps({"image_id": "17_0", **BOX}) + "\n" + json.dumps({"image_id": "18_0", **BOX, "label": "dog"}),
    ],
)
def test_every_shape_of_boxes(tmp_path, value):
    found = read_detections(put(tmp_path, value))
    assert isinstance(found, FoundBoxes)
    assert (found.prompt[0], found.number[0], found.labels[0], found.score[0]) == (17, 0, "cup", 0.5)
    assert found.xyxy[0].tolist() == [10, 20, 40, 60] and found.image[0] == 0
    assert found.complete == isinstance(value, dict)
    assert found.size.tolist()[0] == [100, 80] if found.complete else np.isnan(found.size).all()


def test_a_coco_file_lists_pictures_without_boxes(tmp_path):
    found = read_detections(put(tmp_path, as_coco()))
    assert isinstance(found, FoundBoxes)
    assert found.number.tolist() == [0, 1] and found.image.tolist() == [0]


def test_bad_boxes_are_named_and_the_others_stay(tmp_path):
    value = as_coco()
    good = value["annotations"][0]
    value["images"] += [{"id": 3, "file_name": "cat.png"}, {"id": 4, "file_name": "17_1.jpg"}, {"file_name": "18_0.png"}]
    value["annotations"] += [
        good | {"image_id": 9}, good | {"category_id": 5}, good | {"bbox": [1, 2, 3]}, good | {"bbox": [1, 2, -3, 4]},
        good | {"score": "high"}, 7, good | {"image_id": 2},
    ]  # fmt: skip
    text = json.dumps(value).replace('"high"', "NaN")
    found = read_detections(put(tmp_path, text))
    assert isinstance(found, FoundBoxes)
    assert found.image.tolist() == [0, 1] and len(found.bad) == 3 + 6
    assert all(why and "\n" not in why for _, why in found.bad)


@pytest.mark.parametrize(
    "value", ["", "5", "[]", "{}", '{"17": 1}', '[{"image_id": 785, "bbox": [1,2,3,4]}]', "[[[", "nonsense"]
)
def test_nothing_to_score_is_one_line(tmp_path, value):
    with pytest.raises(FormatError) as caught:
        read_detections(put(tmp_path, value))
    assert "\n" not in str(caught.value) and "found.json" in str(caught.value)


def test_deep_nesting_is_refused(tmp_path):
    with pytest.raises(FormatError):
        read_detections(put(tmp_path, '{"1_0": ' * 100_000))


def test_names_of_pictures():
    assert picture_of("a/b/00017_2.jpeg") == (17, 2) and picture_of("c:\\x\\17_2") == (17, 2)
    assert picture_of("17-2.png") is None and picture_of("x17_2.png") is None and picture_of("9" * 40 + "_1") is None


def test_what_a_run_writes_is_read_back(tmp_path):
    cup = Prompt(17, "cup", "dog", "above", "a cup above a dog")
    found = (("cup", Box(1, 2, 5, 8), 0.75), ("dog", Box(0, 9, 5, 19), 0.25), ("cup", Box(2, 2, 4, 4), 0.2))
    pictures = [FoundPicture(cup, 0, "images/17_0.png", 64, 48, found), FoundPicture(cup, 1, "images/17_1.png", 64, 48, ())]
    boxes = read_detections(write_detections(pictures, tmp_path / "d.json"))
    assert isinstance(boxes, FoundBoxes) and boxes.bad == ()
    assert [tuple(v) for v in boxes.xyxy.tolist()] == [box.xyxy for _, box, _ in found]
    assert list(zip(boxes.labels, boxes.score.tolist(), strict=True)) == [(label, score) for label, _, score in found]
    assert boxes.image.tolist() == [0, 0, 0] and boxes.size.tolist() == [[64, 48]] * 2
    rows = json.loads(write_results(pictures, [True, False], tmp_path / "r.json").read_text())
    assert rows["17_0"] == {
        "classes": ["cup", "dog", "cup"], "centroid": [[3, 5], [2.5, 14], [3, 3]], "recall": 2, "sra": 1, "text": cup.text
    }  # fmt: skip
    assert rows["17_1"] == {"classes": [], "centroid": [], "recall": 0, "sra": 0, "text": cup.text}
    results = read_detections(tmp_path / "r.json")
    assert isinstance(results, Results) and results.right.tolist() == [True, False]
