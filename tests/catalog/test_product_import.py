"""A file comes into the real catalog: once, wholly, and the second time not at all."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from adapters.sdk.types import ChannelProduct, ChannelVariant
from hub.catalog import (
    CsvSource,
    FileDelimiterError,
    FileEncodingError,
    ImportReport,
    ProductFormat,
    apply_pulled_products,
    import_products,
)
from hub.infra.database import Database
from hub.kernel.money import CurrencyError, Money

Rows = Callable[..., Awaitable[list[dict[str, Any]]]]
HEADER = "Handle,Title,Type,Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Barcode,Image Src"
CATALOG_TABLES = (
    "products", "variants", "variant_barcodes", "prices", "media", "product_listings", "listings", "categories",
    "product_categories", "product_members", "mapping_queue",
)  # fmt: skip


def shopify(*lines: str, header: str = HEADER) -> CsvSource:
    return CsvSource.from_bytes("products.csv", "\n".join((header, *lines, "")).encode())


async def bring_in(database: Database, channel: Any, source: CsvSource, **options: Any) -> ImportReport:
    return await import_products(database, channel, source, ProductFormat.SHOPIFY_CSV, **options)


async def physical_state(rows: Rows) -> dict[str, list[dict[str, Any]]]:
    return {
        table: await rows(f"SELECT xmin::text, ctid::text, * FROM {table} ORDER BY ctid") for table in CATALOG_TABLES
    }


class TestRealFiles:
    @pytest.mark.specs
    @pytest.mark.parametrize(("name", "count"), [("apparel", 22), ("home-and-garden", 21)])
    async def test_every_row_of_a_shopify_export_comes_in_and_again_changes_nothing(
        self, database, channel, rows, sample_data: Path, *, name: str, count: int
    ):
        source = CsvSource.from_path(sample_data / "shopify-product-csv" / f"{name}.csv")
        first = await bring_in(database, channel, source)
        assert (first.rows, first.rejected, first.problem_count) == (count, 0, 0)
        assert (first.products.created, first.updated, first.unchanged) == (20, 0, 0)
        generated = await rows("SELECT sku FROM variants WHERE sku_generated AND sku LIKE 'GEN-%'")
        assert len(generated) == first.variants.created
        before = await physical_state(rows)
        second = await bring_in(database, channel, source)
        assert (second.created, second.updated, second.unchanged) == (0, 0, first.created)
        assert await physical_state(rows) == before

    @pytest.mark.specs
    async def test_every_row_of_a_woocommerce_export_comes_in_and_again_changes_nothing(
        self, database, channel, rows, sample_data: Path
    ):
        source = CsvSource.from_path(sample_data / "woocommerce-product-csv" / "sample_products.csv")
        first = await import_products(database, channel, source, ProductFormat.WOOCOMMERCE_CSV)
        assert (first.rows, first.rejected, first.problem_count) == (25, 0, 0)
        assert (first.products.created, first.variants.created) == (18, 22)
        before = await physical_state(rows)
        second = await import_products(database, channel, source, ProductFormat.WOOCOMMERCE_CSV)
        assert (second.created, second.updated, second.unchanged) == (0, 0, 40)
        assert await physical_state(rows) == before

    @pytest.mark.specs
    async def test_woocommerce_types_become_the_hubs_kinds(self, database, channel, rows, sample_data: Path):
        source = CsvSource.from_path(sample_data / "woocommerce-product-csv" / "sample_products.csv")
        await import_products(database, channel, source, ProductFormat.WOOCOMMERCE_CSV)
        found = await rows(
            "SELECT v.sku, v.kind, v.stock_policy, l.external_product_id, l.external_variant_id, l.price_minor"
            " FROM variants v JOIN listings l ON l.variant_id = v.id"
        )
        by_sku = {row["sku"]: row for row in found}
        assert by_sku["woo-album"]["kind"] == "DIGITAL"
        assert by_sku["wp-pennant"]["stock_policy"] == "UNTRACKED"
        assert by_sku["woo-hoodie-red"]["external_product_id"] == "45"
        assert by_sku["woo-hoodie-red"]["external_variant_id"] == "79"
        assert by_sku["woo-hoodie-red"]["price_minor"] == 4200
        assert by_sku["woo-belt"]["external_variant_id"] == "58"
        members = await rows(
            "SELECT p.title FROM product_members m JOIN products p ON p.id = m.member_product_id ORDER BY m.position"
        )
        assert [row["title"] for row in members] == ["Hoodie with Logo", "T-Shirt", "Beanie"]


class TestDryRun:
    async def test_writes_nothing_and_reports_what_a_run_would_do(self, database, channel, rows):
        lines = [f"shirt-{n},Shirt {n},,Size,M,SKU-{n % 9},9.90,," for n in range(12)]
        trial = await bring_in(database, channel, shopify(*lines), dry_run=True)
        for table in (*CATALOG_TABLES, "import_runs"):
            assert await rows(f"SELECT * FROM {table}") == []
        real = await bring_in(database, channel, shopify(*lines))
        assert trial.counts() == real.counts()
        assert trial.queued == 3

    async def test_knows_rows_of_earlier_batches(self, database, channel):
        lines = [f"shirt-{n},Shirt {n},,Size,M,SKU-{n},9.90,," for n in range(1_100)]
        lines += ["shirt-1,,,,L,SKU-L,9.90,,", "other,Other,,Size,M,SKU-2,9.90,,"]
        trial = await bring_in(database, channel, shopify(*lines), dry_run=True)
        real = await bring_in(database, channel, shopify(*lines))
        assert trial.counts() == real.counts()
        assert (real.products.created, real.variants.created, real.queued) == (1_100, 1_101, 1)


class TestMatching:
    async def test_a_changed_row_updates_its_variant_and_nothing_else(self, database, channel, rows):
        await bring_in(database, channel, shopify("a,Shirt,,Size,M,A-M,10,,", "b,Hat,,,,B,5,,"))
        before = await rows("SELECT sku, xmin::text AS xmin FROM variants WHERE sku = 'B'")
        report = await bring_in(database, channel, shopify("a,Shirt,,Size,M,A-M,12.50,,", "b,Hat,,,,B,5,,"))
        assert (report.created, report.updated, report.unchanged) == (0, 1, 3)
        prices = await rows("SELECT amount_minor FROM prices ORDER BY amount_minor")
        assert [row["amount_minor"] for row in prices] == [500, 1250]
        assert await rows("SELECT sku, xmin::text AS xmin FROM variants WHERE sku = 'B'") == before

    async def test_a_row_that_gets_a_sku_keeps_its_variant(self, database, channel, rows):
        await bring_in(database, channel, shopify("a,Shirt,,Size,M,,10,,"))
        (before,) = await rows("SELECT id FROM variants")
        await bring_in(database, channel, shopify("a,Shirt,,Size,M,REAL-1,10,,"))
        (after,) = await rows("SELECT id, sku, sku_generated, version FROM variants")
        assert after == {"id": before["id"], "sku": "REAL-1", "sku_generated": False, "version": 2}

    async def test_a_second_channel_lists_the_same_sku_and_does_not_rewrite_its_content(
        self, database, channel, make_channel, rows
    ):
        await bring_in(database, channel, shopify("a,Shirt,,Size,M,A-M,10,,"))
        other = await make_channel("market", "CHF")
        report = await bring_in(database, other, shopify("x,Anderes Hemd,,Größe,M,A-M,11,4006381333931,"))
        assert report.products.created == 0
        assert [row["title"] for row in await rows("SELECT title FROM products")] == ["Shirt"]
        listings = await rows("SELECT price_minor, currency FROM listings ORDER BY price_minor")
        assert listings == [
            {"price_minor": 1000, "currency": "EUR"},
            {"price_minor": 1100, "currency": "CHF"},
        ]
        assert [row["gtin"] for row in await rows("SELECT gtin FROM variant_barcodes")] == ["04006381333931"]

    async def test_a_row_without_a_known_sku_is_matched_by_its_barcode_and_never_by_its_name(
        self, database, channel, make_channel, rows
    ):
        await bring_in(database, channel, shopify("a,Shirt,,Size,M,A-M,10,4006381333931,"))
        other = await make_channel("market")
        await bring_in(database, other, shopify("x,Shirt,,,,OTHER,10,4006381333931,", "y,Shirt,,,,NAMESAKE,10,,"))
        variants = await rows("SELECT sku FROM variants ORDER BY sku")
        assert [row["sku"] for row in variants] == ["A-M", "NAMESAKE"]
        assert len(await rows("SELECT 1 FROM listings")) == 3

    async def test_a_sku_used_twice_in_one_channel_waits_in_the_mapping_queue(self, database, channel, rows):
        source = shopify("a,Shirt,,,,SAME,10,,", "b,Hat,,,,SAME,5,,")
        report = await bring_in(database, channel, source)
        assert (report.rows, report.rejected, report.queued, report.products.created) == (2, 1, 1, 1)
        assert [(p.line, p.rule, p.rejects_row) for p in report.problems] == [(3, "DUPLICATE_SKU", True)]
        await bring_in(database, channel, source)
        (question,) = await rows("SELECT source_line, reason, status FROM mapping_queue")
        assert question == {"source_line": 3, "reason": "DUPLICATE_SKU", "status": "OPEN"}
        assert len(await rows("SELECT 1 FROM products")) == 1

    async def test_a_persons_mapping_comes_before_everything_else(self, database, channel, rows):
        await bring_in(database, channel, shopify("a,Shirt,,,,ONE,10,,", "b,Hat,,,,TWO,5,,"))
        (hat,) = await rows("SELECT id FROM variants WHERE sku = 'TWO'")
        async with database.write() as session:
            await session.execute(
                text(
                    "INSERT INTO catalog_mappings (channel_id, external_key, variant_id)"
                    " VALUES (:channel, '[\"renamed\"]', :variant)"
                ),
                {"channel": channel.id, "variant": hat["id"]},
            )
        report = await bring_in(database, channel, shopify("renamed,Hat,,,,TWO,5,,"))
        assert report.created == 0
        listings = await rows(
            "SELECT v.sku, l.row_key FROM listings l JOIN variants v ON v.id = l.variant_id ORDER BY v.sku"
        )
        assert listings == [
            {"sku": "ONE", "row_key": '["a"]'},
            {"sku": "TWO", "row_key": '["renamed"]'},
        ]

    async def test_variations_may_stand_before_their_parent_and_an_orphan_is_reported(self, database, channel):
        source = CsvSource.from_bytes(
            "woo.csv",
            b"ID,Type,SKU,Name,Regular price,Parent,Attribute 1 name,Attribute 1 value(s)\n"
            b'7,variation,H-R,Hoodie - Red,"42,50",id:5,Color,Red\n'
            b"8,variation,X-R,Lost,10,nothing,Color,Red\n"
            b'5,variable,H,Hoodie,,,Color,"Red, Blue"\n',
        )
        report = await import_products(database, channel, source, ProductFormat.WOOCOMMERCE_CSV)
        assert (report.rows, report.rejected, report.variants.created) == (3, 1, 1)
        assert [(p.line, p.column, p.rule) for p in report.problems] == [(3, "Parent", "UNKNOWN_PARENT")]


class TestPulledProducts:
    async def test_a_pulled_page_meets_the_rows_that_a_file_brought(self, database, channel, rows):
        source = CsvSource.from_bytes(
            "woo.csv", b"ID,Type,SKU,Name,Regular price\n7,simple,MUG,Mug,5\n8,simple,,Bowl,9\n"
        )
        await import_products(database, channel, source, ProductFormat.WOOCOMMERCE_CSV)
        before = await rows("SELECT id, sku FROM variants ORDER BY sku")
        page = [
            ChannelProduct(
                external_id=number,
                title=title,
                source_version="1",
                handle=title.lower(),
                variants=(ChannelVariant(number, sku, title, Money(price, currency)),),
            )
            for number, title, sku, price, currency in (
                ("7", "Mug", "MUG", 600, "EUR"),
                ("8", "Bowl", None, 900, "EUR"),
                ("9", "Jug", "JUG", 100, "USD"),
            )
        ]
        report = await apply_pulled_products(database, channel, page)
        assert (report.variants.created, report.variants.updated, report.variants.unchanged) == (1, 1, 1)
        assert [problem.rule for problem in report.problems] == ["WRONG_CURRENCY"]
        assert await rows("SELECT id, sku FROM variants WHERE sku <> 'JUG' ORDER BY sku") == before
        again = await apply_pulled_products(database, channel, page)
        assert (again.created, again.updated) == (0, 0)


class TestBadInput:
    @pytest.mark.parametrize(
        ("content", "error", "line"),
        [
            (f"{HEADER}\na,Caf".encode() + b"\xe9,,,,,10,,\n", FileEncodingError, 2),
            (HEADER.replace(",", ";").encode() + b"\na;b;;;;;10;;\n", FileDelimiterError, 1),
            (b'"Handle";"Title"\n"a";"b"\n', FileDelimiterError, 1),
        ],
    )
    async def test_a_file_of_the_wrong_kind_is_refused_and_nothing_is_written(
        self, database, channel, rows, *, content: bytes, error: Any, line: int
    ):
        with pytest.raises(error, match=r"products\.csv") as caught:
            await bring_in(database, channel, CsvSource.from_bytes("products.csv", content))
        assert caught.value.line == line
        assert caught.value.remedy
        assert await rows("SELECT 1 FROM import_runs") == []

    async def test_a_late_encoding_error_leaves_no_half_imported_file(self, database, channel, rows):
        lines = [f"shirt-{n},Shirt {n},,Size,M,SKU-{n},9.90,," for n in range(1_500)]
        content = "\n".join((HEADER, *lines)).encode() + b"\nlast,\xff,,,,,1,,\n"
        with pytest.raises(FileEncodingError, match="line 1502"):
            await bring_in(database, channel, CsvSource.from_bytes("products.csv", content))
        assert await rows("SELECT 1 FROM products") == []

    async def test_a_channel_with_an_unknown_currency_is_refused(self, database, channel, rows):
        channel.currency = "EURO"
        with pytest.raises(CurrencyError):
            await bring_in(database, channel, shopify("a,Shirt,,,,A,10,,"))
        assert await rows("SELECT 1 FROM import_runs") == []

    async def test_bad_values_stay_out_and_the_row_comes_in(self, database, channel, rows):
        report = await bring_in(database, channel, shopify("a,Shirt,,,,A,9.999,4006381333932,ftp://x/y.png"))
        assert sorted((p.line, p.column, p.rule) for p in report.problems) == [
            (2, "Image Src", "INVALID_URL"),
            (2, "Variant Barcode", "INVALID_GTIN"),
            (2, "Variant Price", "INVALID_AMOUNT"),
        ]
        assert (report.rejected, report.variants.created) == (0, 1)
        assert await rows("SELECT 1 FROM prices") == []

    async def test_a_barcode_of_another_variant_is_left_out_and_asked_about(self, database, channel, rows):
        report = await bring_in(
            database, channel, shopify("a,Shirt,,,,A,10,4006381333931,", "b,Hat,,,,B,5,4006381333931,")
        )
        assert [(p.line, p.rule, p.rejects_row) for p in report.problems] == [(3, "DUPLICATE_GTIN", False)]
        assert report.variants.created == 2
        assert len(await rows("SELECT 1 FROM mapping_queue WHERE reason = 'DUPLICATE_GTIN'")) == 1

    async def test_a_continued_product_that_nobody_knows_is_reported(self, database, channel):
        report = await bring_in(database, channel, shopify("a,,,Size,M,A,10,,"))
        assert (report.rows, report.rejected) == (1, 1)
        assert report.problems[0].rule == "MISSING_TITLE"


async def test_a_row_key_is_stable_whatever_the_run(database, channel, rows):
    await bring_in(database, channel, shopify("a,Shirt,,Size,M,,10,,"))
    first = await rows("SELECT sku FROM variants")
    async with database.write() as session:
        await session.execute(text("TRUNCATE products, variants, listings, product_listings, prices CASCADE"))
    await bring_in(database, channel, shopify("a,Shirt,,Size,M,,10,,"))
    assert await rows("SELECT sku FROM variants") == first
