"""chat.startStream, appendStream and stopStream: a message that grows."""

from __future__ import annotations

from typing import Any

from bot.testing.slack import blocks as limits_of_blocks
from bot.testing.slack.bodies import snapshot
from bot.testing.slack.chat import MARKDOWN_CHARACTERS, Written, metadata, own, writable
from bot.testing.slack.markup import pings
from bot.testing.slack.people import People
from bot.testing.slack.state import Json, Posted
from bot.testing.slack.web_api import ApiError, Call, method

CHUNKS = frozenset({"markdown_text", "task_update", "plan_update", "blocks"})


@method("chat.startStream", "chat:write", per_minute=20)
def start(slack: People, call: Call) -> Json:
    """Begin a message in a thread. In channels it must be said whom it answers."""
    place = writable(call)
    call.text("thread_ts")
    if place.kind != "im":
        for name in ("recipient_team_id", "recipient_user_id"):
            if call.optional(name) is None:
                raise ApiError(f"missing_{name}")
    message = own(call, place, Written("", [], [], None, ()))
    message.streaming = message.streamed = True
    _grow(call, message)
    place.keep(message)
    slack.emit_message(message)
    return {"channel": place.id, "ts": message.ts}


@method("chat.appendStream", "chat:write", per_minute=100)
def append(_slack: People, call: Call) -> Json:
    """Let the message grow."""
    message = _open(call)
    if call.optional("markdown_text") is None and not call.structure("chunks"):
        raise ApiError("no_text")
    _grow(call, message)
    return {"channel": message.place.id, "ts": message.ts}


@method("chat.stopStream", "chat:write", per_minute=20)
def stop(slack: People, call: Call) -> Json:
    """End the message, with what belongs below it."""
    message = _open(call)
    blocks = call.structure("blocks", "invalid_blocks_format") or []
    if found := limits_of_blocks.problems(blocks):
        raise ApiError("invalid_blocks", *found)
    previous = snapshot(slack, message)
    _grow(call, message)
    message.blocks += limits_of_blocks.named(blocks, slack.identity)
    message.mentions = pings(message.text, message.blocks)
    message.metadata = metadata(call) or message.metadata
    message.streaming = False
    slack.emit_change(message, previous)
    return {}


def _open(call: Call) -> Posted:
    message = call.message()
    if message.bot_id != call.workspace.bot_id:
        raise ApiError("message_not_owned_by_app")
    if not message.streaming:
        raise ApiError("message_not_in_streaming_state")
    return message


def _grow(call: Call, message: Posted) -> None:
    chunks: list[Any] = list(call.structure("chunks") or [])
    if markdown := call.optional("markdown_text"):
        chunks.insert(0, {"type": "markdown_text", "text": markdown})
    if not all(isinstance(chunk, dict) and chunk.get("type") in CHUNKS for chunk in chunks):
        raise ApiError("invalid_chunks")
    added = "".join(str(chunk["text"]) for chunk in chunks if chunk["type"] == "markdown_text")
    if len(added) > MARKDOWN_CHARACTERS:
        raise ApiError("msg_too_long")
    message.text += added
    message.chunks += chunks
    message.mentions = pings(message.text, message.blocks)
