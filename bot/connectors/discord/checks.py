"""Ask Discord whether everything the bot needs is switched on; nothing is changed there."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp

from bot.connectors.discord.permissions import APPLICATIONS, invite_link
from bot.connectors.discord.rights import channel_rights, guild_rights, missing
from bot.connectors.findings import Finding, broken, compare_clocks, doubtful, fine
from bot.secrets import secret
from bot.settings import Settings

API = "https://discord.com/api/v10"
AGENT = "DiscordBot (parley, 1)"
REQUEST_SECONDS = 10.0
GUILDS_SHOWN = 20
NAMES_SHOWN = 8
FEW_STARTS = 50
AGAIN = "Run parley doctor again in some minutes."
CONTENT_FLAGS = 1 << 18 | 1 << 19
"""Message content, as granted to large bots after review and as switched on by small ones themselves."""
WRITTEN_IN = {0, 5, 15, 16}
"""Types of channels people write to the bot in: text, announcements, forums, media."""


class NoAnswer(Exception):
    """Discord did not answer with what was asked for; `status` 0 when it could not be reached."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Rest:
    """Reads from the REST API as the bot; `date` is the time of the last answer."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.date = ""
        self._session = session

    async def get(self, path: str) -> Any:
        """The JSON at a path. Raises NoAnswer."""
        try:
            async with self._session.get(API + path) as response:
                self.date = response.headers.get("Date", "")
                if response.status != 200:
                    raise NoAnswer(response.status, f"Discord answers {response.status} to GET {path}.")
                return await response.json(content_type=None)
        except ValueError:
            raise NoAnswer(200, f"Discord's answer to GET {path} cannot be read.") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = f"no answer within {REQUEST_SECONDS:g} s" if isinstance(error, TimeoutError) else error
            raise NoAnswer(0, f"discord.com cannot be reached: {reason}.") from None


async def check_discord(
    settings: Settings,
    *,
    connector: aiohttp.BaseConnector | None = None,
    now: Callable[[], float] = time.time,
) -> AsyncIterator[Finding]:
    """Token, clock, intent, commands, session starts, and the bot's permissions in its guilds."""
    token = secret(settings.discord.token, settings.discord.token_file, "discord.token")
    async with aiohttp.ClientSession(
        connector=connector,
        headers={"Authorization": f"Bot {token}", "User-Agent": AGENT},
        timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS),
    ) as session:
        rest = Rest(session)
        try:
            bot = await rest.get("/users/@me")
        except NoAnswer as error:
            yield _refused(error)
            return
        yield fine("Discord token", f"valid; the bot is {bot['username']}.")
        yield compare_clocks("Discord clock", rest.date, now())
        async for finding in _account(rest, settings, bot["id"]):
            yield finding


def _refused(error: NoAnswer) -> Finding:
    if error.status == 0:
        return broken(
            "Discord",
            str(error),
            "Check this machine's network, its name server and its firewall (port 443).",
        )
    if error.status == 401:
        return broken(
            "Discord token",
            "Discord refuses the token.",
            f"Open {APPLICATIONS}, your application, Bot: choose Reset Token, and put the new one into "
            "PARLEY_DISCORD__TOKEN or the file that discord.token_file names.",
        )
    return broken("Discord", str(error), AGAIN)


async def _account(rest: Rest, settings: Settings, bot_id: str) -> AsyncIterator[Finding]:
    try:
        application = await rest.get("/oauth2/applications/@me")
        for finding in _application(application, settings):
            yield finding
        yield _sessions(await rest.get("/gateway/bot"))
        yield _commands(await rest.get(f"/applications/{application['id']}/commands"))
        guilds = await rest.get("/users/@me/guilds")
    except NoAnswer as error:
        yield broken("Discord", str(error), AGAIN)
        return
    try:
        async for finding in _guilds(rest, guilds, bot_id, application["id"]):
            yield finding
    except NoAnswer as error:
        yield _refused(error)


async def _guilds(
    rest: Rest, guilds: list[dict[str, Any]], bot_id: str, application_id: str
) -> AsyncIterator[Finding]:
    """Each guild; raises NoAnswer as soon as Discord cannot be reached any more."""
    if not guilds:
        yield doubtful(
            "Discord servers",
            "the bot is in none.",
            f"Open {invite_link(int(application_id))} and choose a server.",
        )
    for guild in guilds[:GUILDS_SHOWN]:
        async for finding in _guild(rest, guild, bot_id, application_id):
            yield finding
    if len(guilds) > GUILDS_SHOWN:
        yield fine("Discord servers", f"{len(guilds)} in all; the first {GUILDS_SHOWN} were looked at.")


