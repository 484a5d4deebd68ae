"""Layers divide farness; objects go by their median."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.objects import SceneObject
from spacestudio.geometry.layering import MAX_LAYERS, layer_map, layers_of, published_levels, purity
from tests.support import motorcycle


def scene(depths, kind="relative", side=20):
    """Squares in a row at those depths (a number, or a near and a far end), in the map's own values."""
    n = len(depths)
    values = np.zeros((side + 4, n * side), np.float32)
    values[-4:] = np.linspace(0 if kind == "relative" else 0.5, 1, n * side)
    objects = []
    for i, d in enumerate(depths):
        near, far = d if isinstance(d, tuple) else (d, d)
        values[:side, i * side : (i + 1) * side] = np.linspace(near, far, side)[None, :]
        mask = np.zeros(values.shape, bool)
        mask[:side, i * side : (i + 1) * side] = True
        objects.append(SceneObject(f"o{i}", "thing", Box.around(mask), mask=mask))
    return tuple(objects), DepthMap.of(values, kind)


def ids(layers):
    return [set(layer.object_ids) for layer in layers]


def test_two_at_one_depth_share_a_layer():
    objects, depth = scene([0.8, 0.2, 0.21, 0.82])
    layers = layers_of(objects, depth)
    assert ids(layers) == [{"o1", "o2"}, {"o0", "o3"}]
    assert [layer.index for layer in layers] == [1, 2]
    assert layers[0].object_ids == ("o1", "o2")  # nearest first


def test_disparity_is_read_the_other_way_round():
    objects, depth = scene([0.9, 0.55], "disparity")
    assert ids(layers_of(objects, depth)) == [{"o0"}, {"o1"}]


def test_wide_things_are_not_cut_apart():
    narrow, depth = scene([0.40, 0.50])
    assert len(layers_of(narrow, depth)) == 2
    wide, depth = scene([(0.1, 0.7), (0.2, 0.8)])
    assert len(layers_of(wide, depth)) == 1


def test_never_more_than_six_even_of_ten():
    objects, depth = scene([i / 10 for i in range(10)])
    assert len(layers_of(objects, depth)) == MAX_LAYERS


def test_a_persons_cuts_make_one_layer_more_than_cuts_and_keep_empty_ones():
    objects, depth = scene([0.1, 0.5, 0.55, 0.9])
    layers = layers_of(objects, depth, [0.7, 0.3, 0.2, 2.0, -1.0])
    assert [(round(layer.near, 3), round(layer.far, 3)) for layer in layers] == [(0, 0.2), (0.2, 0.3), (0.3, 0.7), (0.7, 1)]
    assert ids(layers) == [{"o0"}, set(), {"o1", "o2"}, {"o3"}]
    assert ids(layers_of(objects, depth, [])) == [{"o0", "o1", "o2", "o3"}]
    assert len(layers_of((), depth, [0.5])) == 2
    assert layers_of((), depth) == ()


@given(
    st.lists(st.floats(0, 1, width=16), min_size=1, max_size=9), st.one_of(st.none(), st.lists(st.floats(0, 1), max_size=5))
)
def test_each_object_once_and_layers_in_depth_order(depths, cuts):
    objects, depth = scene(depths, side=8)
    layers = layers_of(objects, depth, cuts)
    named = [i for layer in layers for i in layer.object_ids]
    assert sorted(named) == sorted(o.id for o in objects)
    assert layers[0].near == 0
    assert layers[-1].far == 1
    assert all(a.far == b.near < b.far for a, b in pairwise(layers))
    medians = [float(np.nanmedian(depth.farness()[next(o for o in objects if o.id == i).mask])) for i in named]
    assert medians == sorted(medians)


def test_objects_without_depth_are_in_no_layer():
    objects, depth = scene([0.2, 0.8])
    blind = DepthMap(depth.values, depth.kind, depth.valid & ~objects[0].mask)
    layers = layers_of(objects, blind)
    assert ids(layers) == [{"o1"}]
    assert ids(layers_of(objects, blind, [0.5])) == [set(), {"o1"}]
    assert layers_of(objects[:1], blind) == ()
    assert np.isnan(purity(objects, blind, layers)["o0"])


def test_map_and_purity_agree_with_the_layers():
    objects, depth = scene([0.2, 0.8, (0.2, 0.8)])
    depth = DepthMap(depth.values, depth.kind, depth.valid & (np.arange(depth.values.shape[0]) > 0)[:, None])
    layers = layers_of(objects, depth, [0.5])
    index = layer_map(depth, layers)
    assert index.dtype == np.int32
    assert not index[0].any()  # invalid
    for o, share in purity(objects, depth, layers).items():
        own = next(layer.index for layer in layers if o in layer.object_ids)
        mask = next(p.mask for p in objects if p.id == o) & depth.valid
        assert share == pytest.approx((index[mask] == own).mean(), abs=0.05)
    assert purity(objects, depth, layers)["o0"] == 1
    assert 0.4 < purity(objects, depth, layers)["o2"] < 0.6


def test_published_levels_are_seeds_and_what_covers_them_nearest_first():
    objects, depth = scene([(0.60, 0.70), (0.10, 0.20), (0.05, 0.90), (0.15, 0.25)])
    assert published_levels(objects, depth) == (("o1", "o2"), ("o3", "o2"), ("o0", "o2"))
    farther = scene([(0.60, 0.70), (0.10, 0.20), (0.05, 0.90), (0.15, 0.25)], "disparity")
    assert published_levels(*farther)[0] == ("o0", "o2")  # in disparity, large is near


def test_published_ranges_are_the_masks_own():
    objects, depth = scene([0.3, 0.6])
    corner = objects[0].mask.copy()
    corner[:, 10:] = False
    values = depth.values.copy()
    values[2, 15] = 0.99  # in the box of the first object, not in its mask
    levels = published_levels((objects[0].but(mask=corner), objects[1]), DepthMap.of(values, "relative"))
    assert levels == (("o0",), ("o1",))
    assert published_levels((), depth) == ()


def test_the_motorcycle_stands_before_the_wall():
    image, depth = motorcycle()
    height, width = depth.values.shape
    objects = tuple(
        SceneObject(i, i, Box(*xyxy)) for i, xyxy in (("wall", (20, 10, 200, 110)), ("bike", (250, 180, 480, 380)))
    )
    layers = layers_of(objects, depth)
    assert ids(layers) == [{"bike"}, {"wall"}]
    assert image.shape[:2] == (height, width) == layer_map(depth, layers).shape
    assert all(share > 0.7 for share in purity(objects, depth, layers).values())
