"""Captions against a reading pair by pair, on real annotations and on boxes with many ties; splits and balance."""

from __future__ import annotations

import json
import re
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from spacestudio.captions import sr4g
from spacestudio.captions.sampling import Census, Draw, even, sides
from spacestudio.captions.sr4g import Choice, eligible, extract, relation_names
from spacestudio.errors import InputError
from spacestudio.formats.coco_stream import centroid, read_boxes
from spacestudio.formats.sr4g import read_captions
from spacestudio.relations.rules import RULE_SETS
from spacestudio.services.captions import Wanted, draw
from tests.captions import by_hand
from tests.support import DATA, needs_data

REAL = [
    pytest.param(path, id=path.rpartition("/")[2])
    for path in (
        "coco/mmpose_instances.json", "coco/panoptic.json", "coco/panoptic_as_detection_rle.json",
        "coco_odd/instances_train.json", "coco_odd/panoptic_train.json", "coco_odd/person_keypoints_train.json",
    )
]  # fmt: skip


def said(file: Path, folder: Path, **settings):
    """What the studio writes, as `by_hand.drawn` tells it; nothing when no caption is left."""
    try:
        draw(Wanted(file, **settings), folder / "captions.jsonl")
    except InputError as error:
        if re.search("No caption is left|no box to speak of", str(error)):
            return []
        raise
    return [
        (c.image_id, c.subject, c.relation, c.object, list(c.subject_box), list(c.object_box))
        for c in read_captions(folder / "captions.jsonl")
    ]


def two_cats() -> dict:
    """The well-known picture 39769: a bare list of annotations, as an instances file."""
    rows = json.loads((DATA / "coco/000000039769_instances.json").read_text())
    kinds = {17: "cat", 63: "couch", 65: "bed", 75: "remote"}
    return {
        "images": [{"id": 39769, "width": 640, "height": 480, "file_name": "000000039769.png"}],
        "annotations": rows,
        "categories": [{"id": k, "name": kinds.get(k, f"kind {k}")} for k in sorted({r["category_id"] for r in rows})],
    }


@needs_data
@pytest.mark.parametrize("path", REAL)
@pytest.mark.parametrize("instances", ["one", "agree", "any"])
def test_real_annotations_pair_by_pair(path, instances, tmp_path):
    data = json.loads((DATA / path).read_text())
    for rules in by_hand.RULES:
        for margin in (0, 0.03):
            middles = masks(data) if rules == "sg2im" else None
            wanted = by_hand.drawn(data, rules, instances, Fraction(str(margin)), middles=middles)
            assert said(DATA / path, tmp_path, rules=rules, instances=instances, margin=margin) == wanted, (rules, margin)


def masks(data):
    return {
        row["id"]: tuple(map(Fraction, middle))
        for row in data["annotations"]
        if (middle := centroid(row.get("segmentation"))) is not None
    }


@needs_data
@pytest.mark.parametrize("rules", by_hand.RULES)
@pytest.mark.parametrize("instances", ["one", "agree", "any"])
def test_two_cats_and_two_remotes(rules, instances, tmp_path):
    data = two_cats()
    (tmp_path / "cats.json").write_text(json.dumps(data))
    found = said(tmp_path / "cats.json", tmp_path, rules=rules, instances=instances, min_share=0.0)
    middles = masks(data) if rules == "sg2im" else None
    assert found == by_hand.drawn(data, rules, instances, min_share=0, middles=middles)
    assert len(found) > 0 or instances == "one"
    assert not any(s == o for _, s, _, o, _, _ in found)


@needs_data
@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_the_centroid_is_the_masks():
    for row in [*two_cats()["annotations"], *json.loads((DATA / "coco/mmpose_instances.json").read_text())["annotations"]]:
        polygons = row["segmentation"]
        code = coco_mask.merge(coco_mask.frPyObjects(polygons, 2000, 2000))
        y, x = np.nonzero(coco_mask.decode(code))
        assert centroid(polygons) == pytest.approx((x.mean() + 0.5, y.mean() + 0.5), abs=0.7)
        assert centroid({"size": [2000, 2000], "counts": code["counts"]}) == pytest.approx((x.mean() + 0.5, y.mean() + 0.5))