def _application(application: dict[str, Any], settings: Settings) -> list[Finding]:
    page = f"{APPLICATIONS}/{application['id']}"
    findings = [_intent(application, settings, page)]
    if application.get("interactions_endpoint_url"):
        findings.append(
            broken(
                "Discord interactions",
                "they are sent to a web address, so slash commands and buttons never reach parley.",
                f"Open {page}/information, clear Interactions Endpoint URL and choose Save Changes.",
            )
        )
    if application.get("bot_require_code_grant"):
        findings.append(
            broken(
                "Discord invite",
                "the application requires a code grant, so the invite link does not work.",
                f"Open {page}/bot, switch off Requires OAuth2 Code Grant and choose Save Changes.",
            )
        )
    return findings


def _intent(application: dict[str, Any], settings: Settings, page: str) -> Finding:
    what = "Discord message content intent"
    if not settings.discord.message_content:
        return fine(what, "not asked for: only mentions, replies and direct messages are read.")
    if application.get("flags", 0) & CONTENT_FLAGS:
        return fine(what, "on.")
    return broken(
        what,
        "off, and discord.message_content asks for it: Discord will not let the bot in.",
        f"Open {page}/bot, switch on Message Content Intent under Privileged Gateway Intents and choose "
        "Save Changes; or set message_content = false in [discord].",
    )


def _sessions(gateway: dict[str, Any]) -> Finding:
    what, limit = "Discord session starts", gateway["session_start_limit"]
    words = f"{limit['remaining']} of {limit['total']} left today."
    if limit["remaining"] >= FEW_STARTS:
        return fine(what, words)
    hours = limit["reset_after"] / 3_600_000
    advice = (
        f"Keep parley running and do not start it again and again; the count begins anew in {hours:.1f} h."
    )
    return doubtful(what, words, advice) if limit["remaining"] else broken(what, words, advice)


def _commands(commands: list[dict[str, Any]]) -> Finding:
    what = "Discord commands"
    if commands:
        return fine(what, f"{len(commands)} registered.")
    return doubtful(what, "none is registered yet.", "Start parley run once: it registers them.")


async def _guild(
    rest: Rest, named: dict[str, Any], bot_id: str, application_id: str
) -> AsyncIterator[Finding]:
    what = f"Discord server {named['name']}"
    try:
        guild = await rest.get(f"/guilds/{named['id']}")
        member = await rest.get(f"/guilds/{named['id']}/members/{bot_id}")
        channels = await rest.get(f"/guilds/{named['id']}/channels")
    except NoAnswer as error:
        if not error.status:
            raise
        yield broken(what, str(error), AGAIN)
        return
    rights = guild_rights(guild, member)
    lacking = missing(rights)
    yield _role(what, lacking, application_id)
    left = {
        f"#{each['name']}": channel_rights(rights, each, guild, member)
        for each in channels
        if each["type"] in WRITTEN_IN
    }
    for finding in _channels(what, left, set(lacking)):
        yield finding


def _role(what: str, lacking: list[str], application_id: str) -> Finding:
    if not lacking:
        return fine(what, "the bot's role has every permission it needs.")
    return broken(
        what,
        f"the bot's role lacks {', '.join(lacking)}.",
        f"Open {invite_link(int(application_id))} and choose the server again; or in Server Settings, Roles, "
        "the bot's role, Permissions, switch them on and choose Save Changes.",
    )


def _channels(what: str, rights: dict[str, int], known: set[str]) -> list[Finding]:
    """What channels take away from the bot beyond what its role lacks anyway."""
    findings = [
        doubtful(
            f"{what}, {name}",
            f"the bot lacks {', '.join(lacking)} here.",
            "Where it shall answer: Edit Channel, Permissions, Advanced permissions, add the bot's role and "
            "allow them.",
        )
        for name, bits in rights.items()
        if bits and (lacking := [each for each in missing(bits) if each not in known])
    ]
    hidden = [name for name, bits in rights.items() if not bits]
    if hidden and "View Channels" not in known:
        more = f" and {len(hidden) - NAMES_SHOWN} more" if len(hidden) > NAMES_SHOWN else ""
        findings.append(
            doubtful(
                what,
                f"the bot cannot see {', '.join(hidden[:NAMES_SHOWN])}{more}: it lacks View Channel there.",
                "Where it shall answer: Edit Channel, Permissions, add the bot's role.",
            )
        )
    return findings
