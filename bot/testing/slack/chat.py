"""chat.*: what the bot writes, changes and takes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from bot.testing.slack import blocks as limits_of_blocks
from bot.testing.slack.bodies import RESPONSE_KEYS, message_body, pick, snapshot
from bot.testing.slack.markup import pings
from bot.testing.slack.people import People
from bot.testing.slack.state import Json, Place, Posted
from bot.testing.slack.web_api import ApiError, Call, method

TEXT_CHARACTERS = 40_000
MARKDOWN_CHARACTERS = 12_000
METADATA_CHARACTERS = 16_000


@dataclass(frozen=True, slots=True)
class Written:
    """What a call says, as Slack understood it."""

    text: str
    blocks: list[Json]
    attachments: list[Json]
    metadata: Json | None
    mentions: tuple[str, ...]


def written(call: Call) -> Written:
    """The text, blocks and metadata of a call, within Slack's limits."""
    markdown = call.optional("markdown_text")
    text = call.optional("text") or ""
    blocks = call.structure("blocks", "invalid_blocks_format") or []
    if markdown is not None and (text or blocks):
        raise ApiError("markdown_text_conflict")
    if len(markdown or "") > MARKDOWN_CHARACTERS or len(text) > TEXT_CHARACTERS:
        raise ApiError("msg_too_long")
    if found := limits_of_blocks.problems(blocks):
        raise ApiError("invalid_blocks", *found)
    attachments = call.structure("attachments") or []
    if not (markdown or text.strip() or blocks or attachments):
        raise ApiError("no_text")
    names = bool(call.flag("link_names")) or call.optional("parse") == "full"
    blocks = limits_of_blocks.named(blocks, call.slack.identity)
    mentions = pings(markdown or text, blocks, names=names)
    return Written(markdown or text, blocks, attachments, metadata(call), mentions)


def metadata(call: Call) -> Json | None:
    """The metadata of a call: an event type and a payload."""
    value = call.structure("metadata", "invalid_metadata_format")
    if value is None:
        return None
    if not isinstance(value, dict) or not {"event_type", "event_payload"} <= set(value):
        raise ApiError("invalid_metadata_format")
    if len(str(value)) > METADATA_CHARACTERS:
        raise ApiError("metadata_too_large")
    return cast(Json, value)


def thread_of(call: Call, place: Place) -> str | None:
    """The thread to reply in; it must be named by its parent."""
    ts = call.optional("thread_ts")
    if ts is None:
        return None
    parent = place.messages.get(ts)
    if parent is None:
        raise ApiError("thread_not_found")
    if parent.thread_ts not in (None, ts):
        raise ApiError("cannot_reply_to_message")
    return ts


def writable(call: Call) -> Place:
    """The conversation to write to: by its id, its #name, or a person's id."""
    named = call.text("channel")
    if named.startswith(("U", "W")) and named in call.slack.people:
        return call.slack.places[call.slack.dm(named)]
    for place in call.slack.places.values():
        if place.workspace is call.workspace and named == f"#{place.name}":
            call.arguments["channel"] = place.id
    place = call.place()
    if place.archived:
        raise ApiError("is_archived")
    if not place.member:
        raise ApiError("not_in_channel")
    return place


def own(call: Call, place: Place, said: Written) -> Posted:
    """A message of the bot's, not yet kept."""
    return Posted(
        place,
        call.slack.moment(),
        call.workspace.bot_user_id,
        said.text,
        thread_ts=thread_of(call, place),
        bot_id=call.workspace.bot_id,
        app_id=call.slack.app_id,
        blocks=said.blocks,
        attachments=said.attachments,
        metadata=said.metadata,
        mentions=said.mentions,
        unfurl_links=call.flag("unfurl_links"),
        unfurl_media=call.flag("unfurl_media"),
    )


def response_message(slack: People, message: Posted) -> Json:
    """The message as the answer to a post tells it."""
    return pick(message_body(slack, message, with_metadata=True), RESPONSE_KEYS)


@method("chat.postMessage", "chat:write", per_minute=60)
def post_message(slack: People, call: Call) -> Json:
    """Write a message."""
    place = writable(call)
    message = own(call, place, written(call))
    place.keep(message)
    slack.posts.append(call.arguments)
    slack.emit_message(message)
    return {"channel": place.id, "ts": message.ts, "message": response_message(slack, message)}


@method("chat.postEphemeral", "chat:write", per_minute=100)
def post_ephemeral(slack: People, call: Call) -> Json:
    """Write a message that one person sees, and that no history keeps."""
    place = writable(call)
    user = call.text("user")
    if user not in slack.people:
        raise ApiError("user_not_in_channel")
    message = own(call, place, written(call))
    message.seen_by = user
    slack.hidden[message.ts] = message
    return {"message_ts": message.ts}


@method("chat.update", "chat:write", per_minute=50)
def update(slack: People, call: Call) -> Json:
    """Change one of the bot's messages."""
    message = call.message()
    if message.bot_id != call.workspace.bot_id:
        raise ApiError("cant_update_message")
    if message.streaming:
        raise ApiError("streaming_state_conflict")
    said = written(call)
    previous = snapshot(slack, message)
    message.text, message.blocks, message.attachments = said.text, said.blocks, said.attachments
    message.mentions = said.mentions
    message.metadata = said.metadata or message.metadata
    message.edited = {"user": call.workspace.bot_id, "ts": slack.moment()}
    slack.emit_change(message, previous)
    keys = tuple(key for key in RESPONSE_KEYS if key not in ("ts", "thread_ts", "parent_user_id"))
    told = pick(message_body(slack, message, with_metadata=True), keys)
    return {"channel": message.place.id, "ts": message.ts, "text": message.text, "message": told}


@method("chat.delete", "chat:write", per_minute=50)
def delete(slack: People, call: Call) -> Json:
    """Take one of the bot's messages back."""
    message = call.message()
    if message.bot_id != call.workspace.bot_id:
        raise ApiError("cant_delete_message")
    slack.remove(message)
    return {"channel": message.place.id, "ts": message.ts}


@method("chat.getPermalink", per_minute=100)
def permalink(_slack: People, call: Call) -> Json:
    """The address of a message."""
    message = call.message(name="message_ts")
    place = message.place
    address = f"https://{place.workspace.domain}.slack.com/archives/{place.id}/p{message.ts.replace('.', '')}"
    return {"channel": place.id, "permalink": address}
