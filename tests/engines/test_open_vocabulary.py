"""OWL-ViT, OWLv2 and Grounding DINO behind the object protocol: the real code on tiny models with random weights."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spacestudio.domain.boxes import Box
from spacestudio.engines import DETECT
from spacestudio.engines.progress import Told, listening
from spacestudio.errors import Cancelled, InputError, Unavailable
from spacestudio.formats.folder import read_sample
from spacestudio.formats.pictures import Picture
from spacestudio.services.batch import Options, analyze, verify_pictures
from spacestudio.services.begin import Recipe
from spacestudio.services.find import find, looked_for
from spacestudio.services.graphs import graphs_in
from spacestudio.services.payloads import to_png
from spacestudio.services.studio import Studio
from spacestudio.settings import settings
from tests.engines import tiny_objects
from tests.engines.tiny import one_line
from tests.support import HOSTILE, coffee, small_scene

NAMES = ["owlvit", "visor", "owlv2", "grounding-dino"]
OWNER = "owner-of-these-tests-0001"
SIZES = [(90, 60), (60, 90), (400, 5), (3, 120)]

pytestmark = pytest.mark.skipif(bool(DETECT["owlvit"].missing()), reason="needs: pip install -r requirements-models.txt")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny networks wait for their threads longer than they compute."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny model of each engine, made when first asked for."""
    made: dict[str, Path] = {}

    def of(name: str) -> Path:
        if name not in made:
            made[name] = tiny_objects.MAKERS[name](tmp_path_factory.mktemp("models") / f"tiny-{name}")
        return made[name]

    return of


@pytest.fixture(scope="module")
def make(folders: Callable[[str], Path]) -> Iterator[Callable[..., Any]]:
    """Makes an engine over its tiny model, or over a given folder."""
    from spacestudio.engines.models import SHELF

    yield lambda name, folder=None, **asked: DETECT.load(name)(str(folder or folders(name)), **asked)
    SHELF.clear()


def picture(width: int, height: int) -> np.ndarray:
    return np.ascontiguousarray(np.resize(coffee(90, 60), (height, width, 3)))


def rows(found: Any) -> list[Any]:
    return [(d.label, d.box, d.score) for d in found]


def refused(made: Any) -> str:
    with pytest.raises(Unavailable) as caught:
        made.detect(picture(60, 40), None, ["cup"])
    return one_line(caught.value)


def cancel(told: Told) -> None:
    raise Cancelled("Stopped")


# ---- what comes back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_what_was_asked_for_inside_the_picture_best_first(name, make):
    asked = ["Cup", "wine glass", "big  dog", "cup"]
    made = make(name, threshold=0.001)
    for width, height in SIZES:
        image = picture(width, height)
        before = image.copy()
        found = made.detect(image, None, asked)
        np.testing.assert_array_equal(image, before)
        assert found or min(width, height) < 10, "the tiny network sees something"
        assert [d.score for d in found] == sorted((d.score for d in found), reverse=True)
        for d in found:
            assert d.label in ("Cup", "wine glass", "big dog")
            assert d.box == d.box.clipped(width, height) and min(d.box.width, d.box.height) >= 1
            assert 0 < d.score <= 1 and d.mask is None
    assert all(d.box == Box(0, 0, 1, 1) for d in made.detect(picture(1, 1), None, asked))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_every_time(name, make):
    import torch

    torch.manual_seed(1)
    one = make(name, threshold=0.001).detect(picture(90, 60), None, ["cup", "dog"])
    torch.manual_seed(2)
    state = torch.get_rng_state()
    two = make(name, threshold=0.001).detect(picture(90, 60), None, ["cup", "dog"])
    assert one and rows(one) == rows(two)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("name", NAMES)
def test_labels_make_a_difference_and_none_find_nothing(name, make):
    made = make(name, threshold=0.001)
    cups, glasses = (made.detect(picture(90, 60), None, [label]) for label in ("cup", "wine glass"))
    assert cups and [d.score for d in cups] != [d.score for d in glasses]
    assert made.detect(picture(90, 60), None) == []
    assert made.detect(picture(90, 60), None, ["", "  "]) == []


@pytest.mark.parametrize("name", NAMES)
def test_strange_labels_are_only_text(name, make):
    asked = [
        HOSTILE,
        "日本の茶碗",
        "{} {0.__class__}",
        "<|endoftext|> <|startoftext|>",
        "[SEP] [CLS]",
        "a. b? c.",
        "...",
        "e" * 500,
    ]
    found = make(name, threshold=0.0).detect(picture(90, 60), None, asked)
    assert found
    assert {d.label for d in found} <= {" ".join(label.split()) for label in asked}


