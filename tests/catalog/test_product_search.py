"""Readers find products by words, slips of the finger, category, price and barcode, page by page."""

from typing import Any

import pytest

from hub.catalog import (
    CsvSource,
    PageKey,
    ProductFilter,
    ProductFormat,
    ProductQueryError,
    ProductSort,
    import_products,
    products_page,
    repository,
)
from hub.infra.database import Database
from hub.kernel.gtin import GtinError

CONTENT = """Handle,Title,Body (HTML),Vendor,Type,Tags,Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Barcode,Image Src,Product Category
shirt,Linen Shirt,<p>Breathable summer cloth</p>,Nordlicht,Shirts,linen,Size,S,SH-S,39.90,4006381333931,https://x.example/a.png,Apparel > Shirts
shirt,,,,,,,M,SH-M,39.90,,https://x.example/b.png,
boot,Winter Boot,Warm and dry,Bergweg,Shoes,,,,BOOT,120,,,Apparel > Shoes
lamp,Table Lamp,Linen shade,Hausgut,Home,,,,LAMP,25.00,,,Home
free,Gift Wrap,,Hausgut,Home,,,,WRAP,,,,Home
"""


@pytest.fixture
async def catalog(database: Database, channel: Any) -> Any:
    source = CsvSource.from_bytes("p.csv", CONTENT.encode())
    await import_products(database, channel, source, ProductFormat.SHOPIFY_CSV)
    return channel


async def titles(database: Database, wanted: ProductFilter, **options: Any) -> list[str]:
    async with database.read() as session:
        return [product.title for product in (await products_page(session, wanted, **options)).products]


@pytest.mark.usefixtures("catalog")
class TestSearch:
    async def test_words_in_the_title_come_before_words_in_the_text(self, database):
        found = await titles(database, ProductFilter(search="linen"), sort=ProductSort.RELEVANCE)
        assert found == ["Linen Shirt", "Table Lamp"]

    @pytest.mark.parametrize("slip", ["wintr boot", "Winter Bo", "winter boot"])
    async def test_a_slip_or_a_word_begun_still_finds_the_product(self, database, slip: str):
        assert await titles(database, ProductFilter(search=slip)) == ["Winter Boot"]

    async def test_a_sku_is_found(self, database):
        assert await titles(database, ProductFilter(search="LAMP")) == ["Table Lamp"]
        assert await titles(database, ProductFilter(search="SH-M")) == ["Linen Shirt"]

    async def test_words_that_are_operators_elsewhere_are_only_words(self, database):
        assert await titles(database, ProductFilter(search="' & ! | <-> \"")) == []


class TestFilters:
    @pytest.mark.usefixtures("catalog")
    async def test_a_category_includes_those_below_it(self, database):
        async with database.read() as session:
            by_path = {tuple(c.path): c.id for c in await repository.categories(session)}
        apparel = ProductFilter(category_id=by_path["Apparel",])
        assert await titles(database, apparel) == ["Linen Shirt", "Winter Boot"]
        shoes = ProductFilter(category_id=by_path["Apparel", "Shoes"])
        assert await titles(database, shoes) == ["Winter Boot"]

    async def test_price_vendor_status_and_channel(self, database, catalog, make_channel):
        cheap = ProductFilter(currency="EUR", max_price_minor=3990)
        assert await titles(database, cheap) == ["Linen Shirt", "Table Lamp"]
        assert await titles(database, ProductFilter(vendor="Bergweg", status="ACTIVE")) == ["Winter Boot"]
        assert len(await titles(database, ProductFilter(channel_id=catalog.id))) == 4
        other = await make_channel("other")
        assert await titles(database, ProductFilter(channel_id=other.id)) == []


@pytest.mark.usefixtures("catalog")
class TestPages:
    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("sort", list(ProductSort))
    async def test_pages_of_one_hold_every_product_once_in_order(self, database, sort, descending):
        wanted = ProductFilter(currency="EUR", search="linen" if sort is ProductSort.RELEVANCE else None)
        whole = await titles(database, wanted, sort=sort, descending=descending)
        seen: list[str] = []
        after: PageKey | None = None
        async with database.read() as session:
            while True:
                page = await products_page(session, wanted, sort=sort, descending=descending, first=1, after=after)
                seen += [product.title for product in page.products]
                if not page.has_next:
                    break
                after = page.keys[-1]
        assert seen == whole
        assert len(seen) == len(set(seen))

    async def test_price_puts_the_unpriced_last(self, database):
        found = await titles(database, ProductFilter(currency="EUR"), sort=ProductSort.PRICE)
        assert found == ["Table Lamp", "Linen Shirt", "Winter Boot", "Gift Wrap"]

    @pytest.mark.parametrize(
        ("wanted", "options"),
        [
            (ProductFilter(), {"first": 0}),
            (ProductFilter(), {"first": 101}),
            (ProductFilter(), {"sort": ProductSort.RELEVANCE}),
            (ProductFilter(), {"sort": ProductSort.PRICE}),
            (ProductFilter(min_price_minor=1), {}),
            (ProductFilter(search="  "), {}),
            (ProductFilter(search="a\x00b"), {}),
        ],
    )
    async def test_a_question_that_cannot_be_answered_is_refused(self, database, wanted, options):
        with pytest.raises(ProductQueryError):
            await titles(database, wanted, **options)


class TestLookUps:
    async def test_everything_of_a_product_is_found_by_ids(self, database, catalog):
        async with database.read() as session:
            key = await repository.products_by_keys(session, catalog.id, ["shirt", "nothing"])
            ids = list(key.values())
            variants = (await repository.variants_by_product_ids(session, ids))[ids[0]]
            variant_ids = [variant.id for variant in variants]
            assert [variant.sku for variant in variants] == ["SH-S", "SH-M"]
            assert variants[0].options == [{"name": "Size", "value": "S"}]
            prices = await repository.prices_by_variant_ids(session, variant_ids)
            assert prices[variant_ids[1]][0].amount_minor == 3990
            media = await repository.media_by_product_ids(session, ids)
            assert [item.url[-5:] for item in media[ids[0]]] == ["a.png", "b.png"]
            found = await repository.categories_by_product_ids(session, ids)
            assert found[ids[0]][0].path == ["Apparel", "Shirts"]
            listings = await repository.listings_by_variant_ids(session, variant_ids)
            assert listings[variant_ids[0]][0].row_key == '["shirt","S"]'
            assert set(await repository.variants_by_ids(session, variant_ids)) == set(variant_ids)
            assert set(await repository.variants_by_skus(session, ["SH-S", "NO"])) == {"SH-S"}
            assert (await repository.products_by_ids(session, ids))[ids[0]].vendor == "Nordlicht"

    @pytest.mark.usefixtures("catalog")
    async def test_a_barcode_finds_its_variant_in_any_length(self, database):
        async with database.read() as session:
            for written in ("4006381333931", "04006381333931", "4006381-333931"):
                variant = await repository.variant_by_barcode(session, written)
                assert variant is not None
                assert variant.sku == "SH-S"
            assert await repository.variant_by_barcode(session, "96385074") is None
            with pytest.raises(GtinError):
                await repository.variant_by_barcode(session, "4006381333932")
