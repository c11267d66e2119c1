"""Whom a message would notify, and which links would be fetched for a preview."""

from __future__ import annotations

import re

from bot.testing.discord.state import Json

_CODE = re.compile(r"```.*?```|``.*?``|`[^`\n]*`", re.DOTALL)
_EVERYONE = re.compile(r"@(everyone|here)\b")
_USER = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_LINK = re.compile(r"(?<!<)\bhttps?://[^\s<>)\]]+")
EVERYTHING: Json = {"parse": ["everyone", "users", "roles"], "replied_user": True}


def pinged(text: str, allowed: Json | None, replied: int | None = None) -> list[str]:
    """Whom a text notifies under its `allowed_mentions`: `everyone`, `here`, `user:1`, `role:2`.

    Without `allowed_mentions` everything in the text does, and so does the author replied to.
    """
    spoken = _CODE.sub("", text)
    rules = EVERYTHING if allowed is None else allowed
    parse = rules.get("parse") or []
    found = [each for each in _EVERYONE.findall(spoken) if "everyone" in parse]
    for kind, pattern in (("user", _USER), ("role", _ROLE)):
        named = {str(each) for each in rules.get(f"{kind}s") or []}
        found += [f"{kind}:{n}" for n in pattern.findall(spoken) if f"{kind}s" in parse or n in named]
    if replied is not None and rules.get("replied_user"):
        found.append(f"user:{replied}")
    return list(dict.fromkeys(found))


def users_in(text: str) -> list[int]:
    """The users a text names, in order, each once."""
    return list(dict.fromkeys(int(each) for each in _USER.findall(_CODE.sub("", text))))


def links(text: str) -> list[str]:
    """The links that would be fetched for a preview: not those in code or between `<` and `>`."""
    return _LINK.findall(_CODE.sub("", text))
