"""run visor: prompts to pictures to scores, gone on with after a kill, and looked at by real networks with random weights."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from spacestudio.cli import app
from spacestudio.domain.found import FoundBoxes, Results
from spacestudio.engines import DETECT, IMAGINE
from spacestudio.engines.progress import listening
from spacestudio.errors import Cancelled, InputError, Unavailable
from spacestudio.formats.visor import read_detections
from spacestudio.services.prompts import relation_prompts, sr2d, write_prompts
from spacestudio.services.run_visor import OWN, Options, graph_of, looking_for_names, run
from tests.engines import tiny_images, tiny_objects
from tests.support import DATA, ROOT, needs_data

RESULTS = "results_compositor_text_spatial_rel_phrases_own-masks_0.1.json"


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def owl(tmp_path_factory):
    if DETECT["visor"].missing():
        pytest.skip("needs: pip install -r requirements-models.txt")
    return tiny_objects.owl(tmp_path_factory.mktemp("models") / "owl")


def test_drawn_found_scored_and_the_same_every_time(tmp_path):
    made = run(None, Options(limit=3, per_prompt=2), tmp_path / "a")
    got = made.to_json()
    assert (got["n_images"], got["n_prompts"], got["model"], got["detector"]) == (6, 3, "compositor", OWN)
    assert got["VISOR_cond"] == 100 and not got["failed"] and got["resumed"] == 0
    assert any("no detector looked" in note for note in got["notes"])
    run(None, Options(limit=3, per_prompt=2), tmp_path / "b")
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    assert len(tree(tmp_path / "a")) == 6 + 5
    other = run(None, Options(limit=3, per_prompt=2, seed=1), tmp_path / "c")
    assert tree(tmp_path / "a") != tree(tmp_path / "c") and other.report["OA"].value == 100


def test_the_files_say_what_stands_in_the_pictures(tmp_path):
    run(None, Options(limit=4, per_prompt=1), tmp_path)
    results, boxes = read_detections(tmp_path / RESULTS), read_detections(tmp_path / "detections.json")
    assert isinstance(results, Results) and isinstance(boxes, FoundBoxes)
    ledger = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()][1:]
    assert [row["key"] for row in ledger] == ["0_0", "1_0", "2_0", "3_0"]
    assert len({row["seed"] for row in ledger}) == 4 and all(row["engine"]["name"] == "compositor" for row in ledger)
    for k, row in enumerate(ledger):
        prompt = sr2d()[k]
        rgb = np.asarray(Image.open(tmp_path / row["file"]))
        assert rgb.shape == (512, 512, 3) and row["text"] == prompt.text == results.texts[k]
        centre = {label: (x0 + x1) / 2 for label, (x0, _, x1, _), _ in row["found"]}
        asked_left = prompt.relation == "to the left of"
        assert (centre[prompt.first] < centre[prompt.second]) == asked_left and results.right[k]
        for x0, y0, x1, y1 in boxes.xyxy[boxes.image == k].astype(int):
            assert rgb[y0:y1, x0:x1].std() > 0


def test_fourteen_relations_drawn_and_judged(tmp_path):
    prompts = [p for p in relation_prompts("sstd", ("cup", "box")) if p.spatial]
    write_prompts(prompts, tmp_path / "p.json")
    made = run(tmp_path / "p.json", Options(per_prompt=1, rules="sstd"), tmp_path / "out")
    assert not made.failed and len(made.report.tables[0].rows) == 14
    assert made.report["OA"].value == 100 and made.report["VISOR_cond"].value > 85
    rows = json.loads(next((tmp_path / "out").glob("results_*.json")).read_text())
    assert sum(row["sra"] for row in rows.values()) == round(made.report["VISOR_uncond"].value * len(prompts) / 100)


def test_a_graph_asks_for_what_the_prompt_says():
    graph = graph_of(next(p for p in sr2d() if p.text == "a hot dog above a dog"))
    assert [o.label for o in graph.objects] == ["hot dog", "dog"]
    assert [r.triple for r in graph] == [("hot-dog-1", "above", "dog-1")]


@pytest.mark.parametrize("rows", [1, 4, 9])
def test_killed_at_some_moment_only_the_picture_in_hand_is_lost(tmp_path, rows):
    """Killed as soon as so many pictures are kept; what is gone on with is, byte by byte, what an unbroken run writes."""
    folder = tmp_path / "killed"
    command = [sys.executable, "-m", "spacestudio", "run", "visor", "--sr2d", "--limit", "3", "--out", str(folder), "--json"]
    ledger = folder / "ledger.jsonl"
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not (ledger.exists() and ledger.read_bytes().count(b"\n") > rows) and time.monotonic() < deadline:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    kept = ledger.read_bytes().count(b"\n") - 1
    assert rows <= kept < 12
    assert len(list((folder / "images").iterdir())) <= kept + 1
    again = run(None, Options(limit=3), folder)
    assert again.resumed == kept and not again.failed
    run(None, Options(limit=3), tmp_path / "whole")
    assert tree(folder) == tree(tmp_path / "whole")


def test_a_row_cut_in_the_middle_is_done_again(tmp_path):
    run(None, Options(limit=1), tmp_path)
    whole = tree(tmp_path)
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-40])
    assert run(None, Options(limit=1), tmp_path).resumed == 3
    assert tree(tmp_path) == whole


def test_more_pictures_and_prompts_go_on_in_the_same_folder_other_settings_do_not(tmp_path):
    run(None, Options(limit=1, per_prompt=1), tmp_path)
    assert run(None, Options(limit=2, per_prompt=2), tmp_path).resumed == 1
    with pytest.raises(InputError, match="seed"):
        run(None, Options(limit=1, seed=5), tmp_path)


def test_another_prompt_under_the_same_id_is_drawn_anew(tmp_path):
    prompts = [p for p in relation_prompts("visor", ("cup", "dog")) if p.spatial]
    write_prompts(prompts[:2], tmp_path / "a.json")
    run(tmp_path / "a.json", Options(per_prompt=1), tmp_path / "out")
    write_prompts([p for p in relation_prompts("visor", ("cat", "dog")) if p.spatial][:2], tmp_path / "b.json")
    assert run(tmp_path / "b.json", Options(per_prompt=1), tmp_path / "out").resumed == 0


@needs_data
def test_given_pictures_are_looked_at_by_a_network(tmp_path, owl):
    """The pictures of a published model; the network has random weights, so what it finds means nothing, and is real."""
    folder = DATA / "visor/images/cogview2"
    options = Options(images=folder, objects=f"visor:{owl}")
    made = run(DATA / "visor/prompts.json", options, tmp_path / "a")
    files = sorted(p.stem for p in folder.iterdir())
    rows = json.loads(made.files["results"].read_text())
    assert sorted(rows) == files and made.model == "cogview2" and made.report.counts["n_images"] == len(files)
    prompts = {row["unique_id"]: row for row in json.loads((DATA / "visor/prompts.json").read_text())}
    boxes = read_detections(made.files["detections"])
    assert isinstance(boxes, FoundBoxes) and (boxes.score > 0.1).all() and len(boxes.labels)
    for key, row in rows.items():
        prompt = prompts[int(key.split("_")[0])]
        both = (prompt["obj_1_attributes"][0], prompt["obj_2_attributes"][0])
        assert (
            set(row["classes"]) <= set(both) and row["recall"] == len(set(row["classes"])) and row["text"] == prompt["text"]
        )
        centres = {n: [c for c, label in zip(row["centroid"], row["classes"], strict=True) if label == n] for n in both}
        axis, sign = {"to the left of": (0, 1), "to the right of": (0, -1), "above": (1, 1), "below": (1, -1)}[
            prompt["rel_type"]
        ]
        stands = any(sign * a[axis] < sign * b[axis] for a in centres[both[0]] for b in centres[both[1]])
        assert row["sra"] == stands
    assert made.report["OA"].value == pytest.approx(100 * np.mean([row["recall"] == 2 for row in rows.values()]))
    again = run(DATA / "visor/prompts.json", options, tmp_path / "a")
    assert again.resumed == len(files)


def noise(folder, *names):
    folder.mkdir(parents=True)
    for k, name in enumerate(names):
        Image.fromarray(np.random.default_rng(k).integers(0, 255, (48, 64, 3), np.uint8)).save(folder / name)
    return folder


def test_pictures_of_another_folder_are_another_run_and_are_named_from_the_runs_folder(tmp_path, owl):
    first, second = (noise(tmp_path / name / "images", "0_0.png") for name in ("a", "b"))
    made = run(None, Options(images=first, objects=f"visor:{owl}"), tmp_path / "out")
    (image,) = json.loads(made.files["detections"].read_text())["images"]
    assert (tmp_path / "out" / image["file_name"]).resolve() == first / "0_0.png"
    assert not Path(image["file_name"]).is_absolute() and made.model == "images"
    with pytest.raises(InputError, match="another images"):
        run(None, Options(images=second, objects=f"visor:{owl}"), tmp_path / "out")


def test_who_stops_it_stops_all_of_it(tmp_path, owl):
    def stop(told):
        raise Cancelled("Stopped")

    folder = noise(tmp_path / "images", "0_0.png", "1_0.png")
    with pytest.raises(Cancelled), listening(stop):
        run(None, Options(images=folder, objects=f"visor:{owl}"), tmp_path / "out")
    assert run(None, Options(images=folder, objects=f"visor:{owl}"), tmp_path / "out").resumed == 0


def test_pictures_beyond_a_limit_are_not_said_to_be_of_no_prompt(tmp_path, owl):
    folder, told = noise(tmp_path / "images", "0_0.png", "1_0.png", "999999_0.png"), []
    run(None, Options(images=folder, objects=f"visor:{owl}", limit=1), tmp_path / "out", told.append)
    (line,) = [line for line in told if "no prompt" in line]
    assert "999999_0.png" in line and "1_0.png" not in line


def test_the_detectors_that_look_for_names_are_those_of_the_registry(tmp_path):
    names = looking_for_names().split(", ")
    assert all(DETECT.load(name).uses_labels for name in names) and "proposals" not in names
    with pytest.raises(InputError, match=", ".join(names)):
        run(None, Options(objects="proposals"), tmp_path)


@needs_data
def test_a_broken_picture_is_named_and_the_others_are_scored(tmp_path, owl):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for path in sorted((DATA / "visor/images/cogview2").iterdir())[:4]:
        shutil.copy(path, folder)
    broken = sorted(folder.iterdir())[1]
    broken.write_bytes(broken.read_bytes()[:500])
    (folder / "cat.png").write_bytes(broken.read_bytes())
    (folder / "999999_0.png").write_bytes(broken.read_bytes())
    told = []
    made = run(None, Options(images=folder, objects=f"visor:{owl}"), tmp_path / "out", told.append)
    assert [item for item, _ in made.failed] == [broken.stem]
    assert made.report.counts["n_images"] == 3 and made.report.counts["n_missing"] == 1
    assert any("no prompt" in line and "cat.png" in line and "999999_0.png" in line for line in told)
    arguments = ["--images", str(folder), "--objects", f"visor:{owl}", "--out", str(tmp_path / "out"), "--json"]
    ran = CliRunner().invoke(app, ["run", "visor", *arguments])
    assert ran.exit_code == 1 and json.loads(ran.stdout)["failed"][0]["item"] == broken.stem


@pytest.mark.skipif(bool(IMAGINE["gligen"].missing()), reason="needs: pip install -r requirements-models.txt")
def test_pictures_of_a_diffusion_model_are_looked_at_by_a_detector(tmp_path, owl, monkeypatch):
    from spacestudio.engines.imagine.diffusion import Diffusion

    monkeypatch.setattr(Diffusion, "steps", 2)
    gligen = tiny_images.save_sd(tmp_path / "gligen", attention_type="gated")
    made = run(None, Options(f"gligen:{gligen}", f"owlvit:{owl}", limit=1, per_prompt=2), tmp_path / "out")
    assert not made.failed and made.detector == f"owlvit:{owl}" and made.report.counts["n_images"] == 2
    row = json.loads((tmp_path / "out/ledger.jsonl").read_text().splitlines()[1])
    assert row["engine"]["name"] == "gligen" and row["found"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (Options(objects="proposals"), InputError),
        (Options(images=Path("nowhere")), InputError),
        (Options(objects="visor:nowhere"), Unavailable),
        (Options(rules="visor", objects="owlvit:/nowhere/at/all"), Unavailable),
    ],
)
def test_what_can_not_be_run_is_one_line(tmp_path, options, error):
    with pytest.raises(error) as caught:
        run(None, options, tmp_path)
    assert "\n" not in str(caught.value)


def test_wrong_usage(tmp_path):
    for extra in ([], ["--sr2d", "--prompts", "p.json"]):
        assert CliRunner().invoke(app, ["run", "visor", "--out", str(tmp_path), *extra]).exit_code == 2
