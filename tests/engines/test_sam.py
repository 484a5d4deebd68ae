"""SAM and SAM 2 behind the mask protocol: the real code on tiny models with random weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spacestudio.domain.boxes import Box
from spacestudio.engines import SEGMENT
from spacestudio.engines.progress import Told, listening
from spacestudio.engines.protocols import Clickable, Detection
from spacestudio.engines.segment.brush import alike
from spacestudio.engines.segment.grabcut import ellipse
from spacestudio.errors import Cancelled, Unavailable
from spacestudio.formats.coco import read_coco
from spacestudio.formats.folder import read_sample
from spacestudio.formats.pictures import Picture
from spacestudio.services import judge
from spacestudio.services.batch import Options, analyze
from spacestudio.services.begin import Ready, Recipe
from spacestudio.services.find import clicked, doubts, segment
from spacestudio.services.intake import ready_from
from spacestudio.services.payloads import to_png
from spacestudio.services.studio import Studio
from tests.engines import tiny_objects
from tests.engines.tiny import one_line
from tests.support import coffee, small_scene
from tests.test_cli import loaded, run

SIDE = tiny_objects.SAM_SIDE
NAMES = ["sam", "sam2"]
OWNER = "owner-of-these-tests-0001"

pytestmark = pytest.mark.skipif(bool(SEGMENT["sam"].missing()), reason="needs: pip install -r requirements-models.txt")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny networks wait for their threads longer than they compute."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("models")
    made = {name: tiny_objects.MAKERS[name](place / f"tiny-{name}") for name in NAMES}
    return made | {"blind": blind(tiny_objects.sam(place / "blind"))}


@pytest.fixture(scope="module")
def make(folders: dict[str, Path]) -> Iterator[Callable[..., Any]]:
    """Makes an engine over its tiny model, or over a given folder."""
    from spacestudio.engines.models import SHELF

    yield lambda name, folder=None: SEGMENT.load(name)(str(folder or folders[name]))
    SHELF.clear()


def blind(folder: Path) -> Path:
    """A network that answers 0 everywhere, which is no mask."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    for key in weights:
        if "output_hypernetworks_mlps" in key:
            weights[key] = weights[key] * 0
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def picture(width: int, height: int) -> np.ndarray:
    return np.ascontiguousarray(np.resize(coffee(90, 60), (height, width, 3)))


def refused(made: Any) -> str:
    with pytest.raises(Unavailable) as caught:
        made.segment(picture(60, 40), None, [Box(5, 5, 30, 30)])
    return one_line(caught.value)


def network(folder: Path, name: str) -> Any:
    import transformers

    return (transformers.SamModel if name == "sam" else transformers.Sam2Model).from_pretrained(folder).eval()


def cancel(told: Told) -> None:
    raise Cancelled("Stopped")


# ---- what comes back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_one_mask_a_box_never_empty_inside_it(name, make):
    made = make(name)
    for width, height in ((90, 60), (60, 90), (1, 1), (40, 1), (3, 40), (700, 5)):
        image = picture(width, height)
        before = image.copy()
        boxes = [
            Box(0, 0, width, height),
            Box(0, 0, 0, 0),
            Box(-50, -50, 500, 500),
            Box(0.3, 0.2, width / 2, height / 2 + 0.1),
        ]
        boxes += [Box(width - 1, height - 1, width, height)]
        masks = made.segment(image, None, boxes)
        np.testing.assert_array_equal(image, before)
        assert len(masks) == len(boxes)
        for mask, box in zip(masks, boxes, strict=True):
            assert mask.shape == (height, width) and mask.dtype == bool and mask.any()
            outside = mask.copy()
            outside[box.slices(width, height)] = False
            assert not outside.any()
    assert made.segment(picture(60, 40), None, []) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_same_every_time_and_in_any_company(name, make):
    """A box's mask depends on the picture and the box, not on how many boxes are asked about with it."""
    import torch

    image = picture(90, 60)
    boxes = [Box(3 * k, 2 * k, 40 + 2 * k, 30 + k) for k in range(20)]
    torch.manual_seed(1)
    one = make(name).segment(image, None, boxes)
    torch.manual_seed(2)
    two = make(name).segment(image, None, boxes)
    alone = [make(name).segment(image, None, [box])[0] for box in boxes]
    for a, b, c in zip(one, two, alone, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a != c).mean() < 0.002, "but for rounding in another order"
    assert len({mask.tobytes() for mask in one}) > 10, "the tiny network looks at the boxes"


# ---- geometry, counted again -----------------------------------------------------------------------------------------


