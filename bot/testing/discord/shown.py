"""What people see of a message of the bot."""

from __future__ import annotations

from dataclasses import dataclass

from bot.testing.discord.state import Json, Post


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as it stands. `text` is its content and the text among its components.

    `mentions_effective` names whom it notified, over all its edits: `everyone`, `here`, `user:1`, `role:2`.
    """

    id: int
    channel: int
    content: str
    text: str
    reference: int | None
    components: tuple[Json, ...]
    files: tuple[tuple[str, bytes], ...]
    embeds: tuple[Json, ...]
    flags: int
    edited: bool
    nonce: str | int | None
    mentions_effective: tuple[str, ...]
    reactions: tuple[str, ...]


def shown(post: Post) -> Shown:
    """A post as people see it now."""
    replied = (post.reference or {}).get("message_id")
    return Shown(
        id=post.id,
        channel=post.channel_id,
        content=post.content,
        text=post.text,
        reference=None if replied is None else int(replied),
        components=tuple(post.components),
        files=tuple((each.name, each.content) for each in post.files),
        embeds=tuple(post.embeds),
        flags=post.flags,
        edited=post.edited_at is not None,
        nonce=post.nonce,
        mentions_effective=tuple(post.pinged),
        reactions=tuple(post.reactions),
    )
