"""auth, conversations, users, team, bots, reactions, apps: what the bot asks and marks."""

from __future__ import annotations

from bot.testing.slack.bodies import (
    bot_user_body,
    message_body,
    person_body,
    place_body,
    workspace_body,
)
from bot.testing.slack.people import People
from bot.testing.slack.state import Json, Place, Posted
from bot.testing.slack.web_api import ApiError, Call, method

HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
READ = ("channels:read", "groups:read", "im:read", "mpim:read")
MOST = 999
KINDS = {"public_channel": "channel", "private_channel": "group", "im": "im"}


@method("auth.test", per_minute=200)
def auth_test(slack: People, call: Call) -> Json:
    """Whose token this is."""
    if call.is_app_level:
        return {"app_name": "parley", "app_id": slack.app_id}
    workspace = call.workspace
    return {
        "url": f"https://{workspace.domain}.slack.com/",
        "team": workspace.name,
        "user": "parley",
        "team_id": workspace.team_id,
        "user_id": workspace.bot_user_id,
        "bot_id": workspace.bot_id,
        "app_id": slack.app_id,
        "is_enterprise_install": False,
    }


@method("apps.connections.open", per_minute=1)
def open_connection(slack: People, _call: Call) -> Json:
    """An address for Socket Mode."""
    return {"url": slack.socket_mode.address()}


@method("conversations.history", *HISTORY, per_minute=50)
def history(slack: People, call: Call) -> Json:
    """Messages that are no replies, newest first."""
    place = _read(call)
    messages = [each for each in place.written() if each.thread_ts in (None, each.ts)]
    return _page(slack, call, list(reversed(_between(call, messages))))


@method("conversations.replies", *HISTORY, per_minute=50)
def replies(slack: People, call: Call) -> Json:
    """A thread, oldest first; its parent comes first whatever the bounds are."""
    place = _read(call)
    asked = place.messages.get(call.text("ts"))
    if asked is None:
        raise ApiError("thread_not_found")
    parent = place.messages[asked.thread_ts or asked.ts]
    thread = _between(call, [place.messages[ts] for ts in parent.replies])
    page = _page(slack, call, [parent, *thread])
    for message in page["messages"]:
        # Slack's recorded threads do not have it.
        message.pop("client_msg_id", None)
    return page


@method("conversations.list", *READ, per_minute=20)
def list_conversations(_slack: People, call: Call) -> Json:
    """The conversations of the workspace."""
    return _places(call, [place for place in _visible(call) if place.member or place.kind == "channel"])


@method("users.conversations", *READ, per_minute=50)
def own_conversations(_slack: People, call: Call) -> Json:
    """The conversations of which the bot is a member."""
    return _places(call, [place for place in _visible(call) if place.member])


@method("conversations.info", *READ, per_minute=50)
def conversation(_slack: People, call: Call) -> Json:
    """One conversation."""
    place = call.place()
    body = place_body(place)
    return {"channel": body if place.kind == "im" else body | {"is_member": place.member}}


@method("conversations.members", *READ, per_minute=100)
def members(slack: People, call: Call) -> Json:
    """Who is in a conversation: everybody of the workspace, or the two of a direct one."""
    place = call.place()
    team = call.workspace.team_id
    people = (
        [place.user] if place.kind == "im" else [p.id for p in slack.people.values() if p.team_id == team]
    )
    everyone = [*people, call.workspace.bot_user_id] if place.member else people
    return {"members": everyone, "response_metadata": {"next_cursor": ""}}


@method("conversations.open", "im:write", per_minute=50)
def open_conversation(slack: People, call: Call) -> Json:
    """The direct conversation with a person."""
    user = call.text("users")
    if user not in slack.people:
        raise ApiError("user_not_found")
    place = slack.places[slack.dm(user)]
    opened = {"id": place.id}
    if call.flag("return_im"):
        keys = ("id", "created", "is_archived", "is_im", "is_org_shared", "user", "context_team_id")
        opened = {key: value for key, value in place_body(place).items() if key in keys}
    return {"channel": opened, "no_op": False, "already_open": False}


