"""A report put together from findings: what leads it, in which order the rest follows, and all its claims."""

from base64 import b64encode
from dataclasses import dataclass

from pydantic import ValidationError

from activities.tools.data.claim import Claim, Claims, Source
from activities.tools.data.finding import Aspect, Chart, Finding, Findings
from activities.tools.tool import ToolError, Workspace

_MOST_LEADING = 8
_MOST_OF_AN_ASPECT = 2
_LEADING = 0.5  # importance


@dataclass(frozen=True)
class Drawing:
    """A chart with its artifact's name, and the picture itself as a data URL."""

    chart: Chart
    name: str
    url: str


@dataclass(frozen=True)
class FileSection:
    file: str
    anchor: str
    parts: tuple[Findings, ...]


@dataclass(frozen=True)
class Report:
    title: str
    objective: str
    leading: tuple[tuple[str, Finding], ...]  # file, finding
    files: tuple[FileSection, ...]
    claims: Claims
    drawings: dict[str, Drawing]  # by the chart's id
    several: bool  # files, so that a leading sentence must say which it is about

    def claim(self, identifier: str) -> Claim:
        return next(claim for claim in self.claims.claims if claim.id == identifier)


def put_together(title: str, objective: str, names: tuple[str, ...], workspace: Workspace) -> Report:
    """`names` are artifacts of data.findings. Their charts must have been drawn, under any prefix."""
    parts = [_part(name, workspace) for name in names]
    files = _files(parts)
    return Report(
        title=title,
        objective=objective,
        leading=_leading(files),
        files=files,
        claims=Claims(sources=_sources(parts), claims=_claims(parts)),
        drawings=_drawings(parts, workspace),
        several=len(files) > 1,
    )


def _part(name: str, workspace: Workspace) -> Findings:
    try:
        return Findings.model_validate_json(workspace.read(name))
    except ValidationError as error:
        raise ToolError(f"{name} does not hold findings; make it with data.findings") from error


def _files(parts: list[Findings]) -> tuple[FileSection, ...]:
    """Files in the order of their first part; aspects in the order in which one gets to know a file."""
    order = list(Aspect)
    return tuple(
        FileSection(
            file=file,
            anchor=f"file-{number}",
            parts=tuple(
                sorted((part for part in parts if part.file == file), key=lambda part: order.index(part.aspect))
            ),
        )
        for number, file in enumerate(dict.fromkeys(part.file for part in parts), start=1)
    )


def _leading(files: tuple[FileSection, ...]) -> tuple[tuple[str, Finding], ...]:
    """The most important findings, a few of each aspect, shared out between the files."""
    each = max(_MOST_LEADING // len(files), 2) if files else 0
    return tuple((section.file, finding) for section in files for finding in _leading_of(section)[:each])


def _leading_of(section: FileSection) -> list[Finding]:
    best: list[Finding] = []
    for part in section.parts:
        ranked = sorted(part.findings, key=lambda finding: -finding.importance)
        best += [finding for finding in ranked if finding.importance >= _LEADING][:_MOST_OF_AN_ASPECT]
    return sorted(best, key=lambda finding: -finding.importance)


def _sources(parts: list[Findings]) -> tuple[Source, ...]:
    sources: dict[str, Source] = {}
    for part in parts:
        for source in part.sources:
            if sources.setdefault(source.file, source) != source:
                raise ToolError(f"the parts were made from different versions of {source.file}; run data.findings anew")
    return tuple(sources.values())


def _claims(parts: list[Findings]) -> tuple[Claim, ...]:
    claims = [claim for part in parts for claim in part.claims]
    if len({claim.id for claim in claims}) < len(claims):
        raise ToolError("two parts have claims of the same name; give each aspect of a file once")
    return tuple(claims)


def _drawings(parts: list[Findings], workspace: Workspace) -> dict[str, Drawing]:
    known = {name.rsplit("/", 1)[-1]: name for name in workspace.names() if name.endswith(".svg")}
    drawings = {}
    for part in parts:
        for chart in part.charts:
            name = known.get(f"{chart.id}.svg")
            if name is None:
                raise ToolError(
                    f"the chart {chart.id} is not drawn; run chart.render on the {part.aspect} of {part.file}"
                )
            url = f"data:image/svg+xml;base64,{b64encode(workspace.read(name)).decode()}"
            drawings[chart.id] = Drawing(chart, name, url)
    return drawings
