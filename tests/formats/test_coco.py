from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as pycoco

from spacestudio.errors import FormatError
from spacestudio.formats.coco import FORMAT, CocoFile, decode_rle, encode_rle, left_out, objects_for, read_coco
from tests.formats.made import full_sample, plain_sample
from tests.support import DATA, disc, needs_data

COCO = DATA / "coco"
theirs = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""pycocotools' own decoder is older than NumPy 2."""


def saved(tmp_path: Path, annotations: Any, **rest: Any) -> CocoFile:
    rest = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 50}],
        "categories": [{"id": 3, "name": "cat"}],
    } | rest
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"annotations": annotations, **rest}))
    return read_coco(path)


def row(**changes: Any) -> dict[str, Any]:
    return {"id": 9, "image_id": 1, "category_id": 3, "bbox": [10, 5, 20, 30], "iscrowd": 0} | changes


@needs_data
def test_polygons_of_real_photos() -> None:
    coco = read_coco(COCO / "mmpose_instances.json")
    found, notes = objects_for(coco, "000000000785.jpg", 640, 425)
    truth = json.loads((COCO / "mmpose_instances.json").read_text())["annotations"]
    area = next(a["area"] for a in truth if a["image_id"] == 785)
    ((label, box, mask, score, _),) = found
    assert (label, score, notes) == ("person", 1.0, ())
    assert mask is not None
    assert mask.shape == (425, 640)
    assert mask.sum() == pytest.approx(area, rel=0.01)
    rows, columns = np.nonzero(mask)
    assert box.xyxy == pytest.approx((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1), abs=1.5)


@needs_data
def test_panoptic_pictures_and_their_rle_twins_agree() -> None:
    size = ("000000142238.jpg", 640, 427)
    one, notes = objects_for(read_coco(COCO / "panoptic.json"), *size)
    two, _ = objects_for(read_coco(COCO / "panoptic_as_detection_rle.json"), *size)
    assert len(one) == len(two) == 17
    assert any("1 crowd region left out" in n for n in notes)
    by_place = {(label, box.xyxy): mask for label, box, mask, _, _ in two}
    for label, box, mask, _, _ in one:
        assert mask is not None
        assert np.array_equal(mask, by_place[label, box.xyxy])


@needs_data
def test_another_size_is_scaled_with_a_warning() -> None:
    coco = read_coco(COCO / "mmpose_instances.json")
    (full,), _ = objects_for(coco, "000000000785.jpg", 640, 425)
    (half,), notes = objects_for(coco, "000000000785.jpg", 320, 212)
    assert any("scaled" in n for n in notes)
    assert half[1].xyxy == pytest.approx([v / 2 for v in full[1].xyxy], abs=1)
    assert full[2] is not None
    assert half[2] is not None
    assert half[2].shape == (212, 320)
    assert half[2].sum() * 4 == pytest.approx(full[2].sum(), rel=0.02)


@needs_data
def test_a_bare_list_of_annotations_and_of_results() -> None:
    found, notes = objects_for(read_coco(COCO / "000000039769_instances.json"), "000000039769.png", 640, 480)
    assert [f[0] for f in found[:3]] == ["category 75", "category 75", "category 63"]
    assert any("6 objects of a category" in n for n in notes)
    results = read_coco(DATA / "coco_results/instances_val2014_fakebbox100_results.json")
    found, _ = objects_for(results, "COCO_val2014_000000000073.jpg", 640, 640)
    assert [(round(f[3], 3), f[2]) for f in found] == [(0.318, None), (0.726, None)]


@needs_data
@pytest.mark.parametrize(
    ("file", "expected"),
    [("instances_train", [("b", (2, 2, 5, 3), None)]), ("person_keypoints_train", [("b", (2, 2, 5, 3), None)]),
     ("panoptic_train", [("a", (2, 0, 6, 4), 20)]), ("stuff_train", "1 crowd region"), ("image_info_train", "no annotations"),
     ("captions_train", FormatError), ("labels_train", FormatError)],
)  # fmt: skip
def test_odd_files_give_objects_or_one_clear_line(file: str, expected: Any) -> None:
    path = DATA / "coco_odd" / f"{file}.json"
    if expected is FormatError:
        with pytest.raises(FormatError, match=r"captions|without boxes"):
            read_coco(path)
        return
    found, notes = objects_for(read_coco(path), "a.jpg", 10, 5)
    if isinstance(expected, str):
        assert found == []
        assert any(expected in n for n in notes)
    else:
        assert [(label, box.xyxy, None if m is None else int(m.sum())) for label, box, m, _, _ in found] == expected


