"""SpaceSGG's two stages without a language model: 640 x 480 RGB-D pictures with ten objects, from files to finished rows.

    .venv/bin/python benchmarks/spacesgg.py [--peers DIR]

Ours reads depth and masks, measures, makes the graph and the record (layers, order of all pairs) and writes the three texts,
every fact verified. The plain loop reads the same files and does what the published scripts set out to do, object by object
and pair by pair: whole-frame points, ranges, levels, order, and twenty sentences put together from it, none verified. The
floor only decodes the files. Times are processor time of one core. Where outside test data lies at hand the frames are its
RGB-D frames, else they are made; the objects' masks are ellipses at random places either way.

With --peers, the published `layers_aggregation.py` and `multiview_layers.py` found in that folder run on the same pictures,
as whole processes by the clock; the point maps the second one wants, which no published script writes, are made for it.
FULL=1 takes more pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import ROOT, medians, ms, table
from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.objects import SceneObject
from spacestudio.domain.sample import Sample
from spacestudio.formats.spacesgg import CONVERSATION, DESCRIPTION, QA, record_row
from spacestudio.geometry.layering import layers_of
from spacestudio.geometry.measure import measure, part_of, with_depth_stats
from spacestudio.relations.relate import VIEWS, relate, seen_from
from spacestudio.services.tell import told

WIDTH, HEIGHT, OBJECTS = 640, 480, 10
PICTURES = 60 if os.environ.get("FULL") else 12
ROUNDS = 5 if os.environ.get("FULL") else 3
LABELS = ("cup", "plate", "vase", "lamp", "chair", "book", "bottle", "clock", "bowl", "table")
CAMERA = Camera(525.0, 525.0, 319.5, 239.5, WIDTH, HEIGHT)
DATA = Path(os.environ.get("SPACE_STUDIO_TEST_DATA") or ROOT.parent / "shared" / "data")
FRAMES = (
    "redwood/depth/00000.png",
    "redwood/depth/00001.png",
    "seven_scenes/frame-000000.depth.png",
    "seven_scenes/frame-000100.depth.png",
    "seven_scenes/frame-000200.depth.png",
    "nyu/sync_depth_00000.png",
)


@dataclass(frozen=True)
class Files:
    """One picture's files: depth in millimetres, a mask for each object, and the objects' boxes."""

    name: str
    depth: Path
    masks: tuple[Path, ...]
    boxes: tuple[tuple[int, int, int, int], ...]


def made(folder: Path) -> tuple[list[Files], str]:
    """The pictures, and where their depth is from."""
    rng = np.random.default_rng(0)
    real = [DATA / "rgbd" / name for name in FRAMES if (DATA / "rgbd" / name).is_file()]
    out = []
    for number in range(PICTURES):
        depth = cv2.imread(str(real[number % len(real)]), cv2.IMREAD_UNCHANGED) if real else slanted(rng)
        masks, boxes = [], []
        for k in range(OBJECTS):
            mask = np.zeros((HEIGHT, WIDTH), np.uint8)
            x, y = int(rng.integers(80, 560)), int(rng.integers(80, 400))
            cv2.ellipse(mask, (x, y), (int(rng.integers(20, 80)), int(rng.integers(20, 80))), 0, 0, 360, 255, -1)
            if not real:
                depth[mask > 0] = rng.integers(800, 4000)
            box = Box.around(mask > 0)
            assert box is not None
            masks.append(folder / f"{number:04d}_{k}.png")
            boxes.append(tuple(int(v) for v in box.xyxy))
            cv2.imwrite(str(masks[-1]), mask)
        path = folder / f"{number:04d}.png"
        cv2.imwrite(str(path), depth)
        out.append(Files(f"{number:04d}", path, tuple(masks), tuple(boxes)))
    return out, f"{len(real)} real frames" if real else "made frames"


def slanted(rng: np.random.Generator) -> NDArray[np.uint16]:
    """A wall that recedes, with a sensor's noise, mm."""
    wall = np.repeat(np.linspace(3000, 6000, WIDTH)[None, :], HEIGHT, 0)
    return np.asarray(wall + rng.normal(0, 5, wall.shape), np.uint16)


