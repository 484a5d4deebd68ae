"""Captions read off annotations one pair at a time: the rule sets as SEEDS 3.2 writes them, the filters as docs/SR4G.md does."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

SSTD_T = Fraction(2, 100)
INVERSE = {
    "left of": "right of", "right of": "left of", "above": "below", "below": "above", "inside": "surrounding",
    "surrounding": "inside", "overlapping": "overlapping", "separated": "separated", "wider": "narrower", "narrower": "wider",
    "taller": "shorter", "shorter": "taller", "larger": "smaller", "smaller": "larger",
}  # fmt: skip
ORDER = {
    "sstd": (
        "surrounding", "inside", "left of", "right of", "above", "below", "overlapping", "separated", "wider", "narrower",
        "taller", "shorter", "larger", "smaller",
    ),
    "sg2im": ("surrounding", "inside", "left of", "right of", "above", "below"),
    "visor": ("left of", "right of", "above", "below"),
    "ours": (
        "left of", "right of", "above", "below", "inside", "surrounding", "overlapping", "separated", "wider", "narrower",
        "taller", "shorter", "larger", "smaller",
    ),
}  # fmt: skip


def center(b):
    return (b[0] + b[2]) / 2, (b[1] + b[3]) / 2


def sector(s, o, W, H):
    """θ of the normalised offset of two points, told without rounding."""
    dx, dy = (s[0] - o[0]) / W, (s[1] - o[1]) / H
    scale = math.lcm(dx.denominator, dy.denominator)
    theta = math.atan2(int(dy * scale), int(dx * scale))
    if theta >= 3 * math.pi / 4 or theta <= -3 * math.pi / 4:
        return "left of"
    if theta < -math.pi / 4:
        return "above"
    return "right of" if theta < math.pi / 4 else "below"


def visor(s, o, W, H, cs, co):
    (xs, ys), (xo, yo) = center(s), center(o)
    said = {"left of": xs < xo, "right of": xs > xo, "above": ys < yo, "below": ys > yo}
    return {name for name, holds in said.items() if holds}


def sg2im(s, o, W, H, cs, co):
    if s[0] < o[0] and s[2] > o[2] and s[1] < o[1] and s[3] > o[3]:
        return {"surrounding"}
    if s[0] > o[0] and s[2] < o[2] and s[1] > o[1] and s[3] < o[3]:
        return {"inside"}
    return {sector(cs, co, W, H)}


def sstd(s, o, W, H, cs, co):
    sx0, sx1, ox0, ox1 = s[0] / W, s[2] / W, o[0] / W, o[2] / W
    sy0, sy1, oy0, oy1 = s[1] / H, s[3] / H, o[1] / H, o[3] / H
    if sx0 - SSTD_T <= ox0 and sx1 + SSTD_T >= ox1 and sy0 - SSTD_T <= oy0 and sy1 + SSTD_T >= oy1:
        said = {"surrounding"}
    elif sx0 + SSTD_T >= ox0 and sx1 - SSTD_T <= ox1 and sy0 + SSTD_T >= oy0 and sy1 - SSTD_T <= oy1:
        said = {"inside"}
    else:
        said = {sector(center(s), center(o), W, H)}
    shared = max(0, min(sx1, ox1) - max(sx0, ox0)) * max(0, min(sy1, oy1) - max(sy0, oy0))
    said.add("overlapping" if shared > 0 else "separated")
    sizes = ((sx1 - sx0, ox1 - ox0), (sy1 - sy0, oy1 - oy0), ((sx1 - sx0) * (sy1 - sy0), (ox1 - ox0) * (oy1 - oy0)))
    for (mine, theirs), (more, less) in zip(
        sizes, (("wider", "narrower"), ("taller", "shorter"), ("larger", "smaller")), strict=True
    ):
        if mine != theirs:
            said.add(more if mine > theirs else less)
    return said


def ours(s, o, W, H, cs, co):
    """docs/CONVENTIONS.md: beyond 5 % of the side for directions, 0.5 % for topology, a tenth for sizes."""
    return {
        name
        for name in ORDER["ours"]
        if clear(name, s, o, W, H, center(s), center(o), Fraction(5, 100)) and true(name, s, o)
    }


def true(name, s, o):
    """The bare meaning of each word; nothing inside another has a direction from it."""
    (xs, ys), (xo, yo) = center(s), center(o)
    within = all((s[0] >= o[0], s[1] >= o[1], s[2] <= o[2], s[3] <= o[3]))
    around = all((s[0] <= o[0], s[1] <= o[1], s[2] >= o[2], s[3] >= o[3]))
    ws, hs, wo, ho = s[2] - s[0], s[3] - s[1], o[2] - o[0], o[3] - o[1]
    meets = min(s[2], o[2]) > max(s[0], o[0]) and min(s[3], o[3]) > max(s[1], o[1])
    return {
        "left of": xs < xo and not within and not around, "right of": xs > xo and not within and not around,
        "above": ys < yo and not within and not around, "below": ys > yo and not within and not around,
        "inside": within, "surrounding": around, "overlapping": meets, "separated": not meets,
        "wider": ws > wo, "narrower": ws < wo, "taller": hs > ho, "shorter": hs < ho,
        "larger": ws * hs > wo * ho, "smaller": ws * hs < wo * ho,
    }[name]  # fmt: skip


def clear(name, s, o, W, H, cs, co, margin):
    """Whether a relation is so far from turning over (docs/SR4G.md, “Margin”)."""
    sides = (W, H, W, H)
    ratio = 1 + 2 * margin
    ws, hs, wo, ho = s[2] - s[0], s[3] - s[1], o[2] - o[0], o[3] - o[1]
    if name in ("left of", "right of"):
        return abs(cs[0] - co[0]) >= margin * W
    if name in ("above", "below"):
        return abs(cs[1] - co[1]) >= margin * H
    if name in ("inside", "surrounding"):
        inner, outer = (s, o) if name == "inside" else (o, s)
        insets = (inner[0] - outer[0], inner[1] - outer[1], outer[2] - inner[2], outer[3] - inner[3])
        return all(inset / side >= margin / 10 for inset, side in zip(insets, sides, strict=True))
    if name in ("overlapping", "separated"):
        strips = ((min(s[2], o[2]) - max(s[0], o[0])) / W, (min(s[3], o[3]) - max(s[1], o[1])) / H)
        return abs(min(strips)) >= margin / 10
    measures = {"wider": (ws, wo), "narrower": (ws, wo), "taller": (hs, ho), "shorter": (hs, ho)}
    mine, theirs = measures.get(name, (ws * hs, wo * ho))
    ratio = ratio if name in measures else ratio**2
    return max(mine, theirs) >= ratio * min(mine, theirs)


RULES = {"sstd": sstd, "sg2im": sg2im, "visor": visor, "ours": ours}


def drawn(data, rules="sstd", instances="one", margin=0, min_share=Fraction(1, 100), middles=None):
    """(image id, subject name, relation, object name, subject box, object box) of a COCO or panoptic dictionary.

    `middles` gives the mask's centroid of an annotation by its id, where sg2im looks at masks.
    """
    names = {c["id"]: (c["name"] if c.get("isthing", 1) else c["name"].split("-")[0]) for c in data["categories"]}
    rows = [
        {**row, "image_id": parent["image_id"]}
        for parent in data["annotations"]
        for row in parent.get("segments_info", [parent])
    ]
    out = []
    for image in data["images"]:
        W, H = Fraction(image["width"]), Fraction(image["height"])
        things = []
        for row in rows:
            if row["image_id"] != image["id"] or row["category_id"] not in names:
                continue
            x, y, w, h = row["bbox"]
            box = [Fraction(str(round(v, 6))) for v in (x, y, x + w, y + h)]
            box = [min(max(v, 0), side) for v, side in zip(box, (W, H, W, H), strict=True)]
            good = not row.get("iscrowd") and w > 0 and h > 0 and box[0] < box[2] and box[1] < box[3]
            area = (box[2] - box[0]) * (box[3] - box[1])
            middle = (middles or {}).get(row["id"]) or center(box)
            things.append((names[row["category_id"]], box, good, good and area > min_share * W * H, area, middle))
        out += [(image["id"], *told) for told in pairs(things, W, H, rules, instances, margin)]
    return out


def pairs(things, W, H, rules, instances, margin):
    def holds(s, o):
        said = RULES[rules](s[1], o[1], W, H, s[5], o[5])
        back = RULES[rules](o[1], s[1], W, H, o[5], s[5])
        points = (s[5], o[5]) if rules == "sg2im" else (center(s[1]), center(o[1]))
        return {
            name for name in said if INVERSE[name] in back and (not margin or clear(name, s[1], o[1], W, H, *points, margin))
        }

    def alike(thing):
        return [other for other in things if other[0] == thing[0]]

    def told_of(thing):
        if not thing[3]:
            return False
        if instances == "one":
            return len(alike(thing)) == 1
        if instances == "agree":
            whole = all(other[2] for other in alike(thing))
            return whole and max((t for t in alike(thing) if t[3]), key=lambda t: t[4]) is thing
        return True

    for s, o in product(things, things):
        if s[0] == o[0] or not told_of(s) or not told_of(o):
            continue
        said = holds(s, o)
        if instances == "agree":
            for some, other in product(alike(s), alike(o)):
                said &= holds(some, other)
        for name in ORDER[rules]:
            if name in said:
                yield s[0], name, o[0], [float(v) for v in s[1]], [float(v) for v in o[1]]
