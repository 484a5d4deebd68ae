"""On real RGB-D frames: who is in front of whom, as related from drawn boxes, is what the sensor itself measured.

The sensor's side is written out here in a few lines: its own file, decoded apart from the studio's door, and the median
of what is valid in a box, less its outermost 2 px, where depth is least certain. The undecided share of each data set is written into the test report (`record_property`); run
with `-rP` to read it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations, groupby

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.graph import Relation
from spacestudio.domain.objects import SceneObject
from spacestudio.formats.cameras import read_camera
from spacestudio.formats.depth_files import read_depth
from spacestudio.geometry.measure import measure
from spacestudio.relations.relate import relate
from spacestudio.services.find import segment
from tests.support import DATA, needs_data

pytestmark = needs_data
RANDOM_BOXES = 12
SAME = 0.0375 - 0.0125
"""Share of the pair's mean distance within which two things are at the same depth (docs/REFERENCE.md)."""
EDGE, ENOUGH = 2, 16
"""Outermost pixels of an object are left out where enough remains (`DepthStats`): depth is least certain there."""
SLACK = 0.002
"""Of more than 4000 pixels a regular part is measured; a median may move by this share of the distance with it."""


@dataclass(frozen=True, eq=False)
class Shot:
    """A frame of a data set, and things in it with boxes drawn by hand, px."""

    data_set: str
    picture: str
    depth: str
    per_metre: float
    camera: str
    drawn: dict[str, tuple[int, int, int, int]]

    @property
    def name(self) -> str:
        return f"{self.data_set} {self.picture.rsplit('/', 1)[-1]}"


SLAMBOOK = "slambook_ch5/intrinsics.json"
SEVEN = "seven_scenes/camera-intrinsics.txt"
SHOTS = (
    *(
        Shot(
            "Redwood", f"redwood/color/{i}.jpg", f"redwood/depth/{i}.png", 1000, "redwood/camera_primesense.json",
            {"chair": (340, 188, 608, 382), "wall": (355, 30, 500, 150), "curtain": (175, 30, 257, 355),
             "seat": (400, 240, 605, 292), "floor": (75, 410, 575, 476)},
        )
        for i in ("00000", "00001")
    ),
    Shot(
        "7-Scenes", "seven_scenes/frame-000000.color.jpg", "seven_scenes/frame-000000.depth.png", 1000, SEVEN,
        {"chair": (178, 128, 300, 340), "mug": (364, 163, 400, 200), "table": (224, 163, 635, 455),
         "magazine": (496, 254, 594, 336), "counter": (0, 60, 170, 295), "front chair": (330, 378, 617, 476)},
    ),
    Shot(
        "7-Scenes", "seven_scenes/frame-000100.color.jpg", "seven_scenes/frame-000100.depth.png", 1000, SEVEN,
        {"chair": (400, 160, 582, 458), "counter": (90, 50, 453, 337), "table": (560, 307, 640, 470),
         "wall": (0, 27, 83, 390)},
    ),
    Shot(
        "7-Scenes", "seven_scenes/frame-000200.color.jpg", "seven_scenes/frame-000200.depth.png", 1000, SEVEN,
        {"chair": (48, 322, 237, 476), "mug": (333, 380, 389, 437), "magazine": (392, 405, 522, 476),
         "far chair": (404, 322, 540, 390), "counter": (71, 186, 419, 322)},
    ),
    Shot(
        "slambook", "slambook_ch5/color/1.png", "slambook_ch5/depth/1.pgm", 1000, SLAMBOOK,
        {"armchair": (118, 144, 216, 284), "cabinet": (461, 35, 556, 201), "table": (322, 201, 632, 428),
         "chair": (239, 224, 337, 428), "dresser": (15, 163, 92, 239)},
    ),
    Shot(
        "slambook", "slambook_ch5/color/2.png", "slambook_ch5/depth/2.pgm", 1000, SLAMBOOK,
        {"armchair": (370, 138, 454, 289), "cabinet": (197, 198, 302, 387), "doorway": (0, 9, 136, 402),
         "chairs": (469, 221, 627, 470), "dresser": (280, 153, 348, 228)},
    ),
    Shot(
        "NYU", "nyu/rgb_00000.jpg", "nyu/sync_depth_00000.png", 1000, "nyu/test_annotations.json",
        {"wardrobe": (169, 85, 343, 357), "box": (328, 281, 419, 402), "bins": (36, 183, 151, 387),
         "table": (449, 160, 623, 251), "chair": (593, 334, 633, 470)},
    ),
    Shot(
        "TUM", "other_formats/TUM_color.png", "other_formats/TUM_depth.png", 5000, "",
        {"globe": (57, 9, 159, 107), "die": (125, 198, 171, 246), "purple chair": (8, 259, 239, 475),
         "yellow chair": (375, 236, 529, 432), "bag": (466, 100, 549, 206)},
    ),
    Shot(  # its stated camera does not belong to this picture (its size is another), so none is taken
        "KITTI", "kitti/rgb_0000000050.png", "kitti/depth_0000000050.png", 256, "",
        {"car": (0, 203, 187, 293), "far car": (367, 184, 431, 221), "tram": (641, 152, 705, 188),
         "bicycle": (885, 163, 908, 201), "wall": (960, 150, 1242, 230)},
    ),
)  # fmt: skip


