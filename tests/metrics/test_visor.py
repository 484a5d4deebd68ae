"""VISOR against the published figures, and against its definition written out picture by picture."""

import json
import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from spacestudio.domain.found import FoundBoxes, Results
from spacestudio.domain.prompts import Prompt
from spacestudio.formats.visor import read_detections
from spacestudio.metrics.visor import (
    GENEVAL,
    HEADLINES,
    bounds_of,
    columns_of,
    from_boxes,
    from_results,
    missing,
    score,
    share_of,
    where,
    with_empty,
)
from spacestudio.relations.rules import RULE_SETS
from spacestudio.services.prompts import relation_prompts, sr2d
from tests.support import DATA, needs_data

NAMES = ("cup", "dog", "car", "kite", "bed")
VISOR = RULE_SETS.load("visor")


@needs_data
def test_the_published_figures_to_the_printed_digit():
    expected = json.loads((DATA / "golden/visor/expected.json").read_text())
    results = read_detections(DATA / "golden/visor/results_golden_text_spatial_rel_phrases_owlvit_0.1.json")
    assert isinstance(results, Results) and len(results.prompt) == expected.pop("n_results_in_file")
    report = score(from_results(sr2d(), results))
    assert {name: round(report[name].value, 2) for name in HEADLINES} == expected


def made_results(seed=0, images=4, kept=0.9):
    """Random results of a random part of the prompts, in a random order."""
    rng = np.random.default_rng(seed)
    prompts = relation_prompts("visor", NAMES)
    rows = []
    for p in prompts:
        if rng.random() > kept:
            continue
        for k in range(images):
            classes = tuple(n for n in (p.first, p.second, "sofa") if n and rng.random() < 0.6)
            rows.append((p.id, k, bool(rng.random() < 0.6), classes, p.text))
    rows = [rows[k] for k in rng.permutation(len(rows))]
    ids, numbers, right, classes, texts = zip(*rows, strict=True)
    return prompts, Results(np.array(ids), np.array(numbers), np.array(right), classes, texts)


def written_out(prompts, results):
    """SEEDS 3.4, one picture after the other."""
    by_id = {p.id: p for p in prompts}
    n = shown = good = 0
    hits = defaultdict(int)
    for i, right, classes in zip(results.prompt.tolist(), results.right.tolist(), results.classes, strict=True):
        p = by_id[i]
        if p.relation in ("and", "single"):
            continue
        both = p.first in classes and p.second in classes
        n, shown, good = n + 1, shown + both, good + (both and right)
        hits[i] += both and right
    out = {"OA": 100 * shown / n, "VISOR_uncond": 100 * good / n, "VISOR_cond": 100 * good / shown}
    return out | {f"VISOR_{k}": 100 * sum(h >= k for h in hits.values()) / len(hits) for k in range(1, 5)}


@pytest.mark.parametrize("seed", range(4))
def test_the_definition(seed):
    prompts, results = made_results(seed)
    report = score(from_results(prompts, results))
    assert {name: report[name].value for name in HEADLINES} == pytest.approx(written_out(prompts, results))
    assert report["VISOR_uncond"].value == pytest.approx(report["OA"].value * report["VISOR_cond"].value / 100)


def test_order_of_prompts_and_of_results_does_not_matter():
    prompts, results = made_results(1)
    turned = Results(
        results.prompt[::-1], results.number[::-1], results.right[::-1], results.classes[::-1], results.texts[::-1]
    )
    a, b = score(from_results(prompts, results)), score(from_results(prompts[::-1], turned))
    assert a.figures == b.figures and a.tables == b.tables and a.worst == b.worst