def test_resizing_and_normalising_by_hand():
    """Halving averages 4 pixels with the weights of a tent 4 px wide, 1 3 3 1, and fewer at the rim; then ImageNet's."""
    from spacestudio.engines.segment.sam import as_seen

    image = picture(16, 8)
    image.flags.writeable = False  # as those of samples

    def halved(line):
        out = np.zeros(len(line) // 2)
        for k in range(len(out)):
            places = [j for j in range(2 * k - 1, 2 * k + 3) if 0 <= j < len(line)]
            weights = np.array([2 - abs(j + 0.5 - (2 * k + 1)) for j in places])
            out[k] = (weights * line[places]).sum() / weights.sum()
        return out

    expected = np.zeros((3, 8, 8))
    for channel, (mean, spread) in enumerate(((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))):
        plane = np.apply_along_axis(halved, 0, np.apply_along_axis(halved, 1, image[..., channel] / 255))
        expected[channel, :4] = (plane - mean) / spread
    seen = as_seen(image, 4, 8, 8)
    assert seen.shape == (1, 3, 8, 8)
    np.testing.assert_allclose(seen[0].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(("width", "height"), [(90, 60), (60, 90), (64, 48), (700, 8), (1, 1)])
def test_sam_is_shown_what_its_own_processor_shows_it(width, height, folders, make):
    """To within the whole levels that the processor rounds to in between."""
    from transformers import AutoImageProcessor

    from spacestudio.engines.segment.sam import as_seen

    image = picture(width, height)
    theirs = AutoImageProcessor.from_pretrained(folders["sam"])(
        images=image, return_tensors="pt", input_data_format="channels_last"
    )
    rows, columns = make("sam").seen(height, width, SIDE)
    assert (rows, columns) == tuple(max(1, int(v)) for v in theirs["reshaped_input_sizes"][0])
    np.testing.assert_allclose(
        as_seen(image, rows, columns, SIDE).numpy(), theirs["pixel_values"].numpy(), atol=1 / 255 / 0.22
    )


def test_sam_masks_are_those_of_transformers(folders, make):
    """A picture whose longer side is the network's passes without resizing, so the masks must be the library's."""
    import torch
    from transformers import SamProcessor

    image, box = picture(SIDE, 48), Box(10, 5, 50, 40)
    processor = SamProcessor.from_pretrained(folders["sam"])
    given = processor(Image.fromarray(image), input_boxes=[[list(box.xyxy)]], return_tensors="pt")
    sizes = given["original_sizes"], given["reshaped_input_sizes"]
    given["input_boxes"] = given["input_boxes"].float()
    with torch.inference_mode():
        out = network(folders["sam"], "sam")(**{k: v for k, v in given.items() if "sizes" not in k}, multimask_output=False)
    (theirs,) = processor.image_processor.post_process_masks(out.pred_masks, *sizes)
    inside = np.zeros((48, SIDE), bool)
    inside[box.slices(SIDE, 48)] = True
    expected = theirs[0, 0].numpy() & inside
    assert 0 < expected.sum() < inside.sum()
    np.testing.assert_array_equal(make("sam").segment(image, None, [box])[0], expected)


@pytest.mark.parametrize(("width", "height"), [(90, 60), (40, 130)])
def test_sam2_masks_are_the_networks_at_the_pictures_size(width, height, folders, make):
    """Prompts stretched with the picture to a square, the answer stretched back: each step written out here."""
    import torch

    from spacestudio.engines.segment.sam import as_seen

    image, box, point = picture(width, height), Box(6, 8, 30, 44), (20.0, 16.0)
    sx, sy = SIDE / width, SIDE / height
    net = network(folders["sam2"], "sam2")
    boxes = torch.tensor([[[6 * sx, 8 * sy, 30 * sx, 44 * sy]]])
    points = torch.tensor([[[[20 * sx, 16 * sy]]]])
    with torch.inference_mode():
        pixels = as_seen(image, SIDE, SIDE, SIDE)
        boxed = net(pixel_values=pixels, input_boxes=boxes, multimask_output=False)
        pointed = net(pixel_values=pixels, input_points=points, input_labels=torch.ones(1, 1, 1).long())
        large = torch.nn.functional.interpolate(boxed.pred_masks[0], (height, width), mode="bilinear", align_corners=False)
        best = int(pointed.iou_scores[0, 0].argmax())
        all_three = torch.nn.functional.interpolate(pointed.pred_masks[0], (height, width), mode="bilinear")
    inside = np.zeros((height, width), bool)
    inside[box.slices(width, height)] = True
    np.testing.assert_array_equal(make("sam2").segment(image, None, [box])[0], (large[0, 0] > 0).numpy() & inside)
    assert pointed.pred_masks.shape[2] == 3
    np.testing.assert_array_equal(make("sam2").click(image, [point], [True]), (all_three[0, best] > 0).numpy())


def test_the_file_for_films_that_sam2s_authors_publish_serves_too(tmp_path, make):
    folder = tiny_objects.sam2(tmp_path / "films", video=True)
    assert json.loads((folder / "config.json").read_text())["model_type"] == "sam2_video"
    (mask,) = make("sam2", folder).segment(picture(90, 60), None, [Box(5, 5, 60, 50)])
    assert mask.any()


# ---- clicks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_clicks(name, make):
    made, image = make(name), picture(90, 60)
    assert isinstance(made, Clickable)
    asked = [
        ([(30.0, 20.0)], [True], None), ([(70.0, 50.0)], [True], None), ([(30.0, 20.0)], [False], Box(5, 5, 80, 50)),
        ([(30.0, 20.0), (60.0, 40.0)], [True, True], None), ([(30.0, 20.0), (60.0, 40.0)], [True, False], None),
    ]  # fmt: skip
    found = [made.click(image, *row) for row in asked]
    assert all(mask.shape == (60, 90) and mask.dtype == bool for mask in found)
    assert len({mask.tobytes() for mask in found}) == len(found), "each prompt counts"
    np.testing.assert_array_equal(found[0], make(name).click(image, *asked[0]))
    assert made.click(picture(1, 1), [(0.0, 0.0)], [True]).shape == (1, 1)


def test_what_a_click_adds_and_cuts(make, folders):
    image, engine = picture(90, 60), f"sam:{folders['sam']}"
    mask = np.zeros((60, 90), bool)
    mask[10:50, 20:70] = True
    spot = (30.0, 20.0)
    whole = make("sam").click(image, [spot], [True])
    added = clicked(image, None, mask, spot, True, engine)
    np.testing.assert_array_equal(added, whole if whole[20, 30] else alike(image, None, spot))
    gone = clicked(image, None, mask, spot, False, engine)
    assert gone[20, 30] and not (gone & ~mask).any()
    blind_one = f"sam:{folders['blind']}"
    np.testing.assert_array_equal(clicked(image, None, mask, spot, True, blind_one), alike(image, None, spot))
    np.testing.assert_array_equal(clicked(image, None, mask, spot, True, "grabcut"), alike(image, None, spot))
    assert not isinstance(SEGMENT.make("grabcut"), Clickable)


# ---- what is kept, what is missing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_looked_at_once(name, make, monkeypatch):
    from spacestudio.engines.models import SHELF
    from spacestudio.engines.segment import sam

    SHELF.clear()
    cls = SEGMENT.load(name).architecture
    real, looks = cls.get_image_embeddings, []

    def count(self: Any, pixels: Any) -> Any:
        looks.append(pixels.shape)
        return real(self, pixels)

    monkeypatch.setattr(cls, "get_image_embeddings", count)
    one, other = picture(90, 60), np.ascontiguousarray(picture(60, 90)[::-1])
    make(name).segment(one, None, [Box(k, k, 50, 50) for k in range(40)])
    make(name).click(one.copy(), [(3.0, 3.0)], [True])
    assert len(looks) == 1
    make(name).segment(other, None, [Box(0, 0, 30, 30)])
    make(name).segment(one.reshape(other.shape), None, [Box(0, 0, 30, 30)])
    assert len(looks) == 3, "the same bytes in another shape are another picture"
    changed = one.copy()
    changed[0, 0, 0] ^= 1
    make(name).segment(changed, None, [Box(0, 0, 30, 30)])
    assert len(looks) == 4
    for k in range(sam.KEPT):
        make(name).click(np.full_like(one, k), [(3.0, 3.0)], [True])
    make(name).click(one, [(3.0, 3.0)], [True])
    assert len(looks) == 5 + sam.KEPT, "only the last ones are kept"


def test_where_the_network_gives_nothing_the_ellipse_stands_in_and_the_run_says_so(make, folders, tmp_path):
    made, image = make("sam", folders["blind"]), picture(90, 60)
    masks = made.segment(image, None, [Box(10, 10, 50, 40), Box(0, 0, 0, 0)])
    np.testing.assert_array_equal(masks[0][10:40, 10:50], ellipse(30, 40))
    assert masks[0].sum() == ellipse(30, 40).sum() and masks[1].sum() == 1
    assert made.settings["ellipses"] == 2
    assert not make("sam", folders["blind"]).click(image, [(3.0, 3.0)], [True]).any()
    _, run_ = segment(image, None, [Box(10, 10, 50, 40)], f"sam:{folders['blind']}")
    assert doubts(run_) == ("sam saw nothing in 1 of the boxes; there the mask is an ellipse.",)
    _, seen = segment(image, None, [Box(10, 10, 50, 40)], f"sam:{folders['sam']}")
    assert doubts(seen) == () and doubts(None) == ()
    studio = Studio(tmp_path / "data")
    ready = Ready([Detection("cup", Box(10, 10, 50, 40))], "made")
    recipe = Recipe("none", None, ready, masks=f"sam:{folders['blind']}")
    sample_id = studio.add_picture(OWNER, Picture(image, to_png(image), "cup.png", ()), recipe=recipe)
    assert any("the mask is an ellipse" in line for line in studio.open(OWNER, sample_id).warnings)


# ---- settings, weights, memory, stopping -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_provenance(name, make):
    said = dict(make(name).settings)
    assert json.loads(json.dumps(said)) == said
    assert (said["model"], said["dtype"], said["ellipses"]) == (f"tiny-{name}", "float32", 0)
    assert SEGMENT.make(name).settings["model"] == SEGMENT[name].model


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda f: (f / "model.safetensors").unlink(), "model.safetensors"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "model.safetensors"),
        (lambda f: (f / "model.safetensors").write_bytes(b"\x08" * 40), "can't be loaded"),
        (lambda f: (f / "config.json").write_text('{"model_type": "bert"}'), "bert"),
        (lambda f: (f / "config.json").write_text("{"), "can't be loaded"),
        (lambda f: (f / "config.json").unlink(), "can't be loaded"),
    ],
    ids=["no weights", "pickled", "broken weights", "another model", "broken config", "no config"],
)
def test_a_spoiled_folder_is_one_line(name, make, folders, tmp_path, spoil, word):
    folder = Path(shutil.copytree(folders[name], tmp_path / "spoiled"))
    spoil(folder)
    assert word in refused(make(name, folder))


