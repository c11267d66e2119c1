"""The Bolt app: it knows Slack's payloads and answers, and acknowledges only what is durable."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltError
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.connectors.slack.committing import UNREADABLE
from bot.connectors.slack.workspaces import Workspaces
from storage import StorageError

log = logging.getLogger(__name__)

Take = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any] | None]]
OK, UNAVAILABLE = 200, 503


def quiet_logger(name: str) -> logging.Logger:
    """A logger that never says what is in a body: these libraries tell it on their debug level."""
    logger = logging.getLogger(name)
    logger.setLevel(max(logging.INFO, logger.getEffectiveLevel()))
    return logger


def bolt_app(workspaces: Workspaces, client: AsyncWebClient, take: Take) -> AsyncApp:
    """An app whose middleware takes every payload before Slack is answered.

    Bolt acknowledges events before its listeners run, so there are none: what the middleware took is
    acknowledged, whatever it is, and what it could not take is not.
    """
    app = AsyncApp(
        name="parley",
        logger=quiet_logger("slack_bolt"),
        client=client,
        authorize=_authorize(workspaces),
        request_verification_enabled=False,  # signatures are checked before anything is parsed
        ignoring_self_events_enabled=False,
        attaching_conversation_kwargs_enabled=False,
    )

    @app.middleware
    async def commit(body: dict[str, Any]) -> BoltResponse:
        return BoltResponse(status=OK, body=await take(body) or "")

    @app.error
    async def not_taken(error: Exception) -> BoltResponse:
        if isinstance(error, (*UNREADABLE, BoltError)):
            log.warning("a payload cannot be read and is left out: %s", type(error).__name__)
            return BoltResponse(status=OK, body="")
        if isinstance(error, StorageError):
            log.warning("an event is not acknowledged: %s", error)
        else:
            log.error("an event is not acknowledged", exc_info=error)
        return BoltResponse(status=UNAVAILABLE, body="")

    return app


async def dispatch(
    app: AsyncApp, body: Mapping[str, Any] | str, *, mode: str, headers: Mapping[str, str] | None = None
) -> BoltResponse:
    """Give a payload to the app. Raises one of UNREADABLE when it is none."""
    request = AsyncBoltRequest(body=body, mode=mode, headers=dict(headers or {}))  # type: ignore[arg-type]
    if not isinstance(request.body, dict):
        raise TypeError("a payload must be an object")
    return await app.async_dispatch(request)


def _authorize(workspaces: Workspaces) -> Callable[..., Awaitable[AuthorizeResult]]:
    async def authorize(team_id: object) -> AuthorizeResult:
        workspace = workspaces.get(str(team_id))
        if workspace is None:  # what takes the payload knows that, too
            return AuthorizeResult(enterprise_id=None, team_id=str(team_id))
        return AuthorizeResult(
            enterprise_id=None,
            team_id=workspace.team,
            bot_token=workspace.token,
            bot_id=workspace.bot,
            bot_user_id=workspace.bot_user,
        )

    return authorize
