"""What long work says of itself, and how it is stopped. Engines tell; whoever called listens, or nobody does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from spacestudio.engines.protocols import Image


@dataclass(frozen=True, eq=False)
class Told:
    """How far the work is: share in [0, 1] or None, what is done now, an (h, w, 3) uint8 preview where there is one."""

    share: float | None
    words: str = ""
    preview: Image | None = None


Listener = Callable[[Told], None]
_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within, `listener` hears what engines tell in this thread; it raises `Cancelled` to stop the work."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def tell(share: float | None, words: str = "", preview: Image | None = None) -> None:
    """Say how far the work is. Call it at every step: it is also where the person can stop the work.

    Raises:
        Cancelled: by the listener.
    """
    if (listener := _LISTENER.get()) is not None:
        listener(Told(share, words, preview))
