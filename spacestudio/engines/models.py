"""How models are had and run: found on disk or the Hub, loaded once, shared by all visitors, freed when memory is short.

The registry imports this file, and with it torch, only when a model engine is chosen.
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import huggingface_hub
import torch
from huggingface_hub import errors as hub
from tqdm.std import tqdm  # type: ignore[import-untyped]

from spacestudio.engines.progress import tell
from spacestudio.errors import Cancelled, SpaceStudioError, Unavailable
from spacestudio.settings import settings

P = ParamSpec("P")
R = TypeVar("R")
Key = tuple[Hashable, ...]
SAFE = ("*.safetensors", "*.json", "*.txt", "*.model")
"""Files of a model that are read: no pickles, no code."""
ROOM = 1.3
"""Memory a model takes over the size of its files: what it computes in (ours)."""


@dataclass(frozen=True)
class Weights:
    """Which weights an engine uses.

    Attributes:
        engine: its name in the registry.
        title: what messages call the model.
        where: a name on the Hub, NAME@REVISION for one of its branches or commits, or a folder.
    """

    engine: str
    title: str
    where: str

    @classmethod
    def of(cls, engine: str, title: str, hub_name: str, chosen: str = "") -> Weights:
        """The chosen ones, else those `SPACE_STUDIO_MODELS` names for the engine, else the engine's own.

        Raises:
            Unavailable: none of the three is given.
        """
        where = chosen.strip() or settings().model_of(engine) or hub_name
        if not where:
            raise Unavailable(
                f"{title} needs a model",
                "a name on the Hub, or a folder",
                f"Write {engine}:NAME, or set SPACE_STUDIO_MODELS to {engine}=NAME",
            )
        return cls(engine, title, where)

    @property
    def local(self) -> bool:
        """Whether they are a folder; else a name on the Hub."""
        path = Path(self.where).expanduser()
        return path.is_dir() or path.is_absolute() or self.where.startswith(".")

    @property
    def name(self) -> str:
        """For provenance: the name on the Hub, or the last name of the folder."""
        return Path(self.where).name if self.local else self.where

    @property
    def remedy(self) -> str:
        """What helps when they can't be had."""
        return f"Go online once to download them, or name a folder that holds them: SPACE_STUDIO_MODELS={self.engine}=FOLDER"

    @staticmethod
    def need(folder: Path, dtype: torch.dtype | None = None) -> int:
        """Memory the weights in a folder take, in bytes: ROOM times their files' size, or the size they have as `dtype`."""
        return int(ROOM * sum(_bytes(file, dtype) for file in folder.rglob("*.safetensors")))

    def folder(self, files: tuple[str, ...] = SAFE) -> Path:
        """The folder that holds them, downloaded at first use; tells how far the download is.

        Raises:
            Unavailable: no such folder or model, gated, or the Hub is out of reach.
            Cancelled: the person stopped the download; the files that came stay for the next try.
        """
        path = Path(self.where).expanduser()
        if self.local:
            if path.is_dir():
                return path
            raise Unavailable(f"{self.title}: “{self.where}” is no folder", next_step=self.remedy)
        with loading(self):
            key = (self.where, files)
            if key not in _HAD or not _HAD[key].is_dir():
                _HAD[key] = _downloaded(self, files)
            return _HAD[key]


def _bytes(file: Path, dtype: torch.dtype | None) -> int:
    """Size of a safetensors file, or of its numbers as `dtype`; its head is a JSON object after that object's length."""
    try:
        with file.open("rb") as opened:
            length = min(int.from_bytes(opened.read(8), "little"), 1 << 26)
            head = json.loads(opened.read(length)) if dtype else {}
        numbers = sum(math.prod(row["shape"]) for name, row in head.items() if name != "__metadata__")
    except (ValueError, LookupError, TypeError, AttributeError):
        numbers = 0
    return numbers * dtype.itemsize if dtype and numbers else file.stat().st_size


_HAD: dict[tuple[str, tuple[str, ...]], Path] = {}
"""What this process has looked up on the Hub, which it does once."""


class _Count:
    """How far a download is: bytes that came, of how many; and whether it is to stop."""

    came, of, stop = 0, 0, False

    def bar(self) -> Any:
        """What the library takes for a progress bar; it counts and draws nothing."""
        count = self

        class Bar(tqdm):  # type: ignore[misc, type-arg]
            monitor_interval = 0

            def __init__(self, *args: Any, **given: Any) -> None:
                self.counts = given.get("unit") == "B"
                given.pop("name", None)
                super().__init__(*args, **{**given, "file": io.StringIO()})

            def update(self, n: float | None = 1) -> bool | None:
                if count.stop:
                    raise Cancelled("The download was stopped")
                shown: bool | None = super().update(n)
                if self.counts and (self.total or 0, self.n) > (count.of, count.came):
                    count.came, count.of = int(self.n), int(self.total)
                return shown

        return Bar


