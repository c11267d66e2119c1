"""Who may see how the bot works inside: the operator at the machine itself, and networks that he names."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.requests import Request

from bot.connectors.web.refusal import Refusal
from bot.connectors.web.security import LOOPBACK_NAMES, host_name, is_loopback

# What a proxy adds: whoever comes through one is not at this machine.
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


class Operators:
    """The operator's own machine, and the networks of `web.operators`. Strangers find no such page."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ipaddress.ip_network(each, strict=False) for each in networks]

    def check(self, request: Request) -> None:
        """Raise Refusal unless an operator asks."""
        address = request.client.host if request.client else ""
        if not (_is_here(request, address) or self._is_named(address)):
            raise Refusal(404, "no_page")

    def _is_named(self, address: str) -> bool:
        try:
            known = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(known in network for network in self._networks)


def _is_here(request: Request, address: str) -> bool:
    """Whether a program of this machine asks, by a name of this machine and not through a proxy."""
    through_proxy = any(name in request.headers for name in FORWARDED)
    by_own_name = host_name(request.headers.get("host", "")) in LOOPBACK_NAMES
    return is_loopback(address) and by_own_name and not through_proxy
