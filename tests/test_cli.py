"""The command line as a person or a script uses it: real files in, sample folders and training files out."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support import DATA, HOSTILE, ROOT, motorcycle, needs_data


def run(*args: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "spacestudio", *map(str, args)],
        capture_output=True,
        text=True,
        env=env,
        cwd=cwd or ROOT,
        timeout=600,
    )


def loaded(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The one JSON object on standard output."""
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def digest(folder: Path) -> dict[str, str]:
    """Every file's hash; clock times stand only in events.jsonl."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != "events.jsonl"
    }


@pytest.fixture
def bike(tmp_path: Path) -> tuple[Path, Path]:
    image, disparity = motorcycle()
    Image.fromarray(image).save(tmp_path / "bike.png")
    np.savez(tmp_path / "bike.npz", disparity=np.where(disparity.valid, disparity.values, np.inf))
    return tmp_path / "bike.png", tmp_path / "bike.npz"


def test_analyze_writes_the_sample_folder(bike: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("analyze", bike[0], "--depth", bike[1], "--objects", "none", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    value = loaded(done)
    assert value["failed"] == []
    (sample,) = value["samples"]
    assert set(sample) == {"id", "folder", "engines", "warnings"}
    assert sample["id"] == f"bike-{hashlib.sha256(bike[0].read_bytes()).hexdigest()[:8]}"
    folder = Path(sample["folder"])
    assert {p.name for p in folder.iterdir()} >= {
        "sample.json", "image.png", "input.png", "depth.npy", "depth.png", "cloud.ply", "graph.json", "events.jsonl",
    }  # fmt: skip
    record = json.loads((folder / "sample.json").read_text())
    assert record["depth"]["kind"] == "disparity"
    assert record["camera"]["source"] == "assumed"
    depth = np.load(folder / "depth.npy")
    assert depth.dtype == np.float32
    assert np.isnan(depth).any()
    assert (folder / "input.png").read_bytes() == bike[0].read_bytes()


def test_one_bad_picture_does_not_take_the_others(bike: tuple[Path, Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture at all")
    done = run(
        "analyze",
        bad,
        bike[0],
        tmp_path / "missing.jpg",
        "--depth",
        "none",
        "--objects",
        "none",
        "--out",
        tmp_path / "o",
        "--json",
    )
    assert done.returncode == 1
    value = loaded(done)
    assert len(value["samples"]) == 1
    assert [Path(f["item"]).name for f in value["failed"]] == ["bad.png", "missing.jpg"]
    for f in value["failed"]:
        assert "\n" not in f["error"]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (("analyze", "x.png", "--depth", "nonsense", "--out", "o"), 1),
        (("analyze", "x.png", "--objects", "nonsense", "--out", "o"), 1),
        (("analyze", "x.png", "--masks", "nonsense", "--out", "o"), 1),
        (("analyze", "x.png", "--depth-kind", "nonsense", "--out", "o"), 2),
        (("analyze", "x.png"), 2),
        (("synthesize", "--out", "o"), 2),
        (("synthesize", "--scenes", "1", "--language", "nonsense", "--out", "o"), 1),
        (("check-graph", "no-such-file.json"), 1),
        (("export", "--samples", "no-such-folder", "--format", "llava", "--out", "o"), 1),
        (("no-such-command",), 2),
    ],
)
def test_mistakes_get_a_line_and_a_status(args: tuple[str, ...], status: int, tmp_path: Path) -> None:
    done = run(*args, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_synthesize_is_byte_identical_and_shows_what_was_asked(tmp_path: Path) -> None:
    outs = [tmp_path / "a", tmp_path / "b"]
    values = [loaded(run("synthesize", "--scenes", "4", "--seed", "7", "--out", out, "--json")) for out in outs]
    assert values[0]["failed"] == []
    assert len(values[0]["samples"]) == 4
    assert digest(outs[0]) == digest(outs[1])
    for sample in values[0]["samples"]:
        record = json.loads((Path(sample["folder"]) / "sample.json").read_text())
        assert record["target"] is not None
        assert record["verdicts"]
        assert not any(v["verdict"] == "false" for v in record["verdicts"])
        assert record["qa"]


def test_check_graph_names_an_irreducible_clash_as_the_file_says_it(tmp_path: Path) -> None:
    graphs = [
        {"scene": "a", "chosen_objects": ["cup", "plate", "lamp"], "attributes": {"0": "a red cup"}, "negative_objects": "car",
         "objects_kg": [[0, "on the left of, near", 1], [1, "on the left of", 2], [2, "on the left of", 0]]},
        {"scene": "b", "chosen_objects": [HOSTILE, "plate"], "attributes": {}, "negative_objects": "", "objects_kg": [[0, "above", 1]]},
    ]  # fmt: skip
    path = tmp_path / "skg.json"
    path.write_text(json.dumps(graphs))
    done = run("check-graph", path, "--json")
    assert done.returncode == 1
    rows = loaded(done)["graphs"]
    assert [r["consistent"] for r in rows] == [False, True]
    assert sorted(map(tuple, rows[0]["conflict"])) == sorted(map(tuple, graphs[0]["objects_kg"]))  # type: ignore[arg-type]
    path.write_text(json.dumps(graphs[1:]))
    assert run("check-graph", path).returncode == 0


def test_every_format_exports_and_folders_come_back(tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    assert run("synthesize", "--scenes", "2", "--seed", "3", "--out", samples).returncode == 0
    from spacestudio.formats import FORMATS

    for name in FORMATS:
        done = run("export", "--samples", samples, "--format", name, "--out", tmp_path / name, "--json")
        assert done.returncode == 0, done.stderr
        files = [Path(f) for f in loaded(done)["files"]]
        assert files
        assert all(f.is_file() for f in files)
    assert run("export", "--samples", samples, "--format", "llava", "--out", tmp_path / "x.zip").returncode == 0
    first, second = tmp_path / "x.zip", tmp_path / "y.zip"
    assert run("export", "--samples", samples, "--format", "llava", "--out", second).returncode == 0
    assert first.read_bytes() == second.read_bytes()
    assert digest(tmp_path / "folders") == digest(samples)


def test_engines_tells_what_can_run(tmp_path: Path) -> None:
    rows = loaded(run("engines", "--json"))["engines"]
    assert {r["stage"] for r in rows} == {"depth", "objects", "masks", "image", "scene"}
    assert all(r["available"] for r in rows if r["built_in"])


RGBD = [
    ("redwood", "color", "depth", ("--camera", "camera_primesense.json", "--poses", "trajectory.log"), 2),
    ("slambook_ch5", "color", "depth", ("--camera", "intrinsics.json", "--poses", "pose.txt"), 2),
    ("seven_scenes", ".", ".", ("--camera", "camera-intrinsics.txt"), 3),
    ("nyu", "rgb_00000.jpg", "sync_depth_00000.png", ("--camera", "test_annotations.json"), 1),
    ("kitti", "rgb_0000000050.png", "depth_0000000050.png", ("--depth-scale", "256"), 1),
    ("other_formats", "TUM_color.png", "TUM_depth.png", ("--depth-scale", "5000", "--camera", "525,525,319.5,239.5"), 1),
]


@needs_data
@pytest.mark.parametrize(("folder", "images", "depth", "more", "count"), RGBD, ids=[r[0] for r in RGBD])
def test_analyze_runs_clean_on_every_rgbd_frame(
    folder: str, images: str, depth: str, more: tuple[str, ...], count: int, tmp_path: Path
) -> None:
    base = DATA / "rgbd" / folder
    items = sorted(base.glob("*.color.jpg")) if images == "." else [base / images]
    extra = [str(base / m) if (base / m).exists() else m for m in more]
    done = run("analyze", *items, "--depth", base / depth, *extra, "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    samples = loaded(done)["samples"]
    assert len(samples) == count
    for sample in samples:
        record = json.loads((Path(sample["folder"]) / "sample.json").read_text())
        assert record["depth"]["kind"] == "metric"
        assert 0.2 < record["depth"]["p1"] < record["depth"]["p99"] < 100
        assert sample["engines"]["depth"] == "file"


@needs_data
def test_coco_boxes_become_objects(tmp_path: Path) -> None:
    done = run(
        "analyze", DATA / "coco" / "images" / "000000000785.jpg", "--objects", DATA / "coco" / "mmpose_instances.json",
        "--out", tmp_path, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = json.loads((Path(loaded(done)["samples"][0]["folder"]) / "sample.json").read_text())
    assert "person" in {o["label"] for o in record["objects"]}