@method("users.info", "users:read", per_minute=100)
def user(slack: People, call: Call) -> Json:
    """A person, or the bot itself."""
    if call.text("user") == call.workspace.bot_user_id:
        return {"user": bot_user_body(call.workspace)}
    person = slack.people.get(call.text("user"))
    if person is None or person.team_id != call.workspace.team_id:
        raise ApiError("user_not_found")
    return {"user": person_body(person)}


@method("bots.info", "users:read", per_minute=50)
def bot(slack: People, call: Call) -> Json:
    """A bot."""
    workspace = call.workspace
    if call.text("bot") != workspace.bot_id:
        raise ApiError("bot_not_found")
    body = {"id": workspace.bot_id, "deleted": False, "name": "parley", "updated": 1700000000}
    return {"bot": body | {"app_id": slack.app_id, "user_id": workspace.bot_user_id}}


@method("team.info", "team:read", per_minute=50)
def team(_slack: People, call: Call) -> Json:
    """The workspace."""
    return {"team": workspace_body(call.workspace)}


@method("reactions.add", "reactions:write", per_minute=50)
def add_reaction(slack: People, call: Call) -> Json:
    """React to a message, once."""
    message, name = call.message("message_not_found", "timestamp"), call.text("name")
    if call.workspace.bot_user_id in message.reactions.get(name, []):
        raise ApiError("already_reacted")
    slack.add_reaction(message, name, user=call.workspace.bot_user_id)
    return {}


@method("reactions.remove", "reactions:write", per_minute=20)
def remove_reaction(slack: People, call: Call) -> Json:
    """Take a reaction back."""
    message, name = call.message("message_not_found", "timestamp"), call.text("name")
    user = call.workspace.bot_user_id
    if user not in message.reactions.get(name, []):
        raise ApiError("no_reaction")
    slack.take_reaction(message, name, user=user)
    return {}


def _read(call: Call) -> Place:
    place = call.place()
    if not place.member:
        raise ApiError("not_in_channel")
    return place


def _between(call: Call, messages: list[Posted]) -> list[Posted]:
    """The messages within `oldest` and `latest`; the bounds themselves only if `inclusive`."""
    inclusive = bool(call.flag("inclusive"))
    oldest, latest = call.optional("oldest"), call.optional("latest")
    return [
        message
        for message in messages
        if (not oldest or float(oldest) < float(message.ts) or (inclusive and message.ts == oldest))
        and (not latest or float(message.ts) < float(latest) or (inclusive and message.ts == latest))
    ]


def _page(slack: People, call: Call, messages: list[Posted]) -> Json:
    start = int(call.optional("cursor") or 0)
    limit = max(1, min(call.number("limit", 100), MOST))
    shown = messages[start : start + limit]
    more = start + limit < len(messages)
    with_metadata = bool(call.flag("include_all_metadata"))
    body: Json = {
        "messages": [message_body(slack, message, with_metadata=with_metadata) for message in shown],
        "has_more": more,
    }
    return body | ({"response_metadata": {"next_cursor": str(start + limit)}} if more else {})


def _visible(call: Call) -> list[Place]:
    asked = (call.optional("types") or "public_channel").split(",")
    kinds = {KINDS.get(each.strip()) for each in asked}
    archived = not call.flag("exclude_archived")
    return [
        place
        for place in call.slack.places.values()
        if place.workspace is call.workspace and place.kind in kinds and (archived or not place.archived)
    ]


def _places(call: Call, places: list[Place]) -> Json:
    start = int(call.optional("cursor") or 0)
    limit = max(1, min(call.number("limit", 100), MOST))
    more = start + limit < len(places)
    bodies = [place_body(place) for place in places[start : start + limit]]
    return {"channels": bodies, "response_metadata": {"next_cursor": str(start + limit) if more else ""}}
