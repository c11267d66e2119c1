"""Slack's Web API: one attempt per call, within its limits, its failures in the core's words."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.connectors.pacing import Pace
from bot.errors import DeliveryError, Refused, RetryLater, SignInRefused, Uncertain

log = logging.getLogger(__name__)

CALL_SECONDS = 20.0
UNREACHABLE_SECONDS = 5.0
UNKNOWN_WAIT = 5.0  # a 429 whose Retry-After says nothing
MINUTE = 60.0

# Calls a minute, by Slack's tiers. Posts have a limit of their own, a second for each channel. How often
# connections are opened Slack says itself, by ending them: a successor must not wait for its turn.
PER_MINUTE = {
    "apps.connections.open": 300,
    "auth.test": 200,
    "chat.appendStream": 100,
    "chat.delete": 50,
    "chat.postEphemeral": 100,
    "chat.postMessage": 1200,
    "chat.startStream": 20,
    "chat.stopStream": 20,
    "chat.update": 50,
    "conversations.history": 50,
    "conversations.info": 50,
    "conversations.open": 50,
    "conversations.replies": 50,
    "files.completeUploadExternal": 100,
    "files.getUploadURLExternal": 100,
    "files.info": 100,
    "users.conversations": 50,
    "users.info": 100,
}
OTHERS_PER_MINUTE = 50
LEAST_BURST = 5

REINSTALL = "Open your app's page at api.slack.com/apps, click Install App, install it and copy the token."
OPENED_BY = (
    "Connections are opened with the app token: on your app's page, under Basic Information, App-Level "
    "Tokens, generate one with connections:write; and switch Socket Mode on."
)
SIGN_IN = {
    "invalid_auth": f"Slack does not know this token. {REINSTALL}",
    "not_authed": f"Slack was given no token. {REINSTALL}",
    "account_inactive": f"The app was removed from the workspace, or its workspace is gone. {REINSTALL}",
    "token_revoked": f"The token was revoked. {REINSTALL}",
    "token_expired": f"The token has expired: switch token rotation off. {REINSTALL}",
    "not_allowed_token_type": "The token is of the wrong kind: bot tokens begin with xoxb-, app tokens "
    "with xapp-.",
    "team_access_not_granted": f"The app is not approved for this workspace. {REINSTALL}",
    "app_removed": f"The app was removed. {REINSTALL}",
}
MAY_HAVE_HAPPENED = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})


class ScopeMissing(Refused):
    """The app may not do this: it lacks a scope."""


class Api:
    """The Web API with one token. Every method raises the core's errors.

    RetryLater: not taken, try again. Uncertain: it may have been taken. Refused, with Slack's word as its
    message: never. SignInRefused: the token is good for nothing any more.
    """

    def __init__(self, client: AsyncWebClient, *, patient: bool = True) -> None:
        self.client = client
        self._paces: dict[str, Pace] = {}
        self._patient = patient

    async def call(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        """Call a method such as `chat.postMessage`, when its turn has come, and return what Slack says."""
        if self._patient:
            await self._pace(method).wait()
        return await self.call_now(method, **arguments)

    async def call_now(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        """Call a method whose turn was taken already."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                response = await getattr(self.client, method.replace(".", "_"))(**arguments)
        except SlackApiError as error:
            raise self._failure(method, error) from None
        except aiohttp.ClientConnectorError as error:
            raise RetryLater(UNREACHABLE_SECONDS, f"Slack is not reached ({type(error).__name__})") from None
        except Exception as error:  # noqa: BLE001 - the wall around the library: broken bodies raise whatever they like
            raise Uncertain(f"{method}: {type(error).__name__}") from None
        if not isinstance(response.data, dict):
            raise Uncertain(f"{method}: an answer that is no JSON object")
        return response.data

    def free(self, method: str) -> bool:
        """Whether a turn for the method was free now; it is then taken."""
        return self._pace(method).take()

    def _pace(self, method: str) -> Pace:
        if method not in self._paces:
            per_minute = PER_MINUTE.get(method, OTHERS_PER_MINUTE)
            self._paces[method] = Pace(per_minute / MINUTE, max(LEAST_BURST, per_minute // 3))
        return self._paces[method]

    def _failure(self, method: str, error: SlackApiError) -> DeliveryError | SignInRefused:
        response = error.response
        status = int(getattr(response, "status_code", None) or getattr(response, "status", None) or 0)
        word = _word(response)
        if status == 429 or word in ("ratelimited", "rate_limited"):
            seconds = wait_of(getattr(response, "headers", {}))
            self._pace(method).hold("", seconds)
            return RetryLater(seconds)
        if word in SIGN_IN:
            hint = OPENED_BY if method == "apps.connections.open" else SIGN_IN[word]
            return SignInRefused(f"Slack says {word}. {hint}")
        if word == "missing_scope":
            needed = response.data.get("needed", "one more")
            return ScopeMissing(
                f"missing_scope: {method} needs {needed}. Add it under OAuth & Permissions on your app's "
                "page and install the app again."
            )
        if status >= 500 or word in MAY_HAVE_HAPPENED or not word:
            return Uncertain(f"{method}: {word or f'HTTP {status}'}")
        return Refused(word)


def wait_of(headers: Mapping[str, str]) -> float:
    """The seconds of a Retry-After, however it is written; a guess where it says nothing."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return UNKNOWN_WAIT
    return seconds if math.isfinite(seconds) and seconds >= 0 else UNKNOWN_WAIT


def _word(response: Any) -> str:
    """Slack's own word for what went wrong; empty when it said none."""
    body = getattr(response, "data", None)
    return str(body.get("error") or "") if isinstance(body, dict) else ""
