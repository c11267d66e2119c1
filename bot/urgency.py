"""Models asked with another urgency than that of a person who waits."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any, cast

from bot.message import Priority
from bot.models import Models


class _Urged:
    """Passes everything on; where a call takes a priority, `priority` is its default."""

    def __init__(self, models: Models, priority: Priority) -> None:
        self._models = models
        self._priority = priority

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._models, name)
        if not callable(asked) or "priority" not in inspect.signature(asked).parameters:
            return asked
        return partial(asked, priority=self._priority)


def urged(models: Models, priority: Priority) -> Models:
    """The same models, asked with `priority` unless a call says otherwise."""
    return cast(Models, _Urged(models, priority))
