"""The cue estimate: what it always is, what it must order rightly, and that it beats chance on sensors."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from spacestudio.engines.depth.cues import CUES, SHIPPED, combine, cue_maps, estimate_farness

DATA = Path(os.environ.get("SPACE_STUDIO_TEST_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
FRAMES = {
    "redwood": ("rgbd/redwood/color/00000.jpg", "rgbd/redwood/depth/00000.png"),
    "seven_scenes": ("rgbd/seven_scenes/frame-000000.color.jpg", "rgbd/seven_scenes/frame-000000.depth.png"),
    "slambook": ("rgbd/slambook_ch5/color/1.png", "rgbd/slambook_ch5/depth/1.pgm"),
    "nyu": ("rgbd/nyu/rgb_00000.jpg", "rgbd/nyu/sync_depth_00000.png"),
}
HORIZON, NEAR_FOOT, FAR_FOOT = 70, 210, 130
NEAR, FAR = (60, 40, 120, NEAR_FOOT), (210, 60, 250, FAR_FOOT)


@pytest.fixture(scope="module")
def stage() -> NDArray[np.uint8]:
    """240 x 320: a chequered floor shrinking towards row 70, a wall, and two boards of which the left is near.

    Both boards reach above the horizon, so their height in the frame alone does not tell them apart.
    """
    picture = np.full((240, 320, 3), (200, 205, 215), np.uint8)
    rows, columns = np.mgrid[HORIZON + 1 : 240, 0:320]
    depth = 170.0 / (rows - HORIZON)
    tile = (np.floor(depth * 4) + np.floor((columns - 160) / 170.0 * depth * 4)) % 2
    picture[HORIZON + 1 :] = np.where(tile[..., None] > 0, (150, 120, 80), (130, 100, 64)).astype(np.uint8)
    for (x0, y0, x1, y1), colour in ((FAR, (40, 90, 170)), (NEAR, (170, 40, 50))):
        picture[y0:y1, x0:x1] = colour
    noise = np.random.default_rng(3).normal(0.0, 2.0, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def middle(farness: NDArray[np.float32], box: tuple[int, int, int, int]) -> float:
    x0, y0, x1, y1 = box
    return float(np.median(farness[y0 + 5 : y1 - 5, x0 + 5 : x1 - 5]))


def pictures(height: int, width: int) -> list[NDArray[np.uint8]]:
    noise = np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return [noise, *(np.full((height, width, 3), level, np.uint8) for level in (0, 127, 255))]


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 7), (7, 1), (2, 2), (3, 500), (500, 3), (33, 41), (240, 320), (700, 900)], ids=str
)
def test_is_a_finite_share_of_every_pixel(size: tuple[int, int]) -> None:
    for picture in pictures(*size):
        for boxes in ([], [(0.0, 0.0, size[1] / 2, size[0] / 2)]):
            farness = estimate_farness(picture, boxes)
            assert farness.shape == size
            assert farness.dtype == np.float32
            assert np.isfinite(farness).all()
            assert 0.0 <= farness.min() <= farness.max() <= 1.0


def test_uses_the_whole_range(stage: NDArray[np.uint8]) -> None:
    farness = estimate_farness(stage)
    assert farness.min() < 0.02
    assert farness.max() > 0.98


def test_plain_picture_recedes_upward() -> None:
    farness = estimate_farness(np.full((120, 160, 3), 90, np.uint8))
    assert farness[10].mean() > farness[60].mean() + 0.2 > farness[110].mean() + 0.4


def test_is_the_same_every_time_and_leaves_its_input_alone(stage: NDArray[np.uint8]) -> None:
    before, state = stage.copy(), str(np.random.get_state())  # noqa: NPY002
    first, second = estimate_farness(stage, [NEAR]), estimate_farness(stage, [NEAR])
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(stage, before)
    assert str(np.random.get_state()) == state  # noqa: NPY002


def test_a_view_and_its_copy_agree(stage: NDArray[np.uint8]) -> None:
    view = stage[::2, ::-1]
    np.testing.assert_array_equal(estimate_farness(view), estimate_farness(view.copy()))


def test_floor_recedes_and_boards_stand_where_they_touch_it(stage: NDArray[np.uint8]) -> None:
    farness = estimate_farness(stage)
    floor = [float(np.median(farness[y - 2 : y + 3, 140:190])) for y in (230, 190, 150, 110)]
    assert floor == sorted(floor)
    assert floor[-1] - floor[0] > 0.3
    assert middle(farness, NEAR) < middle(farness, FAR) - 0.1
    assert middle(farness, NEAR) < float(np.median(farness[100:120, 140:190])), "the floor behind a board is farther"


def test_boards_are_even_and_end_at_their_edges(stage: NDArray[np.uint8]) -> None:
    """Upright: the top of the near board is nearer than the wall beside it, by more than it differs from its foot."""
    farness = estimate_farness(stage)
    x0, y0, x1, y1 = NEAR
    top = float(np.median(farness[y0 + 4 : y0 + 12, x0 + 8 : x1 - 8]))
    foot = float(np.median(farness[y1 - 12 : y1 - 4, x0 + 8 : x1 - 8]))
    wall = float(np.median(farness[y0 + 4 : y0 + 12, 150:200]))
    assert wall - top > abs(top - foot)


def test_a_box_puts_a_thing_where_its_bottom_edge_is(stage: NDArray[np.uint8]) -> None:
    x0, y0, x1, y1 = NEAR
    plain = estimate_farness(stage)
    ground = float(np.median(plain[y1 : y1 + 8, x0 + 8 : x1 - 8]))
    boxed = estimate_farness(stage, [(float(x0), float(y0), float(x1), float(y1))])
    inside = boxed[y0 + 6 : y1 - 6, x0 + 6 : x1 - 6]
    assert abs(float(np.median(inside)) - ground) < 0.03
    assert float(np.ptp(inside)) < 0.05, "a board is upright: one depth"
    assert abs(middle(plain, NEAR) - ground) > abs(float(np.median(inside)) - ground)
    np.testing.assert_allclose(boxed[:, 200:], plain[:, 200:], atol=1e-6)


def test_a_box_set_lower_is_nearer_and_the_nearer_of_two_lies_on_top(stage: NDArray[np.uint8]) -> None:
    floor = stage.copy()
    floor[: HORIZON + 90] = floor[HORIZON + 90]
    far, near = (100.0, 100.0, 200.0, 180.0), (150.0, 120.0, 250.0, 225.0)
    for boxes in ([far, near], [near, far]):
        farness = estimate_farness(floor, boxes)
        assert farness[140, 120] > farness[140, 230] + 0.05
        assert abs(float(farness[140, 175]) - float(farness[140, 230])) < 0.05


@pytest.mark.parametrize(
    "box",
    [(10.0, 10.0, 10.0, 50.0), (50.0, 50.0, 20.0, 20.0), (-90.0, 5.0, -10.0, 50.0), (400.0, 0.0, 500.0, 9.0)],
)
def test_a_box_without_pixels_changes_nothing(stage: NDArray[np.uint8], box: tuple[float, float, float, float]) -> None:
    np.testing.assert_array_equal(estimate_farness(stage, [box]), estimate_farness(stage))


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=["grey", "RGBA", "float", "empty"],
)
def test_says_what_picture_it_wants(wrong: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8"):
        estimate_farness(wrong)


def test_says_what_a_box_is(stage: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="finite"):
        estimate_farness(stage, [(0.0, 0.0, float("nan"), 5.0)])


def test_sky_is_behind_everything(stage: NDArray[np.uint8]) -> None:
    outdoors = stage.copy()
    outdoors[: HORIZON - 30] = (90, 150, 230)
    farness = estimate_farness(outdoors)
    assert float(np.median(farness[:30])) > max(middle(farness, FAR), middle(farness, NEAR)) + 0.1


def test_each_cue_is_a_weight_and_counts(stage: NDArray[np.uint8]) -> None:
    cues = cue_maps(stage)
    assert len(cues.maps) == len(CUES)
    for name, cue in zip(CUES, cues.maps, strict=True):
        alone: dict[str, Any] = {**dict.fromkeys(CUES, 0.0), name: 2.0}
        np.testing.assert_allclose(np.asarray(combine(cues, replace(SHIPPED, **alone))), np.asarray(cue))


@pytest.mark.parametrize("name", FRAMES)
def test_orders_a_real_frame_well_above_chance(name: str) -> None:
    paths = [DATA / part for part in FRAMES[name]]
    if not all(path.is_file() for path in paths):
        pytest.skip(f"no RGB-D frame at {paths[0]}; set SPACE_STUDIO_TEST_DATA to the test data")
    image = np.asarray(cv2.imread(str(paths[0]), cv2.IMREAD_COLOR), np.uint8)[..., ::-1]
    depth = np.asarray(cv2.imread(str(paths[1]), cv2.IMREAD_UNCHANGED), np.float64)
    depth[depth == 65535] = 0.0
    farness = estimate_farness(image).ravel()
    a, b = np.random.default_rng(11).choice(np.flatnonzero(depth.ravel() > 0), (2, 20_000))
    near, far = np.minimum(depth.ravel()[a], depth.ravel()[b]), np.abs(depth.ravel()[a] - depth.ravel()[b])
    a, b = a[far > 0.1 * near], b[far > 0.1 * near]
    right = np.sign(farness[a] - farness[b]) == np.sign(depth.ravel()[a] - depth.ravel()[b])
    assert len(right) > 5_000
    assert right.mean() > 0.72