@needs_data
def test_uncompressed_runs_of_datumaro_are_read() -> None:
    data = json.loads((DATA / "coco_odd/stuff_train.json").read_text())
    mask = decode_rle(data["annotations"][0]["segmentation"])
    assert mask.shape == (5, 10)
    assert mask[:, 2:4].all()
    assert mask[:, 5:7].all()
    assert mask.sum() == 20


@needs_data
def test_segments_without_a_picture_are_refused_in_one_line() -> None:
    with pytest.raises(FormatError, match="no image_id") as caught:
        read_coco(COCO / "000000039769_segments_info.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "boxes", "note"),
    [
        ({}, [(10, 5, 30, 35)], ""),
        ({"bbox": [-10, -5, 20, 30]}, [(0, 0, 10, 25)], "1 box reached out"),
        ({"bbox": [90, 40, 20, 30]}, [(90, 40, 100, 50)], "1 box reached out"),
        ({"bbox": [200, 40, 20, 30]}, [], "1 box outside the picture"),
        ({"bbox": [10, 5, 0, 30]}, [], "1 box without area"),
        ({"bbox": [10, 5, -4, 30]}, [], "1 box without area"),
        ({"bbox": [10, 5, float("nan"), 30]}, [], "annotation 9 (bbox"),
        ({"bbox": [10, 5, float("inf"), 30]}, [], "annotation 9 (bbox"),
        ({"bbox": [10, 5]}, [], "annotation 9 (bbox"),
        ({"bbox": "x"}, [], "annotation 9 (bbox"),
        ({"category_id": 7}, [(10, 5, 30, 35)], "1 object of a category"),
        ({"image_id": 5}, [], "no such image id"),
        ({"iscrowd": 1}, [], "1 crowd region"),
        ({"segmentation": [[1, 2, 3]]}, [(10, 5, 30, 35)], "1 mask damaged"),
        ({"segmentation": [["x"] * 6]}, [(10, 5, 30, 35)], "1 mask damaged"),
        ({"segmentation": {"size": [50, 100], "counts": [1, 2]}}, [(10, 5, 30, 35)], "1 mask damaged"),
        ({"segmentation": {"size": [50, 100], "counts": "~~~"}}, [(10, 5, 30, 35)], "1 mask damaged"),
        ({"segmentation": {"size": [10**7, 10**7], "counts": [10**14]}}, [(10, 5, 30, 35)], "1 mask damaged"),
        ({"segmentation": "abc"}, [(10, 5, 30, 35)], "1 mask damaged"),
        ({"segmentation": [[1e300, 0, 0, 1e300, -1e300, 0]]}, [(10, 5, 30, 35)], ""),
        ({"bbox": None, "segmentation": [[10, 10, 20, 10, 20, 20, 10, 20]]}, [(10, 10, 20, 20)], ""),
    ],
)  # fmt: skip
def test_one_bad_row_never_takes_the_others(change: dict[str, Any], boxes: list[Any], note: str, tmp_path: Path) -> None:
    coco = saved(tmp_path, [row(**change), row(id=10, bbox=[1, 1, 2, 2])])
    found, notes = objects_for(coco, "a.jpg", 100, 50)
    assert [f[1].xyxy for f in found] == [*boxes, (1, 1, 3, 3)]
    assert note in " ".join(notes)
    assert bool(notes) == bool(note)


def test_labels_of_what_was_left_out_are_kept(tmp_path: Path) -> None:
    names = {1: "person", 2: "dog", 3: "cat", 4: "cow", 5: "kite"}
    rows = [
        row(category_id=1),
        row(category_id=1, iscrowd=1),
        row(category_id=2, bbox=[10, 5, float("nan"), 30]),
        row(category_id=3, bbox=[10, 5, 0, 30]),
        row(category_id=4),
        row(category_id="?"),
        row(category_id=5, image_id=2, iscrowd=1),
    ]
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 100, "height": 50} for i in (1, 2)]
    coco = saved(tmp_path, rows, images=images, categories=[{"id": i, "name": name} for i, name in names.items()])
    found, _ = objects_for(coco, "1.jpg", 100, 50)
    assert [f[0] for f in found] == ["person", "cow"]
    assert left_out(coco, "1.jpg", ["person", "cow"]) == ("person", "cat", "dog", "object")
    assert left_out(coco, "2.jpg", []) == ("kite",)
    assert left_out(coco, "stranger.jpg", []) == ()


def test_an_unknown_category_keeps_its_number(tmp_path: Path) -> None:
    found, _ = objects_for(saved(tmp_path, [row(category_id=7)]), "a.jpg", 100, 50)
    assert found[0][0] == "category 7"


