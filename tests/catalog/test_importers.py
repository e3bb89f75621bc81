"""Rows become records: every row comes in or is reported with its line, column and rule."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.catalog import (
    CsvSource,
    ImportSettings,
    LocationRecord,
    OpeningSpan,
    ProductRecord,
    RowProblem,
    StockPolicy,
    StockRecord,
    VariantKind,
    VariationRecord,
    WeightUnit,
    generated_sku,
    read_locations,
    read_shopify_products,
    read_stock,
    read_woocommerce_products,
)
from hub.catalog.importers.fields import RowRejectedError
from hub.catalog.importers.locations_csv import parse_opening_hours
from hub.entrypoints.demo.catalog_data import demo_products, write_demo_files

SETTINGS = ImportSettings("shop", "EUR", WeightUnit.POUND, on_date=date(2026, 11, 22).isoformat())


def source(*lines: str) -> CsvSource:
    return CsvSource.from_bytes("file.csv", "\n".join((*lines, "")).encode())


def products(events: Iterable[object]) -> list[ProductRecord]:
    return [event for event in events if isinstance(event, ProductRecord)]


def problems(events: Iterable[object]) -> list[tuple[int, str, str, bool]]:
    return [(e.line, e.column, e.rule, e.rejects_row) for e in events if isinstance(e, RowProblem)]


class TestShopify:
    HEADER = (
        "Handle,Title,Body (HTML),Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Grams,"
        "Variant Inventory Policy,Variant Price,Variant Barcode,Variant Requires Shipping,Gift Card,Image Src"
    )

    def read(self, *lines: str) -> list[object]:
        return list(read_shopify_products(source(self.HEADER, *lines), SETTINGS))

    def test_rows_of_one_handle_are_variants_and_images_of_one_product(self):
        events = self.read(
            "tee,Tee,Soft,Size,S,Colour,Red,,120.4,continue,9.9,,true,false,https://x.example/1.png",
            "tee,,,,M,,Red,,,deny,9.90,,true,,",
            "tee,,,,,,,,,,,,,,https://x.example/2.png",
        )
        (product,) = products(events)
        assert (product.rows, len(product.media), problems(events)) == (3, 2, [])
        small, medium = product.variants
        assert small.options == (("Size", "S"), ("Colour", "Red"))
        assert (small.weight_grams, small.stock_policy, small.price_minor) == (120, StockPolicy.BACKORDER, 990)
        assert (medium.line, medium.stock_policy) == (3, StockPolicy.DENY)
        assert small.sku == generated_sku("shop", '["tee","S","Red"]') != medium.sku

    def test_a_gift_card_and_a_service_need_no_stock(self):
        events = self.read("card,Card,,Value,10,,,,,,10,,false,true,", "help,Help,,,,,,H,,,5,,false,false,")
        kinds = [(v.kind, v.stock_policy) for product in products(events) for v in product.variants]
        assert kinds == [
            (VariantKind.GIFT_CARD, StockPolicy.UNTRACKED),
            (VariantKind.SERVICE, StockPolicy.UNTRACKED),
        ]

    def test_rows_that_break_a_rule_are_reported_and_the_others_come_in(self):
        events = self.read(
            ",No handle,,,,,,,,,1,,,,",
            "tee,Tee,,Size,S,,,,,,1,,,,",
            "tee,,,,S,,,,,,1,,,,",
            "tee,,,,M,,,A\x00B,,,1,,,,",
            "tee,,,,,,,,,,,,,,",
            "tee,,,,L,,,,heavy,perhaps,=1+1,123,,,",
        )
        assert problems(events) == [
            (2, "Handle", "MISSING_HANDLE", True),
            (4, "Option1 Value", "DUPLICATE_OPTIONS", True),
            (5, "Variant SKU", "INVALID_SKU", True),
            (6, "", "EMPTY_ROW", True),
            (7, "Variant Barcode", "INVALID_GTIN", False),
            (7, "Variant Inventory Policy", "UNKNOWN_POLICY", False),
            (7, "Variant Grams", "INVALID_WEIGHT", False),
            (7, "Variant Price", "INVALID_AMOUNT", False),
        ]
        assert [variant.title for variant in products(events)[0].variants] == ["S", "L"]

    def test_control_characters_leave_texts_and_formulas_stay_text(self):
        events = self.read("tee,=HYPERLINK(1)\x07,A\x00B,,,,,,,,1,,,,")
        (product,) = products(events)
        assert (product.title, product.description) == ("=HYPERLINK(1)", "AB")
        assert {problem[2] for problem in problems(events)} == {"CONTROL_CHARACTER"}

    @pytest.mark.parametrize("price", ["1e5", "1_000", "NaN", "-1", "12,50", "９", "1" * 30])
    def test_what_is_not_a_plain_price_is_reported(self, price: str):
        events = self.read(f'tee,Tee,,,,,,T,,,"{price}",,,,')
        assert products(events)[0].variants[0].price_minor is None
        assert len(problems(events)) == 1

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["", "a", "b", "c\x00"]),
                st.sampled_from(["", "T"]),
                st.sampled_from(["", "S", "M"]),
                st.sampled_from(["", "1", "x", "1.234"]),
            ),
            max_size=30,
        )
    )
    def test_every_row_is_in_a_product_or_rejected(self, rows: list[tuple[str, str, str, str]]):
        lines = [f"{handle},{title},,Size,{size},,,,,,{price},,,,i" for handle, title, size, price in rows]
        events = self.read(*lines)
        rejected = [problem for problem in problems(events) if problem[3]]
        assert sum(product.rows for product in products(events)) + len(rejected) == len(rows)
        assert len({problem[0] for problem in rejected}) == len(rejected)


class TestWooCommerce:
    HEADER = (
        "ID,Type,SKU,Name,Published,Regular price,Sale price,Date sale price starts,Date sale price ends,"
        "Weight (lbs),Parent,Grouped products,Stock,Categories,Attribute 1 name,Attribute 1 value(s),Zusatzspalte"
    )

    def read(self, *lines: str) -> list[object]:
        return list(read_woocommerce_products(source(self.HEADER, *lines), SETTINGS))

    @pytest.mark.parametrize(
        ("types", "kind", "policy"),
        [
            ("simple", VariantKind.GOODS, StockPolicy.DENY),
            ("external", VariantKind.GOODS, StockPolicy.UNTRACKED),
            ("simple, virtual", VariantKind.SERVICE, StockPolicy.UNTRACKED),
            ("simple, downloadable, virtual", VariantKind.DIGITAL, StockPolicy.UNTRACKED),
        ],
    )
    def test_types_become_kinds(self, types: str, kind: VariantKind, policy: StockPolicy):
        (product,) = products(self.read(f'1,"{types}",S,Thing,1,10,,,,,,,,,,,'))
        assert (product.variants[0].kind, product.variants[0].stock_policy) == (kind, policy)

    def test_a_group_has_members_and_no_variant_and_a_parent_has_none_either(self):
        events = self.read('1,grouped,G,Set,1,,,,,,,"id:7, mug, id:x",,,,,', "2,variable,V,Shirt,1,,,,,,,,,,,,")
        group, parent = products(events)
        assert (group.members, group.variants, parent.variants) == (("id:7", "sku:mug", "sku:id:x"), (), ())

    def test_variations_come_after_all_products_with_their_parents_reference(self):
        events = self.read(
            "9,variation,V-R,Shirt - Red,1,10,,,,,id:2,,,,Colour,Red,", "2,variable,V,Shirt,1,,,,,,,,,,,,"
        )
        variation = events[-1]
        assert isinstance(variation, VariationRecord)
        assert (variation.line, variation.parent) == (2, "id:2")
        assert variation.variant.options == (("Colour", "Red"),)

    def test_a_sale_counts_on_its_days_only_and_decimal_commas_are_read(self):
        events = self.read(
            '1,simple,A,Now,1,"20,00","15,50",2026-11-01,2026-11-30,.5,,,,,,,',
            "2,simple,B,Later,1,20,15,2026-12-01,,,,,,,,,",
        )
        now, later = (product.variants[0] for product in products(events))
        assert (now.price_minor, now.compare_at_minor, now.weight_grams) == (1550, 2000, 227)
        assert (later.price_minor, later.compare_at_minor) == (2000, None)

    def test_the_exporters_formula_escape_and_escaped_commas_are_undone(self):
        (product,) = products(self.read('1,simple,A,\'=SUM,1,1,,,,,,,,"Pots\\, pans > Iron, Sale",,,'))
        assert product.title == "=SUM"
        assert product.categories == (("Pots, pans", "Iron"), ("Sale",))

    def test_rows_that_break_a_rule_are_reported(self):
        events = self.read(
            ",simple,,Nobody,1,1,,,,,,,,,,,",
            "x1,simple,A,Odd id,1,1,,,,,,,,,,,",
            "3,,A,No type,1,1,,,,,,,,,,,",
            "4,variation,A,Orphan,1,1,,,,,,,,,,,",
            "5,subscription,SUB,Plan,1,1,,,,,,,,,,,",
        )
        assert sorted(problems(events)) == [
            (2, "ID", "MISSING_KEY", True),
            (3, "ID", "INVALID_ID", True),
            (4, "Type", "MISSING_TYPE", True),
            (5, "Parent", "MISSING_PARENT", True),
            (6, "Type", "UNKNOWN_TYPE", False),
        ]


class TestStock:
    def test_counts_are_read_and_impossible_ones_reported(self):
        events = list(
            read_stock(
                source(
                    "SKU,Location,Quantity", "A,berlin,5", "A,berlin,6", "B,berlin,-1", f"C,berlin,{10**12}",
                    "D,berlin,1.5", ",berlin,1", "E,,1", "F,berlin,0",
                )
            )
        )  # fmt: skip
        assert [e for e in events if isinstance(e, StockRecord)] == [
            StockRecord(2, "A", "berlin", 5),
            StockRecord(9, "F", "berlin", 0),
        ]
        assert [problem[:3] for problem in problems(events)] == [
            (3, "sku", "DUPLICATE_ROW"),
            (4, "quantity", "INVALID_QUANTITY"),
            (5, "quantity", "INVALID_QUANTITY"),
            (6, "quantity", "INVALID_QUANTITY"),
            (7, "sku", "MISSING_SKU"),
            (8, "location", "MISSING_LOCATION"),
        ]


class TestLocations:
    HEADER = "code,name,latitude,longitude,time_zone,opening hours,capabilities,daily_capacity,country"

    @pytest.mark.parametrize(
        ("row", "rule"),
        [
            ("Berlin!,B,52,13,Europe/Berlin,,,,", "INVALID_CODE"),
            ("b,,52,13,Europe/Berlin,,,,", "MISSING_NAME"),
            ("b,B,95,13,Europe/Berlin,,,,", "INVALID_POINT"),
            ("b,B,nan,13,Europe/Berlin,,,,", "INVALID_POINT"),
            ("b,B,52,13,Europe/Atlantis,,,,", "UNKNOWN_TIME_ZONE"),
            ("b,B,52,13,../etc,,,,", "UNKNOWN_TIME_ZONE"),
            ("b,B,52,13,Europe/Berlin,noon,,,", "INVALID_HOURS"),
            ("b,B,52,13,Europe/Berlin,,FLY,,", "UNKNOWN_CAPABILITY"),
            ("b,B,52,13,Europe/Berlin,,,-1,", "INVALID_CAPACITY"),
            ("b,B,52,13,Europe/Berlin,,,,Germany", "INVALID_COUNTRY"),
        ],
    )
    def test_a_row_that_breaks_a_rule_stays_out(self, row: str, rule: str):
        events = list(read_locations(source(self.HEADER, row)))
        assert [problem[2] for problem in problems(events)] == [rule]

    def test_hours_are_read_in_week_order(self):
        assert parse_opening_hours("sun 13:00-18:00; fri-sat 09:00-12:00,13:00-24:00") == (
            OpeningSpan(4, 540, 720),
            OpeningSpan(4, 780, 1440),
            OpeningSpan(5, 540, 720),
            OpeningSpan(5, 780, 1440),
            OpeningSpan(6, 780, 1080),
        )
        assert len(parse_opening_hours("24/7")) == 7

    @pytest.mark.parametrize("text", ["mon 20:00-09:00", "mon 9-17", "mon 09:00-12:00,11:00-13:00", "xyz 09:00-10:00"])
    def test_impossible_hours_are_refused(self, text: str):
        with pytest.raises(RowRejectedError):
            parse_opening_hours(text)


class TestDemoFiles:
    def test_every_row_of_the_demo_files_comes_in_and_twice_is_the_same(self, tmp_path: Path):
        files = write_demo_files(tmp_path / "a")
        again = write_demo_files(tmp_path / "b")
        shopify = list(read_shopify_products(CsvSource.from_path(files.shopify_products), SETTINGS))
        woo = list(read_woocommerce_products(CsvSource.from_path(files.woocommerce_products), SETTINGS))
        stock = list(read_stock(CsvSource.from_path(files.stock)))
        locations = list(read_locations(CsvSource.from_path(files.locations)))
        assert problems([*shopify, *woo, *stock, *locations]) == []
        assert sum(len(product.variants) for product in products(shopify)) == files.variants
        assert sum(isinstance(event, VariationRecord) for event in woo) == files.variants
        assert (len(stock), len(locations)) == (files.stock_rows, 12)
        assert all(isinstance(place, LocationRecord) for place in locations)
        for name in ("shopify_products", "woocommerce_products", "stock", "locations"):
            assert getattr(files, name).read_bytes() == getattr(again, name).read_bytes()

    def test_the_assortment_is_believable(self):
        items = demo_products()
        skus = [variant.sku for item in items for variant in item.variants]
        assert 900 <= len(skus) <= 1_100
        assert len(set(skus)) == len(skus)
        assert len({item.handle for item in items}) == len(items)
