"""Models asked about many pictures: through a real endpoint, killed, stopped, misbehaving; scored and held against geometry."""

from __future__ import annotations

import base64
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spacestudio.cli import main
from spacestudio.domain.boxes import Box
from spacestudio.domain.grounded import Grounded, Mention, Predicate
from spacestudio.domain.sample import Sample
from spacestudio.engines.language.talk import NoAnswer, Talk
from spacestudio.engines.protocols import Message, Reply
from spacestudio.errors import InputError
from spacestudio.formats.asv2 import decode, encode
from spacestudio.formats.folder import write_sample
from spacestudio.formats.pictures import png_bytes
from spacestudio.formats.proximity import write_questions
from spacestudio.geometry.measure import measure
from spacestudio.relations.relate import relate
from spacestudio.services.eye import Eye
from spacestudio.services.proximity_sets import Recipe, set_of_samples
from spacestudio.services.run import GIVE_UP, STANDS_IN, Item
from spacestudio.services.run_psg import MOST_THINGS, PROMPT, judged
from tests.engines.talking import KEY, Answer, environment, failed, said, serving, using
from tests.support import DATA, ROOT, needs_data, small_scene

WIDTH, HEIGHT = 40, 30
CAT, MAT = Box(4, 6, 20, 18), Box(2, 16, 30, 28)
WHOLE = encode(
    Grounded(("A ", Mention("cat", ("c",)), " ", Predicate("on", ("c",), ("m",)), " a ", Mention("mat", ("m",)), ".")),
    {"c": CAT, "m": MAT}, WIDTH, HEIGHT,
)  # fmt: skip


def album(folder: Path, count: int) -> tuple[Path, Path]:
    """A folder of pictures, each known by the grey of its first pixel, and questions about them: a cat on a mat in each."""
    images = folder / "pictures"
    images.mkdir(parents=True)
    rows = []
    for k in range(count):
        pixels = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
        pixels[0, 0] = k
        (images / f"{k:03}.png").write_bytes(png_bytes(pixels))
        tuples = [["cat", CAT.xyxy, "mat-merged", MAT.xyxy, "on"]]
        row = {"question_id": k, "image": f"{k:03}.png", "width": WIDTH, "height": HEIGHT, "relation_tuples": tuples}
        rows.append(json.dumps(row) + "\n")
    (folder / "questions.jsonl").write_text("".join(rows))
    return images, folder / "questions.jsonl"


def shown(body: dict[str, Any]) -> int:
    """Which picture a request shows."""
    (message,) = body["messages"]
    words, picture = message["content"]
    assert words["text"] and "response_format" not in body, "free text"
    raw = base64.b64decode(picture["image_url"]["url"].partition(",")[2])
    return int(np.asarray(Image.open(io.BytesIO(raw)))[0, 0, 0])


@pytest.fixture
def command(monkeypatch, capsys):
    """The command line in this process, with an endpoint."""

    def here(url: str, *args: str | Path, **settings: str) -> tuple[int, dict[str, Any], str]:
        monkeypatch.delenv("HF_TOKEN", raising=False)
        with using(monkeypatch, url, **settings), monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["spacestudio", *map(str, args), "--json"])
            capsys.readouterr()
            try:
                main()
                status = 0
            except SystemExit as stop:
                status = int(stop.code or 0)
            out, err = capsys.readouterr()
        return status, json.loads(out), err

    return here


def rows_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "answers.jsonl").read_text().splitlines()]


def psg(images: Path, questions: Path, out: Path, *more: str) -> list[str | Path]:
    return [
        "run",
        "psg",
        "--engine",
        "endpoint",
        "--images",
        images,
        "--questions",
        questions,
        "--out",
        out,
        "--no-compare",
        *more,
    ]


# A run that goes well, and the same again


