"""What can be wrong with a channel's set-up."""

from hub.kernel.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError


class ChannelNotFoundError(NotFoundError):
    code = "CHANNEL_NOT_FOUND"


class ChannelCodeTakenError(ConflictError):
    code = "CHANNEL_CODE_TAKEN"


class ChannelSettingsInvalidError(InvalidInputError):
    """`path` names the setting; its value is not repeated, it may be a secret."""

    code = "CHANNEL_SETTINGS_INVALID"


class ChannelNotConnectedError(ConflictError):
    """The channel has no adapter: it uses the hub's API itself."""

    code = "CHANNEL_NOT_CONNECTED"


class ExternalLocationTakenError(ConflictError):
    code = "EXTERNAL_LOCATION_TAKEN"


class LocationUnknownError(NotFoundError):
    code = "LOCATION_NOT_FOUND"


class ChannelUnreachableError(UnavailableError):
    code = "CHANNEL_UNREACHABLE"


class ChannelCredentialsRefusedError(ConflictError):
    code = "CHANNEL_CREDENTIALS_REFUSED"