@cache
def picture(shot: Shot) -> NDArray[np.uint8]:
    found = cv2.imread(str(DATA / "rgbd" / shot.picture), cv2.IMREAD_COLOR)
    assert found is not None
    return np.ascontiguousarray(found[..., ::-1])


@cache
def sensor(shot: Shot) -> NDArray[np.float64]:
    """(H, W) metres as the sensor's file says, NaN where it says nothing."""
    found = cv2.imread(str(DATA / "rgbd" / shot.depth), cv2.IMREAD_UNCHANGED)
    assert found is not None
    assert found.dtype == np.uint16
    return np.where((found == 0) | (found == 65535), np.nan, found / shot.per_metre)


def objects(shot: Shot) -> tuple[SceneObject, ...]:
    """The things drawn by hand, then boxes of 6 to 35 % of the picture's sides anywhere in it."""
    height, width = sensor(shot).shape
    rng = np.random.default_rng(sum(shot.name.encode()))
    boxes = {name.replace(" ", "-"): Box(*xyxy) for name, xyxy in shot.drawn.items()}
    for k in range(RANDOM_BOXES):
        w, h = rng.uniform(0.06, 0.35, 2) * (width, height)
        x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
        boxes[f"random-{k}"] = Box(*(float(round(v)) for v in (x, y, x + w, y + h)))
    return tuple(SceneObject(name, name, box) for name, box in boxes.items())


Meaning = Callable[[DepthMap], DepthMap]


def metric(depth: DepthMap) -> DepthMap:
    return depth


def relative(depth: DepthMap) -> DepthMap:
    """The same shape at a scale and from a zero nobody knows."""
    return DepthMap(depth.values * np.float32(37) + np.float32(11), "relative", depth.valid)


def disparity(depth: DepthMap) -> DepthMap:
    """What a stereo rig or a model of inverse depth gives: 1/z, its scale unknown."""
    nearness = np.where(depth.valid, 250 / np.where(depth.valid, depth.values, 1), 0).astype(np.float32)
    return DepthMap(nearness, "disparity", depth.valid)


def camera(shot: Shot) -> Camera:
    height, width = sensor(shot).shape
    if not shot.camera:
        return Camera.assumed(width, height)
    return read_camera(DATA / "rgbd" / shot.camera, width, height, shot.picture)[0]


def related(shot: Shot, things: tuple[SceneObject, ...], meaning: Meaning) -> dict[tuple[str, str], Relation]:
    """(subject, object) -> their depth relation, as the studio derives it."""
    height, width = sensor(shot).shape
    depth, _ = read_depth(DATA / "rgbd" / shot.depth, "metric", shot.per_metre, (width, height))
    graph = relate(things, measure(things, width, height, meaning(depth), camera(shot)))
    return {(r.subject, r.object): r for r in graph if r.family == "depth"}


