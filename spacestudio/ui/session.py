"""What a page holds: ids, never samples. And the one place where a service's error becomes a message on screen."""

from __future__ import annotations

import functools
import logging
import re
import secrets
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import gradio as gr

from spacestudio.domain.sample import Sample
from spacestudio.errors import NotFound, SpaceStudioError
from spacestudio.services.studio import Studio

P = ParamSpec("P")
R = TypeVar("R")
log = logging.getLogger(__name__)
FAILED = "Something went wrong here; nothing was changed. The log of the studio says more."


def shown(handler: Callable[P, R]) -> Callable[P, R]:
    """A handler whose expected errors become one-line messages, and whose unexpected ones are logged, not shown."""

    @functools.wraps(handler)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return handler(*args, **kwargs)
        except SpaceStudioError as error:
            raise gr.Error(str(error), print_exception=False, duration=12) from None
        except gr.Error:
            raise
        except Exception:
            log.exception("A handler failed")
            raise gr.Error(FAILED, print_exception=False) from None

    return wrapped


def new_visitor() -> str:
    """An unguessable id; whoever holds it sees its samples."""
    return secrets.token_urlsafe(24)


def is_visitor(value: Any) -> bool:
    """Whether a value read from the page has the form of a visitor's id."""
    return isinstance(value, str) and re.fullmatch(r"[\w-]{20,64}", value) is not None


def visitor_of(value: Any) -> str:
    """A visitor id read from the page.

    Raises:
        NotFound: it is none.
    """
    if not is_visitor(value):
        raise NotFound("This page has lost its session", next_step="Reload it")
    return str(value)


def opened(studio: Studio, visitor: Any, sample_id: Any) -> Sample | None:
    """The open sample, or None when there is none (any more)."""
    if not sample_id:
        return None
    try:
        return studio.look(visitor_of(visitor), str(sample_id))
    except NotFound:
        return None


def must_open(studio: Studio, visitor: Any, sample_id: Any) -> Sample:
    """The open sample.

    Raises:
        NotFound: nothing is open.
    """
    if not sample_id:
        raise NotFound("No sample is open", next_step="Drop a picture in the Image tab, or name a scene")
    return studio.look(visitor_of(visitor), str(sample_id))


_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~$&])")


def plain(text: object) -> str:
    """Any text as it stands, safe inside Markdown."""
    return _MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))
