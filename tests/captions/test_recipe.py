"""The recipe of docs/SPACESGG.md, command by command, on real RGB-D frames with poses."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spacestudio.cli import app
from spacestudio.formats.grounded_text import decode
from tests.support import DATA, ROOT, needs_data

BOXES = {
    "chair": (340, 188, 608, 382),
    "wall": (355, 30, 500, 150),
    "curtain": (175, 30, 257, 355),
    "floor": (75, 410, 575, 476),
}


def coco(names: list[str]) -> dict:
    """The same things drawn into each frame."""
    return {
        "images": [{"id": k, "file_name": name, "width": 640, "height": 480} for k, name in enumerate(names)],
        "categories": [{"id": c, "name": label} for c, label in enumerate(BOXES)],
        "annotations": [
            {"id": 100 * k + c, "image_id": k, "category_id": c, "bbox": [x0, y0, x1 - x0, y1 - y0]}
            for k in range(len(names))
            for c, (x0, y0, x1, y1) in enumerate(BOXES.values())
        ],
    }


@needs_data
def test_every_command_of_the_recipe_runs_and_the_files_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    redwood = DATA / "rgbd" / "redwood"
    for part in ("color", "depth"):
        shutil.copytree(redwood / part, tmp_path / "frames" / part)
    shutil.copy(redwood / "camera_primesense.json", tmp_path / "frames" / "camera.json")
    shutil.copy(redwood / "trajectory.log", tmp_path / "frames")
    names = sorted(p.name for p in (redwood / "color").iterdir())
    (tmp_path / "boxes.json").write_text(json.dumps(coco(names)))
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "SPACESGG.md").read_text(encoding="utf-8")
    commands = re.findall(r"^python -m spacestudio (.+)$", page, re.M)
    assert len(commands) == 6
    for command in commands:
        done = CliRunner().invoke(app, shlex.split(command))
        assert done.exit_code == 0, (command, done.output)
    out = tmp_path / "spacesgg"
    records = json.loads((out / "spacesgg-record.json").read_text(encoding="utf-8"))
    assert [len(r["objects"]) for r in records] == [4, 4] and all(r["T_world_camera"] for r in records)
    assert all(r["camera"]["source"] == "given" and r["camera"]["fx"] == 525 for r in records)
    named = {r["id"]: {o["label"]: key for key, o in r["objects"].items()} for r in records}
    for r in records:
        key = named[r["id"]]
        assert r["order_list"][f"{key['curtain']}>{key['chair']}"][0] <= 0
        assert r["order_list"][f"{key['wall']}>{key['floor']}"][1:] == [-1, 1], "the wall is above and behind the floor"
        assert r["levels"][0] == [key["floor"]]
        assert all((out / o["mask"]).is_file() for o in r["objects"].values())
    for name in ("description", "qa", "conversation"):
        for row in json.loads((out / f"spacesgg-{name}.json").read_text(encoding="utf-8")):
            assert (out / row["image"]).is_file()
            for turn in row["conversations"]:
                read = decode(turn["value"].removeprefix("<image>\n"), row["width"], row["height"])
                assert read.well_formed
                keys = set(named[row["id"][:14]].values())
                assert {
                    str(list(map(int, box))) for box in re.findall(r"\[(\d+), (\d+), (\d+), (\d+)\]", turn["value"])
                } <= keys
    fields = set(re.findall(r"`(\w+)`", page))
    assert {f for r in records for f in r} - {"width", "height"} <= fields
