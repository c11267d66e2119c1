"""Slack's text: what people's typing becomes, whom a text pings, which links are previewed."""

from __future__ import annotations

import html
import re
from typing import Any

_MARKED = re.compile(r"<(?:[@#!][^<>\s]+|(?:https?://|mailto:)[^<>\s]+)>")
_BARE_LINK = re.compile(r"https?://[^\s<>|]+")
_TOKEN = re.compile(r"<[^<>\n]+>")
_PING = re.compile(r"<(?:@[UW][A-Z0-9]+|!(?:channel|here|everyone)|!subteam\^S[A-Z0-9]+)(?:\|[^<>]*)?>")
_PLAIN_PING = re.compile(r"(?<![\w<@])@(channel|here|everyone|[a-z0-9][\w.-]*)")
_LINK = re.compile(r"https?://[^\s<>|\"')]+")


def typed(text: str) -> str:
    """What Slack stores when a person types the text: escaped, links marked, mentions kept."""
    stored: list[str] = []
    end = 0
    for match in _MARKED.finditer(text):
        stored += [_escaped(text[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*stored, _escaped(text[end:])])


def rich_text(text: str, block_id: str) -> list[dict[str, Any]]:
    """The rich_text block that Slack adds to what a person wrote; the text is as stored."""
    elements: list[dict[str, Any]] = []
    end = 0
    for match in _TOKEN.finditer(text):
        elements += [*_plain(text[end : match.start()]), _element(match[0][1:-1])]
        end = match.end()
    elements += _plain(text[end:])
    section = {"type": "rich_text_section", "elements": elements}
    return [{"type": "rich_text", "block_id": block_id, "elements": [section]}]


def pings(text: str, blocks: list[dict[str, Any]], *, names: bool = False) -> tuple[str, ...]:
    """Every mention that would notify somebody; plain @names only when Slack is asked to link them."""
    found: list[str] = []
    for part in [text, *_marked_texts(blocks)]:
        found += [match[0] for match in _PING.finditer(part)]
        found += [match[0] for match in _PLAIN_PING.finditer(part)] if names else []
    found += [f"<{element['type']}>" for element in _walk(blocks) if element.get("type") in RICH_PINGS]
    return tuple(found)


def links(text: str, blocks: list[dict[str, Any]]) -> tuple[str, ...]:
    """The addresses that a preview would fetch, each once, in order."""
    found = [match[0] for part in [text, *_marked_texts(blocks)] for match in _LINK.finditer(part)]
    found += [str(element["url"]) for element in _walk(blocks) if element.get("type") == "link"]
    return tuple(dict.fromkeys(html.unescape(link) for link in found))


RICH_PINGS = frozenset({"user", "usergroup", "broadcast"})


def _escaped(text: str) -> str:
    return _BARE_LINK.sub(lambda match: f"<{match[0]}>", html.escape(text, quote=False))


def _plain(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": html.unescape(text)}] if text else []


def _element(token: str) -> dict[str, Any]:
    target, _, label = token.partition("|")
    if target.startswith("@"):
        return {"type": "user", "user_id": target[1:]}
    if target.startswith("#"):
        return {"type": "channel", "channel_id": target[1:]}
    if target.startswith("!subteam^"):
        return {"type": "usergroup", "usergroup_id": target.removeprefix("!subteam^")}
    if target.startswith("!"):
        return {"type": "broadcast", "range": target[1:]}
    return {"type": "link", "url": html.unescape(target), **({"text": label} if label else {})}


def _marked_texts(blocks: list[dict[str, Any]]) -> list[str]:
    return [str(each["text"]) for each in _walk(blocks) if each.get("type") in ("mrkdwn", "markdown")]


def _walk(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [each for item in value for each in _walk(item)]
    if isinstance(value, dict):
        return [value, *(each for inner in value.values() for each in _walk(inner))]
    return []
