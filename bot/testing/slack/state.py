"""What the fake Slack remembers: workspaces, places, people, messages and files."""

from __future__ import annotations

import bisect
import hashlib
import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.testing.slack.conformity import Conformity

Json = dict[str, Any]
Kind = Literal["channel", "group", "im"]

APP_ID = "A0FAKEAPP1"
SIGNING_SECRET = "fake0signing0secret0fake0signing0"  # noqa: S105 - the fake's own
APP_TOKEN = "xapp-1-A0FAKEAPP1-1000000000001-fakefakefake"  # noqa: S105 - the fake's own
SCOPES = (
    "app_mentions:read", "assistant:write", "channels:history", "channels:read", "chat:write", "commands",
    "files:read", "files:write", "groups:history", "groups:read", "im:history", "im:read", "im:write",
    "mpim:history", "mpim:read", "reactions:read", "reactions:write", "team:read", "users:read",
)  # fmt: skip


@dataclass(slots=True)
class Dice:
    """How often Slack misbehaves, each from 0 to 1.

    `busy`: HTTP 429 with Retry-After. `broken`: 500 or 503 before anything was accepted. `lost_answer`:
    accepted, then the connection is dropped. `duplicate`: an event delivered twice, over two sockets at
    once where two are open. `reorder`: an event is held back a little, so that later ones overtake it.
    """

    busy: float = 0.0
    broken: float = 0.0
    lost_answer: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0


@dataclass(frozen=True, slots=True)
class Workspace:
    """A team in which the app is installed."""

    team_id: str
    name: str
    bot_token: str
    bot_user_id: str
    bot_id: str

    @property
    def domain(self) -> str:
        """The workspace's part of slack.com."""
        return self.name.lower().replace(" ", "-")


@dataclass(frozen=True, slots=True)
class Person:
    """A member of a workspace."""

    id: str
    name: str
    team_id: str


@dataclass(slots=True)
class StoredFile:
    """A file that somebody shared. Remote files have an address and no content."""

    id: str
    name: str
    mimetype: str
    content: bytes
    user: str
    title: str
    created: int
    subtype: str | None = None
    remote: str | None = None
    needs_lookup: bool = False
    complete: bool = True
    shares: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Posted:
    """A message as Slack keeps it."""

    place: Place
    ts: str
    user: str
    text: str
    thread_ts: str | None = None
    client_msg_id: str | None = None
    bot_id: str | None = None
    app_id: str | None = None
    username: str | None = None
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    files: list[StoredFile] = field(default_factory=list)
    metadata: Json | None = None
    edited: Json | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    replies: list[str] = field(default_factory=list)
    chunks: list[Json] = field(default_factory=list)
    mentions: tuple[str, ...] = ()
    unfurl_links: bool | None = None
    unfurl_media: bool | None = None
    streaming: bool = False
    streamed: bool = False
    tombstone: bool = False
    seen_by: str | None = None


@dataclass(slots=True)
class Place:
    """A channel, private channel or direct conversation, with its messages by ts."""

    id: str
    name: str
    workspace: Workspace
    kind: Kind
    user: str | None = None
    member: bool = True
    archived: bool = False
    created: int = field(default_factory=lambda: int(time.time()))
    messages: dict[str, Posted] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def keep(self, message: Posted) -> None:
        """Store a message in the order of time; a reply is counted at its parent."""
        self.messages[message.ts] = message
        bisect.insort(self.order, message.ts)
        parent = self.messages.get(message.thread_ts or "")
        if parent is not None and parent is not message:
            parent.thread_ts = parent.ts
            bisect.insort(parent.replies, message.ts)

    def drop(self, ts: str) -> None:
        """Forget a message; a parent that loses its last reply is no thread any more."""
        message = self.messages.pop(ts)
        self.order.remove(ts)
        parent = self.messages.get(message.thread_ts or "")
        if parent is not None and ts in parent.replies:
            parent.replies.remove(ts)
            parent.thread_ts = parent.ts if parent.replies else None

    def written(self) -> list[Posted]:
        """All messages, oldest first."""
        return [self.messages[ts] for ts in self.order]


