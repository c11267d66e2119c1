"""The Slack connector: Socket Mode or HTTP in, the Web API out, any number of workspaces."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re

import aiohttp

from bot.app import Bot
from bot.connector import Connector, Outgoing
from bot.connectors.pacing import Pace
from bot.connectors.slack.parts import parts_of
from bot.connectors.slack.places import Place
from bot.connectors.slack.presence import Presence, Secrets, Timing
from bot.connectors.slack.web_api import CALL_SECONDS
from bot.errors import BadInput, BadSettings, Refused, RetryLater, SignInRefused
from bot.message import Attachment, Channel, Message, Reply
from bot.secrets import secret
from bot.settings import Settings, SlackSettings

log = logging.getLogger(__name__)

POSTS_A_SECOND, POSTS_AT_ONCE = 1.0, 2
STOPPED_SECONDS = 60.0
STATUS = "is thinking…"
LINK = re.compile(
    r"https://(?P<domain>[\w.-]+)/archives/(?P<channel>\w+)/p(?P<seconds>\d{10})(?P<rest>\d{6})(?:\?\S*)?"
)


class SlackConnector(Connector):
    """Slack. Socket Mode where there is an app token, else HTTP, which needs the signing secret.

    `held` counts the parts that were not sent again because `slack.in_doubt` is "hold".
    """

    platform = "slack"
    delivers_once = False
    grace_seconds = 5.0

    def __init__(
        self, settings: Settings, *, posts: Pace | None = None, timing: Timing | None = None
    ) -> None:
        self.held = 0
        self._settings = settings.slack
        self._secrets = secrets_of(settings.slack)
        self.account = hashlib.sha256(self._secrets.bot_tokens[0].encode()).hexdigest()[:16]
        self._posts = posts or Pace(POSTS_A_SECOND, POSTS_AT_ONCE)
        self._timing = timing or Timing()
        self._presence: Presence | None = None
        self._signed_in = asyncio.Event()
        self._was_open = False
        self._no_status: set[str] = set()

    @property
    def port(self) -> int:
        """The port on which HTTP events are taken; 0 without HTTP."""
        return self._presence.port if self._presence is not None else 0

    async def run(self, bot: Bot) -> None:
        """Sign in and carry events until cancelled. Raises SignInRefused when no token is good."""
        timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
            self._presence = Presence(bot, self._secrets, session, account=self.account, timing=self._timing)
            try:
                await self._presence.sign_in()
                self._signed_in.set()
                await self._presence.run()
            except BaseExceptionGroup as group:
                raise _fault(group) or group from None
            finally:
                self._signed_in.clear()
                self._presence = None

    def status(self) -> str:
        """`ok` while events can come in."""
        if self._presence is not None and self._presence.is_open:
            self._was_open = True
            return "ok"
        return "reconnecting" if self._was_open else "connecting"

    def split(self, reply: Reply) -> list[Reply]:
        """Parts that fit a message; the whole as a file when there would be over five."""
        return parts_of(reply)

    async def pace(self, outgoing: Outgoing) -> None:
        """Wait until the bot is signed in and the channel takes one more: one a second."""
        await self._signed_in.wait()
        await self._posts.wait(outgoing.channel.id)

    async def send(self, outgoing: Outgoing) -> str:
        """Post one part; when the token is no good any more it stays for the next start."""
        presence = self._here()
        try:
            return await presence.poster.send(outgoing)
        except RetryLater as error:
            self._posts.hold(outgoing.channel.id, error.seconds)
            raise
        except SignInRefused as error:
            presence.lost(Place.of(outgoing.channel).team, error)
            raise RetryLater(STOPPED_SECONDS, str(error)) from None

    async def find(self, outgoing: Outgoing) -> str | None:
        """The message that shows this part, or None. Raises Refused where parts in doubt are held."""
        presence = self._here()
        try:
            found = await presence.poster.find(outgoing)
        except SignInRefused as error:
            presence.lost(Place.of(outgoing.channel).team, error)
            found = None
        if found is None and self._settings.in_doubt == "hold":
            self.held += 1
            raise Refused("it may have arrived, and slack.in_doubt is hold")
        return found

    async def fetch(self, attachment: Attachment, limit: int) -> bytes:
        """The bytes of a file on Slack."""
        if self._presence is None:
            raise BadInput(f"The file {attachment.name!r} cannot be read now. Try again later.")
        return await self._presence.files.fetch(attachment, limit)

    def community(self, conversation: str) -> str:
        """The workspace of a conversation."""
        return conversation.partition(".")[0]

    def link(self, conversation: str, key: str) -> str:
        """The address of a message, in its thread where it stands in one."""
        platform, _, rest = key.partition(":")
        team, _, rest = rest.partition(":")
        channel, _, ts = rest.partition(":")
        workspace = self._presence.workspaces.get(team) if self._presence is not None else None
        if platform != self.platform or workspace is None or not ts.replace(".", "").isdigit():
            return ""
        address = f"https://{workspace.domain}/archives/{channel}/p{ts.replace('.', '')}"
        thread = Channel.named(conversation).thread
        return f"{address}?thread_ts={thread}&cid={channel}" if thread and thread != ts else address

    def key_at(self, address: str) -> str:
        """The message of a link into a workspace where the bot is."""
        found = LINK.fullmatch(address.strip("<> "))
        here = self._presence.workspaces if self._presence is not None and found is not None else ()
        workspace = next((each for each in here if found and each.domain == found["domain"]), None)
        if found is None or workspace is None:
            return ""
        return workspace.key(found["channel"], f"{found['seconds']}.{found['rest']}")

    async def show_typing(self, message: Message) -> None:
        """A status in the thread, where Slack shows one; elsewhere the draft is the first sign."""
        place, presence = Place.of(message.channel), self._presence
        workspace = presence.workspaces.get(place.team) if presence is not None else None
        if workspace is None or place.thread is None or message.channel.id in self._no_status:
            return
        if not workspace.api.free("assistant.threads.setStatus"):
            return
        try:
            await workspace.api.call_now(
                "assistant.threads.setStatus",
                channel_id=place.channel,
                thread_ts=place.thread,
                status=STATUS,
            )
        except Refused as error:
            log.info("no status in %s: %s", place.channel, error)
            self._no_status.add(message.channel.id)

    async def show_draft(self, message: Message, text: str, key: str) -> None:
        """Let the answer appear while it is written, in a thread and to everyone there."""
        presence = self._presence
        if presence is None or self._is_for_one(message, key, presence):
            return
        await presence.drafts.show(message, text, key)

    def _is_for_one(self, message: Message, key: str, presence: Presence) -> bool:
        """Whether the skill that writes under this key answers its asker alone."""
        skill = presence.skill(key.split("|")[1], message.channel.conversation)
        return not message.channel.is_direct and skill is not None and skill.to_asker

    def _here(self) -> Presence:
        if self._presence is None or not self._signed_in.is_set():
            raise RetryLater(1.0, "the bot is not signed in to Slack")
        return self._presence


def secrets_of(slack: SlackSettings) -> Secrets:
    """The tokens and secrets of the settings. Raises BadSettings, which shows none of them."""
    first = secret(slack.bot_token, slack.bot_token_file, "slack.bot_token")
    more = [each.get_secret_value().strip() for each in slack.more_bot_tokens]
    tokens = tuple(filter(None, (first, *more)))
    if not first:
        raise BadSettings("slack.bot_token is missing: put it into PARLEY_SLACK__BOT_TOKEN.")
    if len(set(tokens)) < len(tokens):
        raise BadSettings("slack.more_bot_tokens: a bot token stands there twice. Remove one.")
    app_token = secret(slack.app_token, slack.app_token_file, "slack.app_token")
    signing_secret = secret(slack.signing_secret, slack.signing_secret_file, "slack.signing_secret")
    if not (app_token or signing_secret):
        raise BadSettings(
            "slack: without an app token events come over HTTP, which needs the signing secret: set "
            "PARLEY_SLACK__APP_TOKEN or PARLEY_SLACK__SIGNING_SECRET."
        )
    return Secrets(tokens, app_token, signing_secret)


def _fault(group: BaseExceptionGroup[BaseException]) -> SignInRefused | BadInput | None:
    """The first failure in a group that only the operator can mend, or None."""
    for each in group.exceptions:
        found = _fault(each) if isinstance(each, BaseExceptionGroup) else each
        if isinstance(found, SignInRefused | BadInput):
            return found
    return None