def test_what_is_left_out_is_counted_and_named():
    prompts, _ = made_results(2)
    asked = [p for p in prompts if p.spatial]
    some = Results(
        np.array([asked[0].id, asked[0].id, asked[1].id, 10_000, prompts[-1].id]),
        np.array([0, 0, 3, 1, 2]),
        np.ones(5, bool),
        [("cup", "dog")] * 5,
        [asked[0].text, "", "another text", "?", prompts[-1].text],
    )
    read = from_results(prompts, some)
    assert read.pictures.asked.tolist() == [0] and read.pictures.number.tolist() == [0]
    told = {tally.key: (tally.count, tally.named) for tally in read.left_out}
    assert told["twice"] == (1, (f"{asked[0].id}_0",)) and told["other_text"] == (1, (f"{asked[1].id}_3",))
    assert told["unknown"] == (1, ("10000_1",)) and told["unasked"] == (1, (f"{prompts[-1].id}_2",))
    seen = missing(read, 4, whole=False)
    assert seen.count == 3 and seen.named == (f"{asked[0].id}_1", f"{asked[0].id}_2", f"{asked[0].id}_3")
    assert missing(read, 4, whole=True).count == 4 * len(asked) - 1
    assert missing(read, 1, whole=False).count == 0


@pytest.mark.parametrize("images", [1, 2, 7])
def test_any_number_of_pictures(images):
    prompts, results = made_results(3, images)
    report = score(from_results(prompts, results))
    expected = written_out(prompts, results)
    reached = [name for name in HEADLINES if not name[-1].isdigit() or int(name[-1]) <= images]
    assert {name: report[name].value for name in reached} == pytest.approx({name: expected[name] for name in reached})
    assert all(report[name].value is None for name in set(HEADLINES) - set(reached)), "nobody could have had so many right"


def test_nothing_found_is_no_division_by_zero():
    prompts, results = made_results(0)
    nothing = Results(results.prompt, results.number, results.right, [()] * len(results.prompt), results.texts)
    report = score(from_results(prompts, nothing))
    assert report["OA"].value == 0 and report["VISOR_cond"].value is None and report["VISOR_cond"].n == 0
    empty = Results(results.prompt[:0], results.number[:0], results.right[:0], [], [])
    assert score(from_results(prompts, empty))["OA"].value is None


def test_intervals_are_those_of_drawing_prompts_one_by_one():
    prompts, results = made_results(5)
    read = from_results(prompts, results)
    columns = columns_of(read.pictures, len(read.prompts))
    some = where(columns, columns["images"] > 0)
    rng = np.random.default_rng(9)
    rows = rng.integers(0, len(some["images"]), (4000, len(some["images"])))
    for name, (above, below) in {"OA": ("both", "images"), "VISOR_cond": ("right", "both")}.items():
        ratios = 100 * some[above][rows].sum(1) / some[below][rows].sum(1)
        assert bounds_of(columns)[name] == pytest.approx(np.percentile(ratios, [2.5, 97.5]), abs=1.2)
    assert bounds_of(columns) == bounds_of(columns)
    assert set(bounds_of(where(columns, [0])).values()) == {(None, None)}


# Boxes


def made_boxes(prompts, seed=0, per_prompt=2, size=(120, 80)):
    """Random pictures with up to three boxes of each object and one of another."""
    rng = np.random.default_rng(seed)
    asked = [p for p in prompts if p.spatial]
    pictures = [(p.id, k) for p in asked for k in range(per_prompt)]
    names = {p.id: (p.first, p.second, "sofa") for p in asked}
    image, labels, corners, scores = [], [], [], []
    for place, (i, _) in enumerate(pictures):
        for name in names[i]:
            for _ in range(rng.integers(0, 4)):
                x, y = np.sort(rng.integers(0, size[0], 2)), np.sort(rng.integers(0, size[1], 2))
                image.append(place)
                labels.append(name.upper())
                corners.append((x[0], y[0], x[1] + 1, y[1] + 1))
                scores.append(round(float(rng.random()), 3))
    ids, numbers = np.array(pictures).T
    return FoundBoxes(
        ids, numbers, np.full((len(ids), 2), size, float), np.array(image), labels, np.array(corners, float),
        np.array(scores), complete=True,
    )  # fmt: skip


