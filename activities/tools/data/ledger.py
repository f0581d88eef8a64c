"""Where figures come from: asks the table, and keeps what it answered as a claim."""

from activities.tools.data.claim import Cell, Claim, Measure, Op, Source, Unit
from activities.tools.data.display import settled, shown
from activities.tools.data.queries import query_for
from activities.tools.data.series import SERIES
from activities.tools.data.tables import Database

_SHARES = {
    Op.MISSING_SHARE,
    Op.MISSING_CELLS_SHARE,
    Op.SHARE_OF,
    Op.NUMERIC_SHARE,
    Op.OUTLIER_SHARE,
    Op.CORRELATION_RATIO,
}
_COUNTS = {
    Op.ROWS, Op.COLUMNS, Op.DUPLICATES, Op.MISSING, Op.BOTH_MISSING, Op.DISTINCT, Op.COUNT_OF, Op.OUTLIERS,
    Op.PERIODS, Op.PERIOD_ROWS,
}  # fmt: skip
_LABELS = {Op.TOP_VALUE, Op.GROUP_HIGHEST, Op.GROUP_LOWEST, Op.PERIOD_HIGHEST, Op.PERIOD_LOWEST}


class Ledger:
    """The claims of one aspect of one file, numbered in the order of telling."""

    def __init__(self, db: Database, source: Source, prefix: str) -> None:
        self._db = db
        self._source = source
        self._prefix = prefix
        self._claims: dict[Measure, Claim] = {}

    @property
    def claims(self) -> tuple[Claim, ...]:
        return tuple(self._claims.values())

    def tell(self, measure: Measure, unit: Unit | None = None) -> Claim:
        """The same measure told twice is one claim."""
        if measure not in self._claims:
            self._claims[measure] = self._ask(measure, unit or self._unit(measure))
        return self._claims[measure]

    def look(self, measure: Measure) -> float:
        """A figure without a claim, to decide whether it is worth telling."""
        value = settled(self._db.one(query_for(measure, self._source))[0])
        return float(value) if isinstance(value, int | float) else 0.0

    def figure(self, op: Op, column: str = "", by: str = "", value: str = "") -> Claim:
        return self.tell(Measure(op=op, column=column, by=by, value=value))

    def _ask(self, measure: Measure, unit: Unit) -> Claim:
        query = query_for(measure, self._source)
        rows = tuple(tuple(settled(cell) for cell in row) for row in self._db.rows(query))
        value: Cell | tuple[tuple[Cell, ...], ...] = rows if unit is Unit.SERIES else rows[0][0]
        return Claim(
            id=f"{self._prefix}-{len(self._claims) + 1}",
            file=self._source.file,
            measure=measure,
            query=query,
            value=value,
            display="" if isinstance(value, tuple) else shown(value, unit),
            unit=unit,
        )

    def _unit(self, measure: Measure) -> Unit:
        op = measure.op
        if op in SERIES:
            return Unit.SERIES
        if op in _LABELS or (op in (Op.MIN, Op.MAX) and not self._source.column(measure.column).numeric):
            return Unit.LABEL
        if op in _SHARES:
            return Unit.SHARE
        return Unit.COUNT if op in _COUNTS else Unit.NUMBER