def test_answers_are_kept_scored_and_not_asked_for_twice(tmp_path, command):
    images, questions = album(tmp_path, 4)
    with serving(rule=lambda body: said(WHOLE if shown(body) % 2 else WHOLE.replace("cat", "dog"))) as server:
        status, report, err = command(server.url, *psg(images, questions, tmp_path / "out", "--seed", "3"))
        assert status == 0 and len(server.asked) == 4
        assert server.asked[0]["messages"][0]["content"][0]["text"] == PROMPT and server.asked[0]["seed"] == 3
        assert "4 calls" in err and "3/4 002.png" in err
        again = command(server.url, *psg(images, questions, tmp_path / "out", "--seed", "3"))
        assert len(server.asked) == 4 and again[1] == report
    assert rows_of(tmp_path / "out")[1] == {
        "question_id": "1",
        "image": "001.png",
        "text": WHOLE,
        "model": "tiny-test",
        "seed": 3,
    }
    assert report["score"]["corrected"]["recall"] == report["score"]["as_published"]["recall"] == 50
    assert report["format"] == {
        "answers": 4, "well_formed": 4, "without_a_tuple": 0, "tuples": 4, "tuples_per_answer": 1.0, "problems": {},
    }  # fmt: skip
    assert report["geometry"] is None and not report["stand_in"] and not report["notes"]
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report
    assert not any(KEY in path.read_text() for path in (tmp_path / "out").iterdir()), "the key stays in the environment"


def test_without_questions_every_picture_of_the_folder_is_asked_about_and_a_limit_can_grow(tmp_path, command):
    images, _ = album(tmp_path, 5)
    args = ["run", "psg", "--engine", "endpoint:other", "--images", images, "--out", tmp_path / "out", "--no-compare"]
    with serving(rule=lambda body: said(WHOLE)) as server:
        _, report, _ = command(server.url, *args, "--limit", "2")
        assert (report["items"], report["score"], len(server.asked)) == (2, None, 2)
        _, report, _ = command(server.url, *args)
        assert (report["items"], report["answered"], len(server.asked)) == (5, 5, 5)
    assert [row["question_id"] for row in rows_of(tmp_path / "out")] == [f"{k:03}.png" for k in range(5)]
    assert {row["model"] for row in rows_of(tmp_path / "out")} == {"other"}


@pytest.mark.parametrize("more", [("--seed", "1"), ("--limit", "2", "--engine", "endpoint:other")])
def test_answers_made_with_other_settings_are_not_continued(tmp_path, command, more):
    images, questions = album(tmp_path, 3)
    with serving(rule=lambda body: said(WHOLE)) as server:
        command(server.url, *psg(images, questions, tmp_path / "out"))
        before = (tmp_path / "out" / "answers.jsonl").read_bytes()
        status, told, _ = command(server.url, *psg(images, questions, tmp_path / "out", *more))
        assert status == 1 and "begun with another" in told["error"] and "\n" not in told["error"]
        assert ("seed" if "--seed" in more else "model") in told["error"]
        assert len(server.asked) == 3 and (tmp_path / "out" / "answers.jsonl").read_bytes() == before


def test_other_questions_are_another_run(tmp_path, command):
    images, questions = album(tmp_path, 2)
    with serving(rule=lambda body: said(WHOLE)) as server:
        command(server.url, *psg(images, questions, tmp_path / "out"))
        questions.write_text(questions.read_text().replace('"on"', '"under"'))
        status, told, _ = command(server.url, *psg(images, questions, tmp_path / "out"))
    assert status == 1 and "questions" in told["error"]


def test_answers_made_elsewhere_are_scored_and_measured_like_ones_made_here(tmp_path, command):
    images, questions = album(tmp_path, 3)
    given = tmp_path / "theirs.jsonl"
    given.write_text("".join(json.dumps({"question_id": k, "text": WHOLE}) + "\n" for k in (0, 2)))
    status, report, _ = command("", *psg(images, questions, tmp_path / "out", "--engine", str(given), "--compare"))
    assert status == 1 and report["failed"] == [{"item": "1", "error": "“theirs.jsonl” has no answer to 1."}]
    assert [row["text"] for row in rows_of(tmp_path / "out")] == [WHOLE, "", WHOLE] and not report["stand_in"]
    assert report["score"]["corrected"]["recall"] == pytest.approx(200 / 3)
    assert [row["question_id"] for row in report["geometry"]["images"]] == ["0", "2"]


