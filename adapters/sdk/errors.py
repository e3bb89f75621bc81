"""The four things that can go wrong when talking to a channel, named by what the caller does next."""


class AdapterError(Exception):
    """Root of what adapters raise; one of the four below is always meant."""


class Retryable(AdapterError):  # noqa: N818 (named by what the caller does next)
    """Try again, not before `after_seconds` when the channel named a time. Nothing is known to have changed."""

    def __init__(self, reason: str, *, after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_seconds = after_seconds


class Rejected(AdapterError):  # noqa: N818
    """The channel understood and refused; sending the same again cannot help."""

    def __init__(self, reason: str, *, field: str | None = None) -> None:
        super().__init__(reason if field is None else f"{field}: {reason}")
        self.reason = reason
        self.field = field


class AuthFailed(AdapterError):  # noqa: N818
    """The credentials or the signature are not accepted; a person has to act."""


class ContractBroken(AdapterError):  # noqa: N818
    """The channel's answer does not fit its own contract. `path` is the JSON path of the first misfit."""

    def __init__(self, reason: str, *, path: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason
        self.path = path
