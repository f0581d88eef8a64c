"""A webhook by the Standard Webhooks convention: signed, so that the receiver knows from whom it is and how old."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Iterable

from activities.notify.addresses import check_url
from activities.notify.channel import Unusable
from activities.notify.letter import Letter

PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)


class WebhookChannel:
    """`secrets`: the first is the current one; receivers accept a letter that any of theirs has signed."""

    def __init__(self, url: str, secrets: Iterable[str], *, only_https: bool = False) -> None:
        self._url = url
        self._where = check_url(url, only_https=only_https)
        self._keys = tuple(_key_of(secret) for secret in secrets)
        if not self._keys:
            raise Unusable("it has no secret to sign with: whsec_ and 32 random bytes in base64")

    @property
    def where(self) -> str:
        return self._where

    async def send(self, letter: Letter) -> str:
        from activities.notify import posting

        body = json.dumps(
            {"type": letter.kind, "timestamp": letter.at.isoformat(), "data": letter.data},
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode()
        seconds = int(time.time())  # of this attempt: receivers refuse what is older than minutes
        headers = {
            "webhook-id": letter.id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": " ".join(_sign(key, f"{letter.id}.{seconds}.".encode() + body) for key in self._keys),
        }
        return await posting.deliver(self._url, body, headers)


def _sign(key: bytes, content: bytes) -> str:
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def _key_of(secret: str) -> bytes:
    encoded = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Unusable("its secret is not base64 after whsec_") from None
    if len(key) not in _KEY_BYTES:
        raise Unusable(f"its secret has {len(key)} bytes; 24 to 64 are asked for")
    return key
