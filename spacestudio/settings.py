"""The one reader of environment variables."""

from __future__ import annotations

import functools
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything the environment may set, each as SPACE_STUDIO_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="SPACE_STUDIO_", extra="ignore")

    data: Path | None = Field(None, description="folder of the store; a temporary one when unset")
    database: str = Field("", description="SQLAlchemy address of the event log; SQLite in the data folder when empty")
    max_pixels: int = Field(40_000_000, ge=1, description="largest picture accepted, in pixels")
    max_upload_mb: int = Field(64, ge=1, description="largest upload accepted, in megabytes")
    open3d: bool = Field(True, description="use Open3D where it can be imported")
    depth_model: str = Field(
        "", description="Depth Anything model: a name on the Hub, or a local folder; V2 Small when empty"
    )


@functools.cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()  # type: ignore[call-arg]