@needs_data
def test_the_golden_answers_get_the_published_figures(tmp_path, command):
    golden = DATA / "golden/psg"
    files = ["--images", golden, "--questions", golden / "questions.jsonl", "--synonyms", DATA / "asv2/synonyms.txt"]
    engine = ["--engine", golden / "answers.jsonl", "--no-compare", "--out", tmp_path / "out"]
    status, report, _ = command("", "run", "psg", *files, *engine)
    expected = json.loads((golden / "expected.json").read_text())["as_published"]
    assert status == 0 and report["answered"] == 200
    assert {k: report["score"]["as_published"][k] for k in ("recall", "mean_recall")} == {
        k: expected[k] for k in ("recall", "mean_recall")
    }
    assert report["format"]["well_formed"] == 200


def test_a_model_of_transformers_on_this_machine_is_run_too(tmp_path, command):
    pytest.importorskip("transformers")
    from tests.engines.test_language_local import save_seeing

    images, questions = album(tmp_path, 2)
    args = psg(images, questions, tmp_path / "out", "--engine", f"transformers:{save_seeing(tmp_path / 'seeing', [WHOLE])}")
    status, report, _ = command("", *args)
    assert status == 0 and [row["text"] for row in rows_of(tmp_path / "out")] == [WHOLE, WHOLE]
    assert report["score"]["corrected"]["recall"] == 100 and report["engine"]["engine"] == "transformers"


# Killed, stopped


def begin(url: str, *args: str | Path) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SPACE_STUDIO_", "OPENAI_", "HF_TOKEN"))}
    env |= {"PYTHONPATH": str(ROOT), **environment(url)}
    command = [sys.executable, "-m", "spacestudio", *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=ROOT)


