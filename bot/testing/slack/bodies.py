"""The JSON that Slack sends about what it keeps: people, channels, messages, files, events."""

from __future__ import annotations

import time
from pathlib import PurePath
from urllib.parse import quote

from bot.testing.slack.state import APP_ID, Json, Person, Place, Posted, State, StoredFile, Workspace

EVENT_KEYS = (
    "client_msg_id", "type", "text", "user", "ts", "team", "blocks", "attachments", "thread_ts",
    "parent_user_id", "bot_id", "bot_profile", "edited",
)  # fmt: skip
SHARED_KEYS = (
    "type", "subtype", "text", "blocks", "attachments", "files", "upload", "display_as_bot", "user",
    "parent_user_id", "ts", "thread_ts",
)  # fmt: skip
MENTION_KEYS = (
    "client_msg_id", "user", "bot_id", "bot_profile", "text", "blocks", "ts", "team", "edited", "thread_ts",
)  # fmt: skip
CHANGED_KEYS = (
    *EVENT_KEYS, "subtype", "upload", "display_as_bot", "hidden", "is_locked", "subscribed", "reply_count",
    "reply_users_count", "latest_reply",
)  # fmt: skip
RESPONSE_KEYS = (
    "type", "text", "user", "ts", "team", "bot_id", "bot_profile", "app_id", "blocks", "attachments",
    "thread_ts", "parent_user_id", "metadata", "edited",
)  # fmt: skip


def pick(body: Json, keys: tuple[str, ...]) -> Json:
    """Only the keys named."""
    return {key: body[key] for key in keys if key in body}


def workspace_body(workspace: Workspace) -> Json:
    """A team, as team.info tells it."""
    return {
        "id": workspace.team_id,
        "name": workspace.name,
        "domain": workspace.domain,
        "email_domain": "",
        "url": f"https://{workspace.domain}.slack.com/",
        "is_verified": False,
    }


def person_body(person: Person) -> Json:
    """A member, as users.info tells it."""
    return {
        "id": person.id,
        "team_id": person.team_id,
        "name": person.name,
        "deleted": False,
        "real_name": person.name.title(),
        "tz": "Europe/Amsterdam",
        "tz_label": "Central European Time",
        "tz_offset": 3600,
        "profile": {
            "real_name": person.name.title(),
            "display_name": person.name,
            "team": person.team_id,
        },
        "is_admin": False,
        "is_owner": False,
        "is_bot": False,
        "is_app_user": False,
        "updated": 1700000000,
    }


def bot_user_body(workspace: Workspace) -> Json:
    """The bot's own user."""
    body = person_body(Person(workspace.bot_user_id, "parley", workspace.team_id))
    body["profile"] |= {"bot_id": workspace.bot_id, "api_app_id": APP_ID}
    return body | {"is_bot": True}


def bot_profile(workspace: Workspace, bot_id: str, app_id: str) -> Json:
    """What a message tells about the bot that wrote it."""
    return {
        "id": bot_id,
        "deleted": False,
        "name": "parley" if bot_id == workspace.bot_id else "another bot",
        "updated": 1700000000,
        "app_id": app_id,
        "team_id": workspace.team_id,
    }


def place_body(place: Place) -> Json:
    """A conversation, as conversations.info tells it."""
    body: Json = {
        "id": place.id,
        "created": place.created,
        "is_archived": place.archived,
        "is_im": place.kind == "im",
        "is_org_shared": False,
        "context_team_id": place.workspace.team_id,
    }
    if place.kind == "im":
        return body | {"user": place.user}
    return body | {
        "name": place.name,
        "name_normalized": place.name,
        "is_channel": place.kind == "channel",
        "is_group": place.kind == "group",
        "is_private": place.kind == "group",
        "is_mpim": False,
        "is_general": place.name == "general",
        "is_shared": False,
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "previous_names": [],
    }


def file_body(state: State, file: StoredFile, place: Place | None = None) -> Json:
    """A file, as messages and files.info tell it."""
    if file.needs_lookup and place is not None:
        return {
            "id": file.id, "mode": "file_access", "file_access": "check_file_info", "created": 0,
            "timestamp": 0, "user": "",
        }  # fmt: skip
    suffix = PurePath(file.name).suffix.removeprefix(".")
    address = f"{state.origin}/files-pri/{file.id}/{quote(file.name, safe='')}"
    body: Json = {
        "id": file.id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.title,
        "mimetype": file.mimetype,
        "filetype": suffix or "binary",
        "pretty_type": suffix.upper(),
        "user": file.user,
        "editable": False,
        "size": len(file.content),
        "mode": "external" if file.remote else "hosted",
        "is_external": file.remote is not None,
        "external_type": "app" if file.remote else "",
        "is_public": True,
        "public_url_shared": False,
        "display_as_bot": False,
        "username": "",
        "url_private": file.remote or address,
        "permalink": f"https://fake.slack.com/files/{file.user}/{file.id}/{file.name}",
        "has_rich_preview": False,
    }
    if not file.remote:
        body["url_private_download"] = f"{address}?download=1"
    if file.subtype:
        body |= {"subtype": file.subtype, "transcription": {"status": "processing"}, "duration_ms": 2000}
    return body