@pytest.mark.parametrize(
    "odd", [None, [], {}, "x", [[]], [[1, 2]], [[1, 2, 3]], [[1, 1, 1, 1, 1, 1]], [["a"] * 6], {"counts": 3}]
)
def test_what_is_no_outline_has_no_centroid(odd):
    assert centroid(odd) is None


@st.composite
def annotations(draw_, sizes=((64, 48), (100, 100), (32, 64))):
    """Up to three pictures with up to seven boxes of whole px on a coarse grid, so that ties abound; some crowds."""
    images, rows = [], []
    for number in range(draw_(st.integers(1, 3))):
        width, height = draw_(st.sampled_from(sizes))
        images.append({"id": number * 7, "width": width, "height": height, "file_name": f"{number}.jpg"})
        step = draw_(st.sampled_from([1, 4, 8]))
        for _ in range(draw_(st.integers(0, 7))):
            x, y = (draw_(st.integers(0, side // step - 1)) * step for side in (width, height))
            w, h = (draw_(st.integers(1, (side - low) // step)) * step for side, low in ((width, x), (height, y)))
            crowd = draw_(st.integers(0, 9)) == 0
            kind = draw_(st.integers(1, 4))
            box = [x, y, w, h]
            if not any(r["image_id"] == number * 7 and r["bbox"] == box and r["category_id"] == kind for r in rows):
                rows.append(
                    {"id": len(rows), "image_id": number * 7, "category_id": kind, "bbox": box, "iscrowd": int(crowd)}
                )
    rows = [rows[k] for k in draw_(st.permutations(range(len(rows))))]
    categories = [{"id": k, "name": name} for k, name in enumerate(("cat", "umbrella", "skis", "hour glass"), 1)]
    return {"images": images, "annotations": rows, "categories": categories}


def sorted_by_picture(data):
    """By picture, in which the file's order is kept: the order of the studio's rows."""
    order = [image["id"] for image in data["images"]]
    return data | {"annotations": sorted(data["annotations"], key=lambda row: order.index(row["image_id"]))}


@pytest.mark.parametrize("rules", ["sstd", "sg2im", "visor"])
@given(data=annotations(), instances=st.sampled_from(["one", "agree", "any"]), least=st.sampled_from([0.0, 0.02, 0.1]))
def test_made_annotations_pair_by_pair(rules, data, instances, least, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    (folder / "made.json").write_text(json.dumps(data))
    wanted = by_hand.drawn(sorted_by_picture(data), rules, instances, min_share=Fraction(str(least)))
    assert said(folder / "made.json", folder, rules=rules, instances=instances, min_share=least) == wanted


@given(data=annotations(sizes=((64, 32), (128, 64))), instances=st.sampled_from(["one", "agree", "any"]))
def test_made_annotations_by_our_own_rules(data, instances, tmp_path_factory):
    """Sides are powers of two, so shares are exact; a size of exactly a tenth more may round either way."""
    for image in data["images"]:
        boxes = [row["bbox"] for row in data["annotations"] if row["image_id"] == image["id"]]
        for a in boxes:
            for b in boxes:
                assume(all(11 * p != 10 * q for p, q in ((a[2], b[2]), (a[3], b[3]))))
                assume(121 * a[2] * a[3] != 100 * b[2] * b[3])
    folder = tmp_path_factory.mktemp("made")
    (folder / "made.json").write_text(json.dumps(data))
    wanted = by_hand.drawn(sorted_by_picture(data), "ours", instances, min_share=0)
    assert said(folder / "made.json", folder, rules="ours", instances=instances, min_share=0.0) == wanted


@given(data=annotations(sizes=((64, 32), (128, 64))), margin=st.sampled_from([0.0625, 0.125, 0.25]))
def test_the_margin_is_its_definition(data, margin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    (folder / "made.json").write_text(json.dumps(data))
    for rules in ("sstd", "visor"):
        wanted = by_hand.drawn(sorted_by_picture(data), rules, "any", Fraction(margin), 0)
        assert said(folder / "made.json", folder, rules=rules, instances="any", min_share=0.0, margin=margin) == wanted


def boxes(count=400, kinds=6, seed=0):
    """Many pictures of random boxes, as a table, from a file of their own."""
    rng = np.random.default_rng(seed)
    images = [{"id": i, "width": 200, "height": 100, "file_name": f"{i}.jpg"} for i in range(count)]
    rows = []
    for i in range(count):
        for kind in rng.choice(kinds, 4, replace=False, p=np.arange(kinds, 0, -1) / np.arange(1, kinds + 1).sum()):
            x, y, w, h = rng.uniform(0, 120), rng.uniform(0, 60), rng.uniform(20, 80), rng.uniform(10, 40)
            rows.append(
                {"id": len(rows), "image_id": i, "category_id": int(kind), "bbox": np.round([x, y, w, h], 2).tolist()}
            )
    names = ("cat", "dog", "apple", "umbrella", "skis", "tie")
    return {"images": images, "annotations": rows, "categories": [{"id": k, "name": names[k]} for k in range(kinds)]}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    file = tmp_path_factory.mktemp("boxes") / "boxes.json"
    file.write_text(json.dumps(boxes()))
    return file


def choice_of(rules="sstd", **settings):
    found = RULE_SETS.load(rules)
    return Choice(found, found.predicates, **settings)


def everything(table, choice, side):
    return list(extract(table, eligible(table, choice, side)[0], choice, side))


def numbers(count, seed=0):
    return np.random.default_rng(seed).integers(0, 1 << 64, count, np.uint64)


def test_how_many_pictures_are_taken_together_changes_nothing(made, monkeypatch):
    table, _ = read_boxes(made)
    side = sides(numbers(400), numbers(6), (1, 1, 1))
    columns = []
    for pairs in (1, 777, 10**9):
        monkeypatch.setattr(sr4g, "PAIRS", pairs)
        batches = everything(table, choice_of(), side)
        columns.append(
            [np.concatenate([getattr(b, n) for b in batches]) for n in ("image", "subject", "object", "relation")]
        )
    assert all((a == b).all() for other in columns[1:] for a, b in zip(columns[0], other, strict=True))


def test_both_orders_or_one_by_a_fair_coin(made):
    table, _ = read_boxes(made)
    side = sides(numbers(400), numbers(6), (1, 0, 0))
    both, one = (everything(table, choice_of(inverse=inverse), side) for inverse in (True, False))
    ahead = Counter(
        zip(*(np.concatenate([getattr(b, n) for b in both]).tolist() for n in ("subject", "object")), strict=True)
    )
    alone = Counter(
        zip(*(np.concatenate([getattr(b, n) for b in one]).tolist() for n in ("subject", "object")), strict=True)
    )
    assert set(ahead) == {(o, s) for s, o in ahead}
    assert all((o, s) not in alone for s, o in alone) and sum(alone.values()) * 2 == sum(ahead.values())
    first = sum(table.category[s] < table.category[o] for s, o in alone) / len(alone)
    assert 0.45 < first < 0.55


def test_a_picture_with_too_many_boxes_is_told_of(monkeypatch, made):
    table, _ = read_boxes(made)
    monkeypatch.setattr(sr4g, "MAX_BOXES", 3)
    side = sides(numbers(400), numbers(6), (1, 0, 0))
    told, reasons = eligible(table, choice_of(), side)
    assert not told.any() and reasons["crowded"] == 1600 - reasons["small"]
    assert not sum(map(len, everything(table, choice_of(), side)))


def test_unseen_categories_and_pictures_stay_apart(made, tmp_path):
    wanted = Wanted(made, unseen=3, shares=(50, 20, 30))
    about = draw(wanted, tmp_path / "c.jsonl").about
    halves = [set(about["unseen"][name]) for name in ("training", "test")]
    assert len(halves[0]) == len(halves[1]) == 3 and not halves[0] & halves[1]
    by_split: dict[str, set] = {}
    for c in read_captions(tmp_path / "c.jsonl"):
        by_split.setdefault(c.split, set()).add(c.image_id)
        assert {c.subject, c.object} <= halves[c.split == "test"]
    assert len(by_split) == 3 and not any(by_split[a] & by_split[b] for a in by_split for b in by_split if a < b)
    other = draw(Wanted(made, unseen=4, shares=(50, 20, 30)), tmp_path / "d.jsonl").about
    assert set(other["unseen"]["test"]) != halves[1]


def test_the_split_is_by_picture_and_by_share(made, tmp_path):
    draw(Wanted(made, shares=(60, 10, 30)), tmp_path / "c.jsonl")
    split = {c.image_id: c.split for c in read_captions(tmp_path / "c.jsonl")}
    assert {i: c.split for c in read_captions(tmp_path / "c.jsonl") for i in [c.image_id]} == split
    shares = Counter(split.values())
    assert shares["train"] / len(split) == pytest.approx(0.6, abs=0.08)
    assert shares["test"] / len(split) == pytest.approx(0.3, abs=0.08)


@pytest.mark.parametrize("shares", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_a_split_may_have_everything(shares):
    edge = np.array([0, 1, 2**63, 2**64 - 1], np.uint64)
    assert set(sides(edge, edge, shares).split.tolist()) == {shares.index(1)}


def census_of(table, choice, side):
    census = Census(table, choice.relations)
    for rows in everything(table, choice, side):
        census.add(rows)
    return census


@pytest.mark.parametrize("balance", ["", "relation", "triplet"])
@pytest.mark.parametrize("limit", [None, 7, 40])
def test_balance(made, balance, limit):
    table, _ = read_boxes(made)
    choice, side = choice_of(), sides(numbers(400), numbers(6), (2, 1, 1))
    everyone = census_of(table, choice, side)
    lot = Draw(everyone, balance, limit, 5)
    kept = Census(table, choice.relations)
    for rows in everything(table, choice, side):
        kept.add(lot.keep(rows))
    total, left = everyone.sums(), kept.sums()
    least = np.where(total > 0, total, total.max()).min(axis=1, keepdims=True) if balance else total
    assert (left == np.minimum(np.minimum(total, least), limit or total)).all()
    if balance == "triplet":
        codes, counts = kept.columns()
        there = dict(zip(*everyone.columns(), strict=True))
        for relation in np.unique(kept.relation_codes(codes)):
            own = kept.relation_codes(codes) == relation
            most = counts[own].max()
            assert all(n >= most - 1 or n == there[c] for c, n in zip(codes[own], counts[own], strict=True))


def test_every_caption_is_as_likely_to_be_drawn(made):
    table, _ = read_boxes(made)
    choice, side = choice_of("visor"), sides(numbers(400), numbers(6), (1, 0, 0))
    batches = everything(table, choice, side)
    census = census_of(table, choice, side)
    times: Counter = Counter()
    for seed in range(60):
        lot = Draw(census, "", 100, seed)
        for rows in map(lot.keep, batches):
            times.update(zip(rows.subject.tolist(), rows.object.tolist(), rows.relation.tolist(), strict=True))
    total = census.sums()[0]
    share = 100 / total[0]
    early = np.mean(
        [
            times[key]
            for rows in batches
            for key in zip(
                rows.subject[:200].tolist(), rows.object[:200].tolist(), rows.relation[:200].tolist(), strict=True
            )
        ]
    )
    assert sum(times.values()) == 60 * 100 * 4
    assert early / 60 == pytest.approx(share, rel=0.25)
    assert max(times.values()) <= 60 * share + 6 * (60 * share) ** 0.5


@given(st.lists(st.integers(0, 30), min_size=1, max_size=9), st.integers(0, 99))
def test_even(counts, total):
    got = even(np.array(counts), total).tolist()
    assert sum(got) == min(total, sum(counts)) and all(g <= c for g, c in zip(got, counts, strict=True))
    assert all(g == c or g >= max(got) - 1 for g, c in zip(got, counts, strict=True))


def test_words_for_several_relations():
    assert relation_names(("scale", "left of", "wider")) == (*sr4g.TYPES["scale"], "left of")
    assert sorted(name for names in sr4g.TYPES.values() for name in names) == sorted(RULE_SETS.load("sstd").predicates)


@pytest.mark.parametrize(
    ("relation", "caption"),
    [
        ("left of", "an umbrella to the left of skis"), ("right of", "skis to the right of an umbrella"),
        ("separated", "a tie and an apple separated"), ("wider", "a dog wider than a cat"), ("overlapping", "skis overlapping a tie"),
    ],
)  # fmt: skip
def test_captions_read_as_english(made, tmp_path, relation, caption):
    draw(Wanted(made, relations=(relation,), instances="any", min_share=0.0), tmp_path / "c.jsonl")
    said = {c.caption: c for c in read_captions(tmp_path / "c.jsonl")}
    assert caption in said and {c.relation for c in said.values()} == {relation}
