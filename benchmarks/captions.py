"""Captions of a COCO-sized annotation file, beside a plain Python loop for the same captions.

    .venv/bin/python benchmarks/captions.py

The file is made up to COCO's published statistics: 7.3 objects and about 3 categories a picture, 80 categories of which
people are three in ten, 41 % small, 34 % medium and 24 % large objects, outlines of some fifty numbers. Ours is the command
without the ambiguity check; the plain loop reads the whole file, takes one pair after the other and writes the same JSON
Lines, which are compared byte by byte. Each runs in a process of its own, which tells its peak memory and its CPU time.

`FULL=1`: 118,000 pictures with 860,000 boxes, as COCO's train2017; the plain loop still on 10,000.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import table

FULL = bool(os.environ.get("FULL"))
PICTURES, PLAIN_PICTURES = (118_000, 10_000) if FULL else (10_000, 10_000)


def make(file: Path) -> int:
    """Write a file of as many pictures as its name says; how many boxes it has."""
    import numpy as np

    from spacestudio.relations.naming import COCO

    pictures, rng = int(file.stem), np.random.default_rng(0)
    names = [name for group in COCO.values() for name in group]
    weight = 1 / (np.arange(80) + 2.0)
    weight[0] = weight.sum() * 0.4  # people are three in ten
    weight /= weight.sum()
    outlines = [json.dumps([[round(v, 2) for v in rng.uniform(0, 640, 54).tolist()]]) for _ in range(64)]
    number = 0
    with file.open("w", encoding="utf-8") as out:
        images = [{"id": i * 5, "file_name": f"{i * 5:012d}.jpg", "width": 640, "height": 480} for i in range(pictures)]
        out.write(f'{{"images": {json.dumps(images)}, "annotations": [')
        counts = np.minimum(rng.geometric(1 / 7.3, pictures), 90)
        for i, count in enumerate(counts.tolist()):
            own = rng.choice(80, min(rng.geometric(1 / 3), 18), replace=False, p=weight)
            category = own[np.concatenate((np.arange(len(own)), rng.integers(0, len(own), count)))[:count]] + 1
            scale = rng.choice(3, count, p=(0.415, 0.343, 0.242))
            side = np.exp(rng.uniform(np.log([8, 32, 96])[scale], np.log([32, 96, 400])[scale]))
            stretch = np.exp(rng.normal(0, 0.4, count))
            w, h = np.minimum(side * stretch, 639), np.minimum(side / stretch, 479)
            x, y = rng.uniform(0, 640 - w), rng.uniform(0, 480 - h)
            boxes = np.round(np.stack((x, y, w, h), axis=1), 2).tolist()
            for box, kind, area in zip(boxes, category.tolist(), (w * h).tolist(), strict=True):
                out.write(
                    f'{", " if number else ""}{{"segmentation": {outlines[number % 64]}, "area": {area:.4f}, "iscrowd": 0, '
                    f'"image_id": {i * 5}, "bbox": {box}, "category_id": {kind}, "id": {number + 1}}}'
                )
                number += 1
        kinds = [{"id": k + 1, "name": name} for k, name in enumerate(names)]
        out.write(f'], "categories": {json.dumps(kinds)}}}')
    return number


def ours(file: Path, out: Path) -> int:
    """The studio's captions."""
    from spacestudio.services.captions import Wanted, draw

    return int(draw(Wanted(file, instances="any", shares=(1, 0, 0)), out).about["counts"]["captions"])


def plain(file: Path, out: Path) -> int:
    """The same captions by json.load and a loop over pairs."""
    import math

    from spacestudio.relations.naming import a, is_plural

    data = json.loads(file.read_text(encoding="utf-8"))
    names = {c["id"]: c["name"] for c in data["categories"]}
    nouns = {c: name if is_plural(name) or name == "broccoli" else a(name) for c, name in names.items()}
    told: dict[int, list[tuple[int, list[float]]]] = {image["id"]: [] for image in data["images"]}
    for row in data["annotations"]:
        x, y, w, h = row["bbox"]
        box = [round(v, 6) for v in (x, y, x + w, y + h)]
        box = [min(max(v, 0.0), side) for v, side in zip(box, (640.0, 480.0) * 2, strict=True)]
        if (box[2] - box[0]) * (box[3] - box[1]) > 0.01 * 640 * 480:
            told[row["image_id"]].append((row["category_id"], box))
    number = 0
    with out.open("w", encoding="utf-8") as lines:
        for image in data["images"]:
            objects, sides = told[image["id"]], (image["width"], image["height"])
            for s, (s_kind, s_box) in enumerate(objects):
                for o, (o_kind, o_box) in enumerate(objects):
                    if s == o or s_kind == o_kind:
                        continue
                    back = relations(o_box, s_box, sides, math.atan2)
                    for relation in relations(s_box, o_box, sides, math.atan2):
                        if INVERSE[relation] not in back:
                            continue
                        record = {
                            "image_id": image["id"], "file_name": image["file_name"],
                            "caption": caption(relation, nouns[s_kind], nouns[o_kind]),
                            "subject": names[s_kind], "relation": relation, "object": names[o_kind],
                            "subject_box": s_box, "object_box": o_box, "rule_set": "sstd", "split": "train",
                        }  # fmt: skip
                        lines.write(json.dumps(record) + "\n")
                        number += 1
    return number


