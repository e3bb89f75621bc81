"""The GraphQL documents that the benchmarks send: those that real clients send, from `graphql/operations`."""

from pathlib import Path
from typing import Final

_OPERATIONS: Final = Path(__file__).resolve().parents[2] / "graphql" / "operations" / "storefront"


def _published(name: str) -> str:
    return (_OPERATIONS / f"{name}.graphql").read_text(encoding="utf-8")


DOCUMENTS: Final[dict[str, str]] = {
    "catalog_page": _published("CatalogPage"),
    "product_detail": _published("ProductDetail"),
    "availability": _published("Availability"),
    "reservation": _published("ReserveCart"),
    "order": _published("PlaceOrder"),
    "location": "query Location($code: String!) { location(code: $code) { id } }",
}