def picture_by_picture(prompts, boxes, rules, pairing, threshold):
    """(id, number) -> first, second, right, reverse; None where the rules do not know the relation."""
    by_id = {p.id: p for p in prompts}
    words = {"to the left of": "left of", "to the right of": "right of"}
    out = {}
    for place, key in enumerate(zip(boxes.prompt.tolist(), boxes.number.tolist(), strict=True)):
        p = by_id[key[0]]
        asked = words.get(p.relation, p.relation.removesuffix(" than"))
        if asked not in rules.predicates:
            continue
        found = []
        for name in (p.first, p.second):
            own = [
                k for k in range(len(boxes.labels))
                if boxes.image[k] == place and boxes.labels[k].lower() == name and boxes.score[k] > threshold
            ]  # fmt: skip
            found.append(sorted(own, key=lambda k: -boxes.score[k])[: 1 if pairing == "best" else None])
        held = [
            {r for r, yes in rules.holds(boxes.xyxy[[a]], boxes.xyxy[[b]], boxes.size[place]).items() if yes[0]}
            for a in found[0]
            for b in found[1]
        ]
        out[key] = (
            bool(found[0]), bool(found[1]), any(asked in h for h in held), rules.inverses[asked] != asked and any(rules.inverses[asked] in h for h in held)
        )  # fmt: skip
    return out


@pytest.mark.parametrize("rules", [*RULE_SETS, "geneval"])
@pytest.mark.parametrize("pairing", ["any", "best"])
def test_boxes_are_judged_pair_by_pair(rules, pairing):
    rule_set = GENEVAL if rules == "geneval" else RULE_SETS.load(rules)
    prompts = relation_prompts("sstd", NAMES)
    boxes = made_boxes(prompts)
    read = from_boxes(prompts, boxes, rule_set, pairing, 0.3)
    expected = picture_by_picture(prompts, boxes, rule_set, pairing, 0.3)
    p = read.pictures
    keys = zip((read.prompts[k].id for k in p.asked), p.number.tolist(), strict=True)
    got = dict(
        zip(keys, zip(p.first.tolist(), p.second.tolist(), p.right.tolist(), p.reverse.tolist(), strict=True), strict=True)
    )
    assert got == expected
    assert p.both.tolist() == (p.first & p.second).tolist()
    unjudged = next(t for t in read.left_out if t.key == "unjudged")
    assert unjudged.count == len(boxes.prompt) - len(expected)
    assert p.right.any() and not p.right.all()