PAIRS = (
    ("left of", "right of"), ("above", "below"), ("surrounding", "inside"), ("overlapping", "overlapping"),
    ("separated", "separated"), ("wider", "narrower"), ("taller", "shorter"), ("larger", "smaller"),
)  # fmt: skip
INVERSE = dict(PAIRS) | {b: a for a, b in PAIRS}


def relations(s: list[float], o: list[float], sides: tuple[int, int], atan2) -> list[str]:  # noqa: ANN001
    """SSTD's rules for one pair."""
    from math import pi

    tx, ty = 0.02 * sides[0], 0.02 * sides[1]
    if s[0] - o[0] <= tx and o[2] - s[2] <= tx and s[1] - o[1] <= ty and o[3] - s[3] <= ty:
        found = ["surrounding"]
    elif o[0] - s[0] <= tx and s[2] - o[2] <= tx and o[1] - s[1] <= ty and s[3] - o[3] <= ty:
        found = ["inside"]
    else:
        angle = atan2((s[1] + s[3] - o[1] - o[3]) / sides[1], (s[0] + s[2] - o[0] - o[2]) / sides[0])
        quarter = pi / 4
        if angle >= 3 * quarter or angle <= -3 * quarter:
            found = ["left of"]
        elif angle < -quarter:
            found = ["above"]
        else:
            found = ["right of"] if angle < quarter else ["below"]
    shared = min(s[2], o[2]) > max(s[0], o[0]) and min(s[3], o[3]) > max(s[1], o[1])
    found.append("overlapping" if shared else "separated")
    sw, sh, ow, oh = s[2] - s[0], s[3] - s[1], o[2] - o[0], o[3] - o[1]
    for mine, theirs, more, less in (
        (sw, ow, "wider", "narrower"),
        (sh, oh, "taller", "shorter"),
        (sw * sh, ow * oh, "larger", "smaller"),
    ):
        if mine != theirs:
            found.append(more if mine > theirs else less)
    return found


def caption(relation: str, s: str, o: str) -> str:
    """SEEDS 3.2's templates."""
    if relation in ("left of", "right of"):
        return f"{s} to the {relation} {o}"
    if relation == "separated":
        return f"{s} and {o} separated"
    plain_word = relation in ("above", "below", "inside", "surrounding", "overlapping")
    return f"{s} {relation} {o}" if plain_word else f"{s} {relation} than {o}"


@dataclass(frozen=True)
class Done:
    """What a task did: captions (or boxes), seconds on the clock and of its own CPU time, peak memory in MB."""

    number: int
    seconds: float
    cpu: float
    peak: float


def alone(name: str, *files: Path) -> Done:
    """A task in a process of its own."""
    command = [sys.executable, __file__, name, *map(str, files)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Done(*json.loads(done.stdout))


def worker(name: str, *files: str) -> None:
    """Run one task and print what `alone` wants."""
    start, cpu = time.perf_counter(), time.process_time()
    number = {"make": make, "ours": ours, "plain": plain, "load": load}[name](*map(Path, files))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps((number, time.perf_counter() - start, time.process_time() - cpu, peak)))


def load(file: Path) -> int:
    """What reading the whole file at once takes."""
    return len(json.loads(file.read_text(encoding="utf-8"))["annotations"])


def row(what: str, pictures: int, done: Done, out: Path) -> tuple[str, ...]:
    """Of the table."""
    return (
        what, f"{pictures:,}", f"{done.number:,}", f"{done.seconds:.1f} s", f"{done.cpu:.1f} s",
        f"{done.number / done.cpu:,.0f}", f"{done.peak:,.0f} MB", f"{out.stat().st_size / 1e6:,.0f} MB",
    )  # fmt: skip


def main() -> None:
    """Both, in turn, and whether they say the same."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        large, small = folder / f"{PICTURES}.json", folder / f"{PLAIN_PICTURES}.json"
        made = {file: alone("make", file).number for file in {small: 0, large: 0}}
        rows = []
        for what, name, file in (
            ("ours, Parquet", "ours.parquet", large),
            ("ours, JSON Lines", "ours.jsonl", large),
            *([("ours, JSON Lines", "ours.jsonl", small)] if small != large else []),
            ("plain loop, JSON Lines", "plain.jsonl", small),
        ):
            done = alone(name.partition(".")[0], file, folder / name)
            rows.append(row(what, int(file.stem), done, folder / name))
        reading = alone("load", large)
        with (folder / "ours.jsonl").open("rb") as mine, (folder / "plain.jsonl").open("rb") as theirs:
            same = all(a == b for a, b in zip(mine, theirs, strict=True))
        title = f"Captions of {made[large]:,} boxes, annotations of {large.stat().st_size / 1e6:,.0f} MB"
        head = ["", "pictures", "captions", "time", "CPU time", "a CPU second", "peak memory", "written"]
        print(table(title, head, rows))
        print(f"json.load alone, without any caption: {reading.cpu:.1f} s CPU, peak {reading.peak:,.0f} MB.")
        print(f"The plain loop wrote the same bytes: {'yes' if same else 'NO'}.")
        if not same:
            sys.exit(1)


if __name__ == "__main__":
    worker(*sys.argv[1:]) if len(sys.argv) > 1 else main()