Decoded = tuple[NDArray[np.uint16], list[NDArray[np.bool_]]]


def decoded(files: Files) -> Decoded:
    """Depth and masks as arrays: what everybody has to do."""
    depth = cv2.imread(str(files.depth), cv2.IMREAD_UNCHANGED)
    return depth, [cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE) > 0 for mask in files.masks]


def sample(files: Files, read: Decoded) -> Sample:
    """Ours: measured, layered and related, as `analyze` does it once depth and masks are known."""
    depth = DepthMap.of(read[0].astype(np.float32) / 1000, "metric", "sensor")
    objects = tuple(
        SceneObject(f"{label}-1", label, Box(*map(float, box)), mask=mask)
        for label, box, mask in zip(LABELS, files.boxes, read[1], strict=True)
    )
    parts = [part_of(o, WIDTH, HEIGHT, depth, CAMERA, turned=False) for o in objects]
    objects = with_depth_stats(objects, depth, parts)
    variants = measure(objects, WIDTH, HEIGHT, depth, CAMERA, parts=parts)
    graph = relate(objects, variants)
    views = {str(view): seen_from(view, objects, variants, graph) for view in VIEWS}
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    layers = layers_of(objects, depth)
    return Sample(files.name, files.name, image, graph, depth, CAMERA, layers=layers, views=views, variants=variants)


