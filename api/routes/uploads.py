"""Files for objectives."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.requests import ClientDisconnect

from api.dependencies import Reader, Runner, TheHouse
from api.errors import Invalid, Unreadable
from api.services.names import FileName
from api.services.uploads import Uploaded, Uploads

router = APIRouter(prefix="/v1/uploads", tags=["uploads"])
Hash = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="its SHA-256", examples=["b1" * 32])]


async def uploads_of(house: TheHouse) -> Uploads:
    return Uploads(house)


TheUploads = Annotated[Uploads, Depends(uploads_of)]


@router.post(
    "",
    status_code=201,
    summary="Upload a file",
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "the file's content, and nothing around it",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def upload(
    name: Annotated[FileName, Query(description="what objectives call it", examples=["sales.csv"])],
    caller: Runner,
    uploads: TheUploads,
    request: Request,
    response: Response,
) -> Uploaded:
    """The body is the file. It is streamed to disk, and known by its SHA-256 from then on: ask for that first with
    HEAD, and you need not send what is there already. An upload that breaks off leaves nothing behind.
    """
    if not {"content-length", "transfer-encoding"} & set(request.headers):
        raise Invalid("send the file as the body", errors=(("body", "Field required"),))
    try:
        uploaded = await uploads.take(name, request.stream(), caller)
    except ClientDisconnect as error:
        raise Unreadable("the upload broke off") from error
    response.headers["Location"] = f"/v1/uploads/{uploaded.sha256}"
    return uploaded


@router.get("/{sha256}", summary="What is known of an upload")
def get(sha256: Hash, caller: Reader, uploads: TheUploads) -> Uploaded:
    """Of your tenant. Its content is read by the objectives that it is given to."""
    return uploads.get(caller.tenant, sha256)


@router.head("/{sha256}", summary="Whether a file was uploaded already", response_class=Response)
def look(sha256: Hash, caller: Reader, uploads: TheUploads) -> Response:
    uploads.get(caller.tenant, sha256)
    return Response(headers={"ETag": f'"{sha256}"'})