def wait_until(holds: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def slowly(body: dict[str, Any]) -> Answer:
    answer = said(WHOLE.replace("cat", f"cat {shown(body)}"))
    answer.wait = 0.05
    return answer


def test_a_run_killed_at_any_moment_loses_at_most_the_item_in_hand(tmp_path):
    count, kills = 10, 3
    images, questions = album(tmp_path, count)
    dice = random.Random(7)
    with serving(rule=slowly) as server:
        for k in range(kills):
            going = begin(server.url, *psg(images, questions, tmp_path / "out"))
            reached = len(server.asked) + dice.randint(1, 3)
            wait_until(lambda g=going, r=reached: len(server.asked) >= r or g.poll() is not None)
            time.sleep(dice.random() * 0.06)
            going.kill()
            going.communicate()
            ids = [row["question_id"] for row in rows_of(tmp_path / "out")]
            assert ids == [str(i) for i in range(len(ids))] and len(ids) >= len(server.asked) - k - 1
        assert 0 < len(ids) < count, "it was killed before its end"
        with (tmp_path / "out" / "ledger.jsonl").open("a") as file:
            file.write('{"key": "99", "te')  # as a full disk or a kill in the middle of a line leaves it
        last = begin(server.url, *psg(images, questions, tmp_path / "out"))
        last.communicate()
        assert last.returncode == 0
        assert len(server.asked) <= count + kills
        other = begin(server.url, *psg(images, questions, tmp_path / "whole"))
        other.communicate()
    for name in ("answers.jsonl", "report.json", "questions.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), (
            "as if it was never killed"
        )


def test_ctrl_c_keeps_the_answers_and_says_how_to_go_on(tmp_path):
    images, questions = album(tmp_path, 40)
    with serving(rule=slowly) as server:
        going = begin(server.url, *psg(images, questions, tmp_path / "out"))
        wait_until(lambda: len(server.asked) >= 3)
        going.send_signal(signal.SIGINT)
        _, err = going.communicate(timeout=60)
    assert going.returncode == 130
    assert (
        err.splitlines()[-1]
        == f"Stopped. The answers so far are kept in {tmp_path / 'out'}; the same command goes on from there."
    )
    assert "Traceback" not in err and 2 <= len(rows_of(tmp_path / "out")) < 40


# A model that misbehaves


def test_what_has_no_answer_is_named_scored_as_nothing_and_asked_again(tmp_path, command):
    images, questions = album(tmp_path, 8)
    (images / "003.png").unlink()
    (images / "004.png").write_bytes(b"no picture")
    bad = {
        0: said(""), 1: said("", refusal="I will not"), 2: said(WHOLE, finish_reason="content_filter"), 5: Answer(b"<html>"),
    }  # fmt: skip
    garbage = "<ref>cat</pred><box>[[0,0,5]]</box> " + "<box>" * 2000 + "[" * 5000
    with serving(rule=lambda body: bad.get(shown(body)) or said(garbage if shown(body) == 6 else WHOLE)) as server:
        args = psg(images, questions, tmp_path / "out")
        status, report, err = command(server.url, *args, LANGUAGE_TRIES="2")
        assert status == 1
        why = {row["item"]: row["error"] for row in report["failed"]}
        assert list(why) == ["0", "1", "2", "3", "4", "5"]
        assert "empty" in why["0"] and why["1"] == why["2"] == "it refused"
        assert "003.png" in why["3"] and "004.png" in why["4"] and "chat completion" in why["5"]
        assert all("\n" not in line for line in why.values()) and "3: " in err
        assert report["answered"] == 2 and report["format"]["problems"]["tag"] > 1000
        assert report["score"]["corrected"]["recall"] == 12.5, "one of eight; what has no answer found nothing"
        assert rows_of(tmp_path / "out")[0]["problem"] == "an empty reply"
        server.asked.clear()
        bad.clear()
        (images / "003.png").write_bytes((images / "007.png").read_bytes())
        status, report, _ = command(server.url, *args, LANGUAGE_TRIES="2")
        assert {shown(body) for body in server.asked} == {0, 1, 2, 5, 7} and len(server.asked) == 5
    assert status == 1 and [row["item"] for row in report["failed"]] == ["4"]
    ids = [row["question_id"] for row in rows_of(tmp_path / "out")]
    assert sorted(ids) == [str(k) for k in range(8)], "each id once"


def test_a_reply_that_was_cut_off_is_kept_and_marked(tmp_path, command):
    images, questions = album(tmp_path, 1)
    with serving(rule=lambda body: said(WHOLE[:40], finish_reason="length")) as server:
        status, report, _ = command(server.url, *psg(images, questions, tmp_path / "out"))
    assert status == 0 and report["answered"] == 1
    assert rows_of(tmp_path / "out")[0]["problem"] == "cut off at the limit of tokens"


def test_an_engine_that_is_gone_is_not_asked_on(tmp_path, command):
    images, questions = album(tmp_path, 9)
    answers = [said(WHOLE), failed(404, "no such model"), said(WHOLE), *[failed(401)] * 20]
    with serving(*answers) as server:
        status, report, err = command(server.url, *psg(images, questions, tmp_path / "out"))
        assert len(server.asked) == 3 + GIVE_UP
        assert status == 1 and report["answered"] == 2
        assert [row["item"] for row in report["failed"]] == ["1", "3", "4", "5"] and report["not_asked"] == ["6", "7", "8"]
        assert "refused the key" in report["failed"][1]["error"] and "3 more were not asked" in err
        server.answers.clear()
        server.rule = lambda body: said(WHOLE)
        status, report, _ = command(server.url, *psg(images, questions, tmp_path / "out"))
    assert status == 0 and report["answered"] == 9 and report["score"]["corrected"]["recall"] == 100


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (("--engine", "no-such-thing"), 2, "no-such-thing"),
        (("--engine", "grammar"), 1, "no language model"),
        (("--depth", "no-such-depth"), 2, "no-such-depth"),
        (("--images", "nowhere"), 1, "no folder"),
        (("--questions", "nowhere.jsonl"), 1, "nowhere.jsonl"),
        (("--samples", "nowhere"), 1, "nowhere"),
    ],
)  # fmt: skip
def test_what_can_not_be_run_is_told_in_one_line_before_anything_is_asked(tmp_path, command, args, status, words):
    images, questions = album(tmp_path, 1)
    with serving() as server:
        code, told, _ = command(server.url, *psg(images, questions, tmp_path / "out", *args))
        assert (code, server.asked) == (status, [])
    assert words in told["error"] and "\n" not in told["error"]


