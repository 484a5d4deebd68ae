"""Question sets from sample folders and from scene graphs with real depth, on the command line and beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from typer.testing import CliRunner

from spacestudio.cli import app
from spacestudio.domain.depth import DepthMap
from spacestudio.errors import InputError
from spacestudio.formats.folder import write_sample
from spacestudio.formats.predictions import read_rows
from spacestudio.formats.proximity import ProximityQuestion
from spacestudio.qa.proximity import Recipe
from spacestudio.services.proximity_sets import DepthChoice, exchanges, set_of_graphs, set_of_samples
from spacestudio.services.scores import SCORERS
from spacestudio.services.scores.depth import SCORER as DEPTH_SCORER
from spacestudio.services.tell import STYLES, told
from tests.formats.made import full_sample, plain_sample
from tests.support import DATA, needs_data

GQA = DATA / "scene_graphs" / "gqa_2389539.json"


def run(*args: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(a) for a in args])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a-0001", "b-0002"):
        write_sample(replace(full_sample(name), clashes=()), tmp_path / "samples")
    write_sample(plain_sample("c-0003"), tmp_path / "samples")
    return tmp_path / "samples"


@pytest.fixture
def street(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A made street seen from above the road: what stands lower in the picture is nearer. Graphs, pictures, depth."""
    pictures, depths = tmp_path / "pictures", tmp_path / "depths"
    pictures.mkdir()
    depths.mkdir()
    graphs = {}
    for k in range(3):
        objects = {
            str(n): {"name": name, "x": 10 + 40 * n, "y": 20 + 25 * n, "w": 30, "h": 10, "relations": []}
            for n, name in enumerate(("house", "tree", "bench", "dog"))
        }
        objects["3"]["relations"] = [{"name": "in front of", "object": "0"}, {"name": "behind", "object": "2"}]
        graphs[f"10{k}"] = {"width": 200, "height": 120, "objects": objects}
        Image.new("RGB", (200, 120), (90, 120, 150)).save(pictures / f"10{k}.jpg")
        metres = np.linspace(40, 2, 120, dtype=np.float32)[:, None].repeat(200, 1)
        np.save(depths / f"10{k}.npy", metres)
    (tmp_path / "graphs.json").write_text(json.dumps(graphs))
    return tmp_path / "graphs.json", pictures, depths


def test_the_style_tells_what_is_exported():
    sample = replace(full_sample(), clashes=())
    assert STYLES.load("proximity") is exchanges
    made = told(sample).exchanges["proximity"]
    assert made == exchanges(sample) and {e.facts["found"]["type"] for e in made} == {"perception", "direct", "reasoned"}
    assert exchanges(plain_sample()) == (), "no depth, no question"
    pin = next(e for e in made if e.facts["found"]["type"] == "direct")
    assert {*pin.facts["objects"]} == {"ball-1", "lamp-1"} and pin.facts["relations"][0]["origin"] == "person"
    in_a_clash = exchanges(full_sample())
    assert not any({*e.facts["objects"]} == {"ball-1", "lamp-1"} for e in in_a_clash)


def test_a_set_of_sample_folders(folder: Path, tmp_path: Path):
    out = tmp_path / "set.jsonl"
    code, printed, _ = run("questions", "proximity", "--samples", folder, "--out", out, "--swapped", "--json")
    assert code == 0
    told_of = json.loads(printed)
    rows = read_rows(out, ProximityQuestion)
    assert not rows.problems and told_of["images"] == 3 and sum(told_of["questions"].values()) == len(rows.items)
    assert told_of["left_out"]["no depth in the sample"] == 2
    for q in rows.items:
        assert (folder / q.image).is_file() and q.question_id.startswith(q.image.split("/")[0])
        assert q.raw is not None and q.raw.kind == "metric" and all(o.box_xyxy_px for o in q.objects)
    twins = [q for q in rows.items if q.swapped]
    assert twins and all(sum(p.pair_id == q.pair_id for p in rows.items) == 2 for q in twins)
    again = tmp_path / "again.jsonl"
    run("questions", "proximity", "--samples", folder, "--out", again, "--swapped")
    assert again.read_bytes() == out.read_bytes(), "same input, same bytes"


