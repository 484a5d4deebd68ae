"""The command line as a person or a script uses it: real files in, sample folders and training files out."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.layout import Layout
from spacestudio.domain.objects import SceneObject
from spacestudio.engines.protocols import Rendered, Source
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
        (("analyze", "x.png", "--depth", "nonsense", "--out", "o"), 2),
        (("analyze", "x.png", "--objects", "nonsense", "--out", "o"), 2),
        (("analyze", "x.png", "--objects", "no-such.json", "--out", "o"), 1),
        (("analyze", "x.png", "--depth", "no-such.npy", "--out", "o"), 1),
        (("analyze", "x.png", "--masks", "nonsense", "--out", "o"), 2),
        (("analyze", "x.png", "--depth-kind", "nonsense", "--out", "o"), 2),
        (("analyze", "x.png"), 2),
        (("synthesize", "--out", "o"), 2),
        (("synthesize", "--scenes", "1", "--language", "nonsense", "--out", "o"), 2),
        (("check-graph", "no-such-file.json"), 1),
        (("export", "--samples", "no-such-folder", "--format", "llava", "--out", "o"), 1),
        (("export", "--samples", ".", "--format", "nonsense", "--out", "o"), 2),
        (("no-such-command",), 2),
        (("synthesize", "--scenes", "1", "--seed", "-1", "--out", "o"), 2),
        (("analyze", "x.png", "--depth-scale", "0", "--out", "o"), 2),
        (("analyze", "x.png", "--camera", "1,2,3", "--out", "o"), 1),
        (("analyze", "x.png", "--out", "/proc/x"), 1),
        (("synthesize", "--scenes", "2", "--out", "/proc/x"), 1),
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
    odd = {
        "chosen_objects": ["cup", "car"],
        "objects_kg": [["0", "left of", "1"], [0, "chasing", 1]],
        "negative_objects": "car",
    }
    path.write_text(json.dumps([graphs[1], odd]))
    done = run("check-graph", path, "--json")
    assert done.returncode == 0
    assert done.stderr.count("graph 1: warning ") == 2
    assert "must not appear" in done.stderr
    assert "not checked: cup is chasing car" in done.stderr
    drawn = run("synthesize", "--graph", path, "--out", tmp_path / "drawn")
    assert drawn.stderr.count("skg.json graph 1: warning ") == 2
    path.write_text(json.dumps([7, graphs[1]]))
    bad, good = loaded(run("check-graph", path, "--json"))["graphs"]
    assert (bad["index"], bad["consistent"], bad["conflict"]) == (0, False, [])
    assert "can't be read" in bad["problem"]
    assert good == {"index": 1, "consistent": True, "conflict": []}


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


def test_an_export_that_can_not_be_is_one_line(tmp_path: Path) -> None:
    done = run("export", "--samples", tmp_path, "--format", "llava", "--out", tmp_path / "o")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert f"No sample folder in {tmp_path}" in done.stderr
    samples = tmp_path / "samples"
    run("synthesize", "--scenes", "1", "--out", samples)
    for out in ("/proc/x", "/proc/x.zip", "/proc/x/y.zip"):
        done = run("export", "--samples", samples, "--format", "llava", "--out", out)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("serve", "--port", str(taken.getsockname()[1]), cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "can't listen" in done.stderr


def test_warnings_are_shown_without_json(bike: tuple[Path, Path], tmp_path: Path) -> None:
    done = run("analyze", bike[0], "--depth", "none", "--out", tmp_path / "o")
    assert done.returncode == 0
    assert "no question, because its" in done.stderr
    camera = tmp_path / "camera.json"
    camera.write_text(json.dumps({"fx": 500, "fy": 500, "cx": 100, "cy": 100}))
    done = run("analyze", bike[0], "--depth", "none", "--camera", camera, "--out", tmp_path / "o")
    assert ": warning The principal point" in done.stderr


def test_a_stated_depth_scale_is_for_integers_only(bike: tuple[Path, Path], tmp_path: Path) -> None:
    camera = tmp_path / "camera.json"
    camera.write_text(json.dumps({"fx": 500, "fy": 500, "cx": 370, "cy": 250, "depth_scale": 1000}))
    np.save(tmp_path / "depth.npy", np.full((500, 741), 2.0, np.float32))
    args = ("--objects", "none", "--camera", camera, "--out", tmp_path / "o", "--json")
    done = run("analyze", bike[0], "--depth", tmp_path / "depth.npy", *args)
    record = json.loads((Path(loaded(done)["samples"][0]["folder"]) / "sample.json").read_text())
    assert record["depth"]["p99"] == pytest.approx(2)


def test_what_was_asked_and_is_not_shown_is_said_after_three_tries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that mirrors what it is told to draw shows every left as a right."""
    from spacestudio.engines.imagine.compositor import Compositor
    from spacestudio.services import batch

    tried: list[int] = []
    faithful, good = Compositor.render, 9

    def mirroring(self: Compositor, layout: Layout, source: Source | None = None, seed: int = 0) -> Rendered:
        tried.append(seed // 1009)
        made = faithful(self, layout, source, seed)
        if tried[-1] == good:
            return made
        assert made.depth is not None
        width = layout.width
        objects = tuple(
            o.but(box=Box(width - o.box.x1, o.box.y0, width - o.box.x0, o.box.y1), mask=o.mask[:, ::-1].copy())
            for o in made.objects
            if o.mask is not None
        )
        depth = DepthMap(made.depth.values[:, ::-1].copy(), made.depth.kind, made.depth.valid[:, ::-1].copy(), "mirror")
        return replace(made, image=made.image[:, ::-1].copy(), objects=objects, depth=depth)

    monkeypatch.setattr(Compositor, "render", mirroring)
    two = SpatialGraph.of(
        [SceneObject(f"{name}-1", name, Box(0, 0, 0, 0)) for name in ("cup", "spoon")],
        [Relation("cup-1", "left of", "spoon-1", "direction", "image")],
        "table",
    )
    graphs = [("two things", two, "")]
    (sample,) = batch.synthesize_scenes(graphs, 1, tmp_path / "a").samples
    assert tried == [0, 1, 2]
    assert any(w.startswith("asked, but not shown: ") for w in sample.warnings)
    assert any("asked, but not shown" in w for w in json.loads((sample.folder / "sample.json").read_text())["warnings"])
    tried.clear()
    good = 1
    (sample,) = batch.synthesize_scenes(graphs, 1, tmp_path / "b").samples
    assert tried == [0, 1]
    assert not any("not shown" in w for w in sample.warnings)


def test_engines_tells_what_can_run(tmp_path: Path) -> None:
    rows = loaded(run("engines", "--json"))["engines"]
    assert {r["stage"] for r in rows} == {"depth", "objects", "masks", "image", "scene"}
    assert all(r["available"] for r in rows if r["built_in"])


RGBD = [
    ("redwood", "color", "depth", ("--camera", "camera_primesense.json", "--poses", "trajectory.log"), 2),
    ("slambook_ch5", "color", "depth", ("--camera", "intrinsics.json", "--poses", "pose.txt"), 2),
    ("seven_scenes", ".", ".", ("--camera", "camera-intrinsics.txt", "--poses", "."), 3),
    ("nyu", "rgb_00000.jpg", "sync_depth_00000.png", ("--camera", "test_annotations.json"), 1),
    ("kitti", "rgb_0000000050.png", "depth_0000000050.png", ("--camera", "test_annotations.json"), 1),
    ("other_formats", "TUM_color.png", "TUM_depth.png", ("--depth-scale", "5000", "--camera", "525,525,319.5,239.5"), 1),
]


@needs_data
@pytest.mark.parametrize(("folder", "images", "depth", "more", "count"), RGBD, ids=[r[0] for r in RGBD])
def test_analyze_runs_clean_on_every_rgbd_frame(
    folder: str, images: str, depth: str, more: tuple[str, ...], count: int, tmp_path: Path
) -> None:
    base = DATA / "rgbd" / folder
    extra = [str(base / m) if (base / m).exists() else m for m in more]
    done = run("analyze", base / images, "--depth", base / depth, *extra, "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    samples = loaded(done)["samples"]
    assert len(samples) == count
    for sample in samples:
        record = json.loads((Path(sample["folder"]) / "sample.json").read_text())
        assert record["depth"]["kind"] == "metric"
        assert 0.2 < record["depth"]["p1"] < record["depth"]["p99"] < 100
        assert sample["engines"]["depth"] == "file"
        assert ("--poses" in more) == ("pose" in sample["engines"])
        assert (folder in ("kitti", "nyu", "slambook_ch5")) == any(
            "raw units per metre, as" in w for w in sample["warnings"]
        )
    poses = [run["settings"]["T_world_camera"] for run in record["provenance"] if run["stage"] == "pose"]
    assert folder != "seven_scenes" or np.allclose(poses[0], np.loadtxt(base / "frame-000200.pose.txt"), atol=1e-4)


@needs_data
def test_coco_boxes_become_objects(tmp_path: Path) -> None:
    done = run(
        "analyze", DATA / "coco" / "images" / "000000000785.jpg", "--objects", DATA / "coco" / "mmpose_instances.json",
        "--out", tmp_path, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = json.loads((Path(loaded(done)["samples"][0]["folder"]) / "sample.json").read_text())
    assert "person" in {o["label"] for o in record["objects"]}


def test_given_twice_an_empty_folder_and_labels_that_nobody_reads(bike: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    args = ("--depth", "none", "--objects", "none", "--labels", "car", "--out", tmp_path / "o", "--json")
    done = run("analyze", bike[0], bike[0], tmp_path / "empty", *args)
    assert done.returncode == 1
    value = loaded(done)
    assert len(value["samples"]) == 1
    ((failed),) = value["failed"]
    assert failed["item"] == str(tmp_path / "empty")
    assert "holds no picture" in failed["error"]
    assert done.stderr.count("given more than once") == 1
    assert done.stderr.count("--labels car is not used") == 1


def test_one_depth_file_is_for_one_picture(bike: tuple[Path, Path], tmp_path: Path) -> None:
    Image.open(bike[0]).save(tmp_path / "other.png")
    done = run("analyze", bike[0], tmp_path / "other.png", "--depth", bike[1], "--out", tmp_path / "o", "--json")
    assert done.returncode == 1
    assert "for 2 pictures" in loaded(done)["error"]
    assert loaded(done)["error"] == done.stderr.strip()
    assert not (tmp_path / "o").exists()


def test_what_check_graph_left_out_and_a_verdict_that_outlives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "skg.json"
    path.write_text(json.dumps([{"chosen_objects": ["cup", "plate"], "objects_kg": [["cup", "left of", "plate"]]}]))
    done = run("check-graph", path, "--json", "--reduced", "/proc/x/y.json")
    assert done.returncode == 1
    value = loaded(done)
    assert (value["graphs"][0]["consistent"], value["graphs"][0]["left_out"]) == (True, 1)
    assert "can't be written" in value["error"]
    assert "ids 0–1 are accepted" in done.stderr
    path.write_text('[{"chosen_objects": ["a"], "objects_kg": [[NaN, "on", 0]]}]')
    assert "NaN is no number" in run("check-graph", path).stderr


def test_a_log_that_is_not_whole_is_told_by_export_and_verify(tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    assert run("synthesize", "--scenes", "1", "--out", samples).returncode == 0
    (folder,) = samples.iterdir()
    (folder / "events.jsonl").unlink()
    done = run("export", "--samples", samples, "--format", "llava", "--out", tmp_path / "o", "--json")
    assert done.returncode == 0
    (warning,) = loaded(done)["warnings"]
    assert "events.jsonl is missing" in warning
    assert done.stderr.count("events.jsonl") == 1
    done = run("verify", "--samples", samples, "--json")
    assert "events.jsonl is missing" in loaded(done)["verified"][0]["warnings"][0]
    assert done.stderr.count("events.jsonl") == 1
    (folder / "sample.json").write_text("{}")
    done = run("export", "--samples", samples, "--format", "llava", "--out", tmp_path / "o", "--json")
    assert set(loaded(done)["failed"][0]) == {"item", "error"}