def texts(s: Sample) -> int:
    """Ours: the rows of the three files; how many exchanges are in them."""
    fresh = told(replace(s, exchanges={}))
    return sum(len(row["conversations"]) // 2 for form in (DESCRIPTION, QA, CONVERSATION) for row in form.rows([fresh]))


def plain(files: Files, read: Decoded) -> tuple[list[str], dict[str, list[int]]]:
    """Both stages in plain loops: each object by itself over the whole frame, then pair by pair; nothing is verified."""
    ranges, keys = [], [str(list(box)) for box in files.boxes]
    for mask in read[1]:
        z = read[0].astype(np.float32) / 1000
        v, u = np.mgrid[:HEIGHT, :WIDTH]
        points = np.stack(((u - CAMERA.cx) / CAMERA.fx * z, (v - CAMERA.cy) / CAMERA.fy * z, z), -1)
        own = points[mask & (z > 0)]
        ranges.append((np.percentile(own, 10, axis=0), np.percentile(own, 90, axis=0)))
    order: dict[str, list[int]] = {}
    for i, (low_i, high_i) in enumerate(ranges):
        for j, (low_j, high_j) in enumerate(ranges):
            if i != j:
                signs = [-1 if high_i[k] < low_j[k] else 1 if low_i[k] > high_j[k] else 0 for k in range(3)]
                order[f"{keys[i]}>{keys[j]}"] = signs
    levels = [
        [keys[i], *(keys[j] for j in range(len(keys)) if ranges[j][0][2] < r[0][2] and ranges[j][1][2] > r[1][2])]
        for i, r in sorted(enumerate(ranges), key=lambda item: float(item[1][0][2]))
    ]
    names = dict(zip(keys, LABELS, strict=True))
    said = [f"Layer {k + 1}: {', '.join(names[key] for key in level)}" for k, level in enumerate(levels)]
    for pair, (left, up, front) in list(order.items())[:20]:
        a, b = (names[key] for key in pair.split(">"))
        words = [w for w, s in (("left of", left == -1), ("above", up == -1), ("in front of", front == -1)) if s]
        said.append(f"The {a} is {', '.join(words)} the {b}. Viewed from the left side of the scene, what is the relation?")
    return said, order


def peers(folder: Path, pictures: list[Files], work: Path) -> list[list[str]]:
    """The published scripts on the same pictures, as whole processes; a row each, with what went wrong in words."""
    known = {
        f"images/coco_train2017_{f.name}.jpg": {"depth": f.depth.name}
        | {str(list(box)): [label, list(box), mask.name] for label, box, mask in zip(LABELS, f.boxes, f.masks, strict=True)}
        for f in pictures
    }
    first, second = work / "asv2_level.json", work / "processed_annotations.json"
    first.write_text(json.dumps(known))
    for f in pictures:
        z = decoded(f)[0].astype(np.float32) / 1000
        v, u = np.mgrid[:HEIGHT, :WIDTH]
        points = np.stack(((u - CAMERA.cx) / CAMERA.fx * z, (v - CAMERA.cy) / CAMERA.fy * z, z), -1)
        np.save(work / f"coco_train2017_{f.name}.npy", points.astype(np.float32))
    base = ["--mask-dir", str(work), "--dataset-base", "", "--data-prefix", ""]
    steps = {
        "layers_aggregation.py": ["--input-file", str(first), "--depth-dir", str(work), "--output-file", str(second), *base],
        "multiview_layers.py": [
            "--input-file", str(second), "--point-cloud-dir", str(work), "--output-file", str(work / "views.json"), *base
        ],
    }  # fmt: skip
    rows = []
    for name, arguments in steps.items():
        found = sorted(folder.rglob(name))
        if not found:
            rows.append([f"published {name}", f"not in {folder}", "", "", ""])
            continue
        start = time.perf_counter()
        run = subprocess.run(
            [sys.executable, str(found[0]), *arguments], cwd=work, capture_output=True, text=True, check=False
        )
        took = (time.perf_counter() - start) / len(pictures)
        why = "" if run.returncode == 0 else (run.stderr.strip().splitlines() or ["failed"])[-1][:60]
        rows.append([f"published {name}", why or ms(took), "" if why else f"{1 / took:.1f}", "", ""])
    return rows


def main() -> None:
    """Measure, check that both ways find the same order, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="a folder with the published repository")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pictures, source = made(folder)
        read = [decoded(f) for f in pictures]
        known = [sample(f, r) for f, r in zip(pictures, read, strict=True)]
        exchanges = sum(texts(s) for s in known)
        both = list(zip(pictures, read, strict=True))

        def whole(f: Files) -> None:
            s = sample(f, decoded(f))
            record_row(s)
            texts(s)

        tasks: dict[str, Callable[[], object]] = {
            "spacestudio: files to record and texts": lambda: [whole(f) for f in pictures],
            "  measuring and relating": lambda: [sample(f, r) for f, r in both],
            "  the record": lambda: [record_row(s) for s in known],
            "  the three texts": lambda: [texts(s) for s in known],
            "plain loop: the same files, unverified": lambda: [plain(f, decoded(f)) for f in pictures],
            "decoding the files": lambda: [decoded(f) for f in pictures],
        }
        found = medians(tasks, ROUNDS, time.process_time)
        base = found["spacestudio: files to record and texts"]
        rows = [
            [name, ms(t / PICTURES), f"{PICTURES / t:.1f}", f"{PICTURES * OBJECTS / t:.0f}", f"{t / base:.2f} x"]
            for name, t in found.items()
        ]
        if arguments.peers:
            rows += peers(arguments.peers, pictures, folder)
        mine = [record_row(s)["order_list"] for s in known]
        others = [plain(f, r)[1] for f, r in both]
        same = sum(a == b for m, o in zip(mine, others, strict=True) for a, b in zip(m.values(), o.values(), strict=True))
        pairs = sum(map(len, mine))
    print(
        table(
            f"SpaceSGG: {PICTURES} pictures of {WIDTH} x {HEIGHT}, {OBJECTS} objects each ({source}), median of {ROUNDS}",
            ["", "a picture", "pictures/s", "objects/s", "to ours"],
            rows,
        )
    )
    print(f"{exchanges} exchanges in all, {exchanges / base:.0f} a second with files, measuring and checking included.")
    print(f"Order of pairs as the plain loop finds it: {same} of {pairs} (ours leaves out 2 px at the masks' edges).")
    if not arguments.peers:
        print("The published scripts were not run: give --peers DIR, a folder with their repository.")


if __name__ == "__main__":
    main()