@pytest.mark.parametrize("outside", ["../secret.png", "/secret.png", "a/../../secret.png"])
def test_a_file_of_questions_sends_no_picture_from_elsewhere(tmp_path, command, outside):
    images, questions = album(tmp_path, 2)
    (tmp_path / "secret.png").write_bytes((images / "000.png").read_bytes())
    secret = str(tmp_path / "secret.png") if outside.startswith("/") else outside
    questions.write_text(questions.read_text().replace("000.png", secret))
    with serving(rule=lambda body: said(WHOLE)) as server:
        status, report, _ = command(server.url, *psg(images, questions, tmp_path / "out"))
        assert status == 1 and [shown(body) for body in server.asked] == [1]
    assert "outside" in report["failed"][0]["error"]


class Canned:
    """A chat that answers with given replies."""

    name, version, settings = "canned", "1", {}

    def __init__(self, *replies: Reply) -> None:
        self.replies, self.schemas = list(replies), []

    def say(self, messages, schema, seed):
        self.schemas.append(schema)
        return self.replies.pop(0)


def test_free_text_is_asked_for_with_an_empty_schema_and_kept_as_it_came():
    chat = Canned(Reply(" Sorry, \n<ref>a"), Reply("", refused=True), Reply(" \n"))
    talk = Talk(chat)
    assert talk.text([Message("user", "?")]).text == " Sorry, \n<ref>a", "whether that is an answer its reader says"
    for why in ("it refused", "an empty reply"):
        with pytest.raises(NoAnswer, match=why):
            talk.text([Message("user", "?")])
    assert chat.schemas == [{}] * 3 and talk.counts.rejected == {"it refused": 1, "an empty reply": 1}


# Held against geometry


@pytest.fixture
def sample(tmp_path) -> tuple[Sample, Path, Path]:
    """A measured sample (a ball before a lamp, which is on its right), the folder of its folder, and its picture elsewhere."""
    image, depth, camera, objects = small_scene(240, 320)
    graph = relate(objects, measure(objects, 320, 240, depth, camera))
    made = Sample("balls-0001", "balls", image, graph, depth, camera, input=("balls.png", png_bytes(image)))
    write_sample(made, tmp_path / "samples")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "balls.png").write_bytes(png_bytes(image))
    return made, tmp_path / "samples", tmp_path / "pictures" / "balls.png"


def test_each_said_relation_gets_the_verdict_of_the_measurements(sample):
    made, samples, picture = sample
    ball, lamp = (o.box for o in made.objects)
    boxes = {"b": ball, "l": lamp, "away": Box(-30, -38, -10, -20)}
    wanted = {
        ("b", "in front of", "l"): "true", ("l", "in front of", "b"): "false", ("b", "to the left of", "l"): "true",
        ("b", "left of", "away"): "can't judge", ("b", "holding", "l"): "can't judge", ("l", "on top of", "b"): "false",
        ("b", "in front of and to the left of", "l"): "true", ("b", "in front of, above", "l"): "false",
        ("b", "smaller than", "l"): "false", ("b", "at the same depth as", "l"): "false",
    }  # fmt: skip
    spans = [Mention("red thing", ("b",)), Mention("yellow thing", ("l",)), Mention("nothing", ("away",))]
    text = encode(Grounded((*spans, *(Predicate(p, (s,), (o,)) for s, p, o in wanted))), boxes, 320, 240)
    said_ = decode(text, 320, 240)
    rows = judged(said_, picture, Eye(samples))
    assert {(r["subject"], r["predicate"], r["object"]): r["verdict"] for r in rows} == {
        (
            {"b": "red thing", "l": "yellow thing", "away": "nothing"}[s],
            p,
            {"b": "red thing", "l": "yellow thing", "away": "nothing"}[o],
        ): v
        for (s, p, o), v in wanted.items()
    }


