"""Read what is asked of a replica over HTTP; `bot.worker.wire.bodies` says how it is written."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from bot.errors import BadInput
from bot.message import Priority
from bot.models import NOBODY, Tenant
from bot.worker.client.asking import Question
from bot.worker.wire import frames


def unpack_ask(packed: bytes) -> tuple[Question[Any], list[str], bytes, Tenant]:
    """What is asked, its texts and recording, and on whose behalf. Raises BadInput for nonsense."""
    try:
        fields = frames.decode_header(packed)
        question = Question(
            role=str(fields["role"]),
            make=whole,
            priority=Priority(fields.get("priority", Priority.PERSON)),
            seconds=float(fields.get("deadline", 30.0)),
            choices=dict(fields.get("choices") or {}),
        )
        texts = [str(text) for text in fields.get("texts", ())]
        recording = base64.b64decode(fields.get("recording", ""), validate=True)
        skill, community = str(fields.get("skill") or ""), str(fields.get("community") or "")
    except (frames.BrokenFrame, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"The question is not understood ({type(error).__name__}).") from None
    return question, texts, recording, Tenant(skill, community) if skill or community else NOBODY


def whole(answer: Any, texts: Sequence[str]) -> Any:
    """An answer as it came."""
    return answer
