"""Pictures made from layouts: what is said of them is what is in them."""

import itertools
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.layout import Layout
from spacestudio.domain.objects import SceneObject
from spacestudio.engines import IMAGINE
from spacestudio.engines.imagine import backdrop, holes, pictograms
from spacestudio.engines.imagine.compositor import Compositor
from spacestudio.engines.protocols import Source
from spacestudio.engines.segment.grabcut import GrabCut
from tests.support import coffee, disc

ROOM = Layout(
    320, 256,
    {"cat": Box(40, 130, 100, 200), "table": Box(90, 120, 290, 240), "cup": Box(150, 84, 192, 122), "kite": Box(240, 10, 300, 70)},
    ("cat", "cup", "table", "kite"),
    {"cat": "black cat", "table": "dining table", "cup": "red cup", "kite": "yellow kite"},
    "a bright kitchen with pale tiles",
)  # fmt: skip


def by_id(rendered):
    return {o.id: o for o in rendered.objects}


def middles(rendered, order):
    """Median distance of each visible object at the stated far/near ratio, along the order."""
    distance = rendered.depth.distance()
    return [float(np.median(distance[by_id(rendered)[i].mask])) for i in order if by_id(rendered)[i].mask.any()]


def same(a, b):
    return (
        a.image.tobytes() == b.image.tobytes()
        and a.depth.values.tobytes() == b.depth.values.tobytes()
        and all(p.box == q.box and np.array_equal(p.mask, q.mask) for p, q in zip(a.objects, b.objects, strict=True))
        and a.visible == b.visible
        and a.notes == b.notes
    )


class TestDrawn:
    def test_boxes_masks_and_order_are_exact(self):
        made = Compositor().render(ROOM)
        assert made.image.shape == (256, 320, 3)
        assert [o.id for o in made.objects] == list(ROOM.boxes)
        index = np.stack([o.mask for o in made.objects])
        assert index.sum(0).max() == 1  # a pixel shows one object
        for o in made.objects:
            box = ROOM.boxes[o.id]
            assert Box.around(o.mask) == o.box
            assert box.x0 - 1 <= o.box.x0 <= o.box.x1 <= box.x1 + 1
            assert box.y0 - 1 <= o.box.y0 <= o.box.y1 <= box.y1 + 1
            assert o.origin == "render"
        assert by_id(made)["cat"].name == "black cat"
        assert by_id(made)["cup"].box.iou(ROOM.boxes["cup"]) > 0.9
        assert by_id(made)["table"].box.iou(ROOM.boxes["table"]) > 0.9
        assert abs(by_id(made)["cup"].box.y1 - 122) <= 1  # stands on its lower edge

    def test_what_is_drawn_has_its_colour(self):
        made = Compositor().render(ROOM)
        red, green, blue = np.median(made.image[by_id(made)["cup"].mask], axis=0)
        assert red > green + 60
        assert red > blue + 60
        assert np.median(made.image[by_id(made)["cat"].mask]) < 90

    @pytest.mark.parametrize("ratio", [3, 10, 30])
    def test_the_order_is_in_the_depth_at_any_far_near_ratio(self, ratio):
        made = Compositor().render(ROOM)
        distance = made.depth.distance(ratio)
        at = [float(np.median(distance[by_id(made)[i].mask])) for i in ROOM.order]
        assert all(b - a > 0.08 * (a + b) / 2 for a, b in itertools.pairwise(at))
        assert made.depth.kind == "relative"

    def test_a_layouts_own_depths_come_back(self):
        depths = {"cat": 1.0, "cup": 2.0, "table": 2.0, "kite": 6.0}
        made = Compositor().render(replace(ROOM, depths=depths))
        assert middles(made, ROOM.order) == pytest.approx([1, 2, 2, 6], rel=0.03)

    def test_sky_and_wall_are_behind_everything(self):
        made = Compositor().render(ROOM)
        free = ~np.stack([o.mask for o in made.objects]).any(0)
        assert made.depth.values[:60][free[:60]].min() > max(made.depth.values[o.mask].max() for o in made.objects)

    def test_same_bytes_again_and_other_seeds_change_the_place_only(self):
        state = np.random.get_state()[1].copy()  # noqa: NPY002
        one, two, other = (Compositor().render(ROOM, seed=s) for s in (4, 4, 5))
        assert same(one, two)
        assert one.image.tobytes() != other.image.tobytes()
        assert all(np.array_equal(a.mask, b.mask) for a, b in zip(one.objects, other.objects, strict=True))
        assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002

    def test_hidden_and_half_hidden(self):
        layout = Layout(
            200, 200,
            {"front": Box(20, 20, 180, 180), "behind": Box(60, 60, 120, 120), "beside": Box(100, 120, 199, 195)},
            ("front", "behind", "beside"), {"front": "zzyx", "behind": "zzyx", "beside": "zzyx"},
        )  # fmt: skip
        made = Compositor().render(layout)
        assert made.visible["front"] == 1
        assert made.visible["behind"] == 0
        assert not by_id(made)["behind"].mask.any()
        assert by_id(made)["behind"].box.iou(layout.boxes["behind"]) > 0.9
        assert 0.2 < made.visible["beside"] < 0.6
        assert any("zzyx" in note for note in made.notes)

    def test_boxes_beyond_the_canvas(self):
        layout = Layout(
            100, 80, {"a": Box(-30, -20, 40, 60), "b": Box(200, 10, 260, 60)}, ("a", "b"), {"a": "dog", "b": "cup"}
        )
        made = Compositor().render(layout)
        assert made.visible["b"] == 0
        assert by_id(made)["a"].box.x0 == 0

    def test_an_empty_layout_is_an_empty_place(self):
        made = Compositor().render(Layout(64, 48, {}, ()))
        assert made.image.shape == (48, 64, 3)
        assert made.objects == ()

    def test_names_from_ids_where_none_are_given(self):
        made = Compositor().render(Layout(100, 80, {"traffic-light-2": Box(10, 5, 35, 75)}, ("traffic-light-2",)))
        assert made.objects[0].label == "traffic light"


