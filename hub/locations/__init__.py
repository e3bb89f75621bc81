"""Stores, warehouses and other places that hold stock."""

from hub.locations.models import Capability, Location, LocationKind

__all__ = ["Capability", "Location", "LocationKind"]
