"""The tables. Migrations in `migrations/` bring an older database here."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """All tables."""


class SampleRow(Base):
    """One sample: who may see it and what lists show; everything else is folded from its events."""

    __tablename__ = "samples"

    row: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    project: Mapped[str] = mapped_column(String(64), index=True)
    owner: Mapped[str] = mapped_column(String(64), index=True)
    id: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(200))
    review: Mapped[str] = mapped_column(String(16), default="draft")
    parent: Mapped[str | None] = mapped_column(String(80), nullable=True)

    __table_args__ = (UniqueConstraint("project", "owner", "id"),)


class EventRow(Base):
    """One event of one sample; (sample, seq) is unique, so two writers can't both take the same place."""

    __tablename__ = "events"

    row: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    sample: Mapped[int] = mapped_column(ForeignKey("samples.row", ondelete="CASCADE"), index=True)
    seq: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(32))
    payload: Mapped[dict[str, object]] = mapped_column(JSON)
    author: Mapped[str] = mapped_column(String(64), default="")
    time: Mapped[str] = mapped_column(String(40), default="")
    group: Mapped[str] = mapped_column(String(40), default="")

    __table_args__ = (UniqueConstraint("sample", "seq"),)
