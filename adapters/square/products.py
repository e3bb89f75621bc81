"""Square's catalog items as the hub's normalised types; pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from adapters.sdk.reading import Reader
from adapters.sdk.types import ChannelProduct, ChannelVariant
from adapters.square.mapping import version
from adapters.square.money import amount_or_none

Related = Mapping[str, Reader]
"""Objects that items refer to (categories, images, options), by id."""

_NOT_COUNTED: Final = frozenset(
    {"APPOINTMENTS_SERVICE", "DIGITAL", "DONATION", "EVENT", "GIFT_CARD"}
    | {"LEGACY_SQUARE_ONLINE_SERVICE", "LEGACY_SQUARE_ONLINE_MEMBERSHIP"}
)


def read_product(source: Reader, related: Related) -> ChannelProduct:
    """An item with its variations. A deleted one keeps its id and is not published. Raises ContractBroken."""
    item = source.object_or_none("item_data") or Reader({}, source.at("item_data"))
    variations = list(item.list("variations"))
    kind = item.text_or_empty("product_type") or "REGULAR"
    deleted = source.raw("is_deleted") is True
    return ChannelProduct(
        external_id=source.identifier("id"),
        title=item.text_or_empty("name"),
        source_version=max(version(one) for one in (source, *variations)),
        variants=tuple(_variant(one, related, counted=kind not in _NOT_COUNTED) for one in variations),
        external_kind=kind,
        description_html=item.text_or_empty("description_html") or item.text_or_empty("description"),
        categories=tuple(_named(related, _category_ids(item), "category_data", "name")),
        image_urls=tuple(_named(related, _ids(item, "image_ids"), "image_data", "url")),
        published=not deleted and item.raw("is_archived") is not True,
    )


def option_ids(items: list[Reader]) -> list[str]:
    """The item options that the items' variations choose from, each once."""
    return list(dict.fromkeys(chosen for item in items for chosen in _option_ids(item)))


def _option_ids(item: Reader) -> Iterator[str]:
    data = item.object_or_none("item_data")
    if data is not None:
        named = (option.text_or_empty("item_option_id") for option in data.list("item_options"))
        yield from filter(None, named)


def _variant(source: Reader, related: Related, *, counted: bool) -> ChannelVariant:
    data = source.object("item_variation_data")
    return ChannelVariant(
        external_id=source.identifier("id"),
        sku=data.text_or_empty("sku").strip() or None,
        title=data.text_or_empty("name"),
        price=amount_or_none(data, "price_money"),
        barcode=data.text_or_empty("upc").strip() or None,
        options=dict(_options(data, related)),
        manages_stock=counted and _is_tracked(data),
    )


def _is_tracked(data: Reader) -> bool:
    """Square counts a variation everywhere, or at the locations whose override says so."""
    places = [data, *data.list("location_overrides")]
    return data.raw("stockable") is not False and any(place.raw("track_inventory") is True for place in places)


def _options(data: Reader, related: Related) -> Iterator[tuple[str, str]]:
    """Option and value names; a choice whose option is unknown here is left out."""
    for chosen in data.list("item_option_values"):
        option = related.get(chosen.text_or_empty("item_option_id"))
        described = option.object_or_none("item_option_data") if option is not None else None
        if described is None:
            continue
        for value in described.list("values"):
            if value.raw("id") == chosen.raw("item_option_value_id"):
                yield described.text("name"), value.object("item_option_value_data").text("name")


def _category_ids(item: Reader) -> list[str]:
    listed = [category.text("id") for category in item.list("categories")]
    single = item.text_or_empty("category_id")
    return listed or [single][: len(single)]


def _ids(item: Reader, name: str) -> list[str]:
    value = item.raw(name) or []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise item.broken(name, "expected a list of ids")
    return value


def _named(related: Related, ids: list[str], kind: str, name: str) -> Iterator[str]:
    for one in ids:
        found = related.get(one)
        data = found.object_or_none(kind) if found is not None else None
        text = data.text_or_empty(name) if data is not None else ""
        if text:
            yield text