def photo(depth=True):
    """A wall with a ball before a box: picture, objects in that order."""
    rng = np.random.default_rng(0)
    image = np.clip(np.linspace(120, 170, 240)[:, None, None] + rng.normal(0, 5, (240, 320, 3)), 0, 255).astype(np.uint8)
    crate = np.zeros((240, 320), bool)
    crate[90:200, 120:220] = True
    ball = disc(240, 320, 110, 160, 35)
    image[crate] = np.clip(rng.normal((60, 90, 190), 6, (crate.sum(), 3)), 0, 255)
    image[ball] = np.clip(rng.normal((200, 50, 40), 6, (ball.sum(), 3)), 0, 255)
    far = np.where(ball, 2.0, np.where(crate, 4.0, 8.0)).astype(np.float32)
    objects = (
        SceneObject("ball-1", "ball", Box.around(ball), ("red",), ball),
        SceneObject("box-1", "box", Box(120, 90, 220, 200), ("blue",), crate & ~ball),
    )
    return Source(image, objects, DepthMap.of(far, "metric") if depth else None)


def plan(source, order=("ball-1", "box-1"), **boxes):
    known = {o.id: o for o in source.objects}
    placed = {i: boxes.get(i.split("-")[0], known[i].box if i in known else None) for i in order}
    height, width = source.image.shape[:2]
    return Layout(width, height, placed, tuple(order), {i: known[i].name if i in known else i for i in order})


