"""Ask Slack whether everything the bot needs is switched on; nothing is changed there."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.connectors import ports
from bot.connectors.findings import Finding, broken, compare_clocks, doubtful, fine, place_of
from bot.connectors.slack.manifest import EVENTS_PATH, SCOPES
from bot.secrets import secret
from bot.settings import Settings, SlackSettings

REQUEST_SECONDS = 10
NAMES_SHOWN = 8
CHALLENGE = "parley-doctor"
APPS = "https://api.slack.com/apps"
TOKEN_ERRORS = {
    "account_inactive": "the app was removed from the workspace",
    "invalid_auth": "Slack does not know the token",
    "not_allowed_token_type": "it is a token of another kind",
    "not_authed": "Slack does not know the token",
    "token_expired": "the token has expired",
    "token_revoked": "the token was revoked",
}
AGAIN = "Run parley doctor again in some minutes."
NETWORK = "Check slack.api_url, this machine's network, its name server and its firewall."
BOT_TOKEN = (
    f"Open {APPS}, your app, OAuth & Permissions: copy the Bot User OAuth Token (xoxb-…) into {{place}}. "
    "If there is none, choose Install to Workspace first."
)
APP_TOKEN = (
    f"Open {APPS}, your app, Basic Information, App-Level Tokens: choose Generate Token and Scopes, add "
    "connections:write, and put the token (xapp-…) into {place}."
)
MORE_SCOPES = (
    f"Open {APPS}, your app, OAuth & Permissions, Bot Token Scopes: add them, then choose Reinstall to "
    "Workspace. Or paste what parley init --show-manifest prints into App Manifest."
)
SIGNING_SECRET = (
    f"If it is parley, open {APPS}, your app, Basic Information, App Credentials: put the Signing Secret "
    "into {place} and start parley again. If not, set PARLEY_SLACK__PORT to a free port."
)


class NoAnswer(Exception):
    """Slack did not answer with what was asked; `error` is its own word, empty when it was not reached."""

    def __init__(self, error: str, words: str) -> None:
        super().__init__(words)
        self.error = error


async def check_slack(settings: Settings, *, now: Callable[[], float] = time.time) -> AsyncIterator[Finding]:
    """Tokens, scopes, clock, channels, and the way events come in."""
    slack = settings.slack
    bot_token = secret(slack.bot_token, slack.bot_token_file, "slack.bot_token")
    app_token = secret(slack.app_token, slack.app_token_file, "slack.app_token")
    signing_secret = secret(slack.signing_secret, slack.signing_secret_file, "slack.signing_secret")
    first = _Workspace(slack, bot_token, place_of(slack.bot_token_file, "PARLEY_SLACK__BOT_TOKEN"))
    async for finding in first.check(_app_of(app_token), now):
        yield finding
    for token in slack.more_bot_tokens:
        more = _Workspace(slack, token.get_secret_value().strip(), "PARLEY_SLACK__MORE_BOT_TOKENS")
        async for finding in more.check(_app_of(app_token)):
            yield finding
    if app_token:
        yield await _socket_mode(slack, app_token)
    elif signing_secret:
        yield await _http(slack, signing_secret)
    else:
        words = "there is neither an app token nor a signing secret, so no event can come in."
        yield broken("Slack events", words, APP_TOKEN.format(place="PARLEY_SLACK__APP_TOKEN"))


class _Workspace:
    """One bot token, and the workspace it opens."""

    def __init__(self, slack: SlackSettings, token: str, place: str) -> None:
        self._client = _client(slack, token)
        self._is_bot_token = token.startswith("xoxb-")
        self._advice = BOT_TOKEN.format(place=place)

    async def check(self, app_id: str, now: Callable[[], float] | None = None) -> AsyncIterator[Finding]:
        """Token, clock (when `now` is given), scopes, app (when its id is known) and channels."""
        if not self._is_bot_token:
            yield broken("Slack bot token", "it does not begin with xoxb-.", self._advice)
            return
        try:
            identity = await _ask(self._client.auth_test)
        except NoAnswer as error:
            reason = TOKEN_ERRORS.get(error.error)
            yield broken("Slack bot token", f"{reason}.", self._advice) if reason else _silent("Slack", error)
            return
        what = f"Slack workspace {identity['team']}"
        yield fine(what, f"the token is valid; the bot is {identity['user']}.")
        if now is not None and (date := _header(identity, "date")):
            yield compare_clocks("Slack clock", date, now())
        for finding in _scopes(what, _header(identity, "x-oauth-scopes")):
            yield finding
        try:
            async for finding in self._more(what, identity, app_id):
                yield finding
        except NoAnswer as error:
            if error.error != "missing_scope":  # told already
                yield _silent(what, error)

    async def _more(self, what: str, identity: AsyncSlackResponse, app_id: str) -> AsyncIterator[Finding]:
        if app_id:
            bot = (await _ask(self._client.bots_info, bot=identity["bot_id"]))["bot"]
            if bot["app_id"] != app_id:
                words = f"the bot token is of app {bot['app_id']}, the app token of app {app_id}."
                yield broken(what, words, f"Take both from the same app: {APPS}")
        kinds = "public_channel,private_channel"
        found = await _ask(self._client.users_conversations, types=kinds, exclude_archived=True, limit=200)
        yield _channels(what, [f"#{each['name']}" for each in found["channels"]], str(identity["user"]))


def _client(slack: SlackSettings, token: str) -> AsyncWebClient:
    address = slack.api_url.rstrip("/") + "/"
    return AsyncWebClient(token, base_url=address, timeout=REQUEST_SECONDS, retry_handlers=[])


async def _ask(method: Callable[..., Any], **arguments: Any) -> AsyncSlackResponse:
    """Call a method of the Web API. Raises NoAnswer, whose words hold nothing of the answer but its error."""
    try:
        answer: AsyncSlackResponse = await method(**arguments)
    except SlackApiError as error:
        told = error.response.get("error") if isinstance(error.response, dict | AsyncSlackResponse) else None
        raise NoAnswer(str(told or ""), f"Slack answers {told or 'what cannot be read'}.") from None
    except TimeoutError:
        raise NoAnswer("", f"Slack cannot be reached: no answer within {REQUEST_SECONDS} s.") from None
    except (SlackClientError, aiohttp.ClientError, OSError) as error:
        raise NoAnswer("", f"Slack cannot be reached: {error}.") from None
    return answer


def _silent(what: str, error: NoAnswer) -> Finding:
    return broken(what, str(error), AGAIN if error.error else NETWORK)


def _header(response: AsyncSlackResponse, name: str) -> str:
    return next((str(value) for key, value in response.headers.items() if key.lower() == name), "")


def _scopes(what: str, header: str) -> list[Finding]:
    """A failure for scopes the bot cannot do without, a warning for each feature that lacks one."""
    what = f"{what}, scopes"
    granted = {each.strip() for each in header.split(",")}
    lacking = [each for each in SCOPES if each.name not in granted]
    findings = []
    for feature in sorted({each.feature for each in lacking}, key=str):
        named = ", ".join(f"{each.name} ({each.purpose})" for each in lacking if each.feature is feature)
        if feature is None:
            findings.append(broken(what, f"missing: {named}.", MORE_SCOPES))
        else:
            words = f"{feature} is off; missing: {named}."
            findings.append(doubtful(what, words, f"If it is wanted: {MORE_SCOPES}"))
    return findings or [fine(what, "all are granted.")]


def _channels(what: str, names: list[str], bot: str) -> Finding:
    what = f"{what}, channels"
    if not names:
        return doubtful(what, "the bot is in none.", f"Type /invite @{bot} in those where it shall answer.")
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return fine(what, f"the bot is in {', '.join(names[:NAMES_SHOWN])}{more}.")


def _app_of(app_token: str) -> str:
    """The app's id, which stands in its token: xapp-1-A0123-…"""
    parts = app_token.split("-")
    return parts[2] if len(parts) > 3 else ""


