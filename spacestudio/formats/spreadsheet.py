"""Text that a spreadsheet would run as a formula: an apostrophe in front of it, and taken away again."""

from __future__ import annotations

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


def guarded(cell: str) -> str:
    """A cell no spreadsheet runs.

    >>> guarded("=1+1"), guarded("cup")
    ("'=1+1", 'cup')
    """
    return f"'{cell}" if cell.lstrip("'").startswith(FORMULA) else cell


def unguarded(cell: str) -> str:
    """What was there before `guarded`.

    >>> unguarded("'=1+1"), unguarded("'tis")
    ('=1+1', "'tis")
    """
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULA) else cell
