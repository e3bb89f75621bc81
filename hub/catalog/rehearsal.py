"""A dry run's memory: what earlier batches would have made, as 64-bit fingerprints, so that it stays small."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.catalog.import_reads import variants_of
from hub.catalog.importers.records import ProductRecord, VariantRecord
from hub.catalog.rules import Importer, Plan, Record
from hub.catalog.snapshot import (
    ListingContent,
    ListingState,
    PriceState,
    ProductContent,
    ProductNames,
    ProductState,
    Snapshot,
    VariantContent,
    VariantState,
)
from hub.kernel.ids import new_id


@dataclass(slots=True)
class Rehearsal:
    """Remembers the keys of rows that a real run would have written by now."""

    importer: Importer
    _seen: set[int] = field(default_factory=set)

    def remember(self, plan: Plan, records: Sequence[Record]) -> None:
        made = plan.product_names.keys()
        for record in records:
            if isinstance(record, ProductRecord) and record.key in made:
                self._add("product", (record.key, f"sku:{record.reference_sku}" if record.reference_sku else None))
        for variant in plan.new_variants.values():
            self._add("sku", (variant.sku,))
            self._add("gtin", variant.gtins)
        for listing in plan.new_listings.values():
            self._add("row", (listing.content.row_key,))

    def complete(self, snapshot: Snapshot, records: Sequence[Record]) -> None:
        """Add to a snapshot what the database does not hold only because this is a dry run."""
        for record in records:
            reference = record.key if isinstance(record, ProductRecord) else record.parent
            if reference not in snapshot.references and self._has("product", reference):
                self._add_product(snapshot, reference, record)
        for variant in variants_of(records):
            self._complete_variant(snapshot, variant)

    def _add(self, kind: str, keys: Iterable[Any]) -> None:
        self._seen.update(hash((kind, key)) for key in keys if key)

    def _has(self, kind: str, key: str) -> bool:
        return hash((kind, key)) in self._seen

    def _add_product(self, snapshot: Snapshot, reference: str, record: Record) -> ProductState:
        known = record if isinstance(record, ProductRecord) else ProductRecord(record.line, 1, reference, "", "")
        product = ProductState(
            new_id(),
            self.importer.channel_id,
            ProductContent.of(known),
            known.media,
            known.categories,
            known.members,
        )
        snapshot.products[product.id] = product
        snapshot.references[reference] = product.id
        snapshot.names[reference] = ProductNames(known.external_product_id, known.reference_sku)
        return product

    def _complete_variant(self, snapshot: Snapshot, record: VariantRecord) -> None:
        if record.row_key not in snapshot.by_row_key and self._has("row", record.row_key):
            self._add_twin(snapshot, record, record.row_key)
        elif record.sku not in snapshot.by_sku and self._has("sku", record.sku):
            self._add_twin(snapshot, record, "")
        elif record.gtin and record.gtin not in snapshot.by_gtin and self._has("gtin", record.gtin):
            self._add_twin(snapshot, record, "", sku="")

    def _add_twin(self, snapshot: Snapshot, record: VariantRecord, row_key: str, *, sku: str | None = None) -> None:
        """The variant that an earlier row would have made: equal to this row, listed under `row_key`."""
        placeholder = ProductRecord(record.line, 1, "", "", "")
        product = ProductState(new_id(), self.importer.channel_id, ProductContent.of(placeholder))
        snapshot.products[product.id] = product
        price = None
        if record.price_minor is not None:
            price = PriceState(record.price_minor, record.compare_at_minor, self.importer.prices_include_tax)
        content = ListingContent(
            row_key, None, record.external_variant_id, "", record.price_minor, self.importer.currency
        )
        variant = VariantState(
            new_id(),
            product.id,
            record.sku if sku is None else sku,
            record.sku_generated,
            VariantContent.of(record),
            {record.gtin} if record.gtin else set(),
            price,
            media=record.media,
        )
        variant.listing = ListingState(new_id(), variant.id, content)
        snapshot.add_variant(variant)
