"""Masks inside boxes."""

import json

import cv2
import numpy as np
import pytest

from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import DepthMap
from spacestudio.engines import SEGMENT
from spacestudio.engines.segment.grabcut import BoxMask, GrabCut, ellipse
from tests.support import DATA, coffee, disc, needs_data


def iou(a, b):
    return (a & b).sum() / max(1, (a | b).sum())


def cut(image, box, depth=None):
    return GrabCut().segment(image, depth, [box])[0]


def noisy(height, width, tone, seed=1):
    rng = np.random.default_rng(seed)
    return np.clip(np.array(tone) + rng.normal(0, 9, (height, width, 3)), 0, 255).astype(np.uint8)


def test_a_ball_before_a_wall():
    image, ball = noisy(200, 260, (90, 110, 140)), disc(200, 260, 130, 100, 50)
    image[ball] = noisy(200, 260, (190, 120, 60), 2)[ball]
    assert iou(cut(image, Box.around(ball)), ball) > 0.95


def test_a_cross_is_no_box_and_no_ellipse():
    image, cross = noisy(200, 200, (60, 120, 70)), np.zeros((200, 200), bool)
    cross[40:160, 85:115] = cross[85:115, 40:160] = True
    image[cross] = noisy(200, 200, (200, 60, 60), 2)[cross]
    mask = cut(image, Box.around(cross))
    assert iou(mask, cross) > 0.9
    assert Box.around(mask).iou(Box.around(cross)) > 0.95  # reaches its four sides


def test_depth_finds_what_colour_cannot():
    image, ball = noisy(200, 260, (120, 120, 120)), disc(200, 260, 130, 100, 50)
    far = np.where(ball, 0.2, 0.8).astype(np.float32)
    box = Box(70, 40, 190, 160)
    with_depth, without = cut(image, box, DepthMap.of(far, "relative")), cut(image, box)
    assert iou(with_depth, ball) > 0.95
    assert iou(with_depth, ball) > iou(without, ball) + 0.05


@pytest.mark.parametrize("kind", ["metric", "disparity"])
def test_polarity_and_holes_of_depth_do_not_matter(kind):
    image, ball = noisy(200, 260, (120, 120, 120)), disc(200, 260, 130, 100, 50)
    values = np.where(ball, 2.0, 6.0).astype(np.float32)
    values = values if kind == "metric" else 12 / values
    values[90:94, :] = 0  # not measured
    assert iou(cut(image, Box.around(ball), DepthMap.of(values, kind)), ball) > 0.9


@pytest.mark.parametrize(
    "xyxy",
    [
        (0, 0, 600, 400), (10, 10, 10, 10), (599.5, 399.5, 600, 400), (-50, -40, 90, 80), (100.4, 50.7, 101.2, 300.3),
        (300, 200, 302, 202), (580, 0, 640, 470), (0, 398, 600, 400),
    ],
)  # fmt: skip
def test_never_empty_and_inside_its_box(xyxy):
    box = Box(*xyxy)
    for engine in (GrabCut(), BoxMask()):
        mask = engine.segment(coffee(), None, [box])[0]
        assert mask.shape == (400, 600)
        assert mask.dtype == bool
        assert mask.any()
        outside = np.ones_like(mask)
        outside[box.slices(600, 400)] = False
        assert not (mask & outside).any()


def test_one_colour_everywhere_gives_a_rounded_shape_that_touches_the_sides():
    mask = cut(np.full((120, 160, 3), 77, np.uint8), Box(40, 30, 120, 90))
    assert Box.around(mask) == Box(40, 30, 120, 90)
    assert 0.6 < mask[30:90, 40:120].mean() < 0.98


def test_same_bytes_each_time_whatever_came_before():
    boxes = [Box(172, 12, 410, 305), Box(320, 62, 428, 330)]
    np.random.seed(5)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first = GrabCut().segment(coffee(), None, boxes)
    cv2.setRNGSeed(12345)
    second = GrabCut().segment(coffee(), None, boxes[::-1])[::-1]
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002


def test_the_cup_is_cut_along_its_rim():
    mask = cut(coffee(), Box(75, 12, 485, 388))
    assert mask[150, 280]  # coffee
    assert mask[300, 250]  # saucer
    assert not mask[30, 90]  # table, upper left
    assert not mask[370, 100]
    assert 0.5 < mask[12:388, 75:485].mean() < 0.9


@needs_data
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
def test_better_than_the_box_on_annotated_photos():
    """COCO polygons of three people, two cats, two remotes and a pole; a couch and a bed that fill the frame are left out."""
    from pycocotools import mask as coco

    scores, plain = [], []
    for file, names in (
        ("mmpose_instances.json", {785: "000000000785.jpg", 40083: "000000040083.jpg"}),
        ("000000039769_instances.json", {39769: "000000039769.png"}),
    ):
        read = json.loads((DATA / "coco" / file).read_text())
        for a in read if isinstance(read, list) else read["annotations"]:
            if a["category_id"] in (63, 65):
                continue
            image = cv2.imread(str(DATA / "coco" / "images" / names[a["image_id"]]))[..., ::-1].copy()
            height, width = image.shape[:2]
            truth = coco.decode(coco.merge(coco.frPyObjects(a["segmentation"], height, width))).astype(bool)
            box = Box.from_xywh(a["bbox"])
            scores.append(iou(cut(image, box), truth))
            plain.append(iou(BoxMask().segment(image, None, [box])[0], truth))
    assert len(scores) == 8
    assert np.mean(plain) < 0.55
    assert np.mean(scores) > np.mean(plain) + 0.15


def test_ellipse_touches_its_sides():
    for height, width in ((1, 1), (2, 3), (40, 17)):
        assert Box.around(ellipse(height, width)) == Box(0, 0, width, height)


def test_registered():
    assert SEGMENT.load("grabcut") is GrabCut
    assert SEGMENT.load("box") is BoxMask
    assert GrabCut().segment(coffee(), None, []) == []
