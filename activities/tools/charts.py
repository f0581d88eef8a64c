"""chart.render: the charts of findings, or a Vega-Lite specification of one's own, as SVG and PNG."""

import json
import re
from typing import Any

from pydantic import Field, ValidationError, model_validator

from activities.tools.data.finding import Findings
from activities.tools.data.study import points
from activities.tools.excerpts import excerpt
from activities.tools.tool import Effect, Tool, ToolError, ToolInput, ToolResult, Workspace

_PNG_SCALE = 2.0
_MOST_BYTES = 2_000_000  # of a specification with its data


class ChartInput(ToolInput):
    findings: str = Field(
        default="", description="an artifact of data.findings, all of whose charts are drawn. Either this or `spec`"
    )
    prefix: str = Field(
        default="charts", description="with `findings`: the folder for the drawings, <prefix>/<chart>.svg and .png"
    )
    spec: dict[str, Any] | None = Field(
        default=None,
        description="one Vega-Lite specification (a JSON object with mark and encoding), instead of `findings`; "
        "its data comes from `data` or lies inside as data.values",
    )
    data: str = Field(
        default="",
        description="with `spec`: name of a JSON artifact, a list of records, as data.query writes it; "
        "the fields of the specification are its columns",
    )
    artifact: str = Field(
        default="chart",
        description="with `spec`: where the drawing goes, a relative path without .svg or .png, such as charts/delays",
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> "ChartInput":
        if bool(self.findings) == (self.spec is not None):
            raise ValueError("give either findings, or spec")
        return self


class ChartRender(Tool):
    name = "chart.render"
    description = (
        "Draws charts as SVG and PNG: all charts of an artifact of data.findings, or one Vega-Lite specification over "
        "the rows of a JSON artifact. URLs, links, images and maps are refused: charts draw inline data only."
    )
    input_model = ChartInput

    effect = Effect.WRITE

    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        assert isinstance(arguments, ChartInput)
        if arguments.spec is not None:
            _draw(_own_spec(arguments, workspace), arguments.artifact, workspace)
            return _drawn(f"drew {arguments.artifact}.svg and .png", [arguments.artifact])
        return _draw_all(arguments, workspace)


def _draw_all(arguments: ChartInput, workspace: Workspace) -> ToolResult:
    from activities.tools.data.specs import spec_of  # here, because Altair takes long and no command needs it

    try:
        findings = Findings.model_validate_json(workspace.read(arguments.findings))
    except ValidationError as error:
        raise ToolError(f"{arguments.findings} does not hold findings; make it with data.findings") from error
    claims = {claim.id: claim for claim in findings.claims}
    names = [f"{arguments.prefix}/{chart.id}" for chart in findings.charts]
    for number, chart in enumerate(findings.charts):
        workspace.progress(number / len(findings.charts), chart.title)
        if chart.claim not in claims:
            raise ToolError(f"the chart {chart.id} draws {chart.claim!r}, which is no claim of {arguments.findings}")
        _draw(spec_of(chart, points(claims[chart.claim])), names[number], workspace)
    return _drawn(f"drew {len(findings.charts)} charts of {findings.file}, {findings.aspect}", names)


def _drawn(summary: str, names: list[str]) -> ToolResult:
    lines = [f"{name}.svg and {name}.png" for name in names]
    return ToolResult(summary=summary[:300], content=excerpt(["Artifacts written:", *lines]))


def _own_spec(arguments: ChartInput, workspace: Workspace) -> dict[str, Any]:
    spec = dict(arguments.spec or {})
    if arguments.data:
        spec["data"] = {"values": _records(arguments.data, workspace)}
    if len(json.dumps(spec)) > _MOST_BYTES:
        raise ToolError(
            f"the specification with its data is larger than {_MOST_BYTES:,} bytes; aggregate the data first"
        )
    _require_inline(spec)
    return spec


def _records(name: str, workspace: Workspace) -> list[object]:
    try:
        records = json.loads(workspace.read(name))
    except ValueError as error:
        raise ToolError(f"{name} is not JSON; data.query writes JSON when its artifact ends in .json") from error
    if not isinstance(records, list):
        raise ToolError(f"{name} is not a list of records")
    return records


def _require_inline(node: object) -> None:
    """Refuses every `url`, so that nothing is fetched, and `href`, so that a drawing links nowhere."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("url", "href") or (key == "mark" and _kind_of(value) in ("image", "geoshape")):
                raise ToolError(
                    f"the specification uses {key!r}: charts draw inline data only, without links or images"
                )
            if key != "values":
                _require_inline(value)
    elif isinstance(node, list):
        for value in node:
            _require_inline(value)


def _kind_of(mark: object) -> object:
    return mark.get("type") if isinstance(mark, dict) else mark


def _draw(spec: dict[str, Any], name: str, workspace: Workspace) -> None:
    import vl_convert  # 50 MB of native code: here, so that only what draws carries it

    try:
        svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
        png = vl_convert.svg_to_png(svg, scale=_PNG_SCALE)
    except ValueError as error:
        raise ToolError(f"the chart {name} cannot be drawn: {str(error).splitlines()[0][:300]}") from error
    workspace.write(f"{name}.svg", _without_controls(svg).encode(), "image/svg+xml")
    workspace.write(f"{name}.png", png, "image/png")


def _without_controls(svg: str) -> str:
    """Control characters out of data are no XML."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", svg)