def test_a_mirrored_picture_swaps_left_and_right():
    prompts = relation_prompts("visor", NAMES)
    boxes = made_boxes(prompts, 4)
    mirrored = boxes.xyxy[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [120, 0, 120, 0]
    a = from_boxes(prompts, boxes, VISOR).pictures
    b = from_boxes(
        prompts, FoundBoxes(**(vars(boxes) | {"xyxy": mirrored})), VISOR
    ).pictures  # fmt: skip
    sideways = np.array(["left" in p.relation or "right" in p.relation for p in prompts if p.spatial])[a.asked]
    assert (b.right[sideways] == a.reverse[sideways]).all() and (b.right[~sideways] == a.right[~sideways]).all()


def test_two_things_of_one_name_need_two_boxes():
    prompts = [Prompt(0, "dog", "dog", "to the left of", "a dog to the left of a dog")]

    def judged(*lefts):
        n = len(lefts)
        corners = np.array([(x, 0, x + 10, 10) for x in lefts], float)
        boxes = FoundBoxes(
            np.array([0]), np.array([0]), np.array([[50.0, 50.0]]), np.zeros(n, int), ["dog"] * n, corners, np.ones(n), True
        )
        return from_boxes(prompts, boxes, VISOR).pictures

    assert not judged(3).both[0] and judged(3).first[0]
    assert judged(3, 30).both[0] and judged(3, 30).right[0]
    assert judged(3, 3).both[0] and not judged(3, 3).right[0]


def test_a_list_of_boxes_gets_its_empty_pictures():
    prompts = relation_prompts("visor", ("cup", "dog"))
    asked = [p for p in prompts if p.spatial]
    one = FoundBoxes(
        np.array([asked[0].id]), np.array([2]), np.full((1, 2), np.nan), np.array([0]), ["cup"], np.array([[0.0, 0, 1, 1]]),
        np.ones(1), complete=False,
    )  # fmt: skip
    read = from_boxes(prompts, with_empty(one, asked, 4), VISOR)
    assert len(read.pictures.asked) == 4 * len(asked) and missing(read, 4, whole=True).count == 0
    assert read.pictures.first.sum() == 1


def geneval_written_out(a, b):
    """The position rule as its authors describe it, for one pair of xyxy boxes."""
    offset = [(a[k] + a[k + 2] - b[k] - b[k + 2]) / 2 for k in (0, 1)]
    sides = [a[k + 2] - a[k] + b[k + 2] - b[k] for k in (0, 1)]
    left = [math.copysign(max(abs(o) - 0.1 * s, 0), o) for o, s in zip(offset, sides, strict=True)]
    if all(abs(v) < 1e-3 for v in left):
        return set()
    x, y = (v / math.hypot(*offset) for v in left)
    names = {"left of": x < -0.5, "right of": x > 0.5, "above": y < -0.5, "below": y > 0.5}
    return {name for name, yes in names.items() if yes}


def test_genevals_rule():
    rng = np.random.default_rng(0)
    corners = np.sort(rng.integers(0, 12, (2, 3000, 2, 2)), 2).reshape(2, 3000, 4).astype(float)
    held = GENEVAL.holds(corners[0], corners[1], (12, 12))
    seen = Counter()
    for k in range(3000):
        expected = geneval_written_out(corners[0][k], corners[1][k])
        assert {name for name, yes in held.items() if yes[k]} == expected
        seen.update(expected or {"none"})
    assert len(seen) == 5 and min(seen.values()) > 100


# Breakdowns


def table(report, title):
    found = next(t for t in report.tables if t.title == title)
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def test_breakdowns_are_the_figures_of_their_prompts():
    prompts, results = made_results(6)
    report = score(from_results(prompts, results), unseen=("Cup", "kite"))

    def only(keep):
        chosen = np.array([keep(p) for p in sorted(prompts, key=lambda p: p.id)])[results.prompt]
        rows = np.flatnonzero(chosen)
        own = Results(
            results.prompt[rows], results.number[rows], results.right[rows], [results.classes[k] for k in rows],
            [results.texts[k] for k in rows],
        )  # fmt: skip
        return written_out(prompts, own)

    for row in table(report, "By relation"):
        own = only(lambda p, r=row["relation"]: p.relation in (r, f"to the {r}"))
        assert {name: row[name] for name in HEADLINES} == pytest.approx(own)
        assert row["VISOR_cond low"] <= row["VISOR_cond"] <= row["VISOR_cond high"]
    for row in table(report, "By object"):
        own = only(lambda p, o=row["object"]: p.spatial and o in (p.first, p.second))
        assert {name: row[name] for name in HEADLINES[:3]} == pytest.approx({n: own[n] for n in HEADLINES[:3]})
    unseen = {row["unseen"]: row for row in table(report, "By how many of the objects are unseen")}
    for name, count in {"none": 0, "one": 1, "both": 2}.items():
        own = only(lambda p, c=count: p.spatial and (p.first in ("cup", "kite")) + (p.second in ("cup", "kite")) == c)
        assert {h: unseen[name][h] for h in HEADLINES} == pytest.approx(own)


def test_bias_of_opposites_and_of_the_object_named_first():
    prompts = [p for p in relation_prompts("visor", NAMES) if p.spatial]
    ids = np.array([p.id for p in prompts])
    right = np.array([p.relation == "above" for p in prompts])
    classes = [(p.first, p.second) if k % 2 else (p.first,) for k, p in enumerate(prompts)]
    classes = [(p.first, p.second) if p.relation in ("above", "below") else c for c, p in zip(classes, prompts, strict=True)]
    report = score(from_results(prompts, Results(ids, ids * 0, right, classes, [p.text for p in prompts])))
    rows = {(row["relation"], row["opposite"]): row["difference"] for row in table(report, "Opposite relations")}
    assert rows == {("above", "below"): 100, ("left of", "right of"): 0}
    assert report["opposite_bias"].value == 50
    assert report["first_found"].value == 100 and report["first_bias"].value == pytest.approx(
        100 * np.mean([len(c) == 1 for c in classes])
    )


def test_prompts_that_mean_the_same():
    prompts = [p for p in relation_prompts("visor", ("cup", "dog", "car")) if p.spatial]
    pairs = {
        ("cup", "left of", "dog"): 3,
        ("dog", "right of", "cup"): 1,
        ("car", "above", "cup"): 4,
        ("cup", "below", "car"): 4,
    }
    rows = [
        (p.id, k, k < right, (p.first, p.second), p.text)
        for p in prompts
        if (right := pairs.get((p.first, p.relation.removeprefix("to the "), p.second))) is not None
        for k in range(4)
    ]
    ids, numbers, good, classes, texts = zip(*rows, strict=True)
    report = score(from_results(prompts, Results(np.array(ids), np.array(numbers), np.array(good), classes, texts)))
    expected = {("left of", "right of"): 100 * (3 / 4 * 1 / 4 + 1 / 4 * 3 / 4), ("above", "below"): 100}
    found = table(report, "Prompts that mean the same")
    assert {(r["relation"], r["the other way round"]): r["agreement"] for r in found} == pytest.approx(expected)
    assert report["consistency"].value == pytest.approx(np.mean(list(expected.values()))) and report["consistency"].n == 2


def test_frequency_in_captions():
    from scipy.stats import spearmanr

    prompts, results = made_results(7)
    asked = [p for p in prompts if p.spatial]
    rng = np.random.default_rng(3)
    counts = {(p.first.upper(), p.relation, p.second): int(rng.integers(0, 50)) for p in asked[::2]}
    report = score(from_results(prompts, results), captions=counts)
    hits, shown, said = defaultdict(int), defaultdict(int), {}
    by_id = {p.id: p for p in prompts}
    for i, good, classes in zip(results.prompt.tolist(), results.right.tolist(), results.classes, strict=True):
        p = by_id[i]
        if p.spatial and p.first in classes and p.second in classes:
            shown[i] += 1
            hits[i] += good
            said[i] = counts.get((p.first.upper(), p.relation, p.second), 0)
    shares, number = [hits[i] / shown[i] for i in shown], [said[i] for i in shown]
    assert report["spearman_VISOR_cond"].value == pytest.approx(spearmanr(number, shares).statistic)
    assert report["pearson_log_VISOR_cond"].value == pytest.approx(np.corrcoef(np.log1p(number), shares)[0, 1])
    assert report["spearman_VISOR_cond"].n == len(shown)


def test_the_worst_first():
    prompts, results = made_results(8)
    read = from_results(prompts, results)
    report = score(read)
    p = read.pictures
    at = {f"{read.prompts[a].id}_{k}": i for i, (a, k) in enumerate(zip(p.asked.tolist(), p.number.tolist(), strict=True))}
    rows = [at[item.id] for item in report.worst]
    hits = np.bincount(p.asked, p.right)
    assert rows and not p.right[rows].any()
    keys = [(not p.both[k], hits[p.asked[k]]) for k in rows]
    assert keys == sorted(keys)
    assert all(item.image == f"{item.id}.png" for item in report.worst)


def test_share_of_nothing():
    prompts, results = made_results(0)
    columns = columns_of(from_results(prompts, results).pictures, len([p for p in prompts if p.spatial]))
    assert share_of(where(columns, []), "OA") is None