@pytest.mark.parametrize("name", NAMES)
def test_three_hundred_labels(name, make):
    asked = [f"{what} {k}" for k in range(100) for what in ("cup", "dog", "table")]
    found = make(name, threshold=0.001).detect(picture(90, 60), None, asked)
    assert 0 < len(found) <= 100
    assert {d.label for d in found} <= set(asked)


@pytest.mark.parametrize("name", NAMES)
def test_thresholds_and_duplicates(name, make):
    loose = make(name, threshold=0.0, same=1.0, other=1.0, most=10_000).detect(picture(90, 60), None, ["cup", "dog"])
    middle = sorted(d.score for d in loose)[len(loose) // 2]
    strict = make(name, threshold=middle, same=1.0, other=1.0, most=10_000).detect(picture(90, 60), None, ["cup", "dog"])
    assert 0 < len(strict) < len(loose)
    assert all(d.score >= middle for d in strict)
    merged = make(name, threshold=0.0, same=0.05, other=0.1).detect(picture(90, 60), None, ["cup", "dog"])
    assert 0 < len(merged) <= len(loose)
    for k, d in enumerate(merged):
        assert all(d.box.iou(o.box) <= (0.05 if d.label == o.label else 0.1) for o in merged[:k])
    few = make(name, threshold=0.0, same=1.0, other=1.0, most=2).detect(picture(90, 60), None, ["cup", "dog"])
    assert rows(few) == rows(loose[:2])


# ---- geometry --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["owlvit", "visor", "owlv2"])
@pytest.mark.parametrize("upright", [False, True])
def test_a_white_patch_is_found_where_it_is(name, upright, make, tmp_path):
    """The network is set by hand to find what is bright, with boxes half a cell to the right and down.

    OWL-ViT's 8 x 8 cells cover the picture; OWLv2's the square the picture was padded to.
    """
    folder = tiny_objects.owl_that_finds_white(tmp_path / "white", "Owlv2" if name == "owlv2" else "OwlViT")
    width, height, white = (64, 128, Box(16, 32, 48, 64)) if upright else (128, 64, Box(32, 16, 64, 48))
    image = np.zeros((height, width, 3), np.uint8)
    image[white.slices(width, height)] = 255
    found = make(name, folder).detect(image, None, ["anything"])
    cell = (16.0, 16.0) if name == "owlv2" else (width / 8, height / 8)
    assert len(found) == round(white.width / cell[0]) * round(white.height / cell[1])
    for d in found:
        assert (d.box.width, d.box.height) == pytest.approx(cell, abs=0.05) and d.score > 0.9
    low = np.min([d.box.xyxy[:2] for d in found], 0)
    high = np.max([d.box.xyxy[2:] for d in found], 0)
    half = np.array(cell) / 2
    np.testing.assert_allclose([*low, *high], np.add(white.xyxy, [*half, *half]), atol=0.05)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("width", "height"), [(90, 60), (60, 90), (120, 70)])
def test_boxes_and_scores_are_those_of_transformers(name, width, height, make, folders):
    """Without merging, the same boxes and scores as the library's own processor gives."""
    import torch
    from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

    asked, image = ["cup", "wine glass"], picture(width, height)
    made = make(name, threshold=0.2, same=1.0, other=1.0, most=10_000)
    processor = AutoProcessor.from_pretrained(folders(name))
    network = AutoModelForZeroShotObjectDetection.from_pretrained(folders(name)).eval()
    query = made.settings["query"]
    text = [[query.replace("{}", label) for label in asked]]
    seen = processor(
        images=Image.fromarray(image), text="a cup. a wine glass." if name == "grounding-dino" else text, return_tensors="pt"
    )
    with torch.inference_mode():
        out = network(**seen)
    more = {"text_threshold": 0.0} if name == "grounding-dino" else {"text_labels": text}
    (theirs,) = processor.post_process_grounded_object_detection(
        out, threshold=0.2, target_sizes=torch.tensor([[height, width]]), **more
    )
    expected = [
        (round(float(score), 3), Box(*box.tolist()).clipped(width, height))
        for score, box in zip(theirs["scores"], theirs["boxes"].double(), strict=True)
    ]
    expected = [(s, b) for s, b in expected if min(round(b.width, 2), round(b.height, 2)) >= 1]
    ours = [(round(d.score, 3), d.box) for d in made.detect(image, None, asked)]
    assert ours
    if name == "grounding-dino":  # its score there may be that of "a" or of the full stop
        assert all(any(np.allclose(box.xyxy, b.xyxy, atol=0.02) for _, b in expected) for _, box in ours)
        return
    assert len(ours) == len(expected)
    for (score, box), (s, b) in zip(ours, sorted(expected, key=lambda row: -row[0]), strict=True):
        assert score == pytest.approx(s, abs=0.0011)
        assert any(np.allclose(box.xyxy, o.xyxy, atol=0.02) for t, o in expected if abs(t - score) < 0.002), (s, b)


