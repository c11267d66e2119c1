"""Short ways to make what storage takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from storage import Event

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def event() -> Callable[..., Event]:
    """Makes events: each call a new key and a later moment unless told otherwise."""
    numbers = count(1)

    def make(text: str = "hello", **changes: object) -> Event:
        number = next(numbers)
        fields: dict[str, object] = {
            "key": f"fake:{number}",
            "kind": "created",
            "platform": "fake",
            "conversation": "fake:room",
            "author": "ada",
            "author_name": "Ada",
            "text": text,
            "sent_at": START + timedelta(seconds=number),
            "priority": 1,
            "packed": f"packed {number}",
        }
        return Event(**(fields | changes))

    return make
