"""Stores, warehouses and other places that hold stock."""

from hub.locations import repository
from hub.locations.location_import import LocationImportReport, import_locations
from hub.locations.models import Capability, Location, LocationKind
from hub.locations.repository import LocationFilter, LocationView

__all__ = [
    "Capability",
    "Location",
    "LocationFilter",
    "LocationImportReport",
    "LocationKind",
    "LocationView",
    "import_locations",
    "repository",
]
