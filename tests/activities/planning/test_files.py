"""What a planner is told about files."""

import json
import time
from pathlib import Path

import openpyxl
import pytest

from activities.planning.files import LONGEST, summarise
from tests.fakes.samples import as_csv, sales


def told(folder: Path, name: str, content: bytes, media_type: str = "text/plain") -> str:
    path = folder / name
    path.write_bytes(content)
    summary = summarise(path, f"in/{name}", media_type)
    assert len(summary) <= LONGEST
    return summary


def test_a_table_is_told_by_its_rows_columns_kinds_and_examples(tmp_path: Path) -> None:
    lines = told(tmp_path, "sales.csv", sales(), "text/csv").splitlines()
    assert lines[0] == "in/sales.csv: a table of 601 rows and 6 columns:"
    assert lines[2].startswith("- day (date): such as 2022-01-01, 2022-01-04")
    assert "- shop (text): east, north, south, west" in lines
    assert lines[4].startswith("- weight (number): such as ")


@pytest.mark.parametrize("ending", ["json", "ndjson", "xlsx", "tsv"])
def test_tables_of_other_formats_are_told_the_same(tmp_path: Path, ending: str) -> None:
    rows = [{"city": "Oslo", "n": 1}, {"city": "Rome", "n": None}]
    path = tmp_path / f"a.{ending}"
    if ending == "xlsx":
        book = openpyxl.Workbook()
        for row in (["city", "n"], ["Oslo", 1], ["Rome", None]):
            book.active.append(row)
        book.save(path)
    else:
        texts = {
            "json": json.dumps(rows),
            "ndjson": "\n".join(map(json.dumps, rows)),
            "tsv": "city\tn\nOslo\t1\nRome\t\n",
        }
        path.write_text(texts[ending])
    expected = "a: a table of 2 rows and 2 columns:\n- city (text): Oslo, Rome\n- n (integer): 1"
    assert summarise(path, "a", "text/csv") == expected


def test_a_table_of_many_columns_says_how_many_are_left_out(tmp_path: Path) -> None:
    header = [f"a column with a long name {n}" for n in range(400)]
    summary = told(tmp_path, "wide.csv", as_csv([header, list(range(400))]))
    assert summary.splitlines()[-1].startswith("and 3")
    assert summary.endswith(" more columns")


def test_a_text_is_told_by_its_lines_and_its_beginning(tmp_path: Path) -> None:
    summary = told(tmp_path, "a.md", b"# Title\n\n" + "Ünïcode. ".encode() * 200, "text/markdown")
    assert summary.startswith("in/a.md: text of 3 lines, 2,209 bytes, text/markdown. It begins:\n# Title\n\nÜnï")
    assert summary.endswith(" …")
    assert len(summary) < 700


def test_anything_else_is_told_by_its_size_and_kind(tmp_path: Path) -> None:
    assert told(tmp_path, "a.png", b"\x89PNG\0\0", "image/png") == "in/a.png: 6 bytes, image/png"
    assert told(tmp_path, "a.bin", b"\xff\xfe\xfd", "application/x") == "in/a.bin: 3 bytes, application/x"
    assert told(tmp_path, "a.csv", b"", "text/csv") == "in/a.csv: empty file (text/csv)"
    assert "cannot be read" in summarise(tmp_path / "gone.csv", "gone.csv", "text/csv")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"a,b\n1\0,2\n"),
        ("a.csv", b"\xff\xfea\0,\0b\0"),
        ("a.csv", b"a,b\n1,2\n3,4,5\n6\n"),
        ("a.csv", b"x" * 2_000_000),
        ("a.csv", ",".join(f"c{n}" for n in range(600)).encode() + b"\n"),
        ("a.json", b"[" * 100_000),
        ("a.json", b'{"a": '),
        ("a.ndjson", b"nothing\n"),
        ("a.xlsx", b"PK\x03\x04nonsense"),
        ("a.parquet", b"PAR1nonsensePAR1"),
        ("a.parquet", b"\0"),
    ],
)
def test_a_table_that_cannot_be_read_is_told_with_the_reason(tmp_path: Path, name: str, content: bytes) -> None:
    summary = told(tmp_path, name, content)
    assert "It cannot be read as a table: " in summary
    assert str(tmp_path) not in summary


def test_hostile_headers_and_values_stay_on_their_line(tmp_path: Path) -> None:
    summary = told(tmp_path, "a.csv", as_csv([["a\n## b\x07", "c" * 300], ["x\n- y\u202e", "v" * 500]]))
    assert len(summary.splitlines()) == 3
    assert "\x07" not in summary
    assert "\u202e" not in summary


def test_a_large_text_or_table_takes_seconds_at_most(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    line = b"2024-01-01,north,12.5,some words that fill the line,42\n"
    path.write_bytes(b"day,shop,price,note,n\n" + line * 2_000_000)
    (tmp_path / "large.log").write_bytes(path.read_bytes())
    begun = time.monotonic()
    assert "a table of 2,000,000 rows (kinds and examples by the first 5,000)" in summarise(path, "l.csv", "text/csv")
    assert "text of about 2,000,000 lines" in summarise(tmp_path / "large.log", "l.log", "text/plain")
    assert time.monotonic() - begun < 20
