"""SKG2Data's stages: published files in and out, counted, resumed, never a picture that does not show what was asked."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spacestudio.errors import InputError
from spacestudio.formats.layout_text import read_layout
from spacestudio.services.knowledge import STAGES, Recipe, run, run_stage
from spacestudio.services.knowledge.pictures import images
from spacestudio.services.knowledge.recipe import Work
from tests.engines.talking import data_of, said, schema_of, serving, using
from tests.support import DATA, ROOT, needs_data

GRAPH = {
    "scene": "park",
    "chosen_objects": ["cat", "cat"],
    "attributes": {"0": "a black cat", "1": "a black cat"},
    "negative_objects": "person",
    "objects_kg": [[0, "on the left of", 1]],
}
CLASH = GRAPH | {"objects_kg": [[0, "on the left of", 1], [1, "on the left of", 0]]}


def written(path: Path, rows: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows))
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """All stages over two scenes with the built-in engines."""
    folder = tmp_path_factory.mktemp("knowledge")
    reports = run(list(STAGES), folder, Recipe(scenes=2, combinations=2, seed=3))
    return folder, {r.stage: r for r in reports}


def test_every_stage_writes_its_published_file(made: tuple[Path, dict[str, Any]]) -> None:
    folder, reports = made
    assert (folder / "scenes.txt").read_text().count("\n") == 2
    rows = {name: json.loads((folder / stage.writes).read_text()) for name, stage in STAGES.items() if name != "scenes"}
    assert [set(row) for row in rows["objects"]] == [{"scene", "objects"}] * 2
    keys = {"scene", "chosen_objects", "attributes", "negative_objects", "objects_kg"}
    assert len(rows["graphs"]) == 4 and all(set(row) == keys for row in rows["graphs"])
    assert all(2 <= len(row["chosen_objects"]) <= 4 for row in rows["graphs"])
    for row in rows["boxes"]:
        assert len(read_layout(row["resp"]).items) == len(row["chosen_objects"])
    for row in rows["images"]:
        assert {p.name for p in (folder / row["img"]).iterdir()} == {"img_0.png", "boxes.png"}
        picture = np.asarray(Image.open(folder / row["img"] / "img_0.png"))
        kept = np.asarray(Image.open(folder / "samples" / row["sample"] / "image.png"))
        np.testing.assert_array_equal(picture, kept)
    for row in rows["check"]:
        assert row["img"].endswith("img_0.png") and (folder / row["img"]).is_file()
        assert row["qa"] and {"question", "answer"} <= set(row["qa"][0])
    for name, report in reports.items():
        told = json.loads((folder / "stages" / f"{name}.json").read_text())
        assert told["asked"] == report.asked and told["rows"] == report.rows
        assert not report.failed
    assert reports["images"].rows + sum(reports["images"].rejected.values()) == reports["images"].asked == 4


def test_the_same_seed_gives_the_same_bytes(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, _ = made
    run(["scenes", "objects", "graphs", "boxes"], tmp_path, Recipe(scenes=2, combinations=2, seed=3))
    for name in ("scenes.txt", "objects.json", "skg.json", "skg_boxes.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_what_was_done_is_not_done_again_and_what_changed_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    made = STAGES["boxes"]

    def counted(work: Work, row: Any) -> Any:
        calls.append(work.number)
        return made.make(work, row)

    monkeypatch.setattr("spacestudio.services.knowledge.STAGES", {**STAGES, "boxes": replace(made, make=counted)})
    other = GRAPH | {"chosen_objects": ["cat", "dog"], "attributes": {"0": "a black cat", "1": "a white dog"}}
    written(tmp_path / "skg.json", [GRAPH, other])
    run_stage("boxes", tmp_path, Recipe())
    assert calls == [0, 1]
    before = (tmp_path / "skg_boxes.json").read_bytes()
    assert run_stage("boxes", tmp_path, Recipe()).resumed == 2 and calls == [0, 1]
    assert (tmp_path / "skg_boxes.json").read_bytes() == before
    written(tmp_path / "skg.json", [GRAPH, other | {"objects_kg": [[0, "above", 1]]}])
    run_stage("boxes", tmp_path, Recipe())
    assert calls == [0, 1, 1], "a row that changed is laid out anew, never taken from an earlier run"
    with pytest.raises(InputError, match="another seed"):
        run_stage("boxes", tmp_path, Recipe(seed=9))


def test_two_equal_descriptions_stay_two_objects(tmp_path: Path) -> None:
    written(tmp_path / "skg.json", [GRAPH])
    run(["boxes", "images"], tmp_path, Recipe())
    (row,) = json.loads((tmp_path / "skg_boxes.json").read_text())
    (left, right) = read_layout(row["resp"]).items
    assert left[0] == right[0] == "black cat" and left[1].x1 <= right[1].x1 and left[1].x0 < right[1].x0
    (row,) = json.loads((tmp_path / "skg_images.json").read_text())
    sample = json.loads((tmp_path / "samples" / row["sample"] / "sample.json").read_text())
    assert [o["label"] for o in sample["objects"]] == ["cat", "cat"]
    assert "person" in sample["layout"].get("negative_prompt", "person") and sample["verdicts"][0]["verdict"] == "true"


def test_a_clash_and_a_bad_row_are_counted_and_the_rest_goes_on(tmp_path: Path) -> None:
    odd = [GRAPH, CLASH, {"scene": "x"}, 7, GRAPH | {"objects_kg": [[0, "left of", 5], "no", [0, "on the left of", 1]]}]
    written(tmp_path / "skg.json", odd)
    report = run_stage("boxes", tmp_path, Recipe())
    assert report.rows == 2 and report.rejected == Counter({"its relations clash": 1}) and len(report.failed) == 2
    assert report.repaired == 2, "two statements of the last row could not be used"
    assert any("left of" in note for note in report.notes)


def test_a_picture_that_does_not_show_what_was_asked_is_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two dogs drawn exactly over each other: the hidden one can't be verified."""
    from spacestudio.engines.imagine.compositor import Compositor
    from spacestudio.engines.protocols import Rendered

    honest = Compositor.render

    def losing(self: Compositor, *args: Any, **more: Any) -> Rendered:
        drawn = honest(self, *args, **more)
        return replace(drawn, objects=drawn.objects[:1])

    monkeypatch.setattr(Compositor, "render", losing)
    row = GRAPH | {"resp": "[('black cat', [40, 300, 150, 150]), ('black cat', [300, 300, 150, 150])]"}
    found = images(Work(tmp_path, Recipe(retries=0), 0), row)
    assert not found.rows and found.rejected == {"the picture does not show what was asked": 1}
    assert not (tmp_path / "samples").exists() and not (tmp_path / "images").exists()
    (folder,) = (tmp_path / "rejected").iterdir()
    warnings = json.loads((folder / "sample.json").read_text())["warnings"]
    assert any(w.startswith("missing: black cat") for w in warnings)


