"""How often the cue estimate orders depth rightly, against sensors, with constants fitted on other scenes.

    .venv/bin/python benchmarks/depth_order.py [--json FILE] [--fit]

Pixels: random pairs of a frame, valid sensor depth at both, depths more than 10 % apart; the share ordered
rightly, ties counting a half. Objects: pieces of the sensor depth between its steps, compared alike by their
median depth. The data is not part of the project: `../shared/data`, or `SPACE_STUDIO_TEST_DATA`.

Held out means: for each of the three scenes, the weights of the cues and eight further constants are found on
the two others alone, by a seeded search. What is not held out: which cues there are, and the constants that
stay as set by hand (see `CueWeights`), were settled with all of these frames in view.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from spacestudio.engines.depth.cues import CUES, SHIPPED, Box, CueWeights, cue_maps, estimate_farness  # noqa: E402

DATA = Path(os.environ.get("SPACE_STUDIO_TEST_DATA") or ROOT.parent / "shared" / "data")
PAIRS = 20_000
FIT_PAIRS = 6_000
APART = 0.10
SEED = 20261121
SETTINGS = 16
DRAWS = 400
BEST = 0.01
LARGEST_WEIGHT = 0.2
RANGES = {
    "ground_tolerance": (0.10, 0.22),
    "ground_strip": (0.10, 0.30),
    "lightness_share": (0.3, 0.8),
    "stand_edge": (0.01, 0.03),
    "stand_upright": (5.0, 30.0),
    "stand_on_ground": (0.02, 0.20),
    "stand_reach": (0.08, 0.25),
    "stand_reach_ground": (0.04, 0.12),
}
STEP = 0.012
OBJECT_AREA = (0.015, 0.40)
FREE = tuple(name for name in CUES if name not in ("contact", "sky"))

Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture and what a sensor measured there."""

    scene: str
    name: str
    image: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    depth_m: NDArray[np.float64]
    """(H, W) metres, 0 where unknown."""


def read_picture(path: Path, flag: int) -> NDArray[Any]:
    picture = cv2.imread(str(path), flag)
    if picture is None:
        raise SystemExit(f"{path} can't be read. Put the test data in {DATA} or set SPACE_STUDIO_TEST_DATA.")
    return np.asarray(picture)


