"""The Web API's door: arguments, tokens, scopes, limits, faults; the methods lie behind it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.testing.slack.faults import Faults, Planned
from bot.testing.slack.limits import Limits
from bot.testing.slack.people import People
from bot.testing.slack.state import Json, Place, Posted, Workspace

Answer = Callable[[People, "Call"], Json]


class ApiError(Exception):
    """Slack answers `ok: false`, with this word."""

    def __init__(self, error: str, *messages: str) -> None:
        super().__init__(error)
        self.error = error
        self.messages = list(messages)

    def body(self) -> Json:
        """What Slack answers."""
        body: Json = {"ok": False, "error": self.error}
        if self.messages:
            body["response_metadata"] = {"messages": [f"[ERROR] {each}" for each in self.messages]}
        return body


@dataclass(frozen=True, slots=True)
class Method:
    """One method: what answers it, the scopes of which one is needed, the calls it allows a minute."""

    name: str
    answer: Answer
    scopes: tuple[str, ...]
    per_minute: int


@dataclass(frozen=True, slots=True)
class Call:
    """One request: its arguments as sent, and the workspace whose token it bears."""

    method: str
    arguments: Json
    workspace: Workspace
    slack: People
    is_app_level: bool = False

    def text(self, name: str, default: str | None = None) -> str:
        """An argument that must be there, unless it has a default."""
        value = self.arguments.get(name, default)
        if value is None:
            raise ApiError("invalid_arguments", f"missing required field: {name}")
        return str(value)

    def optional(self, name: str) -> str | None:
        """An argument that may be missing."""
        value = self.arguments.get(name)
        return None if value in (None, "") else str(value)

    def flag(self, name: str) -> bool | None:
        """A yes or no in any of Slack's spellings; None when it was not sent."""
        value = self.arguments.get(name)
        return None if value is None else str(value).lower() in ("1", "true")

    def number(self, name: str, default: int) -> int:
        """A whole number."""
        try:
            return int(self.arguments.get(name, default))
        except ValueError:
            raise ApiError("invalid_arguments", f"{name} must be an integer") from None

    def structure(self, name: str, error: str = "invalid_arguments") -> Any:
        """An array or object, sent as JSON or as a string of it; None when it was not sent."""
        value = self.arguments.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise ApiError(error, f"{name} is not JSON") from None

    def place(self, name: str = "channel") -> Place:
        """A conversation that the bot can see, by its id."""
        place = self.slack.places.get(self.text(name))
        if place is None or place.workspace is not self.workspace:
            raise ApiError("channel_not_found")
        if place.kind == "group" and not place.member:
            raise ApiError("channel_not_found")
        return place

    def message(self, error: str = "message_not_found", name: str = "ts") -> Posted:
        """A message of the conversation named."""
        message = self.place().messages.get(self.text(name))
        if message is None or message.tombstone:
            raise ApiError(error)
        return message


METHODS: dict[str, Method] = {}


def method(name: str, *scopes: str, per_minute: int) -> Callable[[Answer], Answer]:
    """Register what answers a method."""

    def register(answer: Answer) -> Answer:
        METHODS[name] = Method(name, answer, scopes, per_minute)
        return answer

    return register


class WebApi:
    """Answers `/api/…`, and keeps a record of each request."""

    def __init__(self, slack: People, faults: Faults, limits: Limits) -> None:
        self._slack = slack
        self._faults = faults
        self._limits = limits

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One request of the bot."""
        name = request.match_info["method"]
        planned = await self._faults.next(name)
        if planned is not None and not planned.accepted:
            return self._fault(request, name, planned)
        try:
            body = self._answer(request, name, await _arguments(request))
        except ApiError as error:
            body = error.body()
        except _Limited as error:
            planned = Planned(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(error.seconds)})
            return self._fault(request, name, planned)
        if planned is not None:
            return self._fault(request, name, planned)
        self._slack.requests.append((name, str(body.get("error", "ok"))))
        self._slack.conformity.response(name, body)
        return web.json_response(body, headers={"X-OAuth-Scopes": ",".join(sorted(self._slack.scopes))})

    def _answer(self, request: web.Request, name: str, arguments: Json) -> Json:
        known = METHODS.get(name)
        if known is None:
            raise ApiError("unknown_method")
        token = _token(request, arguments)
        is_app_level = token == self._slack.app_token
        workspace = self._app_level(name) if is_app_level else self._bearer(token, name)
        if known.scopes and not self._slack.scopes.intersection(known.scopes):
            return {
                "ok": False,
                "error": "missing_scope",
                "needed": known.scopes[0],
                "provided": ",".join(sorted(self._slack.scopes)),
            }
        self._limit(known, workspace, arguments)
        call = Call(name, arguments, workspace, self._slack, is_app_level=is_app_level)
        return {"ok": True} | known.answer(self._slack, call)

    def _bearer(self, token: str, name: str) -> Workspace:
        for workspace in self._slack.workspaces.values():
            if workspace.bot_token == token:
                if error := self._slack.revoked.get(workspace.team_id):
                    raise ApiError(error)
                if name == "apps.connections.open":
                    raise ApiError("not_allowed_token_type")
                return workspace
        raise ApiError("invalid_auth")

    def _app_level(self, name: str) -> Workspace:
        if error := self._slack.revoked.get(self._slack.app_id):
            raise ApiError(error)
        if name not in ("apps.connections.open", "auth.test"):
            raise ApiError("not_allowed_token_type")
        return self._slack.home_workspace

    def _limit(self, known: Method, workspace: Workspace, arguments: Json) -> None:
        if not self._slack.strict:
            return
        if known.name == "chat.postMessage":
            wait = self._limits.post(str(arguments.get("channel")))
        else:
            wait = self._limits.call(workspace.team_id, known.name, known.per_minute)
        if wait:
            raise _Limited(wait)

    def _fault(self, request: web.Request, name: str, planned: Planned) -> web.StreamResponse:
        self._slack.requests.append((name, planned.word))
        return planned.respond(request)


class _Limited(Exception):
    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def _token(request: web.Request, arguments: Json) -> str:
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    token = token or str(arguments.get("token", ""))
    if not token:
        raise ApiError("not_authed")
    return token


async def _arguments(request: web.Request) -> Json:
    arguments: Json = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = await request.json()
        except ValueError:
            raise ApiError("invalid_json") from None
        return arguments | (body if isinstance(body, dict) else {})
    if request.method == "POST":
        arguments |= dict(await request.post())
    return arguments
