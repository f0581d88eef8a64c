"""API keys of the caller's tenant."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.dependencies import Administrator, TheAuthenticator, TheKeys
from api.services.keys import KeyPage, KeyRequest, NewlyMade

router = APIRouter(prefix="/v1/keys", tags=["keys"])

KeyId = Annotated[str, Path(max_length=40, pattern=r"^[a-z0-9]+$", examples=["k3f9x2m1p0qz"])]


@router.post("", status_code=201)
def create(request: KeyRequest, caller: Administrator, keys: TheKeys, response: Response) -> NewlyMade:
    """Make a key of your tenant. Its secret is in the answer and nowhere else: keep it now."""
    made = keys.create(request, caller.tenant, caller.name)
    response.headers["Location"] = f"/v1/keys/{made.key.id}"
    return made


@router.get("")
def list_keys(
    caller: Administrator,
    keys: TheKeys,
    cursor: Annotated[str, Query(max_length=40, description="`next` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> KeyPage:
    """All keys of your tenant, expired and revoked ones too, without their secrets."""
    return keys.page(caller, cursor=cursor, limit=limit)


@router.delete("/{key_id}", status_code=204)
def revoke(key_id: KeyId, caller: Administrator, keys: TheKeys, authenticator: TheAuthenticator) -> None:
    """Revoke a key. It stops working within five seconds everywhere, also in streams that are open."""
    keys.revoke(key_id, caller.tenant)
    authenticator.forget(key_id)
