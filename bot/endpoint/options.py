"""What an endpoint needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.models import CHAT, TRANSLATION


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """A server's address and model, which roles it serves, and how much of it may be asked for."""

    url: str
    model: str
    key: str = field(default="", repr=False)
    max_tokens: int = 1024
    concurrency: int = 4
    seconds: float = 120.0
    roles: frozenset[str] = frozenset({CHAT, TRANSLATION})

    def address(self, path: str) -> str:
        """The address of one of its resources."""
        return f"{self.url.rstrip('/')}/{path}"