def test_boxes_of_a_picture_of_another_size_and_nothing_at_all_are_not_measured(sample):
    _, samples, picture = sample
    text = "<ref>x</ref><box>[[0,400,9,500]]</box><pred>near</pred><box>[[0,400,9,500]]</box><box>[[0,0,5,5]]</box>"
    with pytest.raises(InputError, match="320 x 240 px, its question says 640 x 480"):
        judged(decode(text, 640, 480), picture, Eye(samples), (640, 480))
    assert [r["verdict"] for r in judged(decode(text, 320, 240), picture, Eye(samples), (320, 240))] == ["can't judge"]
    assert judged(decode("A ball.", 320, 240), samples / "nowhere.png", Eye(samples)) == []


def test_a_model_that_says_too_much_is_measured_in_part(sample):
    _, samples, picture = sample
    boxes = ",".join(f"[{k},200,{k + 40},300]" for k in range(MOST_THINGS + 50))
    text = (
        f"<ref>x</ref><box>[[0,400,9,500],{boxes}]</box><pred>left of</pred><box>[[0,400,9,500]]</box><box>[{boxes}]</box>"
    )
    rows = judged(decode(text, 320, 240), picture, Eye(samples))
    assert len(rows) == MOST_THINGS + 50
    assert sum(r["verdict"] == "can't judge" for r in rows) == 51


def test_without_a_model_the_studios_own_graph_answers_and_the_report_says_so(sample, tmp_path, command):
    _, samples, picture = sample
    args = [
        "run",
        "psg",
        "--engine",
        "geometry",
        "--images",
        picture.parent,
        "--samples",
        samples,
        "--out",
        tmp_path / "out",
    ]
    status, report, _ = command("", *args)
    assert status == 0 and report["stand_in"] and STANDS_IN in report["notes"]
    told = decode(rows_of(tmp_path / "out")[0]["text"], 320, 240)
    assert [o.label for o in told.graph.objects] == ["ball", "lamp"] and not told.problems
    geometry = report["geometry"]
    assert geometry["true"] == len(told.tuples) > 0 and geometry["false"] == geometry["can't judge"] == 0
    assert geometry["by_predicate"]["in front of"]["true"] == 1
    before = (tmp_path / "out" / "geometry.jsonl").read_bytes()
    assert command("", *args)[1] == report and (tmp_path / "out" / "geometry.jsonl").read_bytes() == before


def test_a_model_is_held_against_geometry_picture_by_picture(sample, tmp_path, command):
    made, samples, picture = sample
    ball, lamp = (o.box for o in made.objects)
    spans = (
        Mention("ball", ("b",)),
        Mention("lamp", ("l",)),
        Predicate("behind", ("b",), ("l",)),
        Predicate("left of", ("b",), ("l",)),
    )
    text = encode(Grounded(spans), {"b": ball, "l": lamp}, 320, 240)
    args = [
        "run",
        "psg",
        "--engine",
        "endpoint",
        "--images",
        picture.parent,
        "--samples",
        samples,
        "--out",
        tmp_path / "out",
    ]
    with serving(said(text)) as server:
        status, report, _ = command(server.url, *args)
    (row,) = report["geometry"]["images"]
    assert status == 0 and row["image"] == "balls.png" and (row["true"], row["false"]) == (1, 1)
    assert [r["predicate"] for r in row["relations"] if r["verdict"] == "false"] == ["behind"]


# Proximity


@pytest.fixture
def nearness(sample, tmp_path) -> tuple[Path, Path]:
    """A proximity question set of the sample, and the folder its pictures are below."""
    found = set_of_samples(sample[1], Recipe(swapped=True))
    assert {q.type for q in found.questions} == {"perception", "direct", "reasoned"}
    return write_questions(found.questions, tmp_path / "set.jsonl"), sample[1]


