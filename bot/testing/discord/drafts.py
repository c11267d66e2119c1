"""What the bot asks to be shown: checked as Discord checks it, and made into a post."""

from __future__ import annotations

import mimetypes

from bot.testing.discord import mentions
from bot.testing.discord.api import Call, Denied, invalid
from bot.testing.discord.components import Answered, check_components
from bot.testing.discord.state import File, Flag, Json, Post, PostKind, State, User

TEXT_CHARACTERS = 2000
NONCE_CHARACTERS = 25
FILES = 10
FILE_BYTES = 10 * 1024 * 1024
ASKED_FLAGS = Flag.SUPPRESS_EMBEDS | Flag.EPHEMERAL | Flag.COMPONENTS_V2 | Flag.VOICE | 1 << 12


def check_text(body: Json) -> None:
    """Refuse what is too long."""
    if len(body.get("content") or "") > TEXT_CHARACTERS:
        raise invalid("content", "BASE_TYPE_MAX_LENGTH", f"Must be {TEXT_CHARACTERS} or fewer in length.")
    if len(str(body.get("nonce") or "")) > NONCE_CHARACTERS:
        raise invalid("nonce", "BASE_TYPE_MAX_LENGTH", f"Must be {NONCE_CHARACTERS} or fewer in length.")
    if body.get("content") and (body.get("flags") or 0) & Flag.COMPONENTS_V2:
        raise invalid("content", "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", "The content is V1.")
    check_components(body.get("components") or [])


def draft(call: Call, channel_id: int, body: Json, *, kind: PostKind = PostKind.DEFAULT) -> Post:
    """A post of the bot from a request's body. Raises Denied."""
    check_text(body)
    state = call.world.state
    reference, replied = refer(call, channel_id, body.get("message_reference"))
    post = Post(
        state.snowflake(),
        channel_id,
        state.bot,
        content=(body.get("content") or "").strip(),
        kind=PostKind.REPLY if reference and kind is PostKind.DEFAULT else kind,
        reference=reference,
        files=attached(call, body),
        embeds=[{"type": "rich"} | each for each in body.get("embeds") or []],
        flags=int(body.get("flags") or 0) & int(ASKED_FLAGS),
        nonce=body.get("nonce"),
    )
    post.components = Answered(body.get("components") or [], post.files, channel_id).components
    if not (post.content or post.files or post.components or post.embeds or body.get("poll")):
        raise Denied(400, 50006, "Cannot send an empty message")
    ping(state, post, body.get("allowed_mentions"), replied)
    return post


def revise(call: Call, post: Post, body: Json) -> None:
    """Change a post of the bot; what the body does not name stays. Raises Denied."""
    check_text(body)
    if "content" in body:
        post.content = (body["content"] or "").strip()
    if "embeds" in body:
        post.embeds = [{"type": "rich"} | each for each in body["embeds"] or []]
    if "attachments" in body or call.files:
        kept = {int(each["id"]) for each in body.get("attachments") or []}
        before = post.files if "attachments" not in body else [f for f in post.files if f.id in kept]
        post.files = before + attached(call, body)
        call.world.state.files |= {each.id: each for each in post.files}
    if "components" in body:
        post.components = Answered(body["components"] or [], post.files, post.channel_id).components
    if body.get("flags") is not None:
        fixed = post.flags & ~int(Flag.SUPPRESS_EMBEDS)
        post.flags = fixed | body["flags"] & int(Flag.SUPPRESS_EMBEDS | Flag.COMPONENTS_V2)
    ping(call.world.state, post, body.get("allowed_mentions"), None)


def ping(state: State, post: Post, allowed: Json | None, replied: User | None) -> None:
    """Notify those a post names, as far as it is allowed to."""
    found = mentions.pinged(post.text, allowed, None if replied is None else replied.id)
    post.pinged += [each for each in found if each not in post.pinged]
    named = [int(each.removeprefix("user:")) for each in found if each.startswith("user:")]
    post.mentions = [state.users[each] for each in named if each in state.users]


def refer(call: Call, channel_id: int, asked: Json | None) -> tuple[Json | None, User | None]:
    """The reference of a reply and the author replied to. Raises Denied when nothing is there."""
    if not asked:
        return None, None
    target = call.world.state.channels[channel_id].posts.get(int(asked["message_id"]))
    if target is not None:
        return call.world.reference_to(target), target.author
    if asked.get("fail_if_not_exists") is False:
        return None, None
    raise invalid("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")


def attached(call: Call, body: Json) -> list[File]:
    """The files of a request, named and described by the body's `attachments`."""
    if len(call.files) > FILES or any(len(each.content) > FILE_BYTES for each in call.files.values()):
        raise Denied(413, 40005, "Request entity too large")
    described = {str(each.get("id")): each for each in body.get("attachments") or []}
    return [_described(name, file, described) for name, file in call.files.items()]


def _described(name: str, file: File, described: dict[str, Json]) -> File:
    about = described.get(name.removeprefix("files[").removesuffix("]"), {})
    file.name = about.get("filename") or file.name
    keys = ("description", "duration_secs", "waveform", "title")
    file.extra = {key: about[key] for key in keys if about.get(key) is not None}
    if file.media_type == "application/octet-stream":
        file.media_type = mimetypes.guess_type(file.name)[0] or file.media_type
    return file
