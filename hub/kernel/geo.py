"""Points on the earth and the distance between them."""

from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

from hub.kernel.errors import InvalidInputError

EARTH_RADIUS_KM = 6371.0088


@dataclass(frozen=True, slots=True)
class GeoPoint:
    """WGS 84 degrees."""

    latitude: float
    longitude: float

    def __post_init__(self) -> None:
        if not (-90 <= self.latitude <= 90 and -180 <= self.longitude <= 180):  # noqa: PLR2004 (degrees)
            raise InvalidInputError(
                f"({self.latitude}, {self.longitude}) is not a point: latitude is ±90, longitude ±180",
                path=("geo",),
            )


def distance_km(start: GeoPoint, end: GeoPoint) -> float:
    """Great-circle distance in kilometres (haversine, mean earth radius)."""
    lat1, lat2 = radians(start.latitude), radians(end.latitude)
    half_chord = (
        sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin(radians(end.longitude - start.longitude) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(half_chord)))
