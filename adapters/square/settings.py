"""What an operator enters to connect a Square seller account."""

from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

_HOSTS: Final = {
    "production": "https://connect.squareup.com",
    "sandbox": "https://connect.squareupsandbox.com",
}


class SquareSettings(BaseModel):
    """`base_url` replaces the address that `environment` stands for (a local server, a proxy)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    access_token: SecretStr = Field(min_length=1)
    webhook_signature_key: SecretStr = Field(min_length=1)
    previous_webhook_signature_key: SecretStr | None = None
    """Accepted too while the subscription's key is being replaced."""
    notification_url: str = ""
    """The webhook subscription's URL, letter by letter: Square signs it. Empty: the URL that was posted to."""
    environment: Literal["production", "sandbox"] = "production"
    base_url: str | None = None
    location_ids: tuple[str, ...] = Field(default=(), max_length=300)
    """Only these locations' orders are pulled; empty means all active ones."""
    api_version: str = Field(default="2025-08-20", pattern=r"^\d{4}-\d{2}-\d{2}$")
    requests_per_second: float = Field(default=10.0, gt=0, le=100)

    @field_validator("base_url", "notification_url")
    @classmethod
    def _plain_address(cls, value: str | None) -> str | None:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.fragment:
            raise ValueError("write a plain address such as https://hub.example/hooks/square")
        return value

    @property
    def address(self) -> str:
        return (self.base_url or _HOSTS[self.environment]).rstrip("/")

    @property
    def signature_keys(self) -> tuple[str, ...]:
        known = (self.webhook_signature_key, self.previous_webhook_signature_key)
        return tuple(key.get_secret_value() for key in known if key is not None)

    @property
    def only_location(self) -> str | None:
        """The location meant by a listing that names none, when there is no choice."""
        return self.location_ids[0] if len(self.location_ids) == 1 else None