def test_the_check_drops_and_never_adds(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, _ = made
    rows = json.loads((folder / "data.json").read_text())
    kept = json.loads((folder / "data_filtered.json").read_text())
    assert all(pair in row["qa"] for row, before in zip(kept, rows, strict=True) for pair in row["qa"] if before["qa"])
    turned = [
        row | {"qa": [p | {"answer": {"Yes": "No", "No": "Yes"}.get(p["answer"], p["answer"] + "?")} for p in row["qa"]]}
        for row in rows
    ]
    turned[0]["qa"].append({"question": "Is the moon made of cheese?", "answer": "Yes"})
    for name in ("samples", "images"):
        (tmp_path / name).symlink_to(folder / name)
    written(tmp_path / "data.json", turned)
    report = run_stage("check", tmp_path, Recipe())
    assert report.rows == 0 and sum(report.rejected.values()) == sum(len(row["qa"]) for row in turned)


def test_single_objects_come_in_other_attributes(tmp_path: Path) -> None:
    written(tmp_path / "objects.json", [{"scene": "family kitchen", "objects": ["cup", "plate", "table", "bowl", "chair"]}])
    plain = run_stage("graphs", tmp_path / "plain", Recipe(combinations=3), tmp_path / "objects.json")
    more = run_stage("graphs", tmp_path / "more", Recipe(combinations=3, add_one_node=True), tmp_path / "objects.json")
    rows = json.loads((tmp_path / "more" / "skg.json").read_text())
    singles = rows[plain.rows :]
    assert more.rows > plain.rows and all(len(row["chosen_objects"]) == 1 and not row["objects_kg"] for row in singles)
    assert len({row["attributes"]["0"] for row in singles}) == len(singles)
    allowed = {"cup", "plate", "table", "bowl", "chair"}
    assert all(set(row["chosen_objects"]) <= allowed for row in rows), "only things that objects.json names"


def test_what_is_told_of_a_scene_comes_first(tmp_path: Path) -> None:
    (tmp_path / "scenes.txt").write_text("family kitchen\nthe far side of zzz\n\nfamily kitchen\n")
    texts = {"family kitchen": "There are two surfboards and an umbrella in it."}
    report = run_stage("objects", tmp_path, Recipe(texts=texts))
    (row,) = json.loads((tmp_path / "objects.json").read_text())
    assert {"surfboard", "umbrella"} == set(row["objects"][:2])
    assert report.rejected == Counter({"the grammar knows no such scene": 1})


def writer(body: dict[str, Any]) -> Any:
    """A language model that writes kitchens, sometimes nonsense."""
    wanted, data = schema_of(body), data_of(body)
    if wanted == {"scenes"}:
        return said({"scenes": ["tiny kitchen", "big kitchen", "old kitchen"]})
    if wanted == {"objects"}:
        return said({"objects": ["cup", "plate", "bowl", "spoon"]} if "big" not in data["scene"] else "I am a poem")
    if wanted == {"nodes"}:
        return said({"nodes": [{"object": "cup", "attributes": ["red"]}, {"object": "plate", "attributes": []}]})
    if wanted == {"attributes"}:
        return said({"attributes": ["red", "blue", "red"]})
    ids = [row["id"] for row in data["objects"]]
    return said({"relations": [{"subject": ids[0], "relation": "left of", "object": ids[1]}]})


def test_a_language_model_writes_the_words_and_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(rule=writer) as server, using(monkeypatch, server.url):
        recipe = Recipe(scenes=3, combinations=2, language="endpoint", add_one_node=True)
        reports = {r.stage: r for r in run(["scenes", "objects", "graphs"], tmp_path, recipe)}
    assert (tmp_path / "scenes.txt").read_text().split("\n")[:3] == ["tiny kitchen", "big kitchen", "old kitchen"]
    assert reports["objects"].rows == 2 and sum(reports["objects"].rejected.values()) == 1
    assert reports["graphs"].rejected["said already"] >= 1 and reports["graphs"].counts.calls > 0
    rows = json.loads((tmp_path / "skg.json").read_text())
    assert rows[0]["attributes"] == {"0": "a red cup", "1": "a plate"} and rows[0]["objects_kg"] == [
        [0, "on the left of", 1]
    ]
    assert [row["attributes"]["0"] for row in rows if row["chosen_objects"] == ["cup"]] == ["a red cup", "a blue cup"]


@needs_data
def test_the_published_example_goes_through_all_stages(tmp_path: Path) -> None:
    source = DATA / "scene_graphs" / "skg_demo.json"
    reports = run(["boxes", "images", "qa", "check"], tmp_path, Recipe(), source)
    assert [r.rows for r in reports] == [1, 1, 1, 1]
    (row,) = json.loads((tmp_path / "data_filtered.json").read_text())
    (given,) = json.loads(source.read_text())
    assert {k: row[k] for k in given} == given
    assert any("person" in p["question"] and p["answer"] == "No" for p in row["qa"])


@pytest.mark.parametrize("moment", [0.35, 0.7])
def test_a_kill_at_any_moment_loses_at_most_the_item_in_hand(tmp_path: Path, moment: float) -> None:
    """A real process, killed; then the work goes on and gives the bytes it would have given."""
    command = [sys.executable, "-m", "spacestudio", "synthesize", "--scenes", "4", "--seed", "2"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    whole = tmp_path / "whole"
    subprocess.run([*command, "--out", str(whole)], env=env, cwd=ROOT, check=True, capture_output=True)
    expected = sorted(p.name for p in whole.iterdir())

    broken = tmp_path / "broken"
    running = subprocess.Popen([*command, "--out", str(broken)], env=env, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("3/4"):
            break
    time.sleep(random.Random(moment).random() * moment)
    running.send_signal(signal.SIGKILL)
    running.wait()
    running.stderr.close()
    before = {p.name: (p / "image.png").stat().st_mtime_ns for p in broken.iterdir() if not p.name.startswith(".")}
    assert len(before) >= 2 and set(before) <= set(expected)
    again = subprocess.run([*command, "--out", str(broken), "--json"], env=env, cwd=ROOT, capture_output=True, text=True)
    told = json.loads(again.stdout)
    assert told["resumed"] >= 2 and sorted(p.name for p in broken.iterdir()) == expected
    now = {p.name: (p / "image.png").stat().st_mtime_ns for p in broken.iterdir()}
    assert sum(now[name] == at for name, at in before.items()) >= 2, "what was made is not made again"
    for name in expected:
        assert (broken / name / "sample.json").read_bytes() == (whole / name / "sample.json").read_bytes()
