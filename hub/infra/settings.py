"""Configuration: environment variables with the prefix `HUB_`, validated once at start."""

from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every knob of the hub. An invalid value stops the process before it listens."""

    model_config = SettingsConfigDict(env_prefix="HUB_", extra="ignore", frozen=True)

    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL ≥ 18, as postgresql://user:password@host/database. Unset: embedded server.",
    )
    redis_url: SecretStr | None = Field(
        default=None, description="Redis or Valkey, as redis://host:6379/0. Unset: embedded server."
    )
    data_dir: Path = Field(default=Path(".hub"), description="Where the embedded servers and local keys live.")
    host: str = Field(default="127.0.0.1", description="Address that `hub serve` listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port that `hub serve` listens on; 0 picks one.")
    public_url: str | None = Field(
        default=None, description="The URL that channels and browsers use; default http://host:port."
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="32 random bytes in base64, from which encryption and cookie keys are derived. "
        "Unset: made once and kept in the data directory.",
    )
    previous_secret_key: SecretStr | None = Field(
        default=None, description="The secret key before the last change: still opens what it sealed."
    )
    database_pool_size: int = Field(default=10, ge=1, le=200, description="Connections kept per process.")
    statement_timeout_seconds: float = Field(default=10, gt=0, le=600)
    lock_timeout_seconds: float = Field(default=5, gt=0, le=60)
    max_reservation_ttl_seconds: int = Field(default=14_400, ge=60, le=14_400)
    worker_threads: int = Field(default=8, ge=1, le=64, description="Concurrent jobs of one worker process.")
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    log_format: str = Field(default="auto", pattern="^(auto|json|console)$")
    metrics_token: SecretStr | None = Field(
        default=None, description="Bearer token for /metrics; unset: readable from loopback only."
    )
    allowed_origins: tuple[str, ...] = Field(
        default=(), description="Browser origins besides our own that may call the API, as JSON list."
    )
    development: bool = Field(default=False, description="Developer comforts: introspection, verbose errors.")

    @field_validator("database_url")
    @classmethod
    def _postgres_only(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must start with postgresql://")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_only(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    def redacted(self) -> dict[str, Any]:
        """The settings as `hub config` prints them: secrets shown only as set or unset."""
        return {
            name: ("********" if value is not None else None)
            if isinstance(value, SecretStr)
            or name in {"database_url", "redis_url", "secret_key", "previous_secret_key", "metrics_token"}
            else (str(value) if isinstance(value, Path) else value)
            for name, value in self.model_dump().items()
        }
