"""Requests to Discord: whatever goes wrong becomes one of the ways in which a reply can fail."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
from discord.http import Route

from bot.connectors.discord.abuse import Abuse
from bot.errors import Refused, RetryLater, SignInRefused, Uncertain

log = logging.getLogger(__name__)

Json = dict[str, Any]
File = tuple[str, bytes, str]
"""Name, content, media type."""

UNREADABLE_SECONDS = 5.0
LONGEST_SECONDS = 7 * 86_400.0
ASK_SECONDS, HOOK_SECONDS = 60.0, 20.0
API = "https://discord.com/api/v10"


class Denied(Refused):
    """Discord understood a request and will not do it; `code` is its own, 0 when it gave none."""

    def __init__(self, status: int, code: int, words: str) -> None:
        super().__init__(f"Discord refuses ({status}, code {code}): {words[:200]}")
        self.status = status
        self.code = code


class Rest:
    """The bot's requests, and those that interactions' own tokens allow.

    Raises RetryLater where Discord asks to wait, Denied where it refuses, Uncertain for all else. A bot
    token that is not accepted any more is told to `signed_out`.
    """

    def __init__(
        self,
        http: discord.http.HTTPClient,
        session: aiohttp.ClientSession,
        abuse: Abuse,
        signed_out: Callable[[SignInRefused], None],
    ) -> None:
        self.session = session
        self._http = http
        self._abuse = abuse
        self._signed_out = signed_out

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: Json | list[Json] | None = None,
        files: tuple[File, ...] = (),
        query: Mapping[str, str | int] | None = None,
        **places: str,
    ) -> Any:
        """One request of the bot; `places` fill in the path. The answer's JSON."""
        self._abuse.check()
        options: dict[str, Any] = {} if query is None else {"params": query}
        if files:
            options["form"] = _form(body, files)
        elif body is not None:
            options["json"] = body
        try:
            async with asyncio.timeout(ASK_SECONDS):
                answer = await self._http.request(Route(method, path, metadata=None, **places), **options)
        except discord.HTTPException as error:
            raise self._failure(error) from None
        except discord.RateLimited as error:
            raise RetryLater(error.retry_after) from None
        except (KeyError, TypeError):
            raise RetryLater(UNREADABLE_SECONDS, "a refusal for being too fast that cannot be read") from None
        except (OSError, aiohttp.ClientError, ValueError, RuntimeError) as error:
            raise Uncertain(f"no answer to {method} {path} ({type(error).__name__})") from None
        if isinstance(answer, str) and answer:
            raise Uncertain(f"the answer to {method} {path} cannot be read")
        return answer

    async def hook(
        self,
        method: str,
        path: str,
        *,
        body: Json | None = None,
        files: tuple[File, ...] = (),
        query: Mapping[str, str] | None = None,
        seconds: float = HOOK_SECONDS,
    ) -> Any:
        """One request that an interaction's token in the path allows. The answer's JSON."""
        content = _multipart(body, files) if files else None
        try:
            async with (
                asyncio.timeout(seconds),
                self.session.request(
                    method, API + path, params=query, data=content, json=None if files else body
                ) as answer,
            ):
                text = await answer.text()
        except (OSError, aiohttp.ClientError, ValueError) as error:
            raise Uncertain(f"no answer to an interaction ({type(error).__name__})") from None
        return _read(answer, text)

    def _failure(self, error: discord.HTTPException) -> Exception:
        if error.status == 429:
            return RetryLater(pause_of(error.response.headers.get("Retry-After")))
        if error.status >= 500:
            return Uncertain(f"Discord answers {error.status}")
        if error.status == 401:
            self._signed_out(SignInRefused("Discord does not accept the bot's token any more."))
        return Denied(
            error.status, error.code, "it gives no reason" if error.code == 0 else _reason(error.text)
        )


def pause_of(told: object) -> float:
    """The seconds to wait that Discord told; 5 when that cannot be read."""
    try:
        seconds = float(str(told))
    except ValueError:
        return UNREADABLE_SECONDS
    return min(max(seconds, 0.0), LONGEST_SECONDS) if math.isfinite(seconds) else UNREADABLE_SECONDS


def _reason(text: str) -> str:
    """The first line of Discord's reason: those after it may repeat what was sent."""
    return text.partition("\n")[0]


def _read(answer: aiohttp.ClientResponse, text: str) -> Any:
    try:
        told = json.loads(text) if text else {}
    except ValueError:
        told = {}
    readable: Json = told if isinstance(told, dict) else {}
    if answer.status == 429:
        raise RetryLater(pause_of(readable.get("retry_after", answer.headers.get("Retry-After"))))
    if answer.status >= 500:
        raise Uncertain(f"Discord answers {answer.status}")
    if answer.status >= 400:
        raise Denied(answer.status, readable.get("code", 0), _reason(str(readable.get("message", ""))))
    return told


def _form(body: Any, files: tuple[File, ...]) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = [
        {"name": "payload_json", "value": json.dumps(body), "content_type": "application/json"}
    ]
    for number, (name, content, kind) in enumerate(files):
        fields.append({"name": f"files[{number}]", "value": content, "filename": name, "content_type": kind})
    return fields


def _multipart(body: Any, files: tuple[File, ...]) -> aiohttp.FormData:
    form = aiohttp.FormData(quote_fields=False)
    for each in _form(body, files):
        form.add_field(**each)
    return form


@asynccontextmanager
async def open_session(
    connector: aiohttp.BaseConnector | None, trace: aiohttp.TraceConfig
) -> AsyncIterator[aiohttp.ClientSession]:
    """A session without the bot's token, for interactions and files."""
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[trace]
    ) as session:
        yield session
