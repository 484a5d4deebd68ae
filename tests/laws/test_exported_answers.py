"""Every exported answer is true of its picture: read off masks and depth alone, by definitions of its own, without the graph."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spacestudio.domain.qa import QAPair
from spacestudio.domain.sample import Sample
from spacestudio.formats.folder import read_sample, read_samples
from spacestudio.formats.rows import turn
from spacestudio.services.batch import synthesize_scenes
from spacestudio.services.knowledge import STAGES, Recipe, run
from spacestudio.services.publish import publish

SCENES = int(os.environ.get("SCENES", "4"))
"""SCENES=100 makes and checks that many."""


class Seen:
    """One object as its pixels and points show it: extent and centre of the mask, median depth, median point."""

    def __init__(self, label: str, mask: Any, sample: Sample, place: int) -> None:
        assert sample.depth is not None and sample.cloud is not None
        rows, columns = np.nonzero(mask)
        self.label = label
        self.left, self.right, self.top, self.bottom = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
        self.x, self.y = (self.left + self.right) / 2, (self.top + self.bottom) / 2
        self.width, self.height = self.right - self.left, self.bottom - self.top
        self.far = float(np.median(sample.depth.values[mask & sample.depth.valid]))
        self.across, _, self.away = np.median(sample.cloud.points_camera[sample.cloud.object_index == place], axis=0)


def meets(a: Seen, b: Seen) -> bool:
    return min(a.right, b.right) > max(a.left, b.left) and min(a.bottom, b.bottom) > max(a.top, b.top)


def holds_in(a: Seen, b: Seen) -> bool:
    slack = 0.05 * 512
    return (
        a.left >= b.left - slack and a.right <= b.right + slack and a.top >= b.top - slack and a.bottom <= b.bottom + slack
    )


IMAGE: dict[str, Callable[[Seen, Seen], bool]] = {
    "left of": lambda a, b: a.x < b.x,
    "right of": lambda a, b: a.x > b.x,
    "above": lambda a, b: a.y < b.y,
    "below": lambda a, b: a.y > b.y,
    "wider": lambda a, b: a.width > b.width,
    "narrower": lambda a, b: a.width < b.width,
    "taller": lambda a, b: a.height > b.height,
    "shorter": lambda a, b: a.height < b.height,
    "larger": lambda a, b: a.width * a.height > b.width * b.height,
    "smaller": lambda a, b: a.width * a.height < b.width * b.height,
    "overlapping": meets,
    "separated": lambda a, b: not meets(a, b),
    "inside": holds_in,
    "surrounding": lambda a, b: holds_in(b, a),
}
CAMERA: dict[str, Callable[[Seen, Seen], bool]] = {
    "in front of": lambda a, b: a.far < b.far,
    "behind": lambda a, b: a.far > b.far,
    "at the same depth": lambda a, b: abs(a.far - b.far) < 0.06,
}
# Seen from the left side, what is farther from the camera is on the left, and what is left is in front (SEEDS 1.3 d).
TURNED: dict[str, Callable[[Seen], tuple[float, float]]] = {
    "left": lambda thing: (-thing.away, thing.across),
    "right": lambda thing: (thing.away, -thing.across),
    "back": lambda thing: (-thing.across, -thing.away),
}
"""Viewpoint -> where a thing is from there: to the right, and away."""


def shown(predicate: str, frame: str, a: Seen, b: Seen) -> bool | None:
    """Whether the pixels show it; None where no definition stands here."""
    if frame in TURNED:
        (right, away), (other_right, other_away) = TURNED[frame](a), TURNED[frame](b)
        turned = {"left of": right < other_right, "right of": right > other_right}
        return {**turned, "in front of": away < other_away, "behind": away > other_away}.get(predicate)
    rule = (IMAGE if frame == "image" else CAMERA).get(predicate)
    return None if rule is None else bool(rule(a, b))


def true_of_pixels(q: QAPair, things: dict[str, Seen], size: tuple[int, int]) -> bool | None:
    """Whether an answer is right; None where these definitions have no say."""
    parts = q.key.split(":")
    family, answer = parts[0], q.answer
    if family == "existence":
        return (answer == "Yes") == any(thing.label == parts[1] for thing in things.values())
    if family == "count":
        return answer == str(sum(thing.label == parts[1] for thing in things.values()))
    if family == "position":
        thing = things[parts[1]]
        across = ("left", "center", "right")[min(2, int(3 * thing.x / size[0]))]
        down = ("top", "center", "bottom")[min(2, int(3 * thing.y / size[1]))]
        return answer in (f"{down} {across}", "center" if across == down == "center" else "")
    if family == "nearer":
        near = things[parts[1]].far < things[parts[3]].far
        first = near == (parts[2] in ("closer", "nearer"))
        return things[parts[1 if first else 3]].label in answer
    if family in ("relation", "viewpoint"):
        subject, predicate, object_, frame, form = parts[1:]
        asked = predicate if form == "yes-no" else answer
        verdict = shown(asked, frame, things[subject], things[object_])
        return verdict if verdict is None or form != "yes-no" else verdict == (answer == "Yes")
    return None


@pytest.fixture(scope="module", params=["synthesize", "skg"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, set[str]]]:
    """Sample folders, and what is exported of each: its id -> questions with their answers, a line each."""
    folder = tmp_path_factory.mktemp("answers")
    if request.param == "skg":
        run(list(STAGES), folder, Recipe(scenes=SCENES, combinations=1, seed=11))
        rows = json.loads((folder / "data_filtered.json").read_text())
        said = {row["sample"]: {f"{p['question']}\n{p['answer']}" for p in row["qa"]} for row in rows}
        return folder / "samples", said
    synthesize_scenes(None, SCENES, folder / "samples", seed=11)
    publish(read_samples(folder / "samples")[0], "llava", folder / "llava")
    said = {}
    for row in json.loads((folder / "llava" / "llava.json").read_text()):
        values = [said_["value"].removeprefix("<image>\n") for said_ in row["conversations"]]
        said[row["id"]] = {f"{q}\n{a}" for q, a in zip(values[::2], values[1::2], strict=True)}
    return folder / "samples", said


def test_every_exported_answer_is_true_of_its_picture(exported: tuple[Path, dict[str, set[str]]]) -> None:
    samples, said = exported
    checked: Counter[str] = Counter()
    wrong, unsaid, told = [], Counter[str](), 0
    for sample_id, lines in said.items():
        folder = samples / sample_id
        sample = read_sample(folder)
        things = {o.id: Seen(o.label, o.mask, sample, k) for k, o in enumerate(sample.objects)}
        for q in sample.qa:
            if "\n".join(turn(q)) not in lines:
                continue
            told += 1
            verdict = true_of_pixels(q, things, (sample.width, sample.height))
            if verdict is None:
                unsaid[q.family] += 1
            else:
                checked[q.family] += 1
                wrong += [] if verdict else [(sample_id, q.key, q.question, q.answer)]
    print(f"{sum(checked.values())} answers held against pixels {dict(checked)}, without a say: {dict(unsaid)}")
    assert told == sum(map(len, said.values())), "every exported pair was looked up"
    assert not wrong, wrong[:5]
    assert len(said) >= SCENES // 2 and sum(checked.values()) > 10 * len(said)
    assert set(unsaid) <= {"attribute", "relation", "depth_order"}
