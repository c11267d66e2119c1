"""The endpoints that answer interactions: the callback, the original answer and what follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.testing.discord.api import NO_CONTENT, Call, Denied
from bot.testing.discord.components import check_custom_ids, walk
from bot.testing.discord.drafts import draft, revise
from bot.testing.discord.interactions import Asked, Interaction, is_loading
from bot.testing.discord.shapes import post_json
from bot.testing.discord.state import APPLICATION_ID, Flag, Json, Post, PostKind

if TYPE_CHECKING:
    from bot.testing.discord.api import Endpoint

MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9
ALLOWED = {
    Asked.COMMAND: (MESSAGE, DEFERRED, MODAL),
    Asked.COMPONENT: (MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, MODAL),
    Asked.AUTOCOMPLETE: (CHOICES,),
    Asked.MODAL: (MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE),
}
CHOICES_MOST = 25


async def create_interaction_response(call: Call) -> tuple[int, Any]:
    """The first answer, possible once and within seconds."""
    number = call.number("interaction_id")
    interaction = call.interactions.waiting(number, call.path["interaction_token"])
    kind, told = call.body["type"], call.body.get("data") or {}
    if kind not in ALLOWED[interaction.kind]:
        raise Denied(400, 50035, "Invalid Form Body")
    _RESPONSES[kind](call, interaction, told)
    interaction.acknowledge(kind)
    if kind not in (DEFERRED, DEFERRED_UPDATE):
        interaction.answer()
    if call.query.get("with_response", "").lower() not in ("1", "true"):
        return NO_CONTENT
    return 200, _response(call, interaction, kind)


def _response(call: Call, interaction: Interaction, kind: int) -> Json:
    told: Json = {"id": str(interaction.id), "type": int(interaction.kind)}
    if interaction.original is None or kind in (CHOICES, MODAL):
        return {"interaction": told}
    post = interaction.original
    told |= {"response_message_id": str(post.id), "response_message_loading": is_loading(post)}
    told["response_message_ephemeral"] = post.is_ephemeral
    if kind not in (MESSAGE, UPDATE):
        return {"interaction": told}
    return {"interaction": told, "resource": {"type": kind, "message": post_json(post, call.world.state)}}


def _show(call: Call, interaction: Interaction, told: Json) -> None:
    interaction.original = _publish(call, interaction, _draft(call, interaction, told))
    interaction.ephemeral = interaction.original.is_ephemeral


def _defer(call: Call, interaction: Interaction, told: Json) -> None:
    world = call.world
    flags = Flag.LOADING | Flag(told.get("flags") or 0) & Flag.EPHEMERAL
    post = Post(world.state.snowflake(), interaction.channel_id, world.state.bot, flags=int(flags))
    post.kind = _kind(interaction)
    interaction.original = _publish(call, interaction, post)
    interaction.ephemeral = post.is_ephemeral


def _adopt(call: Call, interaction: Interaction, told: Json) -> None:
    if interaction.source is None:
        raise Denied(400, 50035, "Invalid Form Body")
    interaction.original = interaction.source


def _change(call: Call, interaction: Interaction, told: Json) -> None:
    _adopt(call, interaction, told)
    if interaction.original is not None:
        revise(call, interaction.original, told)
        call.world.rewrite(interaction.original)


def _choose(call: Call, interaction: Interaction, told: Json) -> None:
    choices = told.get("choices") or []
    if len(choices) > CHOICES_MOST or any(len(each["name"]) not in range(1, 101) for each in choices):
        raise Denied(400, 50035, "Invalid Form Body")
    interaction.choices = choices


def _open(call: Call, interaction: Interaction, told: Json) -> None:
    rows = told.get("components") or []
    if len(rows) not in range(1, 6) or len(told.get("title") or "") not in range(1, 46):
        raise Denied(400, 50035, "Invalid Form Body")
    check_custom_ids(list(walk(rows)))
    interaction.modal = told


_RESPONSES = {
    MESSAGE: _show,
    DEFERRED: _defer,
    DEFERRED_UPDATE: _adopt,
    UPDATE: _change,
    CHOICES: _choose,
    MODAL: _open,
}


def _kind(interaction: Interaction) -> PostKind:
    if interaction.kind is not Asked.COMMAND:
        return PostKind.DEFAULT
    is_menu = interaction.body["data"]["type"] != 1
    return PostKind.CONTEXT_MENU_COMMAND if is_menu else PostKind.CHAT_INPUT_COMMAND


def _draft(call: Call, interaction: Interaction, body: Json) -> Post:
    return draft(call, interaction.channel_id, body, kind=_kind(interaction))


def _publish(call: Call, interaction: Interaction, post: Post) -> Post:
    post.interaction = interaction.metadata
    call.world.created += 1
    return call.world.publish(post)


def _token(call: Call) -> Interaction:
    if call.number("webhook_id") != APPLICATION_ID:
        raise Denied(404, 10015, "Unknown Webhook")
    return call.interactions.acknowledged(call.path["webhook_token"])


def _original(call: Call) -> tuple[Interaction, Post]:
    interaction = _token(call)
    post = interaction.original
    if post is None or post.id not in call.world.state.channels[post.channel_id].posts:
        raise Denied(404, 10008, "Unknown Message")
    return interaction, post


def _named(call: Call) -> tuple[Interaction, Post]:
    interaction = _token(call)
    own = [each for each in (interaction.original, *interaction.extra) if each is not None]
    for post in own:
        if post.id == call.number("message_id"):
            return interaction, post
    raise Denied(404, 10008, "Unknown Message")


def _edit(call: Call, interaction: Interaction, post: Post) -> tuple[int, Any]:
    revise(call, post, call.body or {})
    if is_loading(post):
        post.flags &= ~int(Flag.LOADING)
        call.world.update(post)
    else:
        call.world.rewrite(post)
    interaction.answer()
    return 200, post_json(post, call.world.state)


def _remove(call: Call, interaction: Interaction, post: Post) -> tuple[int, Any]:
    call.world.delete(post)
    if post is interaction.original:
        interaction.original = None
    else:
        interaction.extra.remove(post)
    interaction.answer()
    return NO_CONTENT


async def execute_webhook(call: Call) -> tuple[int, Any]:
    """A message after the first answer; where the bot only thinks so far, it becomes the first."""
    interaction = _token(call)
    if interaction.original is not None and is_loading(interaction.original):
        return _edit(call, interaction, interaction.original)
    post = _draft(call, interaction, call.body or {})
    post.kind = PostKind.DEFAULT
    if interaction.original is not None:
        post.kind, post.reference = PostKind.REPLY, call.world.reference_to(interaction.original)
    interaction.extra.append(_publish(call, interaction, post))
    interaction.answer()
    return 200, post_json(post, call.world.state)


async def get_original(call: Call) -> tuple[int, Any]:
    """The first answer."""
    return 200, post_json(_original(call)[1], call.world.state)


async def update_original(call: Call) -> tuple[int, Any]:
    """Change the first answer, or give it where the bot only thought so far."""
    return _edit(call, *_original(call))


async def delete_original(call: Call) -> tuple[int, Any]:
    """Take the first answer away."""
    return _remove(call, *_original(call))


async def get_followup(call: Call) -> tuple[int, Any]:
    """A message after the first."""
    return 200, post_json(_named(call)[1], call.world.state)


async def update_followup(call: Call) -> tuple[int, Any]:
    """Change a message after the first."""
    return _edit(call, *_named(call))


async def delete_followup(call: Call) -> tuple[int, Any]:
    """Take a message after the first away."""
    return _remove(call, *_named(call))


_WEBHOOK = "/webhooks/{webhook_id}/{webhook_token}"

ROUTES: dict[tuple[str, str], Endpoint] = {
    ("POST", "/interactions/{interaction_id}/{interaction_token}/callback"): create_interaction_response,
    ("POST", _WEBHOOK): execute_webhook,
    ("GET", f"{_WEBHOOK}/messages/@original"): get_original,
    ("PATCH", f"{_WEBHOOK}/messages/@original"): update_original,
    ("DELETE", f"{_WEBHOOK}/messages/@original"): delete_original,
    ("GET", f"{_WEBHOOK}/messages/{{message_id}}"): get_followup,
    ("PATCH", f"{_WEBHOOK}/messages/{{message_id}}"): update_followup,
    ("DELETE", f"{_WEBHOOK}/messages/{{message_id}}"): delete_followup,
}
