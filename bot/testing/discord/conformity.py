"""Hold bodies against Discord's own OpenAPI document, one of each shape."""

from __future__ import annotations

import copy
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bot.testing.discord.state import Json

DOCUMENT = Path(__file__).parents[4] / "shared" / "platforms" / "discord-openapi.json"
EVENTS = {
    "MESSAGE_CREATE": "MessageResponse",
    "MESSAGE_UPDATE": "MessageResponse",
    "CHANNEL_CREATE": "GuildChannelResponse",
    "THREAD_CREATE": "ThreadResponse",
    "THREAD_UPDATE": "ThreadResponse",
}
ANSWERS = "urn:discord:answers"
# Discord takes an id as a number too, and clients send it so; it answers with strings.
REQUESTS = "urn:discord:requests"


class Conformity:
    """What differs from the document is in `violations`, each difference once."""

    def __init__(self, document: Json) -> None:
        self.violations: list[str] = []
        self._document = document
        self._seen: set[Any] = set()
        self._validators: dict[str, Any] = {}

    @classmethod
    def found(cls, wanted: bool | None) -> Conformity | None:
        """A check, None where none is wanted or, unless it must be, possible. Raises FileNotFoundError."""
        if wanted is False or (wanted is None and not possible()):
            return None
        return cls(_document())

    def check(self, method: str, route: str, side: str, body: Any) -> None:
        """A request's body (`side` is "request") or the body of an answer (its status)."""
        key = (method, route, side, _shape(body))
        if key in self._seen:
            return
        self._seen.add(key)
        schema = self._schema(method.lower(), route, side)
        if schema is not None:
            self._hold(f"{method} {route} {side}", schema, body)

    def check_event(self, event: str, body: Json) -> None:
        """An event of the gateway, where it is a thing the REST API knows."""
        key = (event, _shape(body))
        if event not in EVENTS or key in self._seen:
            return
        self._seen.add(key)
        self._hold(event, f"{ANSWERS}#/components/schemas/{EVENTS[event]}", body)

    def _schema(self, method: str, route: str, side: str) -> str | None:
        operation = self._document["paths"].get(route, {}).get(method)
        if operation is None:
            return None
        path = f"/paths/{route.replace('~', '~0').replace('/', '~1')}/{method}"
        if side == "request":
            known = "requestBody" in operation
            return f"{REQUESTS}#{path}/requestBody/content/application~1json/schema" if known else None
        if side in operation["responses"]:
            return f"{ANSWERS}#{path}/responses/{side}/content/application~1json/schema"
        return f"{ANSWERS}#/components/schemas/ErrorResponse"

    def _hold(self, what: str, schema: str, body: Any) -> None:
        if schema not in self._validators:
            self._validators[schema] = _validator(schema)
        for error in self._validators[schema].iter_errors(body):
            self.violations.append(f"{what}: {error.json_path}: {error.message[:300]}")


def possible() -> bool:
    """Whether the document and the library to check with are there."""
    return DOCUMENT.is_file() and find_spec("jsonschema") is not None


@cache
def _document() -> Json:
    document: Json = json.loads(DOCUMENT.read_bytes())
    # Numbers here, but words in Discord's reference and in what it answers.
    code = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code", "message"]}
    document["components"]["schemas"]["InnerErrors"]["properties"]["_errors"]["items"] = code
    return document


@cache
def _registry() -> Any:
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012

    lenient = copy.deepcopy(_document())
    lenient["components"]["schemas"]["SnowflakeType"] = {"type": ["string", "integer"]}
    documents = {ANSWERS: _document(), REQUESTS: lenient}
    return Registry().with_resources(
        (name, DRAFT202012.create_resource(document)) for name, document in documents.items()
    )


def _validator(reference: str) -> Any:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

    return Draft202012Validator({"$ref": reference}, registry=_registry())


def _shape(body: Any) -> Any:
    """What a body is made of, without its values."""
    if isinstance(body, dict):
        return frozenset((key, _shape(value)) for key, value in body.items())
    if isinstance(body, list):
        return frozenset(_shape(each) for each in body)
    return type(body)