def frame(scene: str, name: str, picture: str, depth: str, per_metre: float) -> Frame:
    image = cv2.cvtColor(read_picture(DATA / picture, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    raw = read_picture(DATA / depth, cv2.IMREAD_UNCHANGED).astype(np.float64)
    raw[raw == 65535] = 0.0
    return Frame(scene, name, np.asarray(image, dtype=np.uint8), raw / per_metre)


def motorcycle() -> Frame:
    """Middlebury 2014: focal length * baseline / (disparity + offset); numbers of scikit-image."""
    with np.load(DATA / "stereo/motorcycle_disp.npz") as archive:
        disparity = archive[archive.files[0]].astype(np.float64)
    known = np.isfinite(disparity)
    depth = np.where(known, 994.978 * 0.193001 / (np.where(known, disparity, 0.0) + 31.086), 0.0)
    image = cv2.cvtColor(read_picture(DATA / "stereo/motorcycle_left.png", cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return Frame("Middlebury", "motorcycle", np.asarray(image, dtype=np.uint8), depth)


def headline_frames() -> list[Frame]:
    redwood = [
        frame("Redwood", i, f"rgbd/redwood/color/{i}.jpg", f"rgbd/redwood/depth/{i}.png", 1000) for i in ("00000", "00001")
    ]
    seven = [
        frame(
            "7-Scenes",
            i,
            f"rgbd/seven_scenes/frame-{i}.color.jpg",
            f"rgbd/seven_scenes/frame-{i}.depth.png",
            1000,
        )
        for i in ("000000", "000100", "000200")
    ]
    slambook = [
        frame("slambook", i, f"rgbd/slambook_ch5/color/{i}.png", f"rgbd/slambook_ch5/depth/{i}.pgm", 1000) for i in "12"
    ]
    return [*redwood, *seven, *slambook]


def further_frames() -> list[Frame]:
    return [
        frame("NYU", "00000", "rgbd/nyu/rgb_00000.jpg", "rgbd/nyu/sync_depth_00000.png", 1000),
        frame("TUM", "desk", "rgbd/other_formats/TUM_color.png", "rgbd/other_formats/TUM_depth.png", 5000),
        frame("KITTI", "50", "rgbd/kitti/rgb_0000000050.png", "rgbd/kitti/depth_0000000050.png", 256),
        motorcycle(),
    ]


def draw_pairs(depth_m: NDArray[np.float64], count: int, seed: int) -> Pairs:
    """`count` flat index pairs, over `APART` of the nearer apart; +1 where the first is farther, or -1."""
    rng = np.random.default_rng(seed)
    flat = depth_m.ravel()
    valid = np.flatnonzero(flat > 0)
    first, second = np.empty(0, np.int64), np.empty(0, np.int64)
    while len(first) < count:
        a, b = rng.choice(valid, (2, count))
        keep = np.abs(flat[a] - flat[b]) > APART * np.minimum(flat[a], flat[b])
        first, second = np.append(first, a[keep]), np.append(second, b[keep])
    first, second = first[:count], second[:count]
    return first, second, np.sign(flat[first] - flat[second])


def ordered(differences: NDArray[np.floating[Any]], truth: NDArray[np.float64]) -> float:
    """Share of `differences` (n,) with the sign of `truth` (n,), a nought counting a half; n at least 1."""
    return float(np.mean(0.5 + 0.5 * np.sign(differences) * truth))


def score(farness: NDArray[np.floating[Any]], pairs: Pairs) -> float:
    flat = farness.ravel()
    return ordered(flat[pairs[0]] - flat[pairs[1]], pairs[2])


def lower_is_nearer(size_hw: tuple[int, int]) -> NDArray[np.float64]:
    return np.repeat(-np.arange(size_hw[0], dtype=np.float64)[:, None], size_hw[1], axis=1)


# The fit: every draw is scored on every frame once; leaving a scene out is leaving its columns out.


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Random constants and how each does on each frame."""

    weights: NDArray[np.float64]
    """(n, len(FREE) + len(RANGES)): the free weights, then the logarithms of the other constants."""
    share: NDArray[np.float64]
    """(n, frames) share of pairs ordered rightly."""
    scenes: tuple[str, ...]
    """The scene of each frame."""

    def best(self, leave_out: str | None = None) -> CueWeights:
        """The mean of the best draws on all scenes but `leave_out`, scenes weighing alike."""
        scenes = [scene for scene in dict.fromkeys(self.scenes) if scene != leave_out]
        per_scene = [self.share[:, [s == scene for s in self.scenes]].mean(axis=1) for scene in scenes]
        order = np.argsort(-np.mean(per_scene, axis=0), kind="stable")
        mean = self.weights[order[: max(1, round(BEST * len(order)))]].mean(axis=0)
        mean[len(FREE) :] = np.exp(mean[len(FREE) :])
        chosen: dict[str, Any] = dict(zip((*FREE, *RANGES), map(float, mean), strict=True))
        return replace(SHIPPED, **chosen)


def draw_weights(frames: Sequence[Frame]) -> Draws:
    """`SETTINGS` settings of the constants in `RANGES`, evenly spread each, times `DRAWS` cue weights."""
    rng = np.random.default_rng(SEED)
    free = rng.uniform(0.0, LARGEST_WEIGHT, (DRAWS, len(FREE))) * (rng.random((DRAWS, len(FREE))) < 0.5)
    mix = np.zeros((DRAWS, len(CUES)))
    mix[:, CUES.index("contact")], mix[:, CUES.index("sky")] = 1.0, SHIPPED.sky
    mix[:, [CUES.index(name) for name in FREE]] = free
    low, high = np.log(np.array(list(RANGES.values()))).T
    places = np.stack([rng.permutation(SETTINGS) for _ in RANGES], axis=1) + 0.5
    settings = low + (high - low) * places / SETTINGS
    share = np.zeros((SETTINGS, DRAWS, len(frames)))
    for column, shot in enumerate(frames):
        first, second, truth = draw_pairs(shot.depth_m, FIT_PAIRS, SEED + 100 + column)
        there = np.asarray(np.unravel_index(np.stack([first, second]), shot.depth_m.shape))
        for row, setting in enumerate(settings):
            constants: dict[str, Any] = dict(zip(RANGES, map(float, np.exp(setting)), strict=True))
            maps = cue_maps(shot.image, replace(SHIPPED, **constants)).maps
            y = there[0] * maps.shape[1] // shot.depth_m.shape[0]
            x = there[1] * maps.shape[2] // shot.depth_m.shape[1]
            apart = (maps[:, y[0], x[0]] - maps[:, y[1], x[1]]) * truth
            share[row, :, column] = (mix @ apart > 0).mean(axis=1)
    weights = np.concatenate([np.column_stack([free, np.tile(setting, (DRAWS, 1))]) for setting in settings])
    return Draws(weights, share.reshape(-1, len(frames)), tuple(shot.scene for shot in frames))


# Objects: no annotation says where they are, so the sensor's own depth steps do.


def depth_pieces(depth_m: NDArray[np.float64]) -> list[NDArray[np.bool_]]:
    """(H, W) masks of connected pieces, neighbours differing by under `STEP`, of a size in `OBJECT_AREA`."""
    depth = cv2.medianBlur(depth_m.astype(np.float32), 5).astype(np.float64)
    index = np.arange(depth.size).reshape(depth.shape)
    first: list[NDArray[np.int64]] = []
    second: list[NDArray[np.int64]] = []
    for a, b in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        joined = (depth[a] > 0) & (depth[b] > 0) & (np.abs(depth[a] - depth[b]) < STEP * np.minimum(depth[a], depth[b]))
        first.append(index[a][joined])
        second.append(index[b][joined])
    ends = (np.concatenate(first), np.concatenate(second))
    _, labels = connected_components(
        coo_matrix((np.ones(len(ends[0]), bool), ends), shape=(depth.size,) * 2), directed=False
    )
    sizes = np.bincount(labels)
    least, most = (share * depth.size for share in OBJECT_AREA)
    wanted = np.flatnonzero((sizes >= least) & (sizes <= most))
    return [(labels == label).reshape(depth.shape) & (depth_m > 0) for label in wanted]


def box_of(mask: NDArray[np.bool_]) -> Box:
    y, x = np.nonzero(mask)
    return float(x.min()), float(y.min()), float(x.max() + 1), float(y.max() + 1)


def object_order(shot: Frame, weights: CueWeights, farness: NDArray[np.float32]) -> dict[str, Any]:
    """Order of the pieces by their feet, by `farness`, and by the estimate that is given their boxes."""
    masks = depth_pieces(shot.depth_m)
    boxes = [box_of(mask) for mask in masks]
    boxed = estimate_farness(shot.image, boxes, weights=weights)
    true = np.array([np.median(shot.depth_m[mask]) for mask in masks])
    a, b = np.triu_indices(len(masks), 1)
    keep = np.abs(true[a] - true[b]) > APART * np.minimum(true[a], true[b]) if len(masks) else np.zeros(0, bool)
    a, b = a[keep], b[keep]
    ways = {
        "feet": np.array([-box[3] for box in boxes]),
        "pixels": np.array([np.median(farness[mask]) for mask in masks]),
        "boxes": np.array([np.median(boxed[mask]) for mask in masks]),
    }
    truth = np.sign(true[a] - true[b]) if len(a) else np.zeros(0)
    found = {name: ordered(value[a] - value[b], truth) if len(a) else None for name, value in ways.items()}
    return {"objects": len(masks), "pairs": len(a), **found}


def measure(shot: Frame, weights: CueWeights, seed: int) -> dict[str, Any]:
    """One line of the table: `shot` with `weights`, those of other scenes, and with the shipped ones."""
    pairs = draw_pairs(shot.depth_m, PAIRS, seed)
    farness = estimate_farness(shot.image, weights=weights)
    shipped = estimate_farness(shot.image)
    return {
        "scene": shot.scene,
        "frame": shot.name,
        "pairs": len(pairs[2]),
        "lower_is_nearer": score(lower_is_nearer(shot.depth_m.shape[:2]), pairs),
        "held_out": score(farness, pairs),
        "shipped": score(shipped, pairs),
        "object_order": object_order(shot, weights, farness),
    }


def means(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over frames; over all object pairs alike for objects."""
    result: dict[str, Any] = {"frames": len(lines), "pairs": sum(line["pairs"] for line in lines)}
    for key in ("lower_is_nearer", "held_out", "shipped"):
        result[key] = float(np.mean([line[key] for line in lines]))
    counted = [line["object_order"] for line in lines if line["object_order"]["pairs"]]
    total = sum(line["pairs"] for line in counted)
    result["object_order"] = {
        "objects": sum(line["object_order"]["objects"] for line in lines),
        "pairs": total,
    }
    for key in ("feet", "pixels", "boxes"):
        result["object_order"][key] = sum(line[key] * line["pairs"] for line in counted) / max(total, 1)
    return result


def scene_means(lines: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Scenes weighing alike, as frames of one scene say much the same."""
    keys = ("lower_is_nearer", "held_out", "shipped")
    scenes = [[line for line in lines if line["scene"] == name] for name in {line["scene"]: 0 for line in lines}]
    return {key: float(np.mean([np.mean([line[key] for line in scene]) for scene in scenes])) for key in keys}


def run() -> dict[str, Any]:
    began = time.perf_counter()
    headline = headline_frames()
    draws = draw_weights(headline)
    held_out = {scene: draws.best(leave_out=scene) for scene in dict.fromkeys(draws.scenes)}
    everything = draws.best()
    lines = [measure(shot, held_out[shot.scene], SEED + i) for i, shot in enumerate(headline)]
    further = [measure(shot, everything, SEED + 50 + i) for i, shot in enumerate(further_frames())]
    start = time.perf_counter()
    estimate_farness(headline[0].image)
    return {
        "headline": lines,
        "headline_mean": means(lines),
        "scene_mean": scene_means(lines),
        "further": further,
        "further_mean": means(further),
        "constants": {
            name: free_weights(w)
            for name, w in {
                **{f"without {s}": w for s, w in held_out.items()},
                "all": everything,
                "shipped": SHIPPED,
            }.items()
        },
        "fit": {"settings": SETTINGS, "draws_each": DRAWS, "pairs_a_frame": FIT_PAIRS, "kept_share": BEST},
        "seconds_640x480": time.perf_counter() - start,
        "seconds_all": time.perf_counter() - began,
    }


def free_weights(weights: CueWeights) -> dict[str, float]:
    return {name: round(value, 3) for name, value in asdict(weights).items() if name in (*FREE, *RANGES)}


def line(scene: str, shot: str, row: dict[str, Any]) -> str:
    pixels = "".join(f"{row[key]:>10.3f}" for key in ("lower_is_nearer", "held_out", "shipped"))
    order = row["object_order"]
    objects = "".join(f"{order[key]:>8.3f}" if order["pairs"] else f"{'-':>8}" for key in ("feet", "pixels", "boxes"))
    return f"{scene:<11}{shot:<11}{row['pairs']:>8,}{pixels}   {order['objects']:>7}{order['pairs']:>7}{objects}"


def gain(mean: dict[str, Any]) -> str:
    return f"{mean['held_out'] - mean['lower_is_nearer']:+.4f}"


def table(result: dict[str, Any]) -> str:
    mean, more = result["headline_mean"], result["further_mean"]
    names = (*FREE, *RANGES)
    head = ("row", "held out", "shipped"), ("feet", "pixels", "boxes")
    return "\n".join(
        [
            "Share of pairs in the right order; ties count a half. row: lower in the frame is nearer.",
            "held out: weights fitted without the frame's scene. objects: pieces of the sensor depth, of any",
            "kind, ordered by the foot of their box, by the held-out estimate, and by it given the boxes.",
            f"{'scene':<11}{'frame':<11}{'pairs':>8}"
            + "".join(f"{name:>10}" for name in head[0])
            + f"   {'objects':>7}{'pairs':>7}"
            + "".join(f"{name:>8}" for name in head[1]),
            *(line(row["scene"], row["frame"], row) for row in result["headline"]),
            line("MEAN", f"{mean['frames']} frames", mean),
            "mean of scenes " + ", ".join(f"{k} {v:.3f}" for k, v in result["scene_mean"].items()),
            "",
            "Further scenes, in no fit. held out: weights fitted on all seven frames above, not rounded.",
            *(line(row["scene"], row["frame"], row) for row in result["further"]),
            line("MEAN", f"{more['frames']} frames", more),
            "",
            f"held out minus row: {gain(mean)} on the headline, {gain(more)} on the further scenes",
            f"one 640x480 {result['seconds_640x480']:.2f} s, everything {result['seconds_all']:.0f} s",
            "",
            f"{'fitted':<20}" + "".join(f"{key:>18}" for key in result["constants"]),
            *(
                f"{name:<20}" + "".join(f"{values[name]:>18.3f}" for values in result["constants"].values())
                for name in names
            ),
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--json",
        metavar="FILE",
        nargs="?",
        const="-",
        help="print JSON instead of the table, or write it to FILE",
    )
    parser.add_argument("--fit", action="store_true", help="print only the constants fitted on all seven frames")
    options = parser.parse_args(arguments)
    if not DATA.is_dir():
        raise SystemExit(f"No test data in {DATA}. Set SPACE_STUDIO_TEST_DATA to its folder.")
    if options.fit:
        print(json.dumps(free_weights(draw_weights(headline_frames()).best()), indent=2))
        return
    result = run()
    text = json.dumps(result, indent=2, allow_nan=False)
    if options.json == "-":
        print(text)
        return
    print(table(result))
    if options.json:
        Path(options.json).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