class TestFromPhoto:
    def test_nothing_changed_nothing_changes(self):
        source = photo()
        made = Compositor().render(plan(source), source)
        assert np.array_equal(made.image, source.image)
        assert made.visible == {"ball-1": 1.0, "box-1": 1.0}
        assert made.depth.farness() == pytest.approx(source.depth.farness(), abs=1e-5)
        assert all(np.array_equal(a.mask, b.mask) for a, b in zip(made.objects, source.objects, strict=True))

    @pytest.mark.parametrize("depth", [True, False])
    def test_a_moved_ball_leaves_wall_and_box_behind(self, depth):
        source = photo(depth)
        made = Compositor().render(plan(source, ball=Box(225, 20, 296, 91)), source)
        ball, crate = by_id(made)["ball-1"], by_id(made)["box-1"]
        assert ball.box.iou(Box(225, 20, 296, 91)) > 0.93
        there = cv2.erode(ball.mask.astype(np.uint8), np.ones((5, 5))) > 0
        assert np.abs(np.median(made.image[there], 0) - (200, 50, 40)).max() < 12
        assert np.array_equal(made.image[crate.mask], source.image[crate.mask])  # what stayed is untouched
        hole = made.image[source.objects[0].mask].astype(int)
        assert ((hole[:, 0] - hole[:, 2]) < 60).all()  # no red is left
        left = disc(240, 320, 95, 160, 12)
        assert np.abs(made.image[left].astype(int).mean(0) - 153).max() < 20  # wall again

    def test_no_shadow_falls_on_what_stayed(self):
        source = photo()
        made = Compositor().render(plan(source, ball=Box(140, 100, 190, 150)), source)
        crate = by_id(made)["box-1"].mask
        assert crate[160:199, 150:200].all()
        assert np.array_equal(made.image[crate], source.image[crate])

    def test_a_removed_object_is_gone_and_the_rest_untouched(self):
        source = photo()
        made = Compositor().render(plan(source, order=("box-1",)), source)
        assert [o.id for o in made.objects] == ["box-1"]
        red = made.image[..., 0].astype(int) - made.image[..., 2]
        assert (red > 80).sum() == 0
        far = cv2.dilate(source.objects[0].mask.astype(np.uint8), np.ones((25, 25))) == 0
        assert np.array_equal(made.image[far], source.image[far])

    def test_behind_becomes_in_front(self):
        source = photo()
        made = Compositor().render(plan(source, order=("box-1", "ball-1")), source)
        ball, crate = by_id(made)["ball-1"], by_id(made)["box-1"]
        assert made.visible["box-1"] == 1
        assert made.visible["ball-1"] < 0.8
        assert crate.mask[150:170, 125:140].mean() > 0.9  # the part the ball hid
        assert made.image[150:170, 125:140, 2].mean() > made.image[150:170, 125:140, 0].mean() + 50
        near, far = middles(made, ("box-1", "ball-1"))
        assert near < far
        assert ball.mask.any()

    def test_another_colour_is_another_thing(self):
        source = photo()
        layout = plan(source)
        layout = replace(layout, names={**layout.names, "ball-1": "green cup"})
        made = Compositor().render(layout, source)
        red, green, _ = np.median(made.image[by_id(made)["ball-1"].mask], axis=0)
        assert by_id(made)["ball-1"].label == "cup"
        assert green > red

    def test_a_new_thing_stands_in_the_photo_in_its_place_of_the_order(self):
        source = photo()
        layout = plan(source, order=("ball-1", "dog-1", "box-1"), dog=Box(230, 120, 300, 200))
        made = Compositor().render(layout, source)
        assert np.array_equal(made.image[by_id(made)["ball-1"].mask], source.image[by_id(made)["ball-1"].mask])
        at = middles(made, layout.order)
        assert at == sorted(at)
        assert len(set(at)) == 3

    def test_a_moved_object_keeps_its_place_in_depth(self):
        source = photo()
        made = Compositor().render(plan(source, ball=Box(225, 20, 296, 91)), source)
        near, far = middles(made, ("ball-1", "box-1"))
        assert far - near == pytest.approx(3, abs=0.4)  # 2 m and 4 m of 2 to 8 m, read at the ratio 10

    def test_another_canvas(self):
        source = photo()
        layout = Layout(
            160,
            120,
            {o.id: o.box.scaled(0.5, 0.5) for o in source.objects},
            ("ball-1", "box-1"),
            {o.id: o.name for o in source.objects},
        )
        made = Compositor().render(layout, source)
        small = cv2.resize(source.image, (160, 120), interpolation=cv2.INTER_AREA)
        assert np.array_equal(made.image, small)

    def test_a_resized_object(self):
        source = photo()
        made = Compositor().render(plan(source, ball=Box(20, 100, 160, 240)), source)
        assert by_id(made)["ball-1"].box.iou(Box(20, 100, 160, 240)) > 0.93
        assert made.visible["box-1"] < 1

    def test_objects_without_masks_move_too(self):
        source = photo()
        bare = Source(source.image, tuple(o.but(mask=None) for o in source.objects), None)
        made = Compositor().render(plan(bare, ball=Box(225, 20, 296, 91)), bare)
        assert by_id(made)["ball-1"].box.iou(Box(225, 20, 296, 91)) > 0.9

    def test_a_real_photo_stays_itself_and_repeats(self):
        image = coffee(300, 200)
        box = Box(86, 6, 205, 152)
        cup = SceneObject("cup-1", "cup", box, mask=GrabCut().segment(image, None, [box])[0])
        source = Source(image, (cup,))
        layout = Layout(300, 200, {"cup-1": Box(150, 6, 269, 152)}, ("cup-1",), {"cup-1": "cup"})
        made, again = Compositor().render(layout, source), Compositor().render(layout, source)
        assert same(made, again)
        far = np.ones((200, 300), bool)
        far[:190, 60:] = False
        assert np.array_equal(made.image[far], image[far])
        assert not np.array_equal(made.image, image)
        assert made.image[60:70, 210:220].mean() == pytest.approx(image[60:70, 146:156].mean(), abs=12)


