"""SpaceSGG's files: the record says what the depth says, and the texts are rows that training scripts read."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from spacestudio.domain.boxes import Box
from spacestudio.domain.sample import EngineRun, Sample
from spacestudio.errors import FormatError
from spacestudio.formats.grounded_text import decode
from spacestudio.formats.spacesgg import CONVERSATION, DESCRIPTION, FILE, QA, RECORD, TURNS, record_row
from spacestudio.geometry.layering import published_levels
from spacestudio.services.tell import told
from tests.captions.made import picture, placed

TEXTS = (DESCRIPTION, QA, CONVERSATION)
SCENE = placed(("cup", (5, 40, 25, 60), 2), ("plate", (50, 40, 80, 60), 3), ("orange", (100, 70, 140, 110), 6))


def tokens(text: str) -> int:
    """About as many as LLaMA's tokenizer makes: a digit, a sign, a word."""
    return len(re.findall(r"\d|[^\W\d]+|[^\w\s]", text))


def posed(sample: Sample, pose: np.ndarray) -> Sample:
    return replace(sample, provenance=(EngineRun("pose", "file", settings={"T_world_camera": pose.tolist()}),))


def points(sample: Sample, object_id: str) -> np.ndarray:
    """(P, 3) every valid point of an object, unprojected here by hand; boards are flat, so edges don't matter."""
    mask, c = sample.graph[object_id].mask, sample.camera
    v, u = np.nonzero(mask & sample.depth.valid)
    z = sample.depth.values[v, u].astype(float)
    return np.stack(((u - c.cx) / c.fx * z, (v - c.cy) / c.fy * z, z), 1)


def test_the_record_is_what_the_published_second_stage_reads():
    row = record_row(SCENE)
    cup, plate, orange = row["objects"]
    assert [o["label"] for o in row["objects"].values()] == ["cup", "plate", "orange"]
    assert cup == str(list(Box(5, 40, 25, 60).to_padded_999(160, 120)))
    assert row["objects"][cup]["box"] == [5.0, 40.0, 25.0, 60.0]
    assert row["objects"][cup]["mask"] == "masks/placed/cup-1.png"
    assert row["objects"][cup]["depth"]["median"] == pytest.approx(2)
    assert row["levels"] == [[cup], [plate], [orange]]
    assert row["order_list"][f"{cup}>{plate}"] == [-1, 0, -1], "left of, undecided, in front of"
    assert row["order_list"][f"{orange}>{cup}"] == [1, 1, 1], "right of, below, behind"
    assert row["camera"]["source"] == "field of view" and row["depth"]["unit"] == "m"
    assert row["caption_annotation"].endswith(".") and row["image"] == "images/placed.png"
    assert "order_list_world" not in row


@pytest.mark.parametrize("seed", range(8))
def test_every_ordered_pair_agrees_with_its_points(seed):
    sample = picture(seed, 7)
    row = record_row(sample)
    keys = dict(zip(row["objects"], sample.graph.ids, strict=True))
    assert set(row["order_list"]) == {f"{a}>{b}" for a in keys for b in keys if a != b}
    for pair, triple in row["order_list"].items():
        a, b = (points(sample, keys[key]) for key in pair.split(">"))
        if len(a) < 400 or len(b) < 400:
            continue
        for axis, sign in enumerate(triple):
            if sign:
                assert np.sign(np.median(a[:, axis]) - np.median(b[:, axis])) == sign
        other, _, _ = pair.partition(">")
        assert row["order_list"][f"{pair.partition('>')[2]}>{other}"] == [-v for v in triple]
    ids = [[keys[key] for key in level] for level in row["levels"]]
    assert ids == [list(level) for level in published_levels(sample.objects, sample.depth)]


def test_with_a_pose_the_order_is_also_told_on_the_worlds_axes():
    pose = np.eye(4)
    pose[:3, :3] = [[1, 0, 0], [0, -1, 0], [0, 0, -1]]  # a world whose Y points up and whose Z points back
    row = record_row(posed(SCENE, pose))
    for pair, (x, y, z) in row["order_list"].items():
        assert row["order_list_world"][pair] == [x, -y, -z]
    assert row["T_world_camera"] == pose.tolist()
    assert row["order_list"] == record_row(SCENE)["order_list"]


