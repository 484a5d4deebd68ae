"""`verify` as a script uses it: pictures against graphs, and sample folders against themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from spacestudio.formats.folder import write_sample
from spacestudio.services import judge
from spacestudio.services.batch import verify_samples
from spacestudio.services.studio import Studio
from tests.services.conftest import OWNER
from tests.support import DATA, needs_data, small_scene
from tests.test_cli import loaded, run

KEYS = {
    "item", "graph_index", "verified", "failed", "undecided", "missing", "unwanted", "match", "relations", "layout", "questions",
    "warnings",
}  # fmt: skip


def skg(path: Path, *graphs: Any) -> Path:
    path.write_text(json.dumps(list(graphs)))
    return path


def asked(*triples: Any, objects: tuple[str, ...] = ("ball", "lamp"), absent: str = "") -> dict[str, Any]:
    return {"scene": "s", "chosen_objects": list(objects), "objects_kg": list(triples), "negative_objects": absent}


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Path]:
    """A picture of a ball on the left and a lamp on the right, and a COCO file that says so."""
    image, _, _, objects = small_scene(240, 320)
    picture, coco = tmp_path / "made.png", tmp_path / "boxes.json"
    Image.fromarray(image).save(picture)
    categories = [{"id": k, "name": o.label} for k, o in enumerate(objects, 1)]
    annotations = [
        {"id": k, "image_id": 1, "category_id": k, "bbox": [o.box.x0, o.box.y0, o.box.width, o.box.height], "iscrowd": 0}
        for k, o in enumerate(objects, 1)
    ]
    images = [{"id": 1, "file_name": "made.png", "width": 320, "height": 240}]
    coco.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return picture, coco


def test_a_picture_against_its_graph(made: tuple[Path, Path], tmp_path: Path) -> None:
    picture, coco = made
    good = skg(tmp_path / "good.json", asked([0, "left of", 1], [1, "on the right of", 0]))
    done = run("verify", picture, "--graph", good, "--objects", coco, "--json")
    assert done.returncode == 0, done.stderr
    value = loaded(done)
    assert value["failed"] == []
    (item,) = value["verified"]
    assert set(item) == KEYS
    assert (item["item"], item["graph_index"]) == (str(picture), 0)
    assert (item["verified"], item["failed"], item["undecided"], item["missing"]) == (2, 0, 0, [])
    assert item["layout"] is item["questions"] is None
    left, right = item["relations"]
    assert set(left) == {"subject", "predicate", "object", "verdict", "margin", "threshold", "frame", "why"}
    assert (left["predicate"], left["verdict"], left["frame"]) == ("left of", "verified", "image")
    assert left["margin"] == right["margin"] == pytest.approx(0.42, abs=0.02)
    assert left["threshold"] == 0.05
    assert not list(tmp_path.glob("*/sample.json")), "nothing is written"

    bad = skg(
        tmp_path / "bad.json", asked([1, "left of", 0], [0, "hugs", 1], objects=("ball", "lamp", "cup"), absent="lamp")
    )
    done = run("verify", picture, "--graph", bad, "--objects", coco)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == f"{picture} against graph 0: 0 verified, 3 failed, 1 undecided"
    assert lines[1].startswith("✗ failed    lamp left of ball (image): margin -0.4")
    assert lines[1].endswith(", needs 0.050")
    assert lines[2] == "? undecided ball hugs lamp (image): no rule measures this predicate"
    assert lines[3] == "✗ failed    cup: not in the picture"
    assert lines[4].startswith("✗ failed    no lamp: in the picture (")


def test_one_graph_for_all_or_one_for_each(made: tuple[Path, Path], tmp_path: Path) -> None:
    picture, coco = made
    graphs = skg(tmp_path / "two.json", asked([0, "left of", 1]), asked([1, "left of", 0]))
    missing = tmp_path / "missing.png"
    args = ("--objects", coco, "--depth", "none", "--json")
    done = run("verify", picture, picture, "--graph", graphs, *args)
    assert done.returncode == 1
    rows = loaded(done)["verified"]
    assert [(r["graph_index"], r["verified"], r["failed"]) for r in rows] == [(0, 1, 0), (1, 0, 1)]
    done = run("verify", picture, missing, "--graph", skg(tmp_path / "one.json", asked([0, "left of", 1])), *args)
    assert done.returncode == 1
    value = loaded(done)
    assert [r["graph_index"] for r in value["verified"]] == [0]
    assert [Path(f["item"]).name for f in value["failed"]] == ["missing.png"]
    done = run("verify", picture, picture, "--graph", skg(tmp_path / "odd.json", asked([0, "left of", 1]), 7), *args)
    assert done.returncode == 1
    value = loaded(done)
    assert (len(value["verified"]), len(value["failed"])) == (1, 1)
    assert "can't be read" in value["failed"][0]["error"]
    done = run("verify", picture, "--graph", graphs, *args)
    assert done.returncode == 1
    assert loaded(done)["error"] == done.stderr.strip()
    assert "2 graphs for 1 pictures" in done.stderr


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (("verify",), 2),
        (("verify", "x.png"), 2),
        (("verify", "x.png", "--samples", "."), 2),
        (("verify", "x.png", "--graph", "no-such-file.json"), 1),
        (("verify", "--samples", "no-such-folder"), 1),
        (("verify", "--samples", "."), 1),
        (("verify", "x.png", "--graph", "g.json", "--depth-scale", "0"), 2),
        (("verify", "x.png", "--graph", "g.json", "--depth-kind", "nonsense"), 2),
        (("verify", "x.png", "--graph", "g.json", "--objects", "nonsense"), 2),
    ],
)
def test_mistakes_get_a_line_and_a_status(args: tuple[str, ...], status: int, tmp_path: Path) -> None:
    skg(tmp_path / "g.json", asked([0, "left of", 1]))
    done = run(*args, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_sample_folders_against_their_own_targets(tmp_path: Path) -> None:
    out = tmp_path / "samples"
    samples = loaded(run("synthesize", "--scenes", "2", "--seed", "7", "--out", out, "--json"))["samples"]
    done = run("verify", "--samples", out, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = loaded(done)["verified"]
    assert sorted(r["item"] for r in rows) == sorted(s["id"] for s in samples)
    for row in rows:
        record = json.loads((out / row["item"] / "sample.json").read_text())
        assert row["graph_index"] is None
        assert [r["verdict"] for r in row["relations"]] == [
            {"true": "verified", "false": "failed", "undecided": "undecided"}[v["verdict"]] for v in record["verdicts"]
        ]
        assert [r["margin"] for r in row["relations"]] == pytest.approx([v["margin"] for v in record["verdicts"]], abs=1e-6)
        assert row["questions"]["verified"] == len(record["qa"]) == len(row["questions"]["questions"])

    first = out / samples[0]["id"] / "sample.json"
    record = json.loads(first.read_text())
    turned = next(q for q in record["qa"] if q["answer"] in ("Yes", "No"))
    turned["answer"] = {"Yes": "No", "No": "Yes"}[turned["answer"]]
    first.write_text(json.dumps(record))
    done = run("verify", "--samples", out)
    assert done.returncode == 1
    assert f"✗ failed    {turned['question']} – {turned['answer']}: " in done.stdout
    assert ", its questions: " in done.stdout
    first.write_text("{}")
    done = run("verify", "--samples", out, "--json")
    assert done.returncode == 1
    assert (len(loaded(done)["verified"]), len(loaded(done)["failed"])) == (1, 1)


def test_sample_folders_against_a_graph_of_a_file(tmp_path: Path) -> None:
    out = tmp_path / "samples"
    row = asked([0, "left of", 1], objects=("cup", "plate"))
    assert run("synthesize", "--graph", skg(tmp_path / "g.json", row), "--out", out).returncode == 0
    assert run("verify", "--samples", out, "--graph", tmp_path / "g.json").returncode == 0
    turned = skg(tmp_path / "t.json", asked([1, "left of", 0], objects=("cup", "plate")))
    done = run("verify", "--samples", out, "--graph", turned, "--json")
    assert done.returncode == 1
    (item,) = loaded(done)["verified"]
    assert (item["graph_index"], item["failed"], item["questions"]["failed"]) == (0, 1, 0)


def test_a_folders_layout_is_held_against_its_target(studio: Studio, sample_id: str, tmp_path: Path) -> None:
    """A folder keeps no distances of a layout; they are found again, so that what rests on depth is verified too."""
    for predicate in ("right of", "at the same depth"):
        sample = studio.act(OWNER, sample_id, lambda s, p=predicate: judge.want_relation(s, "ball-1", p, "lamp-1"))
    assert sample.layout is not None
    folder = write_sample(sample, tmp_path)
    (item,) = verify_samples(tmp_path).verified
    assert item.layout is not None and item.picture is not None and item.questions
    assert [r.verdict for r in item.layout.relations] == ["true", "true"]
    assert [r.verdict for r in item.picture.relations] == ["false", "false"], "the picture does not show the wishes yet"
    assert {q.verdict for q in item.questions} == {"true"}
    record = json.loads((folder / "sample.json").read_text())
    boxes = record["layout"]["boxes"]
    boxes["ball-1"], boxes["lamp-1"] = boxes["lamp-1"], boxes["ball-1"]
    (folder / "sample.json").write_text(json.dumps(record))
    (item,) = verify_samples(tmp_path).verified
    assert item.layout is not None
    assert item.layout.relations[0].verdict == "false"
    assert any(line.startswith("✗ failed    ball right of lamp") for line in item.lines())


@needs_data
def test_two_real_cats(tmp_path: Path) -> None:
    """COCO's two cats and two remotes on a couch: which is which follows from what is asked."""
    picture = DATA / "coco" / "images" / "000000039769.png"
    polygons = json.loads((DATA / "coco" / "000000039769_instances.json").read_text())
    boxes = tmp_path / "boxes.json"
    categories = [{"id": k, "name": name} for k, name in ((17, "cat"), (63, "couch"), (65, "bed"), (75, "remote"))]
    images = [{"id": 39769, "file_name": picture.name, "width": 640, "height": 480}]
    boxes.write_text(json.dumps({"images": images, "annotations": polygons, "categories": categories}))
    things = ("cat", "cat", "remote", "remote")
    graph = skg(
        tmp_path / "cats.json",
        asked([0, "left of", 1], [2, "left of", 3], [2, "smaller", 0], [3, "watches", 0], objects=things, absent="dog"),
        asked([0, "left of", 1], [1, "left of", 0], [0, "near", 2], objects=("cat", "cat", "dog"), absent="remote"),
    )
    done = run("verify", picture, picture, "--graph", graph, "--objects", boxes, "--json")
    assert done.returncode == 1, done.stderr
    good, bad = loaded(done)["verified"]
    assert (good["verified"], good["failed"], good["undecided"], good["unwanted"]) == (3, 0, 1, [])
    assert len(set(good["match"].values())) == 4
    assert [r["verdict"] for r in bad["relations"]] in (["verified", "failed", "failed"], ["failed", "verified", "failed"])
    assert (bad["missing"], bad["relations"][2]["why"]) == (["dog-1"], "dog not in the picture")
    assert [(u["name"], len(u["objects"])) for u in bad["unwanted"]] == [("remote", 2)]
    assert bad["failed"] == 3