class TestPictograms:
    def test_every_drawing_can_be_drawn(self):
        labels = sorted(path.stem.replace("_", " ") for path in pictograms.FOLDER.glob("*.svg"))
        assert len(labels) >= 80
        for label in labels:
            what = pictograms.thing(f"green {label}")
            assert (what.label, what.attributes, what.colour) == (label, ("green",), "green")
            picture = pictograms.draw(label, 48, 40)
            assert 0 < picture.shape[0] <= 40
            assert 0 < picture.shape[1] <= 48
            assert (picture[..., 3] >= 128).mean() > 0.04, label
            solid = Box.around(picture[..., 3] >= 128)
            assert solid.width >= picture.shape[1] - 4, label
            assert solid.height >= picture.shape[0] - 4, label

    def test_colour_words_change_a_drawing(self):
        tones = {c: pictograms.draw(f"{c} cup", 60, 60)[..., :3].mean() for c in ("black", "white", "grey")}
        assert tones["black"] < tones["grey"] < tones["white"]

    @pytest.mark.parametrize(("width", "height"), [(100, 10), (10, 100), (1, 1), (3, 200), (512, 512)])
    def test_stretch_is_bounded_unless_it_is_only_a_block(self, width, height):
        h, w = pictograms.draw("giraffe", width, height).shape[:2]
        assert h <= height
        assert w <= width
        assert h == height or w == width
        assert pictograms.draw("qwertz", width, height).shape[:2] == (height, width)

    def test_fitted(self):
        assert pictograms.fitted(1.0, 130, 100) == (130, 100)
        assert pictograms.fitted(1.0, 200, 100) == (135, 100)
        assert pictograms.fitted(1.0, 100, 200) == (100, 135)

    def test_two_word_names(self):
        assert pictograms.thing("old wooden dining table").label == "dining table"
        assert pictograms.thing("wooden dining table").colour == "brown"
        assert pictograms.thing("quux").category == ""