def test_a_damaged_sample_never_takes_the_others_with_it(folder: Path, tmp_path: Path):
    (folder / "a-0001" / "sample.json").write_text("{")
    code, printed, told_on = run("questions", "proximity", "--samples", folder, "--out", tmp_path / "set.jsonl", "--json")
    assert code == 1 and [row["item"] for row in json.loads(printed)["failed"]] == ["a-0001"] and "a-0001" in told_on
    assert {q.image.split("/")[0] for q in read_rows(tmp_path / "set.jsonl", ProximityQuestion).items} == {"b-0002"}


def test_answers_given_as_the_set_gives_them_are_all_right(folder: Path, tmp_path: Path):
    out, answers = tmp_path / "set.jsonl", tmp_path / "answers.jsonl"
    run("questions", "proximity", "--samples", folder, "--out", out, "--swapped")
    questions = read_rows(out, ProximityQuestion).items
    answers.write_text("".join(json.dumps({"question_id": q.question_id, "text": q.answer}) + "\n" for q in questions))
    code, printed, _ = run("score", "proximity", "--questions", out, "--answers", answers, "--json")
    score = json.loads(printed)
    assert code == 0 and score["validity"] == score["accuracy"] == score["swap_consistency"] == score["within_tau"] == 100
    assert score["MSE"] == 0 and score["worst"] == [] and score["first_is_right"] == 50
    lines = answers.read_text().splitlines()
    answers.write_text("\n".join([*lines[1:], lines[1], '{"question_id": "nobody", "text": "x"}', "{broken"]))
    code, printed, _ = run("score", "proximity", "--questions", out, "--answers", answers, "--json")
    score = json.loads(printed)
    assert code == 1
    assert (score["n_unanswered"], score["n_unknown_ids"], score["n_duplicates"], score["n_bad_lines"]) == (1, 1, 1, 1)
    notes = " ".join(score["notes"])
    assert "nobody" in notes and questions[0].question_id in notes and questions[1].question_id in notes


def test_graphs_with_depth_files(street: tuple[Path, Path, Path], tmp_path: Path):
    graphs, pictures, depths = street
    out = tmp_path / "set.jsonl"
    asked = ("questions", "proximity", "--graphs", graphs, "--images", pictures, "--depth", depths, "--out", out, "--json")
    code, printed, told_on = run(*asked)
    rows = read_rows(out, ProximityQuestion).items
    assert code == 0 and json.loads(printed)["images"] == 3 and "Assumed metres" in told_on
    heights = {"house": 0, "tree": 1, "bench": 2, "dog": 3}
    for q in rows:
        if q.type != "perception":
            farther = sorted((o.name for o in q.objects), key=heights.__getitem__)[0]
            named = {"first": q.objects[0].name, "second": q.objects[1].name}[str(q.gold)]
            assert named == farther if q.asked == "farther" else named != farther
            assert {"dog", "bench"} != {o.name for o in q.objects}, (
                "people say the dog is behind the bench, the depth does not"
            )
    golds = [q.gold for q in rows if q.type == "direct"]
    assert abs(golds.count("first") - golds.count("second")) <= 1 and json.loads(printed)["left_out"]["in a clash"] == 3
    (pictures / "101.jpg").unlink()
    (depths / "102.npy").unlink()
    code, printed, _ = run(*asked)
    failed = {row["item"]: row["error"] for row in json.loads(printed)["failed"]}
    assert code == 1 and set(failed) == {"102"} and "\n" not in failed["102"]
    assert json.loads(printed)["left_out"]["scene without a picture of its name"] == 1
    assert {q.image for q in read_rows(out, ProximityQuestion).items} == {"100.jpg"}


def test_a_persons_order_of_equal_depths_is_no_clash(street: tuple[Path, Path, Path]):
    graphs, pictures, depths = street
    for path in depths.iterdir():
        flat = np.load(path)
        flat[40:] = 5
        np.save(path, flat)
    found = set_of_graphs(graphs, pictures, DepthChoice(str(depths)), Recipe(forms=("direct",), overlapping=True))
    assert "in a clash" not in found.left_out
    said = [q for q in found.questions if {o.name for o in q.objects} == {"dog", "bench"}]
    assert len(said) == 3 and all((q.objects[q.gold == "second"].name == "bench") == (q.asked == "closer") for q in said)