def seen(shot: Shot, o: SceneObject) -> NDArray[np.float64]:
    """(K,) what the sensor measured of an object in metres: in its mask, or its box where it has none, less the edge."""
    x0, y0, x1, y1 = map(int, o.box.xyxy)
    z = sensor(shot)[y0:y1, x0:x1]
    whole = np.ones(z.shape, np.uint8) if o.mask is None else o.mask[y0:y1, x0:x1].astype(np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inner = cv2.erode(np.pad(whole, EDGE), cross, iterations=EDGE)[EDGE:-EDGE, EDGE:-EDGE]
    found = z[(inner > 0) & np.isfinite(z)]
    return found if len(found) >= ENOUGH else z[(whole > 0) & np.isfinite(z)]


def apart(shot: Shot, a: SceneObject, b: SceneObject) -> float:
    """How far apart two boxes' medians are, as a share of the mean distance to their middles."""
    medians = [float(np.median(seen(shot, o))) for o in (a, b)]
    k = camera(shot)
    slopes = [((o.box.center[0] - k.cx) / k.fx, (o.box.center[1] - k.cy) / k.fy) for o in (a, b)]
    distances = [z * np.hypot(1, np.hypot(*slope)) for z, slope in zip(medians, slopes, strict=True)]
    return float(abs(medians[0] - medians[1]) / np.mean(distances))


@dataclass
class Tally:
    ordered: int = 0
    level: int = 0
    undecided: int = 0

    @property
    def pairs(self) -> int:
        return self.ordered + self.level + self.undecided


def agreement(shot: Shot, things: tuple[SceneObject, ...], meaning: Meaning) -> Tally:
    """Hold every decided pair against the sensor."""
    found, tally = related(shot, things, meaning), Tally()
    for a, b in combinations(things, 2):
        r = found[a.id, b.id]
        inside = seen(shot, a), seen(shot, b)
        if min(map(len, inside)) == 0:
            assert r.verdict == "undecided", f"{shot.name}: nothing was measured of {a.id} or {b.id}, yet {r}"
            continue
        nearer = float(np.median(inside[1]) - np.median(inside[0]))
        if r.verdict == "undecided":
            tally.undecided += 1
            continue
        assert r.verdict == "true"
        if r.predicate == "at the same depth":
            tally.level += 1
            assert a.mask is not None or apart(shot, a, b) <= SAME + SLACK, (shot.name, r)
        else:
            tally.ordered += 1
            assert (nearer > 0) == (r.predicate == "in front of"), (shot.name, r, nearer)
    return tally


def by_data_set() -> Iterator[tuple[str, list[Shot]]]:
    for name, shots in groupby(SHOTS, lambda shot: shot.data_set):
        yield name, list(shots)


@pytest.mark.parametrize("meaning", [metric, relative, disparity])
@pytest.mark.parametrize(("name", "shots"), list(by_data_set()), ids=[n for n, _ in by_data_set()])
def test_decided_depth_order_is_the_sensors(
    name: str,
    shots: list[Shot],
    meaning: Meaning,
    record_property: Callable[[str, object], None],
    capfd: pytest.CaptureFixture[str],
) -> None:
    tallies = [agreement(shot, objects(shot), meaning) for shot in shots]
    assert capfd.readouterr().out == "", "standard output is for what was asked"
    ordered, level, undecided, pairs = (
        sum(getattr(t, what) for t in tallies) for what in ("ordered", "level", "undecided", "pairs")
    )
    for what, value in (("pairs", pairs), ("ordered", ordered), ("level", level), ("undecided_share", undecided / pairs)):
        record_property(what, value)
    print(f"{name} {meaning.__name__}: {pairs} pairs, {ordered} ordered, {level} level, {undecided / pairs:.1%} undecided")
    assert ordered > undecided / 4, "a law about decided pairs wants some"
    assert 0 < undecided / pairs < 1


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
def test_decided_depth_order_of_cut_out_things_is_the_sensors(shot: Shot) -> None:
    """Things drawn by hand are cut out as the studio does when a box is drawn, and compared by what is in their masks."""
    height, width = sensor(shot).shape
    depth, _ = read_depth(DATA / "rgbd" / shot.depth, "metric", shot.per_metre, (width, height))
    drawn = objects(shot)[: len(shot.drawn)]
    masks, _ = segment(picture(shot), depth, [o.box for o in drawn], "grabcut")
    cut = tuple(o.but(mask=mask) for o, mask in zip(drawn, masks, strict=True))
    assert agreement(shot, cut, metric).ordered
    assert agreement(shot, cut, disparity).pairs == agreement(shot, cut, metric).pairs