@pytest.mark.parametrize(
    ("value", "words"),
    [(["black", "old"], ("black", "old")), ({"black": True, "old": False, "n": 3}, ("black",)), ("old", ("old",)), (5, ())],
)
def test_attributes_in_the_forms_tools_write(value: Any, words: tuple[str, ...], tmp_path: Path) -> None:
    assert objects_for(saved(tmp_path, [row(attributes=value)]), "a.jpg", 100, 50)[0][0][4] == words


@pytest.mark.parametrize(
    ("stored", "asked", "there"),
    [("a.jpg", "a.jpg", True), ("train/a.jpg", "x/a.png", True), ("000000000012.jpg", "12.png", False), ("b.jpg", "1.png", False),
     ("000000000001.jpg", "1.png", True), ("", "COCO_000000000001.jpg", True), ("a.jpg", "b.jpg", False)],
)  # fmt: skip
def test_pictures_are_found_by_name_and_by_number(stored: str, asked: str, there: bool, tmp_path: Path) -> None:
    coco = saved(tmp_path, [row()], images=[{"id": 1, "file_name": stored, "width": 100, "height": 50}])
    found, notes = objects_for(coco, asked, 100, 50)
    assert bool(found) is there
    assert any("no picture called" in n for n in notes) is not there


@pytest.mark.parametrize(
    "content", ["", "{", "[]5", '"x"', "{}", '{"annotations": 5}', "[1, 2]", '[{"bbox": [1, 2, 3, 4]}]']
)
def test_what_is_no_coco_is_refused_in_one_line(content: str, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(content)
    with pytest.raises(FormatError) as caught:
        read_coco(path)
    assert "\n" not in str(caught.value)


def test_a_wild_size_is_not_believed(tmp_path: Path) -> None:
    image = {"id": 1, "file_name": "a.jpg", "width": 10**7, "height": 10**7}
    found, notes = objects_for(saved(tmp_path, [row(segmentation=[[1, 1, 9, 1, 9, 9]])], images=[image]), "a.jpg", 100, 50)
    assert found[0][1].xyxy == (10, 5, 30, 35)
    assert any("not believed" in n for n in notes)


@theirs
@given(mask=arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_run_lengths_round_trip_and_agree_with_pycocotools(mask: np.ndarray) -> None:
    code = encode_rle(mask)
    assert np.array_equal(decode_rle(code), mask)
    assert np.array_equal(pycoco.decode({**code, "counts": code["counts"].encode()}).astype(bool), mask)


def test_large_runs_round_trip() -> None:
    mask = disc(700, 900, 400, 300, 250)
    assert np.array_equal(decode_rle(encode_rle(mask)), mask)


def test_our_own_export_gives_the_same_objects_back(tmp_path: Path) -> None:
    samples = [full_sample(), plain_sample()]
    FORMAT.write(samples, tmp_path)
    data = json.loads((tmp_path / "annotations.json").read_text())
    assert [i["id"] for i in data["images"]] == [1, 2]
    assert [a["id"] for a in data["annotations"]] == [1, 2, 3, 4, 5]
    assert data["categories"] == [
        {"id": i, "name": n, "supercategory": ""} for i, n in enumerate(("ball", "cat", "cup", "lamp", "orange plate"), 1)
    ]
    assert all((tmp_path / i["file_name"]).is_file() for i in data["images"])
    coco = read_coco(tmp_path / "annotations.json")
    for s in samples:
        found, notes = objects_for(coco, f"{s.id}.png", s.width, s.height)
        assert notes == ()
        for (label, box, mask, score, attributes), o in zip(found, s.objects, strict=True):
            assert (label, box.xyxy, score, attributes) == (o.label, o.box.xyxy, o.score, o.attributes)
            assert (mask is None) == (o.mask is None)
            assert mask is None or np.array_equal(mask, o.mask)
    first = data["annotations"][0]
    mask = full_sample().objects[0].mask
    assert mask is not None
    assert (
        first["area"]
        == mask.sum()
        == pycoco.area({**first["segmentation"], "counts": first["segmentation"]["counts"].encode()})
    )
    assert first["iscrowd"] == 0


@theirs
def test_pycocotools_itself_reads_our_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pycocotools.coco import COCO as Reader

    FORMAT.write([full_sample(), plain_sample()], tmp_path)
    reader = Reader(str(tmp_path / "annotations.json"))
    for annotation in reader.loadAnns(reader.getAnnIds()):
        if annotation["segmentation"]:
            assert reader.annToMask(annotation).sum() == annotation["area"]
