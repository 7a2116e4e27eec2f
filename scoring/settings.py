"""The scoring processes' own settings, beside the platform's."""

from __future__ import annotations

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingestion.errors import SettingsError
from ingestion.settings import ENV_PREFIX


class ScoringSettings(BaseSettings):
    """What the API, the stream scorer and the reader need beyond `PlatformSettings`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, env_prefix=ENV_PREFIX, env_ignore_empty=True
    )

    api_host: str = Field("127.0.0.1", alias="LEADLINE_API_HOST", description="Address the API listens on.")
    api_port: int = Field(8080, alias="LEADLINE_API_PORT", ge=0, le=65535, description="Port of the API.")
    api_keys: SecretStr = Field(
        SecretStr(""),
        alias="LEADLINE_API_KEYS",
        description="`name:scope+scope:sha256hex`, comma-separated, or a JSON list of such strings.",
    )
    policy_version: str | None = Field(None, alias="LEADLINE_POLICY", description="Policy version; else the newest.")
    champion_poll_seconds: float = Field(
        10.0, alias="LEADLINE_CHAMPION_POLL_SECONDS", gt=0, description="How often the champion is looked up."
    )
    record_timeout_seconds: float = Field(
        5.0, alias="LEADLINE_RECORD_TIMEOUT_SECONDS", gt=0, description="Longest wait for a decision's acknowledgement."
    )
    store_timeout_seconds: float = Field(
        0.5, alias="LEADLINE_STORE_TIMEOUT_SECONDS", gt=0, description="Longest wait of a request for Redis."
    )
    material_change: float = Field(
        1.0, alias="LEADLINE_MATERIAL_CHANGE", ge=0, description="Score points that make the stream scorer speak."
    )
    reading_max_age_days: float = Field(
        90.0, alias="LEADLINE_READING_MAX_AGE_DAYS", gt=0, description="Older readings are served as stale."
    )
    reader_urls: str = Field(
        "", alias="LEADLINE_READER_URLS", description="OpenAI-compatible base URLs in order; empty: the local rubric."
    )
    reader_models: str = Field("", alias="LEADLINE_READER_MODELS", description="One model a URL, comma-separated.")
    reader_keys: SecretStr = Field(
        SecretStr(""), alias="LEADLINE_READER_KEYS", description="One API key a URL, comma-separated; may be empty."
    )
    reader_prices: str = Field(
        "",
        alias="LEADLINE_READER_PRICES",
        description="One `input/output` a URL, dollars per million tokens; else 1/4, so that the cap always holds.",
    )
    reader_timeout_seconds: float = Field(
        8.0, alias="LEADLINE_READER_TIMEOUT_SECONDS", gt=0, description="Longest wait for one call."
    )
    reader_min_confidence: float = Field(
        0.5, alias="LEADLINE_READER_MIN_CONFIDENCE", ge=0, le=1, description="Below it the next reader is asked."
    )
    reader_daily_dollars: float = Field(
        5.0, alias="LEADLINE_READER_DAILY_DOLLARS", ge=0, description="A day's money for all readers together."
    )
    prompt_version: str | None = Field(None, alias="LEADLINE_PROMPT", description="Prompt version; else the newest.")

    @field_validator("reader_urls")
    @classmethod
    def _are_http(cls, value: str) -> str:
        if any(not url.startswith(("http://", "https://")) for url in items(value)):
            raise ValueError("every URL must start with http:// or https://")
        return value


def items(value: str) -> list[str]:
    """The parts of a comma-separated setting."""
    return [part.strip() for part in value.split(",") if part.strip()]


def load() -> ScoringSettings:
    """The scoring settings of this process.

    Raises:
        SettingsError: a variable is wrong; the message names each, never its value.
    """
    try:
        return ScoringSettings()  # type: ignore[call-arg]  # from the environment
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise SettingsError(f"scoring settings are wrong: {faults}. See .env.example for each variable.") from None
