"""Which variant a row of a file is, and what it changes. Pure: snapshot in, plan out.

A row is matched by, in this order: a person's mapping, the row key or external id on the same channel, the
sku, the GTIN. Never by name. Sku and GTIN match only a variant that the channel does not list yet; if it
does, two rows of one channel claim the same thing, and a person has to say which is which. A product's
content belongs to its authority, the channel it came from first; another channel's file lists the variant,
sets its own listing price and fills blanks.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from uuid import UUID

from hub.catalog.importers.records import ProductRecord, RowProblem, VariantRecord, VariationRecord
from hub.catalog.kinds import ListingStatus, QueueReason
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

Record = ProductRecord | VariationRecord


@dataclass(frozen=True, slots=True)
class Question:
    """A row for the mapping queue."""

    line: int
    row_key: str
    reason: QueueReason
    candidate_variant_id: UUID


@dataclass(slots=True)
class Tally:
    created: int = 0
    updated: int = 0
    unchanged: int = 0

    def add(self, other: "Tally") -> None:
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged


@dataclass(slots=True)
class Plan:
    """Everything one batch writes. Dicts are keyed by the id of the row they write, so nothing is written
    twice.
    """

    new_products: dict[UUID, ProductState] = field(default_factory=dict)
    changed_products: dict[UUID, ProductState] = field(default_factory=dict)
    product_names: dict[str, UUID] = field(default_factory=dict)
    media_of_products: set[UUID] = field(default_factory=set)
    categories_of_products: set[UUID] = field(default_factory=set)
    members_of_products: set[UUID] = field(default_factory=set)
    new_variants: dict[UUID, VariantState] = field(default_factory=dict)
    changed_variants: dict[UUID, VariantState] = field(default_factory=dict)
    media_of_variants: set[UUID] = field(default_factory=set)
    prices: set[UUID] = field(default_factory=set)
    barcodes: dict[str, UUID] = field(default_factory=dict)
    new_listings: dict[UUID, ListingState] = field(default_factory=dict)
    changed_listings: dict[UUID, ListingState] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    rejected_rows: int = 0
    products: Tally = field(default_factory=Tally)
    variants: Tally = field(default_factory=Tally)


@dataclass(frozen=True, slots=True)
class Importer:
    """Whose file it is."""

    channel_id: UUID
    currency: str
    prices_include_tax: bool


def decide(records: Iterable[ProductRecord | VariationRecord], snapshot: Snapshot, importer: Importer) -> Plan:
    """The writes of one batch. `snapshot` is brought up to date on the way, so later rows see earlier ones."""
    decision = _Decision(snapshot, importer)
    for record in records:
        if isinstance(record, VariationRecord):
            decision.variation(record)
        else:
            decision.product(record)
    return decision.plan


class _Decision:
    def __init__(self, snapshot: Snapshot, importer: Importer) -> None:
        self._known = snapshot
        self._importer = importer
        self.plan = Plan()

    def product(self, record: ProductRecord) -> None:
        product, created = self._find_product(record)
        if product is None:
            message = f"{record.key!r} has no title and is not known from an earlier row"
            self._reject(record.line, "Title", "MISSING_TITLE", message, rows=record.rows)
            return
        taken = [self._variant(variant, product, record.external_product_id) for variant in record.variants]
        if created and taken and not any(taken):
            self._forget(product)
            return
        changed = self._name_product(record, product)
        if not created:
            changed |= self._update_product(record, product)
        if record.title:
            self._count(self.plan.products, created=created, changed=changed)

    def _forget(self, product: ProductState) -> None:
        """All its variants went to the mapping queue: a product of nothing is not made."""
        del self._known.products[product.id]
        del self.plan.new_products[product.id]
        self.plan.media_of_products.discard(product.id)
        self.plan.categories_of_products.discard(product.id)

    def variation(self, record: VariationRecord) -> None:
        product_id = self._known.references.get(record.parent)
        if product_id is None:
            message = f"parent {record.parent!r} is in no row of the file and not known from an earlier import"
            self._reject(record.line, "Parent", "UNKNOWN_PARENT", message)
            return
        names = self._known.names.get(record.parent)
        product = self._known.products[product_id]
        self._variant(record.variant, product, names.external_product_id if names else None)

    def _find_product(self, record: ProductRecord) -> tuple[ProductState | None, bool]:
        """The product of a record, and whether it is new."""
        known = self._known
        product_id = known.references.get(record.key)
        if product_id is None:
            matches = (self._match(variant) for variant in record.variants)
            product_id = next((match.product_id for match in matches if match is not None), None)
        if product_id is not None:
            return known.products[product_id], False
        if not record.title:
            return None, False
        content = ProductContent.of(record)
        product = ProductState(
            new_id(), self._importer.channel_id, content, record.media, record.categories, record.members
        )
        known.products[product.id] = product
        self.plan.new_products[product.id] = product
        self._mark_parts(product)
        return product, True

    def _mark_parts(self, product: ProductState) -> None:
        if product.media:
            self.plan.media_of_products.add(product.id)
        if product.categories:
            self.plan.categories_of_products.add(product.id)
        if product.members:
            self.plan.members_of_products.add(product.id)

    def _name_product(self, record: ProductRecord, product: ProductState) -> bool:
        """Remember what the channel calls the product; True when that is news."""
        names = ProductNames(record.external_product_id, record.reference_sku)
        if self._known.references.get(record.key) == product.id and (
            not record.title or self._known.names.get(record.key) == names
        ):
            return False
        references = [record.key] + ([f"sku:{record.reference_sku}"] if record.reference_sku else [])
        for reference in references:
            self._known.references[reference] = product.id
            self._known.names[reference] = names
        self.plan.product_names[record.key] = product.id
        return True

    def _update_product(self, record: ProductRecord, product: ProductState) -> bool:
        if product.authority_id != self._importer.channel_id:
            return False
        if not record.title:
            return self._append_media(record, product)
        changed = False
        if product.content != (content := ProductContent.of(record)):
            product.content = content
            if product.id not in self.plan.new_products:
                self.plan.changed_products[product.id] = product
            changed = True
        for attribute, marked in (
            ("media", self.plan.media_of_products),
            ("categories", self.plan.categories_of_products),
            ("members", self.plan.members_of_products),
        ):
            if getattr(product, attribute) != (value := getattr(record, attribute)):
                setattr(product, attribute, value)
                marked.add(product.id)
                changed = True
        return changed

    def _append_media(self, record: ProductRecord, product: ProductState) -> bool:
        urls = {media.url for media in product.media}
        added = tuple(media for media in record.media if media.url not in urls)
        if added:
            product.media += added
            self.plan.media_of_products.add(product.id)
        return bool(added)

    def _match(self, record: VariantRecord) -> VariantState | None:
        known = self._known
        for variant_id in (known.mappings.get(record.row_key), known.by_row_key.get(record.row_key)):
            if variant_id is not None:
                return known.variants[variant_id]
        claims = (
            None if record.sku_generated else known.by_sku.get(record.sku),
            known.by_gtin.get(record.gtin) if record.gtin else None,
        )
        for variant_id in claims:
            if variant_id is not None and known.variants[variant_id].listing is None:
                return known.variants[variant_id]
        return None

    def _variant(self, record: VariantRecord, product: ProductState, external_product_id: str | None) -> bool:
        """True when the row came in."""
        variant = self._match(record)
        if variant is None:
            variant = self._new_variant(record, product)
            if variant is None:
                return False
            created, changed = True, False
        else:
            created, changed = False, self._update_variant(record, variant)
        listed = self._list(record, variant, external_product_id)
        self._count(self.plan.variants, created=created, changed=changed or listed)
        return True

    def _new_variant(self, record: VariantRecord, product: ProductState) -> VariantState | None:
        owner = self._known.by_sku.get(record.sku)
        if owner is not None:
            self._ask(record, QueueReason.DUPLICATE_SKU, owner)
            message = f"sku {record.sku!r} stands for another row of this channel; see the mapping queue"
            self._reject(record.line, "SKU", QueueReason.DUPLICATE_SKU, message)
            return None
        variant = VariantState(
            new_id(),
            product.id,
            record.sku,
            record.sku_generated,
            VariantContent.of(record),
            media=record.media,
        )
        self.plan.new_variants[variant.id] = variant
        if record.media:
            self.plan.media_of_variants.add(variant.id)
        self._add_barcode(record, variant)
        self._price(record, variant, may_change=True)
        self._known.add_variant(variant)
        return variant

    def _update_variant(self, record: VariantRecord, variant: VariantState) -> bool:
        ours = self._known.products[variant.product_id].authority_id == self._importer.channel_id
        content = VariantContent.of(record)
        if not ours:
            content = replace(
                variant.content, weight_grams=_first_known(variant.content.weight_grams, record.weight_grams)
            )
        changed = self._rename_sku(record, variant) if ours else False
        if content != variant.content:
            variant.content = content
            changed = True
        if changed and variant.id not in self.plan.new_variants:
            self.plan.changed_variants[variant.id] = variant
        if ours and variant.media != record.media:
            variant.media = record.media
            self.plan.media_of_variants.add(variant.id)
            changed = True
        if record.gtin not in variant.gtins and (ours or not variant.gtins):
            changed |= self._add_barcode(record, variant)
        return self._price(record, variant, may_change=ours) or changed

    def _rename_sku(self, record: VariantRecord, variant: VariantState) -> bool:
        """A blank sku in the file never takes away the one we have."""
        if record.sku_generated or record.sku == variant.sku:
            return False
        owner = self._known.by_sku.get(record.sku)
        if owner is not None:
            self._ask(record, QueueReason.DUPLICATE_SKU, owner)
            message = f"sku {record.sku!r} belongs to another variant; {variant.sku!r} is kept"
            self.plan.problems.append(RowProblem(record.line, "SKU", QueueReason.DUPLICATE_SKU, message))
            return False
        self._known.by_sku.pop(variant.sku, None)
        variant.sku, variant.sku_generated = record.sku, False
        self._known.by_sku[variant.sku] = variant.id
        return True

    def _add_barcode(self, record: VariantRecord, variant: VariantState) -> bool:
        if record.gtin is None:
            return False
        owner = self._known.by_gtin.get(record.gtin)
        if owner is not None and owner != variant.id:
            self._ask(record, QueueReason.DUPLICATE_GTIN, owner)
            message = f"barcode {record.gtin} belongs to another variant; the row comes in without it"
            self.plan.problems.append(RowProblem(record.line, "Barcode", QueueReason.DUPLICATE_GTIN, message))
            return False
        variant.gtins.add(record.gtin)
        self._known.by_gtin[record.gtin] = variant.id
        self.plan.barcodes[record.gtin] = variant.id
        return True

    def _price(self, record: VariantRecord, variant: VariantState, *, may_change: bool) -> bool:
        """A blank price never takes away the one we have."""
        if record.price_minor is None or (variant.price is not None and not may_change):
            return False
        price = PriceState(record.price_minor, record.compare_at_minor, self._importer.prices_include_tax)
        if price == variant.price:
            return False
        variant.price = price
        self.plan.prices.add(variant.id)
        return True

    def _list(self, record: VariantRecord, variant: VariantState, external_product_id: str | None) -> bool:
        status = ListingStatus.ACTIVE if record.published else ListingStatus.INACTIVE
        content = ListingContent(
            record.row_key,
            external_product_id,
            record.external_variant_id,
            status.value,
            record.price_minor,
            self._importer.currency,
        )
        listing = variant.listing
        if listing is not None and listing.content == content:
            return False
        if listing is None:
            listing = self._freed_listing(record.row_key, variant) or ListingState(new_id(), variant.id, content)
            variant.listing = listing
            if listing.content is content:
                self.plan.new_listings[listing.id] = listing
        if listing.id not in self.plan.new_listings:
            self.plan.changed_listings[listing.id] = listing
        listing.content = content
        self._known.by_row_key[record.row_key] = variant.id
        return True

    def _freed_listing(self, row_key: str, variant: VariantState) -> ListingState | None:
        """The row's listing under the variant it was taken for before a person mapped it to this one."""
        former_id = self._known.by_row_key.get(row_key)
        if former_id is None or former_id == variant.id:
            return None
        former = self._known.variants[former_id]
        listing, former.listing = former.listing, None
        if listing is not None:
            listing.variant_id = variant.id
        return listing

    def _ask(self, record: VariantRecord, reason: QueueReason, candidate: UUID) -> None:
        self.plan.questions.append(Question(record.line, record.row_key, reason, candidate))

    def _reject(self, line: int, column: str, rule: str, message: str, *, rows: int = 1) -> None:
        self.plan.problems.append(RowProblem(line, column, rule, message, rejects_row=True))
        self.plan.rejected_rows += rows

    @staticmethod
    def _count(tally: Tally, *, created: bool, changed: bool) -> None:
        if created:
            tally.created += 1
        elif changed:
            tally.updated += 1
        else:
            tally.unchanged += 1


def _first_known(ours: int | None, theirs: int | None) -> int | None:
    return theirs if ours is None else ours
