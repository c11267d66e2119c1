"""What an endpoint needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.models import CHAT, TRANSLATION


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """A server's address and model, which roles it serves, and how much of it may be asked for.

    `models` names another model for a role, `labels` what a role that classifies tells apart.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)
    max_tokens: int = 1024
    concurrency: int = 4
    seconds: float = 120.0
    roles: frozenset[str] = frozenset({CHAT, TRANSLATION})
    models: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    recording_mb: int = 20

    def model_of(self, role: str) -> str:
        """The name of a role's model at the server."""
        return self.models.get(role) or self.model

    def address(self, path: str) -> str:
        """The address of one of its resources."""
        return f"{self.url.rstrip('/')}/{path}"