# ---- Grounding DINO's texts ------------------------------------------------------------------------------------------


def test_every_label_stands_in_one_text_at_its_own_tokens(folders):
    from transformers import AutoProcessor

    from spacestudio.engines.detect.open_vocabulary import texts_of

    tokenizer = AutoProcessor.from_pretrained(folders("grounding-dino")).tokenizer
    names = ["cup", "Wine Glass", "a. table?", "...", "x" * 70, *(f"dog {k}" for k in range(60)), "a", "[SEP]"]
    texts = list(texts_of(tokenizer, names, "a {}", 64))
    assert len(texts) > 3
    held = [k for _, spans in texts for k in spans]
    assert held == [k for k in range(len(names)) if names[k] not in ("...", "x" * 70)], "what can't be said is left out"
    for tokens, spans in texts:
        ids = tokens["input_ids"][0].tolist()
        assert len(ids) <= 64 and tokens["input_ids"].shape == tokens["attention_mask"].shape
        assert tokenizer.decode(ids).count(".") == len(spans), "one full stop each"
        for k, span in spans.items():
            own = tokenizer.decode([ids[place] for place in span])
            said = re.sub(r"[][]", "[UNK]", names[k].lower())  # not in the vocabulary
            assert own.replace(" ", "") == said.replace(".", "").replace("?", "").replace(" ", "")
        assert len({place for span in spans.values() for place in span}) == sum(map(len, spans.values()))


def test_a_box_gets_the_label_whose_tokens_it_fits_best(make, folders):
    """Counted again from the network's own answer."""
    import torch
    from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

    asked, image = ["cup", "wine glass", "big dog"], picture(90, 60)
    processor = AutoProcessor.from_pretrained(folders("grounding-dino"))
    network = AutoModelForZeroShotObjectDetection.from_pretrained(folders("grounding-dino")).eval()
    seen = processor(images=image, text="a cup. a wine glass. a big dog.", return_tensors="pt")
    words = processor.tokenizer.convert_ids_to_tokens(seen["input_ids"][0])
    places = [[words.index(word) for word in label.split()] for label in asked]
    with torch.inference_mode():
        out = network(**seen)
    chance = torch.sigmoid(out.logits[0]).numpy()
    expected = []
    for row in chance:
        label = max(range(3), key=lambda k: row[places[k]].mean())
        expected.append((asked[label], round(float(row[places[label]].max()), 4)))
    found = make("grounding-dino", threshold=0.0, same=1.0, other=1.0).detect(image, None, asked)
    assert found and len({d.label for d in found}) > 1, "the tiny network tells them apart"
    for d in found:
        assert any(d.label == label and d.score == pytest.approx(score, abs=2e-4) for label, score in expected)


# ---- names, settings, weights ----------------------------------------------------------------------------------------


def test_visors_detector_is_as_published(make):
    """SEEDS 3.4: google/owlvit-base-patch32, "a photo of a {obj}", scores above 0.1; no boxes were merged."""
    said = DETECT.load("visor")().settings
    assert (said["model"], said["query"], said["threshold"]) == ("google/owlvit-base-patch32", "a photo of a {}", 0.1)
    assert said["same_label_iou"] == said["other_label_iou"] == 1.0
    loose = make("owlvit", same=1.0, other=1.0, most=10_000).detect(picture(90, 60), None, ["cup"])
    assert loose and rows(make("visor").detect(picture(90, 60), None, ["cup"])) == rows(loose)


@pytest.mark.parametrize("name", NAMES)
def test_provenance(name, make, monkeypatch):
    made = make(name, threshold=0.25)
    said = dict(made.settings)
    assert json.loads(json.dumps(said)) == said
    assert said["model"] == f"tiny-{name}" and said["threshold"] == 0.25 and said["dtype"] == "float32"
    assert "{}" in said["query"] and "/" not in said["model"]
    assert DETECT.make(name).settings["model"] == DETECT[name].model
    monkeypatch.setenv("SPACE_STUDIO_MODELS", f"{name}=someone/else")
    settings.cache_clear()
    assert DETECT.make(name).settings["model"] == "someone/else"
    monkeypatch.undo()
    settings.cache_clear()


