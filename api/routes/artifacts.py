"""What was made for an objective."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from starlette.responses import StreamingResponse

from api.dependencies import Reader, TheHouse
from api.routes.objectives import Cursor, Limit, ObjectiveId, is_fresh
from api.services.artifacts import ArtifactContent, ArtifactPage, Artifacts, Span, span
from api.services.names import attachment, media_type_of

router = APIRouter(prefix="/v1/objectives/{objective_id}/artifacts", tags=["artifacts"])
Artifact = Annotated[
    str, Path(max_length=400, description="its SHA-256 or its name", examples=["report.md", "flights/charts/trend.svg"])
]


async def artifacts_of(house: TheHouse) -> Artifacts:
    return Artifacts(house)


TheArtifacts = Annotated[Artifacts, Depends(artifacts_of)]
_BINARY: dict[str, Any] = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


@router.get("", summary="Its artifacts")
def page(
    objective_id: ObjectiveId,
    caller: Reader,
    artifacts: TheArtifacts,
    task: Annotated[str | None, Query(max_length=64, description="of this task; empty: given with it")] = None,
    delivered: Annotated[bool | None, Query(description="only what was delivered, or only what was not")] = None,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> ArtifactPage:
    """Every file that a step made, in the order in which they were made, and the files that were given."""
    return artifacts.page(caller.tenant, objective_id, task=task, delivered=delivered, cursor=cursor, limit=limit)


@router.get(
    "/{artifact:path}",
    summary="Download an artifact",
    response_class=Response,
    responses={
        200: {"description": "The content.", **_BINARY},
        206: {"description": "The bytes that Range asks for.", **_BINARY},
        304: {"description": "It is the one of If-None-Match."},
        416: {"description": "The range lies behind the end."},
    },
)
def download(
    objective_id: ObjectiveId,
    artifact: Artifact,
    caller: Reader,
    artifacts: TheArtifacts,
    range: Annotated[str, Header(max_length=200, examples=["bytes=0-1023"])] = "",
    if_range: Annotated[str, Header(max_length=200)] = "",
    if_none_match: Annotated[str | None, Header(max_length=2000)] = None,
) -> Response:
    """By its hash, or by its name: then the one that was delivered, or else the one that was made last.

    The ETag is its SHA-256. Parts of it can be asked for with Range.
    """
    content = artifacts.find(caller.tenant, objective_id, artifact)
    headers = _headers(content, by_hash=artifact == content.sha256)
    if is_fresh(if_none_match, content.sha256):
        return Response(status_code=304, headers=headers)
    wanted = span(range, content.size) if if_range in ("", headers["ETag"]) else None
    start, end = wanted or Span(0, content.size)
    if wanted:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{content.size}"
    return StreamingResponse(
        artifacts.stream(content, start, end),
        206 if wanted else 200,
        {**headers, "Content-Length": str(end - start)},
    )


@router.head("/{artifact:path}", summary="Whether an artifact is there, and how large it is", response_class=Response)
def look(objective_id: ObjectiveId, artifact: Artifact, caller: Reader, artifacts: TheArtifacts) -> Response:
    content = artifacts.find(caller.tenant, objective_id, artifact)
    headers = _headers(content, by_hash=artifact == content.sha256)
    return Response(headers={**headers, "Content-Length": str(content.size)})


def _headers(content: ArtifactContent, *, by_hash: bool) -> dict[str, str]:
    """For a browser it is a file and nothing else, whatever a model or a person wrote into it."""
    return {
        "ETag": f'"{content.sha256}"',
        "Content-Type": media_type_of(content.media_type),
        "Content-Disposition": attachment(content.name),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, max-age=31536000, immutable" if by_hash else "private, no-cache",
        "Accept-Ranges": "bytes",
    }
