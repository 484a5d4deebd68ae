"""Region proposals point at things a person can see."""

import cv2
import numpy as np
import pytest
from skimage import data

from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import DepthMap
from spacestudio.engines import DETECT
from spacestudio.engines.detect.proposals import MOST, NoObjects, RegionProposals
from tests.support import DATA, coffee, disc, needs_data


def iou(a, b):
    return (a & b).sum() / max(1, (a | b).sum())


def wall(height=240, width=320, seed=3):
    rng = np.random.default_rng(seed)
    return np.clip(150 + rng.normal(0, 6, (height, width, 3)), 0, 255).astype(np.uint8)


def test_a_red_ball_before_a_grey_wall_comes_first():
    image, ball = wall(), disc(240, 320, 190, 120, 45)
    image[ball] = (200, 40, 40)
    found = RegionProposals().detect(image, None)
    assert iou(found[0].mask, ball) > 0.9
    assert found[0].label == ""


def test_depth_alone_is_enough():
    image, ball = wall(), disc(240, 320, 120, 110, 45)
    far = np.where(ball, 0.2, 0.9).astype(np.float32)
    found = RegionProposals().detect(image, DepthMap.of(far, "relative"))
    assert found, "nothing found"
    assert iou(found[0].mask, ball) > 0.8
    blind = RegionProposals().detect(image, None)
    assert not any(iou(d.mask, ball) > 0.5 for d in blind)


def test_a_ball_that_is_part_of_nothing_else_is_one_proposal_not_many():
    image = wall()
    for x, color in ((80, (200, 40, 40)), (220, (40, 60, 200))):
        image[disc(240, 320, x, 120, 40)] = color
    found = RegionProposals().detect(image, None)
    assert len(found) == 2
    assert found[0].box.iou(found[1].box) == 0


def test_the_cup_on_its_saucer():
    found = RegionProposals().detect(coffee(), None)
    cup, whole = Box(172, 12, 425, 250), Box(75, 12, 485, 388)
    assert max(d.box.iou(whole) for d in found) > 0.75
    assert max(d.box.iou(cup) for d in found) > 0.6


def test_the_rocket_on_its_pad():
    found = RegionProposals().detect(np.asarray(data.rocket()), None)
    assert found[0].box.iou(Box(310, 155, 336, 408)) > 0.6


@needs_data
@pytest.mark.parametrize(
    ("name", "thing"),
    [
        ("000000039769.png", (344, 24, 640, 370)),
        ("000000039769.png", (8, 50, 320, 475)),
        ("000000000785.jpg", (280, 45, 500, 392)),
    ],
)
def test_two_cats_and_a_skier(name, thing):
    image = cv2.imread(str(DATA / "coco" / "images" / name))[..., ::-1].copy()
    assert max(d.box.iou(Box(*thing)) for d in RegionProposals().detect(image, None)) > 0.7


def test_few_ordered_whole_and_the_same_each_time():
    image = coffee()
    first, second = RegionProposals().detect(image, None), RegionProposals().detect(image, None)
    assert 0 < len(first) <= MOST
    assert [d.score for d in first] == sorted((d.score for d in first), reverse=True)
    for a, b in zip(first, second, strict=True):
        assert a.box == b.box
        assert np.array_equal(a.mask, b.mask)
        assert a.mask.shape == image.shape[:2]
        assert Box.around(a.mask) == a.box
    for i, a in enumerate(first):
        assert all(a.box.iou(b.box) <= 0.55 for b in first[:i])


@pytest.mark.parametrize("shape", [(1, 1), (8, 9), (1, 400), (64, 17), (300, 20)])
def test_odd_sizes_and_empty_walls(shape):
    assert RegionProposals().detect(np.full((*shape, 3), 128, np.uint8), None) == []


def test_a_depth_map_without_a_valid_pixel_says_nothing():
    none = DepthMap(np.zeros((400, 600), np.float32), "metric", np.zeros((400, 600), bool))
    with_none, without = (RegionProposals().detect(coffee(), d) for d in (none, None))
    assert [d.box for d in with_none] == [d.box for d in without]


def test_registered():
    assert DETECT.load("proposals") is RegionProposals
    assert DETECT.load("none") is NoObjects
    assert NoObjects().detect(coffee(), None) == []