def message_body(state: State, message: Posted, *, with_metadata: bool = False) -> Json:
    """A message, as the history tells it."""
    workspace = message.place.workspace
    body: Json = {
        "type": "message",
        "text": message.text,
        "user": message.user,
        "ts": message.ts,
        "team": workspace.team_id,
    }
    if message.blocks:
        body["blocks"] = message.blocks
    if message.attachments:
        body["attachments"] = message.attachments
    if message.edited:
        body["edited"] = message.edited
    if message.metadata and with_metadata:
        body["metadata"] = message.metadata
    if message.reactions:
        body["reactions"] = [
            {"name": name, "users": users, "count": len(users)} for name, users in message.reactions.items()
        ]
    return body | _writer(message) | _files(state, message) | _thread(message)


def _writer(message: Posted) -> Json:
    if message.tombstone:
        return {"subtype": "tombstone"}
    if message.bot_id is None:
        return {"client_msg_id": message.client_msg_id} if message.client_msg_id else {}
    app_id = message.app_id or ""
    profile = bot_profile(message.place.workspace, message.bot_id, app_id)
    return {"bot_id": message.bot_id, "app_id": app_id, "bot_profile": profile}


def _files(state: State, message: Posted) -> Json:
    if not message.files:
        return {}
    files = [file_body(state, file, message.place) for file in message.files]
    return {"subtype": "file_share", "files": files, "upload": True, "display_as_bot": False}


def _thread(message: Posted) -> Json:
    if message.thread_ts is None:
        return {}
    parent = message.place.messages.get(message.thread_ts)
    if parent is not message:
        return {
            "thread_ts": message.thread_ts,
            **({"parent_user_id": parent.user} if parent is not None else {}),
        }
    writers = list(dict.fromkeys(message.place.messages[ts].user for ts in message.replies))
    return {
        "thread_ts": message.ts,
        "reply_count": len(message.replies),
        "reply_users_count": len(writers),
        "reply_users": writers,
        "latest_reply": message.replies[-1] if message.replies else message.ts,
        "is_locked": False,
        "subscribed": False,
    }


def message_event(state: State, message: Posted) -> Json:
    """The message event of a new message."""
    body = message_body(state, message)
    kept = pick(body, SHARED_KEYS if message.files else EVENT_KEYS)
    return kept | {
        "channel": message.place.id,
        "event_ts": message.ts,
        "channel_type": message.place.kind,
    }


def mention_event(state: State, message: Posted) -> Json:
    """The app_mention event of a new message."""
    kept = pick(message_body(state, message), MENTION_KEYS)
    return {"type": "app_mention", **kept, "channel": message.place.id, "event_ts": message.ts}


def changed_event(state: State, message: Posted, previous: Json) -> Json:
    """The event of a message that is not what it was."""
    moment = state.moment()
    return {
        "type": "message",
        "subtype": "message_changed",
        "hidden": True,
        "channel": message.place.id,
        "message": snapshot(state, message),
        "previous_message": previous,
        "ts": moment,
        "event_ts": moment,
        "channel_type": message.place.kind,
    }


def deleted_event(state: State, place: Place, previous: Json) -> Json:
    """The event of a message that is gone."""
    moment = state.moment()
    return {
        "type": "message",
        "subtype": "message_deleted",
        "hidden": True,
        "channel": place.id,
        "deleted_ts": previous["ts"],
        "previous_message": previous,
        "ts": moment,
        "event_ts": moment,
        "channel_type": place.kind,
    }


def callback(state: State, workspace: Workspace, event: Json) -> Json:
    """The wrapper in which every event travels."""
    return {
        "token": "fake-verification-token",
        "team_id": workspace.team_id,
        "api_app_id": state.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": state.identity("Ev"),
        "event_time": int(time.time()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": workspace.team_id,
                "user_id": workspace.bot_user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": "4-fake",
    }


def snapshot(state: State, message: Posted) -> Json:
    """What a message is now, for the event that follows its change."""
    return pick(message_body(state, message), CHANGED_KEYS)
