"""Files and settings that most scorers have."""

from __future__ import annotations

from typing import NoReturn

from spacestudio.errors import InputError
from spacestudio.services.scores import Choice, Slot

QUESTIONS = Slot("questions", "Questions with what is true, JSON Lines.")
ANSWERS = Slot("answers", "A model's answers, JSON Lines.")
AS_PUBLISHED = Choice("as_published", "Score as the published script does, its defects included.", False)


def nothing(what: str, accepted: str) -> NoReturn:
    """When nothing can be scored.

    Raises:
        InputError: always.
    """
    raise InputError(f"Nothing can be scored: {what}", accepted, "Check that both files are of one benchmark")