@pytest.mark.parametrize("name", NAMES)
def test_one_is_not_taken_for_the_other(name, make, folders):
    assert "is no SAM" in refused(make(name, folders["sam2" if name == "sam" else "sam"]))


@pytest.mark.parametrize("name", NAMES)
def test_half_the_weights_are_not_filled_with_random_numbers(name, make, folders, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(folders[name], tmp_path / "half"))
    weights = load_file(folder / "model.safetensors")
    kept = {key: value for key, value in weights.items() if "iou_prediction_head" not in key}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    assert "iou_prediction_head" in refused(make(name, folder))


def test_a_folder_that_is_not_there_and_a_hub_out_of_reach(make):
    assert "no folder" in refused(make("sam", "/no/such/folder"))
    assert "nobody-here/none" in refused(make("sam2", "nobody-here/none"))


@pytest.mark.parametrize("why", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB\n  at x")])
@pytest.mark.parametrize("name", NAMES)
def test_no_memory_is_one_line_and_frees_the_models(name, make, monkeypatch, why):
    from spacestudio.engines.models import SHELF
    from spacestudio.engines.segment import sam

    def fail(*_: Any) -> None:
        raise why

    monkeypatch.setattr(sam, "resized", fail)
    assert "ran out of memory" in refused(make(name))
    assert len(SHELF) == 0
    monkeypatch.undo()
    make(name).segment(picture(60, 40), None, [Box(5, 5, 30, 30)])


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_stopped_between_boxes(name, make):
    boxes = [Box(k, k, 50, 50) for k in range(40)]
    told: list[Told] = []

    def stop_at_the_second(t: Told) -> None:
        told.append(t)
        if len(told) == 2:
            raise Cancelled("Stopped")

    with pytest.raises(Cancelled), listening(stop_at_the_second):
        make(name).segment(picture(90, 60), None, boxes)
    assert [t.share for t in told] == [0, pytest.approx(0.4)]
    with pytest.raises(Cancelled), listening(cancel):
        make(name).click(picture(90, 60), [(3.0, 3.0)], [True])
    assert len(make(name).segment(picture(90, 60), None, boxes)) == 40


# ---- through the services --------------------------------------------------------------------------------------------


def test_in_the_studio(folders, tmp_path):
    """A failed or stopped engine leaves the sample as it was; a working one draws, moves, grows and cuts masks."""
    studio = Studio(tmp_path / "data")
    image, depth, camera, objects = small_scene(48, 64)
    ready = Ready([Detection(o.label, o.box, 1.0, o.mask) for o in objects], "made")
    sample_id = studio.add_picture(
        OWNER, Picture(image, to_png(image), "balls.png", ()), recipe=Recipe(depth, camera, ready)
    )
    before = studio.open(OWNER, sample_id)
    ball, engine = before.objects[0], f"sam2:{folders['sam2']}"
    for bad, listener in (("sam:/no/such/folder", lambda told: None), (engine, cancel)):
        for act in (judge.add_object, judge.grow_mask):
            args = ("cup", (5, 5, 30, 30)) if act is judge.add_object else (ball.id, (40.0, 10.0))
            with pytest.raises((Unavailable, Cancelled)), listening(listener):
                studio.act(OWNER, sample_id, lambda s, act=act, args=args, bad=bad: act(s, *args, masks=bad))
    assert studio.open(OWNER, sample_id).events == before.events

    added = studio.act(OWNER, sample_id, lambda s: judge.add_object(s, "cup", (5, 5, 30, 30), masks=engine))
    assert [run_.engine for run_ in added.provenance if run_.stage == "masks"][-1] == "sam2"
    cup = added.objects[-1]
    np.testing.assert_array_equal(cup.mask, SEGMENT.make(engine).segment(image, depth, [Box(5, 5, 30, 30)])[0])
    mask = ball.mask
    region = clicked(image, depth, mask, (40.0, 10.0), True, engine)
    grown = studio.act(OWNER, sample_id, lambda s: judge.grow_mask(s, ball.id, (40.0, 10.0), masks=engine))
    np.testing.assert_array_equal(grown.graph[ball.id].mask, mask | region)
    np.testing.assert_array_equal(studio.undo(OWNER, sample_id).graph[ball.id].mask, mask)


def test_on_the_command_line(folders, tmp_path):
    """Both engines from folders; a picture that can't be read does not take the other with it."""
    detector = tiny_objects.owl(tmp_path / "owl")
    (tmp_path / "in").mkdir()
    Image.fromarray(coffee(90, 60)).save(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.png").write_bytes(b"no picture")
    args = [
        "--depth",
        "none",
        "--objects",
        f"owlvit:{detector}",
        "--labels",
        "cup, plate,cup",
        "--masks",
        f"sam:{folders['sam']}",
    ]
    done = run("analyze", tmp_path / "in", *args, "--out", tmp_path / "out", "--json")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    value = loaded(done)
    ((sample,), (failed,)) = value["samples"], value["failed"]
    assert failed["item"].endswith("b.png") and "\n" not in failed["error"]
    assert (sample["engines"]["objects"], sample["engines"]["masks"]) == ("owlvit", "sam")
    record = json.loads((Path(sample["folder"]) / "sample.json").read_text())
    runs = {row["stage"]: row for row in record["provenance"]}
    assert runs["objects"]["settings"]["labels"] == ["cup", "plate"]
    assert runs["objects"]["settings"]["model"] == "owl" and runs["masks"]["settings"]["model"] == "tiny-sam"


def test_weights_that_are_not_there_fail_each_picture_in_one_line(tmp_path):
    for name in ("a", "b"):
        Image.fromarray(picture(90, 60)).save(tmp_path / f"{name}.png")
    drawn = analyze([str(tmp_path)], Options("none", objects="none", masks="sam:/no/such/folder"), tmp_path / "drawn")
    assert len(drawn.samples) == 2, "no object needs no mask engine"
    failed = analyze([str(tmp_path)], Options("none", objects="owlv2:/no/such/folder"), tmp_path / "out").failed
    assert [Path(item).name for item, _ in failed] == ["a.png", "b.png"]
    assert all("no folder" in line and "\n" not in line for _, line in failed)
    assert not list((tmp_path / "out").iterdir())


def test_a_batch_with_boxes_from_a_file(folders, tmp_path):
    Image.fromarray(coffee(90, 60)).save(tmp_path / "a.png")
    coco = {
        "images": [{"id": 1, "file_name": "a.png", "width": 90, "height": 60}], "categories": [{"id": 1, "name": "cup"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [20, 10, 40, 40], "iscrowd": 0}],
    }  # fmt: skip
    (tmp_path / "boxes.json").write_text(json.dumps(coco))
    ready = ready_from(read_coco(tmp_path / "boxes.json"), "boxes.json", "a.png", 90, 60)
    assert len(ready.detections) == 1
    options = Options("none", objects=str(tmp_path / "boxes.json"), masks=f"sam2:{folders['sam2']}")
    report = analyze([str(tmp_path / "a.png")], options, tmp_path / "out")
    sample = read_sample(report.samples[0].folder)
    expected = SEGMENT.make(options.masks).segment(sample.image, None, [sample.objects[0].box])[0]
    np.testing.assert_array_equal(sample.objects[0].mask, expected)
