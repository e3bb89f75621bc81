"""What loyalty refuses."""

from hub.kernel.errors import ConflictError, InvalidInputError, NotFoundError


class UnknownProgrammeError(NotFoundError):
    code = "UNKNOWN_PROGRAMME"


class UnknownAccountError(NotFoundError):
    code = "UNKNOWN_LOYALTY_ACCOUNT"


class PointsError(InvalidInputError):
    """A number of points, or a base for points, that no programme can mean."""

    code = "INVALID_POINTS"


class InsufficientPointsError(ConflictError):
    code = "INSUFFICIENT_POINTS"

    def __init__(self, requested: int, available: int) -> None:
        super().__init__(
            f"{requested} points were asked for, {available} are available; spend at most that",
            path=("points",),
        )
        self.requested = requested
        self.available = available


class PointsSourceReusedError(ConflictError):
    """A source that already moved points comes again and says something else."""

    code = "POINTS_SOURCE_REUSED"


class LedgerDamagedError(RuntimeError):
    """Stored lots and entries contradict each other: a defect, never the caller's fault."""
