"""What a shop's operator enters to connect a WooCommerce store."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from hub.kernel.money import CurrencyError, currency_exponent


class WooCommerceSettings(BaseModel):
    """`base_url` is the store's address as the store itself knows it (Settings, General, Site Address).

    Over https the keys travel as Basic credentials, over http each request is signed with OAuth 1.0a.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    consumer_key: SecretStr = Field(min_length=1)
    consumer_secret: SecretStr = Field(min_length=1)
    webhook_secret: SecretStr = Field(min_length=1)
    previous_webhook_secret: SecretStr | None = None
    """Accepted too while the store's webhooks are being given the new one."""
    currency: str | None = None
    """Asked from the store when empty: WooCommerce products do not name their currency."""
    weight_unit: Literal["kg", "g", "lbs", "oz"] = "kg"
    default_pickup_location: str | None = None
    """The location of pickup orders that name none."""
    manage_stock_on_publish: bool = False
    """Switch on "Manage stock" for a product when its stock is published; otherwise such rows are refused."""
    requests_per_second: float = Field(default=5.0, gt=0, le=100)

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        parts = urlsplit(value.strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("base_url must be the store's address, such as https://shop.example")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("base_url must not contain credentials, a query or a fragment")
        return value.strip().rstrip("/")

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                currency_exponent(value)
            except CurrencyError as error:
                raise ValueError(str(error)) from error
        return value

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        known = (self.webhook_secret, self.previous_webhook_secret)
        return tuple(secret.get_secret_value() for secret in known if secret is not None)
