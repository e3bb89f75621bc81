"""What connects the hub to an in-memory channel of the same process."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class MemorySettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: str = Field(default="default", min_length=1)
    """Which `MemoryChannel.named` of this process."""
    token: SecretStr = SecretStr("memory-token")
    webhook_secret: SecretStr = Field(default=SecretStr("memory-webhook-secret"), min_length=1)
    compares_stock: bool = True
    """Whether stock is written by compare-and-set, as some systems offer."""
    per_location: bool = False
    """Whether the channel counts per place."""
