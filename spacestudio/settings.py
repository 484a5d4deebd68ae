"""The one reader of environment variables."""

from __future__ import annotations

import functools
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything the environment may set, each as SPACE_STUDIO_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="SPACE_STUDIO_", extra="ignore")

    data: Path | None = Field(None, description="folder of the store; a temporary one when unset")
    database: str = Field("", description="SQLAlchemy address of the event log; SQLite in the data folder when empty")
    max_pixels: int = Field(40_000_000, ge=1, description="largest picture accepted, in pixels")
    max_upload_mb: int = Field(64, ge=1, description="largest upload accepted, in megabytes")
    open3d: bool = Field(True, description="use Open3D where it can be imported")
    models: str = Field(
        "",
        description="other weights for engines: engine=NAME, engine=FOLDER, with commas between; a name is one on the Hub",
    )
    language_url: str = Field("", description="base address of an OpenAI-compatible endpoint, such as https://host/v1")
    language_model: str = Field("", description="model of the endpoint, or hosted on the Hub, by the name it has there")
    language_key: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("SPACE_STUDIO_LANGUAGE_KEY", "OPENAI_API_KEY"),
        description="key of the endpoint; shown and stored nowhere",
    )
    language_provider: str = Field("auto", description="who runs the Hub-hosted model, by the Hub's names of providers")
    language_timeout_s: float = Field(60.0, gt=0, description="longest wait for one reply of a language model, in seconds")
    language_tokens: int = Field(1024, ge=16, description="longest reply of a language model, in tokens")
    language_repairs: int = Field(
        2, ge=0, le=8, description="how often a language model is told what was wrong with a reply"
    )
    language_tries: int = Field(
        4, ge=1, le=20, description="how often one request is sent to a server that is busy or fails"
    )
    language_backoff_s: float = Field(1.0, ge=0, description="wait before the second try, doubled each time, in seconds")
    language_patience_s: float = Field(90.0, ge=0, description="longest such wait altogether for one question, in seconds")
    language_price_in: float | None = Field(None, ge=0, description="price of a million prompt tokens, in your currency")
    language_price_out: float | None = Field(None, ge=0, description="price of a million reply tokens, in your currency")

    def model_of(self, engine: str) -> str:
        """What `models` names for an engine; "" when nothing."""
        pairs = (part.partition("=") for part in self.models.split(","))
        return next((where.strip() for name, _, where in pairs if name.strip() == engine), "")


@functools.cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()  # type: ignore[call-arg]
