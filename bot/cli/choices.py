"""What is to be connected: taken from options, asked for, and turned into settings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli import credentials
from bot.cli.credentials import Credential
from bot.cli.questions import Questions, is_https

if TYPE_CHECKING:
    from bot.connectors.slack.manifest import Feature


class SlackWay(StrEnum):
    """How Slack's events come in."""

    SOCKET = "socket"
    HTTP = "http"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; None where it says nothing."""

    web: bool | None
    discord: bool | None
    slack: SlackWay | None
    url: str
    observe: bool | None
    voice: bool | None
    direct: bool | None


@dataclass(frozen=True, slots=True)
class Choices:
    """What is wanted. `url` is the https address for events over HTTP, else empty."""

    web: bool
    discord: bool
    slack: SlackWay
    url: str
    observe: bool
    voice: bool
    direct: bool

    @property
    def has_slack(self) -> bool:
        """Whether Slack is to be connected."""
        return self.slack is not SlackWay.NO

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """The secrets needed."""
        discord = (credentials.DISCORD_TOKEN,) if self.discord else ()
        return (*discord, *self.slack_credentials) if self.has_slack else discord

    @property
    def slack_credentials(self) -> tuple[Credential, Credential]:
        """The secrets that Slack needs, its events coming in this way or that."""
        is_socket = self.slack is SlackWay.SOCKET
        second = credentials.SLACK_APP_TOKEN if is_socket else credentials.SLACK_SIGNING_SECRET
        return credentials.SLACK_BOT_TOKEN, second

    def features(self) -> frozenset[Feature]:
        """The same as features of a Slack app."""
        from bot.connectors.slack.manifest import Feature

        wanted = ((Feature.OBSERVE, self.observe), (Feature.VOICE, self.voice), (Feature.DIRECT, self.direct))
        return frozenset(feature for feature, is_wanted in wanted if is_wanted)

    def tables(self, folder: Path) -> dict[str, dict[str, object]]:
        """The settings that differ from the defaults; the secrets lie in `folder`."""
        tables: dict[str, dict[str, object]] = {}
        if not self.web:
            tables["web"] = {"enabled": False}
        if self.discord:
            named = _named((credentials.DISCORD_TOKEN,), folder)
            tables["discord"] = named | ({} if self.observe else {"message_content": False})
        if self.has_slack:
            tables["slack"] = _named(self.slack_credentials, folder)
        if not self.voice:
            tables["router"] = {"voice": ""}
        return tables


def _named(needed: tuple[Credential, ...], folder: Path) -> dict[str, object]:
    return {each.setting: str(folder / each.file) for each in needed}


def choose(questions: Questions, given: Options) -> Choices:
    """What the options say, and the answers for what they leave open."""
    web = _confirm(questions, given.web, "Serve the chat page?", default=True)
    discord = _confirm(questions, given.discord, "Connect Discord?", default=False)
    slack = given.slack
    if slack is None:
        slack = SlackWay(questions.choose("Connect Slack?", tuple(SlackWay), default=SlackWay.NO))
    url = _address(questions, given.url) if slack is SlackWay.HTTP else ""
    has_slack = slack is not SlackWay.NO
    asked = discord or has_slack
    return Choices(
        web,
        discord,
        slack,
        url,
        _confirm(questions, given.observe, "Read channels, not only mentions?", default=True, asked=asked),
        _confirm(questions, given.voice, "Write voice messages down?", default=True, asked=asked),
        _confirm(questions, given.direct, "Answer direct messages on Slack?", default=True, asked=has_slack),
    )


def _confirm(
    questions: Questions, given: bool | None, question: str, *, default: bool, asked: bool = True
) -> bool:
    if given is not None:
        return given
    return questions.confirm(question, default=default) if asked else default


def _address(questions: Questions, given: str) -> str:
    from bot.errors import BadInput

    address = given or questions.address("The https address at which Slack reaches this bot")
    if not is_https(address):
        raise BadInput("Events over HTTP need --slack-url, an https address such as https://bot.example.org")
    return address