def _downloaded(w: Weights, files: tuple[str, ...]) -> Path:
    """The folder of a model on the Hub, up to date; what is on this disk already where the Hub can't be reached.

    A thread of its own waits for the Hub, so that the person is heard even while nothing comes.
    """
    count, done = _Count(), Future[str]()
    name, _, revision = w.where.partition("@")

    def work() -> None:
        try:
            done.set_result(
                huggingface_hub.snapshot_download(
                    name, revision=revision or None, allow_patterns=list(files), tqdm_class=count.bar()
                )
            )
        except BaseException as why:
            done.set_exception(why)

    threading.Thread(target=work, name="download", daemon=True).start()
    try:
        while not wait((done,), timeout=0.1).done:
            if count.of >= 1e6:
                words = f"Downloading {w.title}: {count.came / 1e6:.0f} of {count.of / 1e6:.0f} MB"
                tell(min(1.0, count.came / count.of), words)
            else:
                tell(None, f"Looking for {w.title}")
    except BaseException:
        count.stop = True
        raise
    return Path(done.result())


@dataclass(frozen=True)
class Device:
    """Where networks run and how precisely: name "cuda", "mps" or "cpu", and the dtype used there."""

    name: str
    dtype: torch.dtype

    @property
    def facts(self) -> dict[str, str]:
        """For provenance."""
        return {"device": self.name, "dtype": str(self.dtype).removeprefix("torch.")}


def device() -> Device:
    """The fastest device there is: CUDA and MPS compute in float16, the CPU in float32."""
    if torch.cuda.is_available():
        return Device("cuda", torch.float16)
    return Device("mps", torch.float16) if torch.backends.mps.is_available() else Device("cpu", torch.float32)


def free_bytes(where: str) -> int:
    """Memory a model may still take on a device, in bytes; a large number where that can't be told."""
    if where == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return 1 << 62
    return min(free, _container_free())


def _container_free(group: Path = Path("/sys/fs/cgroup")) -> int:
    """What a container may still take, in bytes: its limit less what it holds, file caches aside."""
    try:
        limit, held = (int((group / name).read_text("ascii")) for name in ("memory.max", "memory.current"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text("ascii").splitlines())
        return max(0, limit - held + int(stat["inactive_file"]))
    except (OSError, ValueError, KeyError):
        return 1 << 62


@dataclass(eq=False)
class _Held:
    value: Any
    lock: threading.RLock = field(default_factory=threading.RLock)


class Shelf:
    """Loaded models, each once a process, used by one thread at a time; the least recently used go first."""

    def __init__(self) -> None:
        self._held: OrderedDict[Key, _Held] = OrderedDict()
        self._loading = threading.RLock()

    @contextmanager
    def borrow(self, key: Key, load: Callable[[], R], need: int = 0) -> Iterator[R]:
        """What `load` makes, made at most once per key; a failure is not kept.

        Args:
            key: engine, model, device and dtype.
            load: makes the model.
            need: memory it takes, in bytes; others make room for it.
        """
        held = self._get(key, load, need)
        with held.lock:
            yield held.value

    def ready(self, key: Key, load: Callable[[], R], need: int = 0) -> None:
        """Load without using."""
        self._get(key, load, need)

    def _get(self, key: Key, load: Callable[[], Any], need: int) -> _Held:
        with self._loading:
            if key not in self._held:
                self.make_room(need)
                self._held[key] = _Held(load())
            self._held.move_to_end(key)
            return self._held[key]

    def make_room(self, need: int) -> None:
        """Let go of models, the longest unused first, until `need` bytes are free or none is left.

        Raises:
            Unavailable: the weights alone are more than the host's free memory.
        """
        where = device().name
        while self._held and free_bytes(where) < need:
            self._held.popitem(last=False)
            _collect()
        if where != "cuda" and (free := free_bytes(where)) < need / ROOM:  # a host kills what takes more than it has
            has = f"The model needs {need / ROOM / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free"
            raise Unavailable(has, next_step=NO_ROOM)

    def clear(self) -> None:
        """Let go of all; those in use stay until their work ends."""
        with self._loading:
            self._held.clear()
        _collect()

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: object) -> bool:
        return key in self._held


def _collect() -> None:
    import gc

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


SHELF = Shelf()
"""The models of this process."""


@contextmanager
def loading(weights: Weights) -> Iterator[None]:
    """Within, whatever a library raises becomes one line with the next step; bars and reports of its own are off.

    Raises:
        Unavailable: with what failed.
    """
    for name in ("transformers", "diffusers"):
        if library := sys.modules.get(name):
            library.utils.logging.set_verbosity_error()
            library.utils.logging.disable_progress_bar()
    try:
        yield
    except (SpaceStudioError, KeyboardInterrupt):
        raise
    except Exception as why:  # the libraries raise a dozen unrelated kinds
        raise _unavailable(weights, why) from why


AWAY = (hub.LocalEntryNotFoundError, hub.OfflineModeIsEnabled)
NO_CONNECTION = ("ConnectError", "ConnectTimeout", "ProxyError")
BROKEN_OFF = ("ReadTimeout", "ReadError", "RemoteProtocolError")
"""What the Hub's client calls that; it is not always the same client."""


