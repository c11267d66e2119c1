"""The workspaces in which the app is installed, each with its token."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.connectors.slack.web_api import Api
from bot.errors import Refused, SignInRefused

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Workspace:
    """One team: who the bot is there, and the way to its API."""

    team: str
    name: str
    domain: str
    bot_user: str
    bot: str
    token: str
    api: Api

    def key(self, channel: str, ts: str) -> str:
        """The key of a message here."""
        return f"slack:{self.team}:{channel}:{ts}"

    def wrote(self, user: object, bot: object) -> bool:
        """Whether a user or bot id is the bot's own."""
        return user == self.bot_user or (bool(self.bot) and bot == self.bot)


class Workspaces:
    """All teams of one app. A team whose token is no good is left out; the others go on."""

    def __init__(self, tokens: Sequence[str], api: Callable[[str], Api]) -> None:
        self._tokens = tokens
        self._api = api
        self._by_team: dict[str, Workspace] = {}

    def __iter__(self) -> Iterator[Workspace]:
        return iter(list(self._by_team.values()))

    async def sign_in(self) -> None:
        """Ask Slack whose tokens these are. Raises SignInRefused when none is good."""
        self._by_team = {}
        refusals: list[SignInRefused] = []
        for number, token in enumerate(self._tokens, start=1):
            try:
                workspace = await self._signed_in(token)
            except SignInRefused as error:
                log.error("bot token %d of %d: %s", number, len(self._tokens), error)  # noqa: TRY400
                refusals.append(error)
                continue
            self._by_team[workspace.team] = workspace
            log.info("signed in to the Slack workspace %s", workspace.team)
        if not self._by_team:
            raise refusals[0]

    def get(self, team: str) -> Workspace | None:
        """The workspace of a team; None where the app has no token."""
        return self._by_team.get(team)

    def require(self, team: str) -> Workspace:
        """The workspace of a team. Raises Refused where the app has no token."""
        workspace = self._by_team.get(team)
        if workspace is None:
            raise Refused(f"there is no bot token for the workspace {team}")
        return workspace

    def lost(self, team: str, error: SignInRefused) -> bool:
        """Leave a team out whose token is no good any more; whether it was the last."""
        if self._by_team.pop(team, None) is not None:
            log.error("workspace %s is left out: %s", team, error)
        return not self._by_team

    async def _signed_in(self, token: str) -> Workspace:
        api = self._api(token)
        try:
            found = await api.call("auth.test")
        except Refused as error:
            raise SignInRefused(f"Slack says {error}. Check slack.api_url and the token.") from None
        address = urlsplit(str(found.get("url") or "")).hostname or ""
        return Workspace(
            team=str(found["team_id"]),
            name=str(found.get("team") or ""),
            domain=address,
            bot_user=str(found["user_id"]),
            bot=str(found.get("bot_id") or ""),
            token=token,
            api=api,
        )