def test_a_depth_engine_lasers_and_pictures_of_another_size(street: tuple[Path, Path, Path]):
    graphs, pictures, depths = street
    by_engine = set_of_graphs(graphs, pictures, DepthChoice("cues"), Recipe())
    assert by_engine.questions and all("estimate without a model" in q.raw.source for q in by_engine.questions if q.raw)
    lasers = pictures.parent / "lasers"
    lasers.mkdir()
    for path in depths.iterdir():
        grid = np.zeros((55, 305, 4))
        grid[..., 3] = np.linspace(40, 2, 55)[:, None]
        savemat(lasers / f"{path.stem}.mat", {"Position3DGrid": grid})
        with Image.open(pictures / f"{path.stem}.jpg") as image:
            image.resize((400, 240)).save(pictures / f"{path.stem}.jpg")
    found = set_of_graphs(graphs, pictures, DepthChoice(str(lasers)), Recipe())
    assert not found.failed
    boxes = {o.name: o.box_xyxy_px for q in found.questions for o in q.objects}
    assert boxes["house"] == (20, 40, 80, 60), "boxes are of the picture that is shown"


@needs_data
def test_a_true_gqa_graph(tmp_path: Path):
    pictures, depths = tmp_path / "p", tmp_path / "d"
    pictures.mkdir()
    depths.mkdir()
    Image.new("RGB", (500, 414)).save(pictures / "2389539.jpg")
    values = np.linspace(1, 9, 414)[:, None].repeat(500, 1) * 1000
    Image.fromarray(values.astype(np.uint16)).save(depths / "2389539.png")
    found = set_of_graphs(GQA, pictures, DepthChoice(str(depths), "disparity"), Recipe(most=50, swapped=True))
    assert [item for item, _ in found.failed] == ["question"]
    names = {o.name for q in found.questions for o in q.objects}
    assert "traffic light" in names and "pole" not in names and "skinny pole" in names
    depth = {o.name: o.depth01 for q in found.questions for o in q.objects}
    assert depth["trash can"] < depth["traffic light"] < depth["trees"], "larger disparity is nearer"


@pytest.mark.parametrize(
    "args",
    [
        ("--out", "x.jsonl"),
        ("--out", "x.jsonl", "--samples", ".", "--graphs", "g.json"),
        ("--out", "x.jsonl", "--graphs", "g.json"),
        ("--out", "x.jsonl", "--samples", ".", "--types", "direct,other"),
        ("--out", "x.jsonl", "--samples", ".", "--tau", "2"),
        ("--out", "x.jsonl", "--samples", ".", "--depth-kind", "metres"),
        ("--out", "x.jsonl", "--samples", ".", "--depth-scale", "0"),
    ],
)
def test_wrong_usage_is_status_2(args: tuple[str, ...]):
    code, _, said = run("questions", "proximity", *args)
    assert code == 2 and said


def test_what_can_not_be_asked_is_one_line(street: tuple[Path, Path, Path], tmp_path: Path):
    graphs, pictures, _ = street
    (tmp_path / "none").mkdir()
    write_sample(plain_sample(), tmp_path / "flat")
    for act in (
        lambda: set_of_samples(tmp_path / "none", Recipe()),
        lambda: set_of_graphs(graphs, tmp_path / "absent", DepthChoice("cues"), Recipe()),
        lambda: set_of_graphs(graphs, pictures, DepthChoice("no-such-engine"), Recipe()),
        lambda: set_of_graphs(tmp_path / "absent.json", pictures, DepthChoice("cues"), Recipe()),
        lambda: run("questions", "proximity", "--samples", tmp_path / "flat", "--out", tmp_path / "s.jsonl"),
    ):  # fmt: skip
        with pytest.raises(InputError) as caught:
            act()
        assert "\n" not in str(caught.value)


# Depth maps


@pytest.fixture
def lasers(tmp_path: Path) -> tuple[Path, Path]:
    """Make3D's names and shapes: laser grids, and estimates as tall as the pictures."""
    truth, guess = tmp_path / "truth", tmp_path / "guess"
    truth.mkdir()
    guess.mkdir()
    rng = np.random.default_rng(0)
    for k in range(4):
        metres = np.linspace(80, 5, 55)[:, None] + rng.normal(0, 0.3, (55, 305))
        savemat(truth / f"depth_sph_corr-10.21op2-p-0{k}t000.mat", {"Position3DGrid": np.dstack([metres] * 4)})
        estimate = np.linspace(80, 5, 227)[:, None] + rng.normal(0, 2, (227, 170))
        np.save(guess / f"img-10.21op2-p-0{k}t000.npy", estimate.astype(np.float32))
    return truth, guess


