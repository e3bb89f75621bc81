"""Who takes part in the demo, and where: invented people, real cities."""

from typing import Any, Final

SHOP: Final = "shop"
WOOCOMMERCE: Final = "marketplace-shop"
SQUARE: Final = "square-stores"
TILLS: Final = "tills"

CURRENCY: Final = "EUR"
PROGRAMME: Final = "1 point per EUR"

SQUARE_PLACES: Final = {"milano-brera": "LMILANO", "berlin-mitte": "LBERLIN"}
"""Locations where a Square till counts, and what Square calls them."""

TILL_PLACES: Final = ("paris-marais", "paris-marais", "amsterdam-centrum", "amsterdam-centrum")
"""Where the hub's own tills stand. Both stores open every day, so customers can collect there whatever the day."""

BUYING: Final = ("storefront", "till-1", "till-2", "till-3", "till-4", "channel-buyers")
STAFF: Final = "store-staff"
"""The client processes by name."""

SQUARE_PRODUCTS: Final = 16
HOT_SKUS: Final = 4
TILL_SKUS: Final = 12

_FIRST: Final = ("Ada", "Bruno", "Chloé", "Dario", "Elif", "Finn", "Greta", "Hugo", "Ines", "Jonas", "Katja", "Luca")
_LAST: Final = ("Aalto", "Berger", "Conti", "Dubois", "Ekström", "Fischer", "Garcia", "Horvat")
_HOMES: Final = (
    ("Potsdam", "14467", "DE", 52.40, 13.06),
    ("Lübeck", "23552", "DE", 53.87, 10.69),
    ("Augsburg", "86150", "DE", 48.37, 10.90),
    ("Versailles", "78000", "FR", 48.80, 2.13),
    ("Grenoble", "38000", "FR", 45.19, 5.72),
    ("Utrecht", "3511", "NL", 52.09, 5.12),
    ("Graz", "8010", "AT", 47.07, 15.44),
    ("Bergamo", "24121", "IT", 45.70, 9.67),
    ("Kraków", "30-001", "PL", 50.06, 19.94),
)


def customers(count: int) -> list[dict[str, Any]]:
    """Invented people with an e-mail address each; the same people buy in every channel."""
    return [_customer(number) for number in range(count)]


def _customer(number: int) -> dict[str, Any]:
    city, postal_code, country, latitude, longitude = _HOMES[number % len(_HOMES)]
    first = _FIRST[number % len(_FIRST)]
    return {
        "number": number + 1,
        "email": f"customer{number + 1}@example.com",
        "name": first,
        "last_name": _LAST[number % len(_LAST)],
        "home": {"latitude": latitude, "longitude": longitude},
        "address": {
            "line1": f"{number + 1} Market Street",
            "postalCode": postal_code,
            "city": city,
            "countryCode": country,
        },
    }
