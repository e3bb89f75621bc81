"""Points on the earth in the API."""

import strawberry

from hub.kernel import geo
from hub.kernel.errors import InvalidInputError


@strawberry.type(description="A point on the earth (WGS 84).")
class GeoPoint:
    latitude: float = strawberry.field(description="Degrees north, -90 to 90.")
    longitude: float = strawberry.field(description="Degrees east, -180 to 180.")


@strawberry.input(description="A point on the earth (WGS 84).")
class GeoPointInput:
    latitude: float = strawberry.field(description="Degrees north, -90 to 90; else INVALID_INPUT.")
    longitude: float = strawberry.field(description="Degrees east, -180 to 180; else INVALID_INPUT.")


def geo_point(latitude: float | None, longitude: float | None) -> GeoPoint | None:
    if latitude is None or longitude is None:
        return None
    return GeoPoint(latitude=latitude, longitude=longitude)


def parse_point(given: GeoPointInput, *, path: tuple[str, ...]) -> geo.GeoPoint:
    """Raises InvalidInputError, naming `path`, for what is no point."""
    try:
        return geo.GeoPoint(given.latitude, given.longitude)
    except InvalidInputError as error:
        error.path = path
        raise
