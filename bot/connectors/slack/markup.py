"""Slack's own markup in what people write: to plain words, and plain words safe from it."""

from __future__ import annotations

import re
from collections.abc import Mapping

TOKEN = re.compile(r"<([^<>\n]+)>")
PERSON_OR_CHANNEL = re.compile(r"<[@#]([UWC][A-Z0-9]+)")
REPLACED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escaped(text: str) -> str:
    """Text in which Slack finds neither mention nor link: as it is, on the screen."""
    return re.sub(r"[&<>]", lambda match: REPLACED[match[0]], text)


def plain(text: str, names: Mapping[str, str]) -> str:
    """What a person sees: mentions as names where these are known, links as they are shown."""
    shown = TOKEN.sub(lambda match: _shown(match[1], names), text)
    return _unescaped(shown)


def without_mention(text: str, user: str) -> str:
    """Slack text without a mention of `user` at its beginning or end."""
    mention = rf"<@{re.escape(user)}(?:\|[^>]*)?>"
    text = re.sub(rf"^\s*(?:{mention}[\s,:]*)+", "", text)
    return re.sub(rf"(?:\s*{mention})+\s*$", "", text)


def mentions(text: str, user: str) -> bool:
    """Whether a user is mentioned."""
    return re.search(rf"<@{re.escape(user)}[|>]", text) is not None


def named_ids(text: str) -> set[str]:
    """The people and channels whose names a text needs."""
    return set(PERSON_OR_CHANNEL.findall(text))


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _shown(token: str, names: Mapping[str, str]) -> str:
    target, bar, label = token.partition("|")
    if target.startswith(("@", "#")):
        return target[0] + (names.get(target[1:]) or label.lstrip("@#") or target[1:])
    if target.startswith("!subteam^"):
        return f"@{label.lstrip('@') or target.removeprefix('!subteam^')}"
    if target.startswith("!date^"):
        return label
    if target.startswith("!"):
        return f"@{target[1:].partition('^')[0]}"
    address = target.removeprefix("mailto:").removeprefix("tel:")
    if not bar or label in address:
        return address
    return f"{label} ({address})"
