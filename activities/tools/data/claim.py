"""What a claim is: one figure of a report, what it means, the query that gave it, and how it is shown.

This is the contract between the one who tells a figure and the one who recomputes it; neither imports the other.

How a cell is read, everywhere: surrounding spaces do not count; a cell that is then one of `MISSING` is
missing; a column's kind says what its other cells are cast to, and holds for every one of them. Times with an
offset are turned into UTC.
"""

from enum import StrEnum, auto

from pydantic import BaseModel, ConfigDict, Field

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "NULL", "null", "NaN", "nan")

Cell = str | int | float | None


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Kind(StrEnum):
    INTEGER = auto()
    NUMBER = auto()
    DATE = auto()
    TIMESTAMP = auto()
    TEXT = auto()


class Column(Frozen):
    name: str = Field(description="what queries and texts call it: cleaned, shortened, unique in its file")
    header: str = Field(description="what the file calls it")
    kind: Kind

    @property
    def numeric(self) -> bool:
        return self.kind in (Kind.INTEGER, Kind.NUMBER)

    @property
    def temporal(self) -> bool:
        return self.kind in (Kind.DATE, Kind.TIMESTAMP)


class Source(Frozen):
    """A file that claims were made about."""

    file: str
    sha256: str
    delimiter: str = Field(default="", description="of CSV and TSV files")
    columns: tuple[Column, ...] = Field(description="all of them, in the file's order")

    def column(self, name: str) -> Column:
        """Raises KeyError for an unknown name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


class Op(StrEnum):
    """What is measured. `column` and `by` are those of `Measure`; missing cells never count unless said."""

    ROWS = auto()
    COLUMNS = auto()
    DUPLICATES = auto()  # rows that repeat an earlier row in every column
    MISSING_CELLS_SHARE = auto()  # of all cells
    MISSING = auto()
    MISSING_SHARE = auto()
    BOTH_MISSING = auto()  # rows in which `column` and `by` are both missing
    DISTINCT = auto()
    TOP_VALUE = auto()  # the most frequent value; ties go to the first by name
    COUNT_OF = auto()  # rows whose `column` is `value`
    SHARE_OF = auto()  # the same, of the rows where `column` is not missing
    NUMERIC_SHARE = auto()  # cells of a text column that read as numbers
    MEAN = auto()
    MEDIAN = auto()
    QUANTILE = auto()  # at `level`, by linear interpolation
    MIN = auto()
    MAX = auto()
    STDDEV = auto()  # of a sample
    LOWER_FENCE = auto()  # Tukey: first quartile less one and a half times the interquartile range
    UPPER_FENCE = auto()
    OUTLIERS = auto()  # rows outside the fences
    OUTLIER_SHARE = auto()
    GROUP_MEAN = auto()  # of `column` where `by` is `value`
    GROUP_HIGHEST = auto()  # the value of `by` with the highest mean, of groups with `least` rows or more
    GROUP_LOWEST = auto()
    CORRELATION = auto()  # Pearson
    RANK_CORRELATION = auto()  # Spearman, ties by their average rank
    CORRELATION_RATIO = (
        auto()
    )  # eta squared: the share of the variance of `column` that lies between the values of `by`
    CRAMERS_V = auto()
    PERIODS = auto()  # periods of `grain` of the time column `by` inside `span`; so for the following
    PERIOD_ROWS = auto()  # rows in the period `value`
    PERIOD_MEAN = auto()  # mean of `column` in the period `value`
    PERIOD_HIGHEST = auto()  # the period with the highest mean of `column`, or with most rows if there is none
    PERIOD_LOWEST = auto()
    PERIOD_CORRELATION = auto()  # Pearson, between a period's place in time and its mean of `column`, or its rows
    MISSING_BY_COLUMN = auto()  # series: column, share
    VALUE_COUNTS = auto()  # series: value, rows; the `limit` most frequent
    HISTOGRAM = auto()  # series: from, to, rows; the last bin includes its end
    GROUP_MEANS = auto()  # series: group, rows, mean; the `limit` largest groups with `least` rows or more
    PERIOD_SERIES = auto()  # series: period, rows, mean
    CORRELATIONS = auto()  # series: column, column, Pearson; of `columns`
    GRID = auto()  # series: from, to of `column`; from, to of `by`; rows; without empty cells


class Grain(StrEnum):
    """A length of time, with its labels: 2013-01-31 09:00, 2013-01-31, 2013-01-28 (Monday), 2013-01, 2013-Q1, 2013."""

    HOUR = auto()
    DAY = auto()
    WEEK = auto()
    MONTH = auto()
    QUARTER = auto()
    YEAR = auto()


class Measure(Frozen):
    op: Op
    column: str = ""
    by: str = ""
    columns: tuple[str, ...] = ()
    value: str = ""
    level: float = 0.5
    least: int = 1
    limit: int = 200
    grain: Grain | None = None
    span: tuple[str, str] = Field(default=("", ""), description="labels of the first and last period that count")
    edges: tuple[float, ...] = ()
    by_edges: tuple[float, ...] = ()

    def names(self) -> set[str]:
        return {name for name in (self.column, self.by, *self.columns) if name}


class Unit(StrEnum):
    COUNT = auto()
    NUMBER = auto()
    SHARE = auto()  # 0..1, shown in per cent
    CODE = auto()  # a number that is a name, such as a year; shown without separators
    LABEL = auto()  # a value out of the data; shown as code
    SERIES = auto()  # what a chart draws


class Claim(Frozen):
    id: str
    file: str
    measure: Measure
    query: str = Field(description="the SQL that gave the value, over a table named `source`")
    value: Cell | tuple[tuple[Cell, ...], ...]
    display: str = Field(description="exactly as the report shows it; empty for a series")
    unit: Unit


class Claims(BaseModel):
    """The claims of a report, or of one part of it; other fields of a part are not looked at."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sources: tuple[Source, ...]
    claims: tuple[Claim, ...]