def _unavailable(w: Weights, why: BaseException) -> SpaceStudioError:
    chain: list[BaseException] = []
    at: BaseException | None = why
    while at is not None and at not in chain:
        chain.append(at)
        at = at.__cause__ or at.__context__
    if stopped := next((e for e in chain if isinstance(e, Cancelled)), None):
        return stopped
    for e in chain:
        if isinstance(e, hub.GatedRepoError):
            page = f"https://huggingface.co/{w.where.partition('@')[0]}"
            step = f"Accept its terms at {page}, set HF_TOKEN to your token, and try again"
            return Unavailable(f"“{w.where}” is gated: its owners ask you to accept their terms", next_step=step)
        if isinstance(e, hub.RepositoryNotFoundError):
            step = "Check the name; for a private model, set HF_TOKEN to a token that may read it"
            return Unavailable(f"The Hub has no model “{w.where}”, or it is private", next_step=step)
        if isinstance(e, OSError) and e.errno == errno.ENOSPC:
            return Unavailable(f"The disk is full; {w.title} did not fit", next_step="Free some room and try again")
        if is_out_of_memory(e):
            return Unavailable(f"{w.title} does not fit into memory", next_step=NO_ROOM)
    kinds = {type(e).__name__ for e in chain}
    away = kinds & {*NO_CONNECTION} or any(isinstance(e, AWAY) for e in chain)
    if not away and (kinds & {*BROKEN_OFF} or "Consistency check failed" in str(why)):
        step = "Try again; the files that came stay on this disk"
        return Unavailable(f"The download of {w.title} broke off", next_step=step)
    if away or any(isinstance(e, (ConnectionError, TimeoutError)) for e in chain):
        return Unavailable(f"The Hub can't be reached, and “{w.where}” is not on this disk", next_step=w.remedy)
    cause = (str(why).strip() or type(why).__name__).splitlines()[0].split(". ")[0]
    return Unavailable(f"{w.title} can't be loaded from “{w.where}”: {cause}", next_step=w.remedy)


NO_ROOM = "Close what else uses the memory, or choose a smaller engine"


def is_out_of_memory(why: BaseException) -> bool:
    """Whether an error means that memory ran out, on the host or on a GPU."""
    return isinstance(why, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(why, RuntimeError)
        and any(word in str(why).lower() for word in ("out of memory", "can't allocate memory"))
    )


@contextmanager
def running(title: str, what: str = "") -> Iterator[None]:
    """Within, running out of memory frees every model and becomes one line; gradients are off.

    Args:
        title: the model's.
        what: on what, such as "640 x 480 px".

    Raises:
        Unavailable: memory ran out.
    """
    try:
        with torch.inference_mode():
            yield
    except (MemoryError, RuntimeError) as why:
        if not is_out_of_memory(why):
            raise
        SHELF.clear()
        on = f" on {what}" if what else ""
        raise Unavailable(f"{title} ran out of memory ({device().name}){on}", next_step=NO_ROOM) from why


def whole(weights: Weights, report: dict[str, Any], spare: Callable[[str], bool] = lambda key: False) -> None:
    """Check that a checkpoint filled the network: else random numbers would pass for results.

    Args:
        report: the loading info of transformers.
        spare: tells weights that may lack.

    Raises:
        Unavailable: naming the first weight that is lacking.
    """
    wrong = [*report.get("missing_keys", ()), *(str(row[0]) for row in report.get("mismatched_keys", ()))]
    if lacking := sorted(key for key in wrong if not spare(key)):
        raise Unavailable(
            f"“{weights.where}” lacks {len(lacking)} weights of {weights.title}, {lacking[0]} first",
            next_step=weights.remedy,
        )


def network_of(weights: Weights, folder: Path, made: Any, kinds: Sequence[str], hub_name: str, place: Device) -> Any:
    """A network of transformers from its folder, whole, on a device, ready to compute.

    Args:
        made: a class of transformers with `from_pretrained`.
        kinds: the configuration's `model_type` must be one of these.
        hub_name: a model that would do, for the message.

    Raises:
        Unavailable: of another kind, broken, or it lacks weights.
    """
    from transformers import AutoConfig

    safe = {"trust_remote_code": False, "local_files_only": True}
    with loading(weights):
        kind = AutoConfig.from_pretrained(folder, **safe).model_type
        if kind not in kinds:
            accepted = f"{hub_name}, a model of its kind, or a folder that holds one"
            raise Unavailable(f"“{weights.where}” is no {weights.title} model but “{kind}”", accepted)
        network, report = made.from_pretrained(
            folder, use_safetensors=True, dtype=place.dtype, output_loading_info=True, **safe
        )
        network = network.to(place.name).eval()
    whole(weights, report)
    return network


def on_gpu(seconds: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorates what computes: where the `spaces` package is (Hugging Face ZeroGPU), a GPU is lent for so many seconds.

    The decorated function borrows its model itself: a lock held by its caller would not cross into the lent process.
    """

    def wrap(call: Callable[P, R]) -> Callable[P, R]:
        if not os.environ.get("SPACES_ZERO_GPU"):
            return call
        try:
            import spaces  # type: ignore[import-not-found]
        except ImportError:
            return call
        lent: Callable[P, R] = spaces.GPU(duration=seconds)(call)
        return lent

    return wrap