def test_lasers_against_estimates(lasers: tuple[Path, Path]):
    truth, guess = lasers
    np.save(guess / "img-unknown.npy", np.ones((3, 3), np.float32))
    (guess / "img-10.21op2-p-02t000.npy").write_bytes(b"damaged")
    (guess / "img-10.21op2-p-03t000.npy").unlink()
    _, printed, _ = run("score", "depth", "--truth", truth, "--predicted", guess, "--pairs", "2000", "--json")
    score = json.loads(printed)
    assert score["order"] > 95 and score["metric_delta1"] > 90 and score["normalised_AbsRel"] < 0.2
    counts = {name: score[name] for name in ("n_truths", "n_images", "n_missing", "n_failed", "n_unused", "n_pairs")}
    assert counts == {"n_truths": 4, "n_images": 2, "n_missing": 1, "n_failed": 1, "n_unused": 1, "n_pairs": 4000}
    notes = " ".join(score["notes"])
    assert "03t000" in notes and "02t000" in notes and "Assumed metres" in notes
    again = run("score", "depth", "--truth", truth, "--predicted", guess, "--pairs", "2000", "--json")[1]
    assert again == printed


def test_a_disparity_has_to_be_called_one(lasers: tuple[Path, Path]):
    truth, guess = lasers
    for path in guess.iterdir():
        np.save(path, (3 / np.linspace(80, 5, 227)[:, None].repeat(170, 1) + 0.5).astype(np.float32))
    wrong = DEPTH_SCORER.score({"truth": truth, "predicted": guess}, {})
    assert wrong["order"].value is not None and wrong["order"].value < 5
    assert any("reverse order" in note for note in wrong.notes)
    right = DEPTH_SCORER.score({"truth": truth, "predicted": guess}, {"predicted_kind": "disparity"})
    assert right["order"].value is not None and right["order"].value > 95 and right.counts["n_metric"] == 0
    fitted = DEPTH_SCORER.score(
        {"truth": truth, "predicted": guess}, {"predicted_kind": "disparity", "align": "affine", "farthest": 70.0}
    )
    assert fitted["metric_delta1"].value is not None and fitted["metric_delta1"].value > 90


def test_two_single_files(tmp_path: Path, lasers: tuple[Path, Path]):
    truth = next(lasers[0].iterdir())
    np.save(tmp_path / "any name.npy", np.load(next(lasers[1].iterdir())))
    report = SCORERS.load("depth").score({"truth": truth, "predicted": tmp_path / "any name.npy"}, {})
    assert report.counts["n_images"] == 1 and report["order"].low is None


@pytest.mark.parametrize(
    "choices", [{"align": "ridge"}, {"tau": 1.5}, {"pairs": 0}, {"truth_kind": "metres"}, {"predicted_scale": -1.0}]
)
def test_settings_out_of_range_are_one_line(lasers: tuple[Path, Path], choices: dict):
    with pytest.raises(InputError) as caught:
        DEPTH_SCORER.score({"truth": lasers[0], "predicted": lasers[1]}, choices)
    assert "\n" not in str(caught.value)


def test_nothing_to_score_is_one_line(tmp_path: Path, lasers: tuple[Path, Path]):
    (tmp_path / "none").mkdir()
    for truth, predicted in (
        (tmp_path / "none", lasers[1]),
        (lasers[0], tmp_path / "none"),
        (tmp_path / "x.png", lasers[1]),
    ):
        with pytest.raises(InputError) as caught:
            DEPTH_SCORER.score({"truth": truth, "predicted": predicted}, {})
        assert "\n" not in str(caught.value)


def test_polarity_cannot_flip_a_question(folder: Path):
    """The same scene as metres and as disparity: every order that both give is the same."""
    sample = replace(full_sample(), clashes=())
    assert sample.depth is not None
    values = np.where(sample.depth.valid, 1 / np.maximum(sample.depth.values, 0.1), 0).astype(np.float32)
    turned = sample.but(depth=DepthMap(values, "disparity", sample.depth.valid, "turned"),
                        graph=sample.graph.but(objects=[o.but(depth=None) for o in sample.objects]))  # fmt: skip
    orders = []
    for one in (sample, turned):
        numbers = {i: d["depth01"] for e in exchanges(one) for i, d in e.facts["numbers"].items()}
        orders.append(sorted(numbers, key=numbers.__getitem__))
    assert orders[0] == orders[1] and len(orders[0]) == 3