class State:
    """Everything kept, and the counters that name it."""

    def __init__(
        self, *, dice: Dice, seed: int, strict: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.dice = dice
        self.strict = strict
        self.clock = clock
        self.random = random.Random(seed)  # noqa: S311 - dice, not secrets
        self.port = 0
        self.app_id = APP_ID
        self.app_token = APP_TOKEN
        self.signing_secret = SIGNING_SECRET
        self.scopes = set(SCOPES)
        self.workspaces: dict[str, Workspace] = {}
        self.places: dict[str, Place] = {}
        self.people: dict[str, Person] = {}
        self.files: dict[str, StoredFile] = {}
        self.revoked: dict[str, str] = {}
        self.homes: dict[str, Json] = {}
        self.views: dict[str, Json] = {}
        self.hidden: dict[str, Posted] = {}
        self.statuses: list[Json] = []
        self.prompts: list[Json] = []
        self.titles: list[Json] = []
        self.posts: list[Json] = []
        self.requests: list[tuple[str, str]] = []
        self.conformity = Conformity()
        self._count = itertools.count(1)
        self._last_moment = 0
        self.home_workspace = self.add_workspace("Fake")
        self.general = self.add_channel("general")

    @property
    def origin(self) -> str:
        """Scheme, host and port of the fake."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_url(self) -> str:
        """What clients take as base address."""
        return f"{self.origin}/api/"

    def add_workspace(self, name: str) -> Workspace:
        """Install the app in one more team."""
        mark = _mark(name)
        workspace = Workspace(
            team_id=f"T{mark}",
            name=name,
            bot_token=f"xoxb-{len(self.workspaces) + 1}000000000-1000000000-fake{mark}",
            bot_user_id=f"U{_mark(name, 'bot')}",
            bot_id=f"B{_mark(name, 'bot')}",
        )
        self.workspaces[workspace.team_id] = workspace
        return workspace

    def add_channel(
        self, name: str, *, team: str | None = None, private: bool = False, member: bool = True
    ) -> str:
        """A channel; its id is the same for the same name and team."""
        workspace = self.workspace(team)
        place = Place(
            f"C{_mark(workspace.team_id, name)}",
            name,
            workspace,
            kind="group" if private else "channel",
            member=member,
        )
        return self.places.setdefault(place.id, place).id

    def dm(self, author: str = "ann", *, team: str | None = None) -> str:
        """The direct conversation of a person with the bot."""
        person = self.person(author, team=team)
        place = Place(
            f"D{_mark(person.id)}", person.name, self.workspace(person.team_id), kind="im", user=person.id
        )
        return self.places.setdefault(place.id, place).id

    def user(self, author: str = "ann", *, team: str | None = None) -> str:
        """A person's id."""
        return self.person(author, team=team).id

    def person(self, author: str, *, team: str | None = None) -> Person:
        """A person by name or id; a new name joins the workspace."""
        if author in self.people:
            return self.people[author]
        team_id = self.workspace(team).team_id
        person = Person(f"U{_mark(team_id, author)}", author, team_id)
        return self.people.setdefault(person.id, person)

    def workspace(self, team: str | None = None) -> Workspace:
        """A team by id; without one, the first."""
        return self.workspaces[team] if team else self.home_workspace

    def identity(self, beginning: str) -> str:
        """A new id that begins so."""
        return f"{beginning}0{next(self._count):08X}"

    def moment(self) -> str:
        """A ts later than all before."""
        self._last_moment = max(time.time_ns() // 1000, self._last_moment + 1)
        return f"{self._last_moment // 1_000_000}.{self._last_moment % 1_000_000:06d}"

    def message(self, channel: str, ts: str) -> Posted:
        """A message that is there; KeyError otherwise."""
        return self.places[channel].messages[ts]


def _mark(*words: str) -> str:
    return hashlib.blake2s("/".join(words).encode(), digest_size=5).hexdigest().upper()