def test_proximity_answered_by_the_studios_own_depth_is_all_right_and_says_so(nearness, tmp_path, command):
    questions, images = nearness
    args = [
        "run",
        "proximity",
        "--engine",
        "geometry",
        "--questions",
        questions,
        "--images",
        images,
        "--out",
        tmp_path / "out",
    ]
    status, report, _ = command("", *args)
    assert status == 0 and report["stand_in"] and report["notes"] == [STANDS_IN]
    assert report["score"]["accuracy"] == report["score"]["validity"] == 100 and report["score"]["RMSE"] == 0


def test_proximity_asks_the_question_as_it_stands_and_scores_what_comes(nearness, tmp_path, command):
    questions, images = nearness
    asked = [json.loads(line) for line in questions.read_text().splitlines()]
    args = [
        "run",
        "proximity",
        "--engine",
        "endpoint",
        "--questions",
        questions,
        "--images",
        images,
        "--out",
        tmp_path / "out",
    ]
    with serving(rule=lambda body: said("The ball, I think.")) as server:
        status, report, _ = command(server.url, *args)
        assert [body["messages"][0]["content"][0]["text"] for body in server.asked] == [q["question"] for q in asked]
    assert status == 0 and report["answered"] == len(asked)
    pairs = [q for q in asked if q["type"] != "perception"]
    right = sum(q["objects"][q["gold"] == "second"]["name"] == "ball" for q in pairs)
    assert report["score"]["accuracy"] == pytest.approx(100 * right / len(pairs))
    assert report["score"]["validity"] < 100, "a name is no depth"


def test_a_link_out_of_the_folder_sends_no_picture(tmp_path):
    images, _ = album(tmp_path, 1)
    (tmp_path / "secret.png").write_bytes((images / "000.png").read_bytes())
    (images / "link.png").symlink_to(tmp_path / "secret.png")
    assert Item("1", "000.png", images, "").path == images / "000.png"
    with pytest.raises(InputError, match="outside"):
        assert Item("1", "link.png", images, "").path


def test_an_answer_about_a_picture_that_can_not_be_read_fails_alone(tmp_path, command):
    images, _ = album(tmp_path, 3)
    (images / "001.png").write_bytes(b"no picture")
    answers = tmp_path / "brought.jsonl"
    answers.write_text("".join(json.dumps({"question_id": f"{k:03}.png", "text": WHOLE}) + "\n" for k in range(3)))
    args = ["run", "psg", "--engine", answers, "--images", images, "--out", tmp_path / "out", "--no-compare"]
    status, report, _ = command("", *args)
    assert status == 1 and [row["item"] for row in report["failed"]] == ["001.png"]
    assert report["answered"] == 2 and report["format"]["well_formed"] == 2
    assert json.loads((tmp_path / "out" / "report.json").read_text())["failed"] == report["failed"]


def test_a_picture_that_is_not_there_is_a_failure_although_its_answer_is_scored(tmp_path, command):
    images, questions = album(tmp_path, 2)
    (images / "000.png").unlink()
    given = tmp_path / "theirs.jsonl"
    given.write_text("".join(json.dumps({"question_id": k, "text": WHOLE}) + "\n" for k in range(2)))
    status, report, _ = command("", *psg(images, questions, tmp_path / "out", "--engine", str(given), "--compare"))
    assert status == 1 and [row["item"] for row in report["failed"]] == ["0"]
    assert report["score"]["corrected"]["recall"] == 100


def test_a_name_two_samples_have_is_neither_ones(sample, tmp_path):
    folder, made = tmp_path / "again", sample[0]
    for name in ("one", "two"):
        write_sample(made.but(id=name), folder)
    eye = Eye(folder)
    assert eye.folder(Path("x/two.png")) == folder / "two"
    with pytest.raises(InputError, match="Several samples"):
        eye.folder(sample[2])
