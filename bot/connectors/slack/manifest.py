"""The Slack app as a manifest: its scopes and events for the features chosen, ready to paste."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

EVENTS_PATH = "/slack/events"
"""Where events, commands and clicks are posted to when they come over HTTP."""

DESCRIPTION = "Answers questions, privately and from your own documents."
PROMPTS = (("What can you do?", "help"),)


class Feature(StrEnum):
    """What may be left out."""

    OBSERVE = "observe"
    VOICE = "voice"
    DIRECT = "direct"


ALL = frozenset(Feature)


@dataclass(frozen=True, slots=True)
class Scope:
    """A bot scope: what it is for, and the feature that needs it (None: the bot cannot do without)."""

    name: str
    purpose: str
    feature: Feature | None = None


SCOPES = (
    Scope("app_mentions:read", "hear when the bot is mentioned"),
    Scope("channels:read", "know the public channels it is in"),
    Scope("chat:write", "answer"),
    Scope("commands", "the slash command, and the shortcuts of a message"),
    Scope("files:write", "send an answer that is too long for a message as a file"),
    Scope("groups:read", "know the private channels it is in"),
    Scope("reactions:read", "take a thumb under an answer as feedback"),
    Scope("users:read", "write people's names instead of their ids"),
    Scope("channels:history", "read public channels: follow-ups in threads, observing", Feature.OBSERVE),
    Scope("groups:history", "the same in private channels", Feature.OBSERVE),
    Scope("files:read", "read voice messages and files sent with a message", Feature.VOICE),
    Scope("assistant:write", "suggest questions, and show that an answer is on its way", Feature.DIRECT),
    Scope("im:history", "read direct messages", Feature.DIRECT),
    Scope("im:read", "know its direct conversations", Feature.DIRECT),
    Scope("im:write", "begin a direct conversation", Feature.DIRECT),
    Scope("mpim:history", "read direct messages in a group", Feature.DIRECT),
    Scope("mpim:read", "know its direct conversations in a group", Feature.DIRECT),
)

_EVENTS: tuple[tuple[str, Feature | None], ...] = (
    ("app_home_opened", None),
    ("app_mention", None),
    ("app_uninstalled", None),
    ("reaction_added", None),
    ("reaction_removed", None),
    ("tokens_revoked", None),
    ("message.channels", Feature.OBSERVE),
    ("message.groups", Feature.OBSERVE),
    ("message.im", Feature.DIRECT),
    ("message.mpim", Feature.DIRECT),
)


def manifest(
    features: frozenset[Feature] = ALL,
    *,
    url: str = "",
    command: str = "/parley",
    shortcuts: Sequence[tuple[str, str]] = (),
    name: str = "parley",
) -> dict[str, Any]:
    """The manifest of an app with these features.

    Events come over Socket Mode; with `url`, the https address of this bot, over HTTP instead.
    `shortcuts` are (callback id, label) of what stands in the menu of a message.
    """
    where = {"request_url": f"{url.rstrip('/')}{EVENTS_PATH}"} if url else {}
    return {
        "display_information": {"name": name, "description": DESCRIPTION},
        "features": _features(features, where, name, command, shortcuts),
        "oauth_config": {"scopes": {"bot": sorted(scopes(features))}},
        "settings": {
            "event_subscriptions": {
                **where,
                "bot_events": [each for each, of in _EVENTS if _in(of, features)],
            },
            "interactivity": {"is_enabled": True, **where},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not url,
            "token_rotation_enabled": False,
        },
    }


def scopes(features: frozenset[Feature] = ALL) -> list[str]:
    """The bot scopes these features need."""
    return [each.name for each in SCOPES if _in(each.feature, features)]


def _in(feature: Feature | None, features: frozenset[Feature]) -> bool:
    return feature is None or feature in features


def _features(
    features: frozenset[Feature],
    where: dict[str, str],
    name: str,
    command: str,
    shortcuts: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    at = {"url": where["request_url"]} if where else {}
    direct = Feature.DIRECT in features
    offered: dict[str, Any] = {
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": direct,
            "messages_tab_read_only_enabled": not direct,
        },
        "bot_user": {"display_name": name, "always_online": True},
        "slash_commands": [
            {
                "command": command,
                **at,
                "description": "Ask, or call a skill by its name",
                "usage_hint": "help",
                "should_escape": True,
            }
        ],
    }
    if direct:
        prompts = [{"title": title, "message": message} for title, message in PROMPTS]
        offered["agent_view"] = {"agent_description": DESCRIPTION, "suggested_prompts": prompts}
    if shortcuts:
        offered["shortcuts"] = [
            {"name": label[:24], "type": "message", "callback_id": key, "description": label[:150]}
            for key, label in shortcuts
        ]
    return offered
