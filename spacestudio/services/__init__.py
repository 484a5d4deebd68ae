"""One verb per stage, and `studio.py`, which assembles them over a store."""
