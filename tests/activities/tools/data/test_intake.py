from pathlib import Path

import openpyxl
import pytest

from activities.tools.data.delimited import BadTable
from activities.tools.data.intake import TableFacts, inspect_table
from activities.tools.data.tables import literal, opened


def inspect(folder: Path, name: str, content: bytes, single_column: bool = False) -> TableFacts:
    path = folder / name
    path.write_bytes(content)
    return inspect_table(path, name, single_column)


def refusal(folder: Path, name: str, content: bytes) -> str:
    with pytest.raises(BadTable) as caught:
        inspect(folder, name, content)
    return str(caught.value)


def test_counts_rows_and_names_kinds(tmp_path: Path) -> None:
    facts = inspect(
        tmp_path, "a.csv", b"n,x,d,t,s\n1,1.5,2024-01-31,2024-01-31T10:00:00Z,007\nNA,-2e3,,2024-02-01 11:30,8\n"
    )
    assert facts.rows == 2
    assert facts.columns == (("n", "integer"), ("x", "number"), ("d", "date"), ("t", "timestamp"), ("s", "text"))
    assert facts.warnings == ()


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_finds_other_separators(tmp_path: Path, separator: str) -> None:
    facts = inspect(tmp_path, "a.csv", f"a{separator}b\n1{separator}x, y\n".encode())
    assert facts.columns == (("a", "integer"), ("b", "text"))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", "empty.csv is empty"),
        ("blank.csv", b"\n \n\n", "blank.csv is empty"),
        ("header.csv", b"a,b\n", "header.csv has a header but no rows"),
        ("short.csv", b"a,b,c\n1,2,3\n1,2\n", "short.csv, line 3: 2 fields where the header has 3"),
        ("long.csv", b"a,b\n1,2\n\n1,2,3\n", "long.csv, line 4: 3 fields where the header has 2"),
        ("latin.csv", b"a,b\n1,2\n1,caf\xe9\n", "latin.csv is not UTF-8: byte 13 (line 3)"),
        ("cut.csv", b"a,b\n1,caf\xc3", "cut.csv is not UTF-8: byte 9 (line 2)"),
        ("latin.csv", b"a,b\n1,\xe9\n", "iconv -f latin1 -t utf-8 latin.csv"),
        ("wide.csv", "a,b\n1,2\n".encode("utf-16"), "iconv -f utf-16"),
        ("nul.csv", b"a,b\n1,2\n1,\0\n", "nul.csv has a NUL byte at byte 10 (line 3)"),
        ("zip.csv", b"PK\x03\x04rest", "zip.csv is a binary file"),
        ("quote.csv", b'a,b\n1,"open\n2,3\n', "double quote"),
        ("one.csv", b"a\n1\n2\n", "--input single_column=true"),
        ("odd.csv", b"a^b\n1^2\n", "perhaps the separator is '^'"),
        ("a.docx", b"PK", "a.docx ends in '.docx'; supported are .csv, .tsv, .parquet"),
        ("bad.parquet", b"PAR1 and then nothing", "bad.parquet cannot be read as a Parquet file"),
        ("bad.json", b'[{"a": 1}, {"a":', "bad.json cannot be read as JSON records"),
        ("bad.xlsx", b"PK\x03\x04 cut", "bad.xlsx cannot be read as an Excel file"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    assert says in refusal(tmp_path, name, content)


def test_refuses_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(BadTable, match="is a folder"):
        inspect_table(tmp_path / "folder.csv", "folder.csv")
    with pytest.raises(BadTable, match="does not exist"):
        inspect_table(tmp_path / "none.csv", "none.csv")


def test_accepts_a_single_column_when_told_so(tmp_path: Path) -> None:
    facts = inspect(tmp_path, "one.csv", b"a\n1\n\n2\n", single_column=True)
    assert (facts.rows, facts.columns) == (3, (("a", "integer"),))


def test_finds_a_broken_byte_far_into_a_file(tmp_path: Path) -> None:
    lines = b"a,b\n" + b"1,\xc3\xa9\n" * 300_000
    assert f"byte {len(lines) + 2} (line 300002)" in refusal(tmp_path, "far.csv", lines + b"1,\xe9\n")


def test_renames_headers_that_come_twice_or_are_empty(tmp_path: Path) -> None:
    facts = inspect(tmp_path, "a.csv", b"x,X,,x\n1,2,3,4\n")
    assert [name for name, _ in facts.columns] == ["x", "X_2", "column_3", "x_3"]
    assert len(facts.warnings) == 3
    assert "column 3 has no name" in facts.warnings[1]


def test_keeps_quoted_line_ends_and_carriage_returns_apart(tmp_path: Path) -> None:
    facts = inspect(tmp_path, "a.csv", b'\xef\xbb\xbfa,b\r\n1,"x\r\ny"\r\n\r\n2,"q""r"\r\n')
    assert facts.rows == 2
    assert facts.columns == (("a", "integer"), ("b", "text"))


def test_a_column_that_starts_with_gaps_still_finds_its_kind(tmp_path: Path) -> None:
    facts = inspect(tmp_path, "a.csv", b"a,b\n" + b"1,NA\n" * 5000 + b"1,2.5\n")
    assert facts.columns[1] == ("b", "number")


def test_a_late_word_makes_a_column_text(tmp_path: Path) -> None:
    facts = inspect(tmp_path, "a.csv", b"a,b\n" + b"1,2\n" * 5000 + b"1,none\n")
    assert facts.columns[1] == ("b", "text")


@pytest.mark.parametrize("ending", ["json", "ndjson", "parquet", "xlsx"])
def test_reads_other_formats_alike(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    write_records(path)
    facts = inspect_table(path, path.name)
    assert facts.rows == 2
    assert facts.columns == (("n", "integer"), ("x", "number"), ("s", "text"))


def write_records(path: Path) -> None:
    records: list[dict[str, object]] = [{"n": 1, "x": 1.5, "s": "é"}, {"n": 2, "x": None, "s": "b,c"}]
    match path.suffix:
        case ".json":
            path.write_text('[{"n": 1, "x": 1.5, "s": "é"}, {"n": 2, "x": null, "s": "b,c"}]')
        case ".ndjson":
            path.write_text('{"n": 1, "x": 1.5, "s": "é"}\n{"n": 2, "x": null, "s": "b,c"}\n')
        case ".xlsx":
            book = openpyxl.Workbook()
            for row in (["n", "x", "s"], *(list(record.values()) for record in records)):
                book.active.append(row)
            book.save(path)
        case ".parquet":
            with opened([]) as db:
                copy = db.folder / "a.parquet"
                db.run(
                    f"COPY (SELECT * FROM (VALUES (1, 1.5, 'é'), (2, NULL, 'b,c')) t(n, x, s)) TO {literal(str(copy))}"
                )
                path.write_bytes(copy.read_bytes())
