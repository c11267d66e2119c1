"""views.* and assistant.threads.*: dialogs, the home tab, statuses and prompts."""

from __future__ import annotations

from typing import cast

from bot.testing.slack import blocks as limits_of_blocks
from bot.testing.slack.interactions import TRIGGER_SECONDS, Interaction
from bot.testing.slack.people import People
from bot.testing.slack.state import Json
from bot.testing.slack.web_api import ApiError, Call, method

TITLE_CHARACTERS = 24
METADATA_CHARACTERS = 3000
PROMPTS = 4


@method("views.open", per_minute=100)
def open_view(slack: People, call: Call) -> Json:
    """Open a dialog, with a trigger that is fresh and not used."""
    interaction = _trigger(slack, call)
    view = _view(slack, call, "modal")
    view |= {"root_view_id": view["id"], "previous_view_id": None}
    return {"view": _shown(slack, view, interaction)}


@method("views.push", per_minute=100)
def push_view(slack: People, call: Call) -> Json:
    """Open a dialog upon another."""
    interaction = _trigger(slack, call)
    below = interaction.view
    if below is None:
        raise ApiError("not_found")
    view = _view(slack, call, "modal")
    view |= {"root_view_id": below["root_view_id"], "previous_view_id": below["id"]}
    return {"view": _shown(slack, view, interaction)}


@method("views.update", per_minute=100)
def update_view(slack: People, call: Call) -> Json:
    """Change a view that is open."""
    known = call.optional("view_id")
    external = call.optional("external_id")
    found = [
        each
        for each in slack.views.values()
        if known == each["id"] or (external and external == each["external_id"])
    ]
    if not found:
        raise ApiError("not_found")
    if call.optional("hash") not in (None, found[0]["hash"]):
        raise ApiError("hash_conflict")
    changed = _view(slack, call, found[0]["type"])
    kept = {key: found[0][key] for key in ("id", "root_view_id", "previous_view_id")}
    view = changed | kept
    slack.views[view["id"]] = view
    for interaction in slack.interactions.values():
        if interaction.view is not None and interaction.view["id"] == view["id"]:
            interaction.view = view
            interaction.noticed()
    return {"view": view}


@method("views.publish", per_minute=100)
def publish_view(slack: People, call: Call) -> Json:
    """Put a view on a person's home tab."""
    user = call.text("user_id")
    if user not in slack.people:
        raise ApiError("user_not_found")
    view = _view(slack, call, "home")
    before = slack.homes.get(user)
    if before is not None:
        if call.optional("hash") not in (None, before["hash"]):
            raise ApiError("hash_conflict")
        view["id"] = before["id"]
    view |= {"root_view_id": view["id"], "previous_view_id": None}
    slack.homes[user] = slack.views[view["id"]] = view
    return {"view": view}


@method("assistant.threads.setStatus", "assistant:write", "chat:write", per_minute=600)
def set_status(slack: People, call: Call) -> Json:
    """Say what the app is doing; an empty status clears it."""
    place, thread = call.place("channel_id"), call.text("thread_ts")
    if thread not in place.messages:
        raise ApiError("thread_not_found")
    loading = call.structure("loading_messages")
    status = {"channel": place.id, "thread_ts": thread, "status": call.text("status", "")}
    slack.statuses.append(status | ({"loading_messages": loading} if loading else {}))
    return {}


@method("assistant.threads.setSuggestedPrompts", "assistant:write", per_minute=100)
def set_prompts(slack: People, call: Call) -> Json:
    """Offer up to four prompts."""
    prompts = call.structure("prompts")
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= PROMPTS:
        raise ApiError("invalid_arguments")
    if not all(isinstance(each, dict) and each.get("title") and each.get("message") for each in prompts):
        raise ApiError("invalid_arguments")
    slack.prompts.append(
        {
            "channel": call.place("channel_id").id,
            "thread_ts": call.optional("thread_ts"),
            "title": call.optional("title"),
            "prompts": prompts,
        }
    )
    return {}


@method("assistant.threads.setTitle", "assistant:write", per_minute=100)
def set_title(slack: People, call: Call) -> Json:
    """Name a thread."""
    place = call.place("channel_id")
    title = {"channel": place.id, "thread_ts": call.text("thread_ts"), "title": call.text("title")}
    slack.titles.append(title)
    return {}


def _trigger(slack: People, call: Call) -> Interaction:
    interaction = slack.interactions.get(call.text("trigger_id"))
    if interaction is None:
        raise ApiError("invalid_trigger_id")
    if interaction.trigger_used:
        raise ApiError("exchanged_trigger_id")
    if slack.clock() - interaction.sent_at > TRIGGER_SECONDS:
        raise ApiError("expired_trigger_id")
    return interaction


def _shown(slack: People, view: Json, interaction: Interaction) -> Json:
    slack.views[view["id"]] = view
    interaction.trigger_used = True
    interaction.view = view
    interaction.noticed()
    return view


def _view(slack: People, call: Call, kind: str) -> Json:
    """A new view, within Slack's limits."""
    view = call.structure("view")
    if not isinstance(view, dict) or view.get("type") != kind:
        raise ApiError("invalid_arguments", f"view must be a {kind}")
    found = limits_of_blocks.problems(view.get("blocks"), most=limits_of_blocks.VIEW_BLOCKS)
    found += _words(cast(Json, view))
    if found:
        raise ApiError("invalid_arguments", *found)
    return {
        "type": kind,
        "id": slack.identity("V"),
        "team_id": call.workspace.team_id,
        "app_id": slack.app_id,
        "app_installed_team_id": call.workspace.team_id,
        "bot_id": call.workspace.bot_id,
        "hash": slack.moment(),
        "blocks": limits_of_blocks.named(view["blocks"], slack.identity),
        "state": {"values": {}},
        "callback_id": view.get("callback_id", ""),
        "external_id": view.get("external_id", ""),
        "private_metadata": view.get("private_metadata", ""),
        "clear_on_close": bool(view.get("clear_on_close", False)),
        "notify_on_close": bool(view.get("notify_on_close", False)),
        **{key: view[key] for key in ("title", "submit", "close") if key in view},
    }


def _words(view: Json) -> list[str]:
    found = []
    for key in ("title", "submit", "close"):
        text = view.get(key)
        if text is None and not (key == "title" and view["type"] == "modal"):
            continue
        written = text.get("text", "") if isinstance(text, dict) else ""
        if not 1 <= len(written) <= TITLE_CHARACTERS:
            found.append(f"{key} must be 1 to {TITLE_CHARACTERS} characters")
    if len(view.get("private_metadata", "")) > METADATA_CHARACTERS:
        found.append(f"private_metadata must be at most {METADATA_CHARACTERS} characters")
    inputs = any(block["type"] == "input" for block in view["blocks"])
    if view["type"] == "modal" and inputs and "submit" not in view:
        found.append("submit is required when there is an input")
    return found
