"""Writing and reading stock. WooCommerce knows absolute quantities only: no delta, no compare-and-set."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from adapters.sdk.errors import ContractBroken, Rejected, Retryable
from adapters.sdk.reading import Reader
from adapters.sdk.types import ListingRef, StockOutcome, StockReading, StockResult, StockUpdate
from adapters.woocommerce.client import BATCH_SIZE, PAGE_SIZE, WooCommerceClient, chunks, is_numeric
from hub.kernel.clock import utc_now


async def publish(
    client: WooCommerceClient, updates: Sequence[StockUpdate], *, manage_stock: bool
) -> tuple[StockResult, ...]:
    """One result per update, in order.

    Products go in one batch, variations in one per product. What the first batch raises is raised, as nothing
    was written. Once something was, a batch that could not be sent becomes rows to RETRY.
    """
    results = {
        index: _refused(update, StockOutcome.REJECTED, "not a WooCommerce id")
        for index, update in enumerate(updates)
        if not _is_ours(update.ref)
    }
    sent = False
    for collection, rows in _batches(updates):
        try:
            answers = await client.update_batch(
                collection, [_row(update, manage_stock=manage_stock) for _, update in rows]
            )
        except Retryable as error:
            if not sent:
                raise
            results |= {index: _refused(one, StockOutcome.RETRY, error.reason) for index, one in rows}
        except Rejected as error:
            results |= {index: _refused(one, StockOutcome.REJECTED, error.reason) for index, one in rows}
        else:
            sent = True
            results |= {index: _result(one, answer) for (index, one), answer in zip(rows, answers, strict=True)}
    return tuple(results[index] for index in range(len(updates)))


async def read(client: WooCommerceClient, refs: Sequence[ListingRef]) -> tuple[StockReading, ...]:
    """What the store shows; listings that it does not know are left out."""
    shown: dict[str, int | None] = {}
    for collection, indexed in _by_collection(refs).items():
        for part in chunks(indexed, PAGE_SIZE):
            for row in await client.stock_of(collection, [refs[index].external_variant_id for index in part]):
                managed = row.raw("manage_stock") is True
                shown[row.identifier("id")] = row.integer_or_none("stock_quantity") if managed else None
    read_at = utc_now()
    return tuple(
        StockReading(ref, shown[ref.external_variant_id], read_at) for ref in refs if ref.external_variant_id in shown
    )


def _batches(updates: Sequence[StockUpdate]) -> Iterator[tuple[str, list[tuple[int, StockUpdate]]]]:
    """REST collection and rows of each request, a row being its position and its update."""
    for collection, indexed in _by_collection([update.ref for update in updates]).items():
        for part in chunks(indexed, BATCH_SIZE):
            yield collection, [(index, updates[index]) for index in part]


def _by_collection(refs: Sequence[ListingRef]) -> Mapping[str, list[int]]:
    """Positions by the REST collection that holds the listing: a simple product is its own variant."""
    found: dict[str, list[int]] = {}
    for index, ref in enumerate(refs):
        if not _is_ours(ref):
            continue
        product = ref.external_product_id
        simple = product == ref.external_variant_id
        found.setdefault("products" if simple else f"products/{product}/variations", []).append(index)
    return found


def _is_ours(ref: ListingRef) -> bool:
    return is_numeric(ref.external_product_id) and is_numeric(ref.external_variant_id)


def _row(update: StockUpdate, *, manage_stock: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"id": int(update.ref.external_variant_id), "stock_quantity": update.quantity}
    return row | {"manage_stock": True} if manage_stock else row


def _result(update: StockUpdate, answer: Reader) -> StockResult:
    if (error := answer.object_or_none("error")) is not None:
        reason = f"{error.text_or_empty('code')}: {error.text_or_empty('message')}"
        return _refused(update, StockOutcome.REJECTED, reason)
    if answer.identifier("id") != update.ref.external_variant_id:
        raise ContractBroken("the answer is for another row", path=answer.at("id"))
    shown = answer.integer_or_none("stock_quantity")
    if shown != update.quantity:  # a product that does not manage stock answers 200 and ignores the number
        return StockResult(update.ref, StockOutcome.REJECTED, shown, "the product does not manage stock in WooCommerce")
    return StockResult(update.ref, StockOutcome.PUBLISHED, shown)


def _refused(update: StockUpdate, outcome: StockOutcome, reason: str) -> StockResult:
    return StockResult(update.ref, outcome, reason=reason)