def test_loaded_once(make):
    from spacestudio.engines.models import SHELF

    SHELF.clear()
    make("owlvit").detect(picture(90, 60), None, ["cup"])
    assert len(SHELF) == 1
    make("owlvit").detect(picture(60, 90), None, ["dog"])
    assert len(SHELF) == 1


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
        (lambda f: (f / "preprocessor_config.json").unlink(), "can't be loaded"),
        (lambda f: [(f / n).unlink(missing_ok=True) for n in ("vocab.json", "vocab.txt", "merges.txt")], "vocabulary"),
    ],
    ids=[
        "no weights",
        "pickled",
        "broken weights",
        "another model",
        "broken config",
        "no config",
        "no processor",
        "no words",
    ],
)
def test_a_spoiled_folder_is_one_line(name, make, folders, tmp_path, spoil, word):
    folder = Path(shutil.copytree(folders(name), tmp_path / "spoiled"))
    spoil(folder)
    assert word in refused(make(name, folder))


@pytest.mark.parametrize("name", NAMES)
def test_half_the_weights_are_not_filled_with_random_numbers(name, make, folders, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(folders(name), tmp_path / "half"))
    weights = load_file(folder / "model.safetensors")
    gone = next(key for key in weights if "box_head" in key or "bbox_embed" in key or "text_backbone" in key)
    save_file({k: v for k, v in weights.items() if k != gone}, folder / "model.safetensors", metadata={"format": "pt"})
    assert "lacks" in refused(make(name, folder))


def test_a_folder_that_is_not_there_and_a_hub_out_of_reach(make):
    assert "no folder" in refused(make("owlvit", "/no/such/folder"))
    assert "nobody-here/none" in refused(make("owlv2", "nobody-here/none"))


