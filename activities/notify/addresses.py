"""Where notices go, and where none goes whatever a name server says: the doors to a machine's own credentials."""

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from activities.notify.channel import ChannelRefused, ChannelUnavailable, Unusable

_CLOSED = tuple(
    ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local; metadata of most clouds
        "fe80::/10",
        "fd00:ec2::254/128",  # metadata: Amazon
        "fd20:ce::254/128",  # Google
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure's wire server
        "192.0.0.192/32",  # Oracle, the old one
        "0.0.0.0/8",  # means this machine, and no receiver gives it
        "::/128",
        "224.0.0.0/4",
        "255.255.255.255/32",
        "ff00::/8",
    )
)
_TRANSLATED = ip_network("64:ff9b::/96")


def check_url(url: str, *, only_https: bool) -> str:
    """Its origin, which can be shown to people. Raises Unusable with what is wrong."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - asked for its error
    except ValueError:
        raise Unusable("its url is none") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Unusable("its url is not an http or https address")
    if only_https and parts.scheme != "https":
        raise Unusable("its url is not https, which the production environment asks for")
    if parts.username is not None or parts.password is not None:
        raise Unusable("its url holds a user or a password, which would not be sent")
    return f"{parts.scheme}://{parts.netloc}"


async def addresses_of(host: str, port: int) -> tuple[str, ...]:
    """Those that `host` has now. Raises ChannelRefused when one of them is closed, ChannelUnavailable without any.

    Whoever connects, connects to these: a name that is looked up twice may have another address the second time.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ChannelUnavailable("its host name is not known") from None
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        require_open(address)
    return addresses


def require_open(address: str) -> None:
    """Raises ChannelRefused for an address that is closed; what is no address is let through."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return
    if is_closed(parsed):
        raise ChannelRefused("its host is at a link-local, metadata or unroutable address; no notice goes there")


def is_closed(address: IPv4Address | IPv6Address) -> bool:
    inner = _inside(address)
    return any(one in network for one in (address, inner) if one is not None for network in _CLOSED)


def _inside(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if isinstance(address, IPv4Address):
        return None
    if address in _TRANSLATED:
        return IPv4Address(address.packed[-4:])
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo
