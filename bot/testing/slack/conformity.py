"""Hold the fake's bodies against Slack's recorded samples, where these are present."""

from __future__ import annotations

import functools
import json
import re
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "platforms" / "slack-samples.tar.gz"

# The client's own words come back in these; the samples cannot know them.
ECHOED = frozenset({"blocks", "attachments", "event_payload", "state", "chunks"})

# What Slack's reference tells of and its recordings happen to lack.
BEYOND: dict[str, Any] = {
    "api/conversations.info": {"channel": {"user": ""}},
    "api/conversations.replies": {"messages": [{"subtype": ""}]},
}

INTERACTIONS = {
    "block_actions": "app-backend/interactive-components/BlockActionPayload",
    "message_action": "app-backend/interactive-components/MessageShortcutPayload",
    "view_submission": "app-backend/views/ViewSubmissionPayload",
    "view_closed": "app-backend/views/ViewClosedPayload",
    "slash_commands": "app-backend/slash-commands/SlashCommandPayload",
}
_NAMED_BY_ID = re.compile(r"[A-Z][A-Z0-9]{7,}_?")


@dataclass(slots=True)
class Shape:
    """The JSON types and keys that a sample allows at one place. Without keys an object is open."""

    kinds: set[str] = field(default_factory=set)
    keys: dict[str, Shape] = field(default_factory=dict)
    items: Shape | None = None

    def learn(self, value: Any) -> Shape:
        """Widen the shape by one sample."""
        self.kinds.add(_kind(value))
        if isinstance(value, list):
            self.items = self.items or Shape()
            for item in value:
                self.items.learn(item)
        elif isinstance(value, dict):
            for key, inner in value.items():
                name = "*" if _NAMED_BY_ID.fullmatch(key) else key
                self.keys.setdefault(name, Shape()).learn(inner)
        return self

    def differences(self, value: Any, path: str) -> list[str]:
        """Where a value is not of this shape; null is of every shape."""
        kind = _kind(value)
        if kind == "null":
            return []
        if kind not in self.kinds:
            return [f"{path} is a {kind}, the sample has {'/'.join(sorted(self.kinds))}"]
        if isinstance(value, list):
            return self._items_differ(value, path)
        return self._keys_differ(value, path) if isinstance(value, dict) else []

    def _items_differ(self, value: list[Any], path: str) -> list[str]:
        if self.items is None or not self.items.kinds:
            return []
        return [each for item in value for each in self.items.differences(item, f"{path}[]")]

    def _keys_differ(self, value: dict[str, Any], path: str) -> list[str]:
        if not self.keys:
            return []
        found: list[str] = []
        for key, inner in value.items():
            shape = self.keys.get(key) or self.keys.get("*")
            if key in ECHOED:
                continue
            if shape is None:
                found.append(f"{path}.{key} is not in the sample")
            else:
                found += shape.differences(inner, f"{path}.{key}")
        return found


@dataclass(slots=True)
class Conformity:
    """What was sent that the samples do not know. `unsampled`: kinds of which no sample exists."""

    violations: list[str] = field(default_factory=list)
    unsampled: set[str] = field(default_factory=set)
    held: int = 0

    def response(self, method: str, body: dict[str, Any]) -> None:
        """An answer of the Web API."""
        self._hold(f"api/{method}", body)

    def event(self, payload: dict[str, Any]) -> None:
        """An event callback."""
        self._hold(f"events/{_payload_name(payload['event'])}", payload)

    def interaction(self, kind: str, payload: dict[str, Any]) -> None:
        """A slash command, an action, a shortcut or a view."""
        self._hold(INTERACTIONS.get(kind, kind), payload)

    def _hold(self, name: str, body: dict[str, Any]) -> None:
        shape = _shape(name)
        if shape is None:
            self.unsampled.add(name)
            return
        self.held += 1
        self.violations += [f"{name}: {each}" for each in shape.differences(body, "body")]


def samples_present() -> bool:
    """Whether the recorded samples lie beside the checkout."""
    return SAMPLES.is_file()


def _payload_name(event: dict[str, Any]) -> str:
    kind, subtype = event["type"], event.get("subtype", "")
    name = subtype if subtype.startswith("message_") else f"{kind}_{subtype}"
    return "".join(word.capitalize() for word in name.split("_")) + "Payload"


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


@functools.cache
def _archive() -> dict[str, bytes]:
    if not samples_present():
        return {}
    with tarfile.open(SAMPLES) as archive:
        return {
            member.name.removeprefix("samples/").removesuffix(".json"): file.read()
            for member in archive
            if member.name.startswith(("samples/api/", "samples/events/", "samples/app-backend/"))
            and (file := archive.extractfile(member)) is not None
        }


@functools.cache
def _shape(name: str) -> Shape | None:
    sample = _archive().get(name)
    return None if sample is None else Shape().learn(json.loads(sample)).learn(BEYOND.get(name, {}))