class TestPlaces:
    def test_every_place_common_sense_knows_can_be_painted(self):
        scenes = json.loads(pictograms.FACTS.read_text("utf-8"))["scenes"]
        seen = set()
        for name, scene in scenes.items():
            picture = backdrop.paint(48, 40, f"{scene['background']} {scene['ground']} {name}", 20, 1)
            assert picture.shape == (40, 48, 3)
            seen.add(tuple(np.round(picture[30:].mean((0, 1)) / 8)))
        assert len(seen) > 8

    @pytest.mark.parametrize("horizon", [0, 1, 39, 40])
    @pytest.mark.parametrize("text", ["", "kitchen", "forest", "night city street", "sea", "wooden floor", "snowy mountain"])
    def test_any_horizon(self, text, horizon):
        assert backdrop.paint(33, 40, text, horizon, 0).dtype == np.uint8

    def test_words_tell(self):
        grass, snow, sand = (
            backdrop.paint(80, 80, t, 30, 0)[50:].mean((0, 1)) for t in ("a meadow", "a snowy slope", "a beach")
        )
        assert grass[1] > grass[0] > grass[2]
        assert snow.min() > 200
        assert sand[0] > sand[2] + 30


class TestHoles:
    def test_only_the_hole_changes(self):
        image = coffee(200, 140).copy()
        hole = disc(140, 200, 40, 100, 14)
        filled = holes.fill(image, hole, np.ones_like(hole))
        assert np.array_equal(filled[~hole], image[~hole])
        assert not np.array_equal(filled[hole], image[hole])

    def test_an_edge_goes_on_through_the_hole(self):
        image = np.full((160, 200, 3), 200, np.uint8)
        image[80:] = (60, 90, 40)
        hole = disc(160, 200, 100, 80, 22)
        broken = image.copy()
        broken[hole] = (255, 0, 0)
        filled = holes.fill(broken, hole, np.ones_like(hole)).astype(int)
        assert np.abs(filled - image)[hole].mean() < 12

    def test_texture_is_not_smeared_away(self):
        rng = np.random.default_rng(0)
        image = np.clip(128 + rng.normal(0, 25, (300, 400, 1)), 0, 255).astype(np.uint8).repeat(3, 2)
        hole = disc(300, 400, 200, 150, 60)
        filled = holes.fill(image, hole, np.ones_like(hole))
        assert filled[hole].std() > 0.6 * image[~hole].std()

    def test_what_may_not_be_used_is_not_used(self):
        image = np.full((120, 160, 3), 150, np.uint8)
        image[:, 80:] = (250, 0, 0)
        hole = disc(120, 160, 72, 60, 14)
        usable = np.ones_like(hole)
        usable[:, 80:] = False
        assert np.abs(holes.fill(image, hole, usable)[hole & usable].astype(int) - 150).max() < 12

    def test_a_hole_as_large_as_the_picture(self):
        image = coffee(60, 40)
        assert holes.fill(image, np.ones((40, 60), bool), np.ones((40, 60), bool)).shape == image.shape
        assert holes.fill(image, np.zeros((40, 60), bool), np.ones((40, 60), bool)) is image


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mossy boulder", ()),
        ("spotted dog", ()),
        ("red spotted dog", ("red",)),
        ("Grey cat", ("Grey",)),
        ("dark red car", ("red",)),
        ("wooden chair", ()),
        ("yellow banana", ("yellow",)),
        ("red banana", ()),
        ("red person", ()),
        ("red zzyx gadget", ("red",)),
    ],
)
def test_a_drawing_says_only_the_attributes_it_shows(name, words):
    box = Box(10, 10, 60, 60)
    layout = Layout(80, 80, {"a": box}, ("a",), names={"a": name})
    made = Compositor().render(layout)
    assert made.objects[0].attributes == words
    hidden = set(pictograms.thing(name).attributes) - set(words)
    assert all(any(f"{word} (" in note for note in made.notes) for word in hidden)


def test_a_name_nobody_knows_stays_whole():
    assert pictograms.thing("<img src=x onerror=alert(1)>").label == "<img src=x onerror=alert(1)>"
    what = pictograms.thing("red golden zzyx gadget")
    assert (what.label, what.attributes) == ("zzyx gadget", ("red", "golden"))
    assert pictograms.thing("red").label == "red"


def test_registered():
    assert IMAGINE.load("compositor") is Compositor