def test_two_equal_boxes_are_two_objects():
    twins = placed(("cup", (5, 40, 25, 60), 2), ("saucer", (5, 40, 25, 60), 2), ("lid", (5, 40, 25, 60), 2))
    first, second, third = record_row(twins)["objects"]
    assert (second, third) == (f"{first} #2", f"{first} #3")


def test_a_sample_without_depth_has_no_order_and_says_so():
    row = record_row(picture(3, 4, deep=False))
    assert row["depth"] is None and row["levels"] == [] and row["order_list"] == {} and row["camera"] is None
    assert len(row["objects"]) == 4


def test_pictures_and_masks_lie_beside_the_record(tmp_path):
    files = RECORD.write([SCENE], tmp_path)
    assert files[0].name == FILE
    (row,) = RECORD.read(tmp_path)
    for o in row["objects"].values():
        mask = cv2.imread(str(tmp_path / o["mask"]), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(mask > 0, SCENE.graph[o["id"]].mask)
        assert set(np.unique(mask)) <= {0, 255}
    assert cv2.imread(str(tmp_path / row["image"])).shape[:2] == (row["height"], row["width"])


@pytest.mark.parametrize("form", TEXTS, ids=lambda form: form.name)
@pytest.mark.parametrize("seed", range(5))
def test_rows_are_conversations_in_grounded_text(form, seed, tmp_path):
    sample = told(picture(seed, 9))
    exchanges = sample.exchanges[form.style]
    rows = form.rows([sample])
    turns = [turn for row in rows for turn in row["conversations"]]
    assert len(turns) == 2 * len(exchanges)
    assert [turn["from"] for turn in turns] == ["human", "gpt"] * len(exchanges)
    for k, row in enumerate(rows):
        assert row["id"] == sample.id if k == 0 else row["id"] == f"{sample.id}-{k + 1}"
        assert (row["width"], row["height"], row["image"]) == (160, 120, f"images/{sample.id}.png")
        assert len(row["conversations"]) <= 2 * TURNS.get(form.style, 1)
        assert sum(tokens(turn["value"]) for turn in row["conversations"]) <= 2048 - 576
        starts = [turn["value"].startswith("<image>\n") for turn in row["conversations"]]
        assert starts == [True] + [False] * (len(starts) - 1)
        for turn in row["conversations"]:
            assert decode(turn["value"], row["width"], row["height"]).well_formed
    said = [t.plain for e in exchanges for t in (e.question, e.answer)]
    read = [decode(turn["value"].removeprefix("<image>\n"), 160, 120).grounded.plain for turn in turns]
    assert read == said
    form.write([sample], tmp_path)
    assert form.read(tmp_path) == rows == json.loads((tmp_path / f"{form.name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("form", TEXTS, ids=lambda form: form.name)
def test_samples_without_anything_to_say_are_left_out(form, tmp_path):
    nothing = told(picture(0, 0))
    assert form.rows([nothing, SCENE]) == [], "what was not told of is not exported"
    files = form.write([nothing], tmp_path)
    assert [f.name for f in files] == [f"{form.name}.json"] and form.read(tmp_path) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda row: row.pop("order_list"),
        lambda row: row.update(order_list={"a>b": [0, 2, 0]}),
        lambda row: row.update(width=0),
        lambda row: row.update(objects=[]),
        lambda row: row["camera"].update(source="guess"),
    ],
)
def test_a_spoilt_record_is_refused_in_one_line(spoil, tmp_path):
    RECORD.write([SCENE], tmp_path)
    row = record_row(SCENE)
    spoil(row)
    (tmp_path / FILE).write_text(json.dumps([row]))
    with pytest.raises(FormatError) as caught:
        RECORD.read(tmp_path)
    assert "Row 0" in str(caught.value) and "\n" not in str(caught.value)