@pytest.mark.parametrize("why", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB\n  at x")])
@pytest.mark.parametrize("name", NAMES)
def test_no_memory_is_one_line_and_frees_the_models(name, make, monkeypatch, why):
    from spacestudio.engines.detect import open_vocabulary
    from spacestudio.engines.models import SHELF

    made = make(name)
    made.detect(picture(60, 40), None, ["cup"])

    def fail(*_: Any) -> None:
        raise why

    monkeypatch.setattr(open_vocabulary, "corners_of", fail)
    assert "ran out of memory" in refused(made)
    assert len(SHELF) == 0
    monkeypatch.undo()
    made.detect(picture(60, 40), None, ["cup"])


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_stopped(name, make):
    made = make(name)
    told: list[Told] = []
    with listening(told.append):
        made.detect(picture(60, 40), None, [f"cup {k}" for k in range(40)])
    assert told and all("looking for" in t.words for t in told)
    assert name != "grounding-dino" or len(told) > 2, "between its texts too"
    with pytest.raises(Cancelled), listening(cancel):
        made.detect(picture(60, 40), None, ["cup"])
    made.detect(picture(60, 40), None, ["cup"])


# ---- through the services --------------------------------------------------------------------------------------------


def test_without_labels_cocos_names_are_looked_for(folders):
    coco = looked_for(())
    assert len(coco) == 80 and coco[0] == "person"
    found = find(picture(60, 40), None, f"owlvit:{folders('owlvit')}", masks="box")
    assert found.run is not None and tuple(found.run.settings["labels"]) == coco
    assert found.objects and {o.label for o in found.objects} <= set(coco)
    asked = find(picture(60, 40), None, f"owlvit:{folders('owlvit')}", ["Cup", "cup ", "a\u200b dog"], "box")
    assert asked.run is not None and asked.run.settings["labels"] == ["Cup", "a dog"]
    other = find(picture(60, 40), None, "none", ["cup"])
    assert other.run is not None and "labels" not in other.run.settings


def test_labels_that_can_not_be_looked_for():
    with pytest.raises(InputError, match="61 characters"):
        looked_for(["cup", "x" * 61])
    with pytest.raises(InputError, match="1001 labels"):
        looked_for([f"cup {k}" for k in range(1001)])


def test_in_the_studio(folders, tmp_path, monkeypatch):
    """A failed or stopped engine leaves the sample as it was; a working one is one event that can be undone."""
    studio = Studio(tmp_path / "data")
    image, depth, camera, _ = small_scene(48, 64)
    sample_id = studio.add_picture(
        OWNER, Picture(image, to_png(image), "balls.png", ()), recipe=Recipe(depth, camera, "none")
    )
    before = studio.open(OWNER, sample_id)
    engine = f"owlvit:{folders('owlvit')}"
    with pytest.raises(Unavailable):
        studio.find_objects(OWNER, sample_id, "owlvit:/no/such/folder", ["ball"])
    with pytest.raises(InputError):
        studio.find_objects(OWNER, sample_id, engine, ["x" * 99])
    with pytest.raises(Cancelled), listening(cancel):
        studio.find_objects(OWNER, sample_id, engine, ["ball"])
    after = studio.open(OWNER, sample_id)
    assert after.events == before.events and not after.objects

    made = studio.find_objects(OWNER, sample_id, engine, ["ball", "lamp"], "box")
    assert made.objects and {o.label for o in made.objects} <= {"ball", "lamp"}
    assert all(o.mask is not None and o.origin == "model" for o in made.objects)
    assert len(made.events) == len(before.events) + 1
    run = next(r for r in reversed(made.provenance) if r.stage == "objects")
    assert (run.engine, run.settings["labels"], run.settings["model"]) == ("owlvit", ["ball", "lamp"], "tiny-owlvit")
    assert not studio.undo(OWNER, sample_id).objects


def test_a_batch_goes_on_when_the_engine_fails_on_one_picture(folders, tmp_path, monkeypatch):
    """The second of three runs out of memory."""
    from spacestudio.engines.detect import open_vocabulary

    real, calls = open_vocabulary.corners_of, []

    def sometimes(boxes: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise MemoryError
        return real(boxes)

    monkeypatch.setattr(open_vocabulary, "corners_of", sometimes)
    for k in range(3):
        Image.fromarray(np.roll(coffee(60, 40), k, 1)).save(tmp_path / f"{k}.png")
    options = Options(depth="none", objects=f"owlvit:{folders('owlvit')}", labels=("cup", "table"), masks="box")
    report = analyze([str(tmp_path)], options, tmp_path / "out")
    assert [Path(made.folder).name[0] for made in report.samples] == ["0", "2"]
    ((item, line),) = report.failed
    assert item.endswith("1.png") and "ran out of memory" in line and "\n" not in line
    assert len(list((tmp_path / "out").iterdir())) == 2, "nothing half-written"
    for made in report.samples:
        assert {o.label for o in read_sample(made.folder).objects} <= {"cup", "table"}


def test_what_was_not_looked_for_is_not_called_absent(folders, tmp_path):
    """Asked for cups alone, nobody can say that there is no dog; asked for COCO's 80, the engine can."""
    Image.fromarray(coffee(60, 40)).save(tmp_path / "a.png")
    absent = []
    for labels in (("cup",), ()):
        options = Options(depth="none", objects=f"owlvit:{folders('owlvit')}", labels=labels, masks="box")
        (made,) = analyze([str(tmp_path / "a.png")], options, tmp_path / f"out{len(absent)}").samples
        sample = read_sample(made.folder)
        assert sample.objects
        absent.append([p for p in sample.qa if p.family == "existence" and p.answer == "No"])
    assert not absent[0] and absent[1]


def test_a_label_that_is_too_long_stops_a_batch_before_it_begins(folders, tmp_path):
    Image.fromarray(coffee(60, 40)).save(tmp_path / "a.png")
    options = Options(objects=f"owlvit:{folders('owlvit')}", labels=("x" * 61,))
    with pytest.raises(InputError, match="61 characters"):
        analyze([str(tmp_path / "a.png")], options, tmp_path / "out")


def test_a_picture_held_against_a_graph_is_searched_for_what_the_graph_names(folders, tmp_path, monkeypatch):
    Image.fromarray(coffee(60, 40)).save(tmp_path / "a.png")
    graph = {"scene": "s", "chosen_objects": ["cup", "saucer"], "objects_kg": [[0, "left of", 1]], "negative_objects": "dog"}
    (tmp_path / "g.json").write_text(json.dumps([graph]), encoding="utf-8")
    read, _ = graphs_in(tmp_path / "g.json")
    detector, asked = DETECT.load("owlvit"), []
    real = detector.detect

    def note(self: Any, image: Any, depth: Any, labels: Any = ()) -> Any:
        asked.append(list(labels))
        return real(self, image, depth, labels)

    monkeypatch.setattr(detector, "detect", note)
    options = Options(depth="none", objects=f"owlvit:{folders('owlvit')}", labels=("spoon",), masks="box")
    found = verify_pictures([str(tmp_path / "a.png")], [("g", g.graph, g.problem) for g in read], options)
    assert not found.failed
    assert asked == [["spoon", "cup", "saucer", "dog"]]
