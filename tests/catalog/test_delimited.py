"""Bytes become rows, or a clear refusal; nothing is lost between the two."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.catalog import CsvSource, FileDelimiterError, FileEncodingError, FileHeaderError, FileTooBrokenError
from hub.catalog.importers.delimited import CsvTable, Row, inspect_source
from hub.catalog.importers.records import RowProblem


def table(content: bytes | str) -> CsvTable:
    raw = content.encode() if isinstance(content, str) else content
    return CsvTable(CsvSource.from_bytes("file.csv", raw), ("a", "b"))


def cells(content: bytes | str) -> list[list[str]]:
    return [item.cells[:-1] for item in table(content) if isinstance(item, Row)]


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_utf_8_and_marked_utf_16_are_read(self, encoding: str):
        assert cells("a,b\r\nä,“ß”\r\n".encode(encoding)) == [["ä", "“ß”"]]

    @pytest.mark.parametrize(
        ("content", "line", "rule"),
        [
            ("a,b\n1,2\nMünchen,3\n".encode("cp1252"), 3, "0xFC is not UTF-8"),
            ("a,b\n1,2\n".encode("utf-16-le"), 1, "NUL"),
            (b"PK\x03\x04rest", 1, "workbook"),
            (b"a,b\n" + b"x" * (1 << 20) + b"\n", 2, "longer than"),
            ("a,b\n1,2\n".encode("utf-16") + b"\x00", 2, "not UTF-16"),
        ],
    )
    def test_anything_else_is_refused_with_file_line_rule_and_remedy(self, content, line, rule):
        with pytest.raises(FileEncodingError) as caught:
            list(table(content))
        assert (caught.value.file, caught.value.line) == ("file.csv", line)
        assert rule in caught.value.rule
        assert "CSV UTF-8" in caught.value.message


class TestHeaders:
    @pytest.mark.parametrize("line", ["a;b;c", "a\tb\tc", "a|b", '"a";"b"'])
    def test_another_delimiter_is_named(self, line: str):
        with pytest.raises(FileDelimiterError, match="not commas"):
            table(f"{line}\n1;2\n")

    @pytest.mark.parametrize(
        ("content", "rule"),
        [("", "empty"), ("x,b\n", "lacks a"), ("a,b,A\n", "twice"), ('"a,b\n1,2\n', "cannot be read")],
    )
    def test_a_header_that_does_not_fit_is_refused(self, content: str, rule: str):
        with pytest.raises(FileHeaderError, match=rule):
            table(content)

    def test_names_match_whatever_their_case_and_more_columns_are_tolerated(self):
        found = table("B , A,Übersetzte Spalte\n1,2,3\n")
        assert (found.index("a"), found.index("b"), found.index("none")) == (1, 0, 3)


class TestMalformedRows:
    def test_a_stray_quote_costs_its_own_row_only(self):
        items = list(table('a,b\n1,2\n"open,3\n4,5\n"6",7\n8,"9"\n'))
        assert [item.line for item in items] == [2, 3, 4, 5, 6]
        assert [type(item) for item in items] == [Row, RowProblem, Row, Row, Row]

    def test_an_open_quote_on_the_last_line_is_reported(self):
        items = list(table('a,b\n1,2\n3,"4'))
        assert isinstance(items[1], RowProblem)
        assert (items[1].line, items[1].rule, items[1].rejects_row) == (3, "MALFORMED_ROW", True)

    def test_a_field_with_line_breaks_is_one_row_and_the_next_line_number_is_right(self):
        items = list(table('a,b\n"one\ntwo\nthree",2\n3,4\n'))
        assert [item.line for item in items] == [2, 5]

    def test_too_many_cells_are_reported_and_missing_ones_are_blank(self):
        items = list(table("a,b\n1,2,3\n4\n"))
        assert isinstance(items[0], RowProblem)
        assert items[0].rule == "CELL_COUNT"
        assert isinstance(items[1], Row)
        assert items[1].cells == ["4", "", ""]

    def test_a_file_that_is_mostly_broken_is_refused_before_it_is_used(self):
        with pytest.raises(FileTooBrokenError):
            inspect_source(CsvSource.from_bytes("file.csv", b"a,b\n" + b'x"y"z,"1"2\n' * 1_001))

    def test_a_quote_that_is_never_closed_does_not_swallow_a_large_file(self):
        body = '1,"2\n' + "3,4\n" * 400_000
        rows = [item for item in table(f"a,b\n{body}") if isinstance(item, Row)]
        assert len(rows) == 400_000


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2)))
def test_what_a_csv_writer_wrote_is_read_back(rows: list[list[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["a", "b"], *rows])
    assert cells(text.getvalue()) == rows


@given(st.lists(st.text('ab"", \n\r', max_size=12), max_size=30))
def test_every_line_of_any_text_is_read_or_reported_in_order(lines: list[str]) -> None:
    items = list(table("\n".join(["a,b", *lines, ""])))
    starts = [item.line for item in items]
    assert starts == sorted(set(starts))
    assert inspect_source(CsvSource.from_bytes("f", "\n".join(["a,b", *lines, ""]).encode())).rows == len(items)
