"""score visor: the published keys first, and every way in which files don't fit told and survived."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from spacestudio.cli import app
from spacestudio.errors import InputError, UnknownName
from spacestudio.services.prompts import relation_prompts, sr2d, write_prompts
from spacestudio.services.scores import SCORERS
from tests.support import DATA, needs_data

KEYS = ["n_images", "n_prompts", "OA", "VISOR_uncond", "VISOR_cond", "VISOR_1", "VISOR_2", "VISOR_3", "VISOR_4"]
GOLDEN = DATA / "golden/visor/results_golden_text_spatial_rel_phrases_owlvit_0.1.json"


def scored(files, **settings):
    scorer = SCORERS.load("visor")
    report = scorer.score(files, {c.name: c.default for c in scorer.choices} | settings)
    return report, scorer.json(report)


def results_of(prompts, per_prompt=4, right=1):
    return {
        f"{p.id}_{k}": {"classes": [p.first, p.second], "centroid": [], "recall": 2, "sra": right, "text": p.text}
        for p in prompts
        for k in range(per_prompt)
    }


def put(path, value):
    path.write_text(json.dumps(value))
    return path


@needs_data
def test_the_published_figures_from_the_command_line():
    ran = CliRunner().invoke(app, ["score", "visor", "--detections", str(GOLDEN), "--json"])
    assert ran.exit_code == 0, ran.output
    got, expected = json.loads(ran.stdout), json.loads((DATA / "golden/visor/expected.json").read_text())
    assert list(got)[: len(KEYS)] == KEYS
    assert {name: got[name] for name in KEYS[2:]} == {name: expected[name] for name in KEYS[2:]}
    assert (got["n_images"], got["n_prompts"], got["n_results"], got["n_unasked"]) == (4800, 1200, 4840, 40)
    assert got["as_published"] is True and got["n_missing"] == 0
    assert all(low <= got[name] <= high for name, (low, high) in got["intervals"].items() if name in KEYS)


@needs_data
def test_the_published_figures_whatever_the_prompts_order(tmp_path):
    own = {int(key.split("_")[0]) for key in json.loads(GOLDEN.read_text())}
    some = [p for p in reversed(sr2d()) if p.id in own]
    write_prompts(some, tmp_path / "p.json")
    _, whole = scored({"detections": GOLDEN})
    _, part = scored({"detections": GOLDEN, "prompts": tmp_path / "p.json"})
    assert {k: whole[k] for k in whole if k != "tables"} == {k: part[k] for k in part if k != "tables"}


def test_missing_unknown_and_bad_are_counted_and_named(tmp_path):
    asked = [p for p in sr2d() if p.spatial][:6]
    write_prompts(asked[:5], tmp_path / "p.json")
    rows = results_of(asked[:4]) | results_of(asked[5:], 1)
    del rows[f"{asked[0].id}_2"]
    rows |= {"nonsense": {}, f"{asked[1].id}_3": {"classes": [], "sra": 7}}
    _, got = scored({"detections": put(tmp_path / "r.json", rows), "prompts": tmp_path / "p.json"})
    assert (got["n_images"], got["n_prompts"], got["n_unknown"], got["n_bad_lines"]) == (14, 4, 1, 2)
    assert got["n_missing"] == 2 + 4 and got["VISOR_4"] == 50 and got["VISOR_3"] == 100
    notes = "\n".join(got["notes"])
    for word in (f"{asked[0].id}_2", f"{asked[5].id}_0", "nonsense", "3 to 4 pictures"):
        assert word in notes
    ran = CliRunner().invoke(
        app, ["score", "visor", "--detections", str(tmp_path / "r.json"), "--prompts", str(tmp_path / "p.json"), "--json"]
    )
    assert ran.exit_code == 1 and json.loads(ran.stdout)["n_images"] == 14


def test_without_prompts_only_pictures_of_seen_prompts_are_missed(tmp_path):
    _, got = scored({"detections": put(tmp_path / "r.json", results_of([p for p in sr2d() if p.spatial][:3], 2))})
    assert (got["n_prompts"], got["n_missing"], got["VISOR_2"], got["VISOR_3"]) == (3, 6, 100, None)


def test_other_prompts_under_the_same_ids_are_not_mistaken(tmp_path):
    rows = results_of([p for p in sr2d() if p.spatial][:3])
    rows["0_0"]["text"] = "a dog flying a kite"
    _, got = scored({"detections": put(tmp_path / "r.json", rows)})
    assert got["n_other_text"] == 1 and got["n_images"] == 11


@pytest.mark.parametrize(
    "settings",
    [{"threshold": 1.0}, {"threshold": -0.1}, {"threshold": float("nan")}, {"per_prompt": 0}, {"pairing": "some"}],
)
def test_settings_that_can_not_be(tmp_path, settings):
    with pytest.raises(InputError):
        scored({"detections": put(tmp_path / "r.json", results_of(sr2d()[:1]))}, **settings)


def test_an_unknown_rule_set_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(UnknownName, match="visor"):
        scored({"detections": put(tmp_path / "r.json", results_of(sr2d()[:1]))}, rules="mine")


def test_nothing_to_score_says_why(tmp_path):
    with pytest.raises(InputError, match="prompts that ask for no relation, left out") as caught:
        scored({"detections": put(tmp_path / "r.json", results_of(sr2d()[8:9], 2))})
    assert "\n" not in str(caught.value)


def coco(prompts, boxes_of, size=(100, 100), per_prompt=1):
    """A COCO file: boxes_of(prompt, k) -> [(name, xywh, score), …]."""
    images, annotations = [], []
    for p in prompts:
        for k in range(per_prompt):
            images.append({"id": len(images), "file_name": f"{p.id}_{k}.png", "width": size[0], "height": size[1]})
            for name, box, score in boxes_of(p, k):
                row = {"image_id": len(images) - 1, "category_name": name, "bbox": box, "score": score}
                annotations.append(row)
    return {"images": images, "annotations": annotations, "categories": []}


def standing(p, k):
    """Both things as the prompt asks, well apart; a second, worse box the other way round."""
    places = {"to the left of": ((0, 40), (80, 40)), "to the right of": ((80, 40), (0, 40)), "above": ((40, 0), (40, 80))}
    first, second = places.get(p.relation, ((40, 80), (40, 0)))
    good = [(p.first, [*first, 20, 20], 0.9), (p.second.upper(), [*second, 20, 20], 0.8)]
    return [*good, (p.first, [*second, 20, 20], 0.25), (p.second, [*first, 20, 20], 0.05)]


def test_boxes_threshold_pairing_and_geneval(tmp_path):
    prompts = [p for p in relation_prompts("visor", ("cup", "dog", "kite")) if p.spatial]
    write_prompts(prompts, tmp_path / "p.json")
    files = {"detections": put(tmp_path / "d.json", coco(prompts, standing)), "prompts": tmp_path / "p.json"}
    report, got = scored(files, per_prompt=1)
    assert got["OA"] == got["VISOR_cond"] == got["geneval_position"] == 100 and got["as_published"] is True
    assert got["both_ways"] == 0  # the reversed pair needs a box of 0.05
    _, low = scored(files, per_prompt=1, threshold=0.01)
    assert low["both_ways"] == 100 and low["as_published"] is False
    _, best = scored(files, per_prompt=1, threshold=0.01, pairing="best")
    assert best["both_ways"] == 0 and best["VISOR_cond"] == 100
    _, high = scored(files, per_prompt=1, threshold=0.85)
    assert high["OA"] == 0 and high["VISOR_cond"] is None
    assert high["geneval_position"] == 100  # it has a threshold of its own
    rules = next(t for t in report.tables if "other rules" in t.title)
    assert {row[0]: row[2:5] for row in rules.rows} == dict.fromkeys(("ours", "sstd", "sg2im", "visor"), (100, 100, 100))


def test_all_fourteen_relations(tmp_path):
    prompts = [p for p in relation_prompts("sstd", ("cup", "dog")) if p.spatial]
    write_prompts(prompts, tmp_path / "p.json")
    wide, inner = [0, 0, 90, 50], [20, 10, 20, 20]
    made = coco(prompts, lambda p, k: [(p.first, wide, 1), (p.second, inner, 1)])
    files = {"detections": put(tmp_path / "d.json", made), "prompts": tmp_path / "p.json"}
    report, got = scored(files, rules="sstd", per_prompt=1)
    shares = {row[0]: row[4] for row in next(t for t in report.tables if t.title == "By relation").rows}
    true = {"surrounding", "overlapping", "wider", "taller", "larger"}
    assert shares == {p: 100.0 if p in true else 0.0 for p in shares} and len(shares) == 14
    assert got["n_unjudged"] == 0 and got["as_published"] is False
    _, four = scored(files, per_prompt=1)
    assert four["n_unjudged"] == 20 and four["n_images"] == 8


def test_a_list_of_boxes_without_sizes(tmp_path):
    prompts = [p for p in sr2d() if p.spatial][:2]
    rows = [
        {"image_id": f"{prompts[0].id}_0", "label": name, "bbox": box, "score": score}
        for name, box, score in standing(prompts[0], 0)
    ]
    write_prompts(prompts, tmp_path / "p.json")
    files = {"detections": put(tmp_path / "d.json", rows), "prompts": tmp_path / "p.json"}
    _, got = scored(files)
    assert (got["n_images"], got["OA"], got["n_missing"]) == (8, 12.5, 0)
    assert any("7 pictures that it does not name count as empty" in note for note in got["notes"])
    with pytest.raises(InputError, match="need the size of every picture"):
        scored(files, rules="sstd")


def test_unseen_objects_and_training_captions(tmp_path):
    prompts = [p for p in sr2d() if p.spatial][:400]
    rng = np.random.default_rng(0)
    rows = results_of(prompts)
    for row in rows.values():
        row["sra"] = int(rng.random() < 0.5)
    (tmp_path / "unseen.txt").write_text("Person\n")
    lines = [f"{p.first},{p.relation},{p.second},{k}" for k, p in enumerate(prompts)]
    (tmp_path / "captions.csv").write_text("subject,relation,object,count\n" + "\n".join(lines) + "\n,left of,x,1\n")
    report, got = scored(
        {
            "detections": put(tmp_path / "r.json", rows),
            "unseen": tmp_path / "unseen.txt",
            "captions": tmp_path / "captions.csv",
        }
    )
    titles = [t.title for t in report.tables]
    assert "By how many of the objects are unseen" in titles and "Frequency in training captions" in titles
    assert -0.3 < got["spearman_VISOR_cond"] < 0.3 and got["n_bad_lines"] == 1
    json.dumps(got, allow_nan=False)