async def _socket_mode(slack: SlackSettings, token: str) -> Finding:
    what = "Slack Socket Mode"
    advice = APP_TOKEN.format(place=place_of(slack.app_token_file, "PARLEY_SLACK__APP_TOKEN"))
    if not token.startswith("xapp-"):
        return broken(what, "the app token does not begin with xapp-.", advice)
    try:
        await _ask(_client(slack, token).apps_connections_open, app_token=token)
    except NoAnswer as error:
        if error.error == "missing_scope":
            return broken(what, "the app token lacks connections:write.", advice)
        if reason := TOKEN_ERRORS.get(error.error):
            return broken(what, f"{reason}.", advice)
        if not error.error or error.error == "ratelimited":
            return _silent(what, error)
        return broken(what, str(error), f"Open {APPS}, your app, Socket Mode: switch on Enable Socket Mode.")
    return fine(what, "the app token is valid; no open port is needed.")


async def _http(slack: SlackSettings, signing_secret: str) -> Finding:
    """Whether the port is free, or it is parley that listens there and knows the secret."""
    what, place = "Slack events over HTTP", f"{slack.host}, port {slack.port}"
    public = f"Slack must reach it as https://your.address{EVENTS_PATH}, the Request URL of the app."
    why = ports.why_not(slack.host, slack.port)
    if not why:
        return fine(what, f"{place} is free for parley run. {public}")
    if why != ports.TAKEN:
        words = f"{place} cannot be listened on: {why}."
        return broken(what, words, "Set PARLEY_SLACK__HOST to an address of this machine.")
    if await _answers_challenge(slack, signing_secret):
        return fine(what, f"parley listens on {place} and takes what is signed with this secret. {public}")
    words = f"something listens on {place} that does not take what is signed with this secret."
    secret_place = place_of(slack.signing_secret_file, "PARLEY_SLACK__SIGNING_SECRET")
    return broken(what, words, SIGNING_SECRET.format(place=secret_place))


async def _answers_challenge(slack: SlackSettings, signing_secret: str) -> bool:
    """Whether a signed challenge comes back, as Slack asks when an address is entered."""
    body, stamp = json.dumps({"type": "url_verification", "challenge": CHALLENGE}), str(int(time.time()))
    signature = SignatureVerifier(signing_secret).generate_signature(timestamp=stamp, body=body)
    headers = {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": signature or "",
    }
    address = f"http://{ports.reached_at(slack.host)}:{slack.port}{EVENTS_PATH}"
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(address, data=body, headers=headers) as response,
        ):
            return response.status == 200 and CHALLENGE in await response.text()
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return False
