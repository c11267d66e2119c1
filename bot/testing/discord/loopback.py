"""TLS on loopback under Discord's own host names, and a client's connector that goes nowhere else."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

LOOPBACK = "127.0.0.1"
DOMAINS = ("discord.com", "discord.gg", "discordapp.com", "discordapp.net")


def certify(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for Discord's host names, and the file with the authority that vouches for it."""
    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    names = (name for domain in DOMAINS for name in (domain, f"*.{domain}"))
    authority.issue_cert(*names).configure_cert(context)
    ca_file = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    return context, ca_file


def loopback_connector(port: int, ca_file: Path) -> aiohttp.TCPConnector:
    """A connector for one client: every Discord host is the fake on that port, any other is refused."""
    context = ssl.create_default_context(cafile=str(ca_file))
    return aiohttp.TCPConnector(resolver=LoopbackResolver(port), ssl=context, limit=0, use_dns_cache=False)


class LoopbackResolver(AbstractResolver):
    """Knows Discord's host names alone, and knows them at one local port."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The fake's address. Raises OSError for a host that is not Discord's."""
        if not any(host == domain or host.endswith(f".{domain}") for domain in DOMAINS):
            raise OSError(f"{host} is not one of Discord's hosts: a test reaches nothing else")
        return [
            ResolveResult(
                hostname=host,
                host=LOOPBACK,
                port=self._port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Nothing is held."""
