"""COCO files read row by row: the same rows as all at once, however they are cut; and everything wrong with them told."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.errors import FormatError
from spacestudio.formats import coco_stream
from spacestudio.formats.coco_stream import read_boxes, rows
from tests.support import DATA, needs_data

FILES = (
    "coco/mmpose_instances.json",
    "coco/panoptic.json",
    "coco/panoptic_as_detection_rle.json",
    "coco_odd/instances_train.json",
)


def by_name(data):
    return [(name, k, row) for name, value in data.items() if isinstance(value, list) for k, row in enumerate(value)]


@needs_data
@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("chunk", [1, 7, 1000, 1 << 20])
def test_rows_are_those_of_the_whole_file(path, chunk, monkeypatch):
    monkeypatch.setattr(coco_stream, "CHUNK", chunk)
    assert list(rows(DATA / path)) == by_name(json.loads((DATA / path).read_text()))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(
    data=st.dictionaries(st.text(max_size=5), VALUES, max_size=5),
    chunk=st.integers(1, 9),
    indent=st.sampled_from([None, 0, 3]),
)
def test_any_json_object_however_it_is_cut(data, chunk, indent, tmp_path_factory):
    file = tmp_path_factory.mktemp("json") / "any.json"
    file.write_text(json.dumps(data, indent=indent), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coco_stream, "CHUNK", chunk)
        assert list(rows(file)) == by_name(data)


OUTLINE = st.lists(st.lists(st.floats(-1e3, 1e3) | st.integers(0, 640), max_size=8), max_size=3)
TEXT = st.sampled_from(['"segmentation": [[1]], "', '\\"segmentation": [[1, 2]]}', "a", '{"segmentation": []}', "]]"])


@given(
    outlines=st.lists(st.tuples(OUTLINE, TEXT), max_size=5), chunk=st.integers(1, 60), indent=st.sampled_from([None, 2]),
    last=st.booleans(),
)  # fmt: skip
def test_polygons_alone_are_passed_over(outlines, chunk, indent, last, tmp_path_factory):
    """Each is its list, or null where it was seen whole; whatever else looks like one stays."""
    file = tmp_path_factory.mktemp("json") / "any.json"
    listed = [{"name": text, "segmentation": o, "bbox": [1, 2]} for o, text in outlines]
    if last:
        listed = [{"bbox": row["bbox"], "name": row["name"], "segmentation": row["segmentation"]} for row in listed]
    file.write_text(json.dumps({"annotations": listed, "x": [outline for outline, _ in outlines]}, indent=indent))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coco_stream, "CHUNK", chunk)
        got = [(key, row) for key, _, row in rows(file, polygons=False)]
    assert [row for key, row in got if key == "x"] == [outline for outline, _ in outlines]
    found = [row for key, row in got if key == "annotations"]
    assert [{**row, "segmentation": None} for row in found] == [{**row, "segmentation": None} for row in listed]
    assert all(row["segmentation"] in (None, said["segmentation"]) for row, said in zip(found, listed, strict=True))


def test_polygons_are_passed_over(tmp_path):
    file = tmp_path / "a.json"
    file.write_text(
        json.dumps({"annotations": [{"segmentation": [[1, 2.5e-3, -3]], "id": 1}, {"id": 2, "segmentation": [[4]]}]})
    )
    assert [row["segmentation"] for _, _, row in rows(file, polygons=False)] == [None, None]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "too early"), ("[]", "no JSON object"), ("nonsense", "no JSON object"), ('{"images": [{"id": 1}', "too early"),
        ('{"images": [{"id": 1} {"id": 2}]}', "row 0 of images"), ('{"images": [1, 2,, 3]}', "row 1 of images"),
        ('{"annotations": [' + "[" * 100_000, "nested too deeply"), ('{"images" [1]}', "“\\[” where one of :"),
        ('{"images": [1]', "too early"), ("{", "too early"), ('{"a": 1, ', "too early"),
    ],
)  # fmt: skip
def test_what_is_no_json_is_said_in_one_line(text, reason, tmp_path):
    file = tmp_path / "bad.json"
    file.write_text(text)
    with pytest.raises(FormatError, match=reason) as caught:
        list(rows(file))
    assert "\n" not in str(caught.value)


def test_files_that_can_not_be_read(tmp_path):
    (tmp_path / "latin.json").write_bytes('{"images": [{"file_name": "é"}]}'.encode("latin-1"))
    for path, reason in (
        (tmp_path / "none.json", "can't be opened"),
        (tmp_path, "can't be opened"),
        (tmp_path / "latin.json", "UTF-8"),
    ):
        with pytest.raises(FormatError, match=reason):
            read_boxes(path)


def test_a_row_that_never_ends_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(coco_stream, "MAX_ROW", 1000)
    monkeypatch.setattr(coco_stream, "CHUNK", 100)
    (tmp_path / "long.json").write_text('{"images": ["' + "x" * 100_000)
    seen = []
    monkeypatch.setattr(
        coco_stream._Text, "_more", lambda self, more=coco_stream._Text._more: (seen.append(1), more(self))[1]
    )
    with pytest.raises(FormatError, match="images"):
        list(rows(tmp_path / "long.json"))
    assert len(seen) < 12


def test_memory_grows_with_boxes_and_not_with_outlines(tmp_path):
    outline = json.dumps([[1.25] * 2000])
    with (tmp_path / "large.json").open("w") as file:
        file.write(
            '{"images": [{"id": 1, "width": 9, "height": 9}], "categories": [{"id": 1, "name": "cat"}], "annotations": ['
        )
        file.write(
            ",".join(
                f'{{"image_id": 1, "category_id": 1, "bbox": [0, 0, {k}, 1], "segmentation": {outline}}}'
                for k in range(1, 1500)
            )
        )
        file.write("]}")
    assert (tmp_path / "large.json").stat().st_size > 15_000_000
    for centroids in (False, True):
        tracemalloc.start()
        table, _ = read_boxes(tmp_path / "large.json", centroids=centroids)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(table.category) == 1499 and peak < 6_000_000


GOOD = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 30, 20]}


def written(tmp_path, rows_, images=None, categories=None, name="made.json"):
    data = {
        "annotations": rows_,
        "images": images or [{"id": 1, "width": 100, "height": 50, "file_name": "one.jpg"}],
        "categories": categories or [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }
    (tmp_path / name).write_text(json.dumps(data))
    return tmp_path / name


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("row", "key", "usable"),
    [
        ({"bbox": [10, 10, 0, 20]}, "flat", 1), ({"bbox": [10, 10, 5, -1]}, "flat", 1),
        ({"bbox": [NAN, 10, 5, 5]}, "not_finite", 1), ({"bbox": [0, 0, INF, 5]}, "not_finite", 1),
        ({"bbox": [100, 0, 5, 5]}, "outside", 1), ({"bbox": [-20, 0, 20, 5]}, "outside", 1),
        ({"bbox": [1e308, 0, 1e308, 5]}, "outside", 1), ({"bbox": [90, 40, 20, 20]}, "clipped", 2),
        ({"iscrowd": 1}, "crowds", 1), ({"bbox": None}, "without_a_box", 1), ({"bbox": [1, 2, 3]}, "broken_annotations", 1),
        ({"bbox": "x"}, "broken_annotations", 1), ({"image_id": None}, "broken_annotations", 1),
        ({"image_id": 9}, "unknown_images", 1), ({"category_id": 9}, "unknown_categories", 1),
        ({"category_id": None}, "broken_annotations", 1), ({"category_id": 2, "id": 1}, "repeated_ids", 2),
        ({"id": 5, "bbox": [10, 10, 30, 20]}, "repeated_boxes", 1), ({"id": 1 << 70}, "broken_annotations", 1),
    ],
)  # fmt: skip
def test_what_is_wrong_is_counted_and_named_and_the_rest_goes_on(row, key, usable, tmp_path):
    bad = GOOD | {"id": 2, "bbox": [20, 10, 30, 20]} | row
    table, tallies = read_boxes(written(tmp_path, [GOOD, bad]))
    (tally,) = tallies
    assert (tally.key, tally.count) == (key, 1) and len(tally.named) == 1
    assert "annotation" in tally.named[0] or "image" in tally.named[0]
    assert table.usable.sum() == usable
    kept = table.box_xyxy_px[table.usable]
    assert (kept >= 0).all() and (kept <= [100, 50, 100, 50]).all() and np.isfinite(table.centroid[table.usable]).all()


@pytest.mark.parametrize(
    "bad", [None, 3, "text", [1], {}, {"segments_info": 3}, {"segments_info": [None, {"id": 3}], "image_id": 1}]
)
def test_rows_that_are_no_annotations(bad, tmp_path):
    table, tallies = read_boxes(written(tmp_path, [bad, GOOD]))
    assert table.usable.sum() == 1 and sum(t.count for t in tallies) == (2 if isinstance(bad, dict) and len(bad) == 2 else 1)


def test_bad_images_and_categories(tmp_path):
    images = [
        {"id": 1, "width": 100, "height": 50},
        {"id": 1, "width": 7, "height": 7},
        {"id": 2, "width": 0, "height": 5},
        "x",
        {"id": 3},
    ]
    categories = [{"id": 1, "name": "cat"}, {"id": 1, "name": "cow"}, {"id": 3, "name": ""}, {"name": "dog"}, None]
    table, tallies = read_boxes(written(tmp_path, [GOOD, GOOD | {"id": 2, "image_id": 2}], images, categories))
    assert {t.key: t.count for t in tallies} == {
        "repeated_images": 1, "broken_images": 3, "repeated_categories": 1, "broken_categories": 3, "unknown_images": 1,
    }  # fmt: skip
    assert table.names == ["cat"] and table.size_px.tolist() == [[100, 50]] and list(table.image_ids) == [1]


def test_many_are_counted_and_three_are_named(tmp_path):
    _, (tally,) = read_boxes(written(tmp_path, [GOOD, *(GOOD | {"id": k, "bbox": [k, 1, 0, 1]} for k in range(10, 17))]))
    assert tally.line == (
        "boxes without area, left out: 7 (annotation 10 of image 1, annotation 11 of image 1, annotation 12 of image 1 and 4 more)"
    )


def test_ids_may_be_texts_and_lists_in_any_order(tmp_path):
    one = written(
        tmp_path,
        [GOOD | {"image_id": "b"}, GOOD | {"id": 2, "image_id": "a"}],
        [{"id": k, "width": 99, "height": 99} for k in "ab"],
    )
    table, tallies = read_boxes(one)
    assert list(table.image_ids) == ["a", "b"] and table.starts.tolist() == [0, 1, 2] and not tallies


def test_nothing_to_speak_of_is_an_error(tmp_path):
    for rows_, reason in (
        ([], "no annotations"),
        ([GOOD | {"iscrowd": 1}], "crowd"),
        ([{"caption": "a cat", "image_id": 1}], "category_id"),
    ):
        with pytest.raises(FormatError, match=reason):
            read_boxes(written(tmp_path, rows_))


def panoptic(tmp_path):
    segments = [
        {"id": 5, "category_id": 1, "bbox": [10, 10, 30, 20], "iscrowd": 0},
        {"id": 6, "category_id": 7, "bbox": [0, 0, 100, 10], "iscrowd": 0},
        {"id": 7, "category_id": 8, "bbox": [0, 30, 100, 20], "iscrowd": 0},
    ]
    categories = [
        {"id": 1, "name": "cat", "isthing": 1}, {"id": 7, "name": "wall-brick", "isthing": 0},
        {"id": 8, "name": "wall-other-merged", "isthing": 0},
    ]  # fmt: skip
    return written(
        tmp_path, [{"image_id": 1, "file_name": "1.png", "segments_info": segments}], categories=categories, name="pan.json"
    )


def test_panoptic_alone_and_beside_instances(tmp_path):
    alone, _ = read_boxes(None, panoptic(tmp_path))
    assert [alone.names[c] for c in alone.category] == ["cat", "wall", "wall"]
    same, _ = read_boxes(panoptic(tmp_path))
    assert (same.box_xyxy_px == alone.box_xyxy_px).all() and same.names == alone.names
    both, tallies = read_boxes(written(tmp_path, [GOOD]), panoptic(tmp_path))
    assert [both.names[c] for c in both.category] == ["cat", "wall", "wall"] and not tallies
    assert both.file_names == ["one.jpg"] and both.starts.tolist() == [0, 3]


@needs_data
def test_the_same_picture_as_segments_and_as_annotations():
    one, _ = read_boxes(DATA / "coco/panoptic.json")
    other, _ = read_boxes(DATA / "coco/panoptic_as_detection_rle.json", centroids=True)
    assert [one.names[c].split("-")[0] for c in one.category] == [other.names[c].split("-")[0] for c in other.category]
    assert (one.usable == other.usable).all()
    assert one.box_xyxy_px == pytest.approx(other.box_xyxy_px, abs=1.01)
    inside = (other.centroid >= other.box_xyxy_px[:, :2]) & (other.centroid <= other.box_xyxy_px[:, 2:])
    assert inside[other.usable].all()
