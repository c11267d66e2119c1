"""What the bot asks for when it is invited to a Discord server."""

from __future__ import annotations

from functools import reduce
from operator import or_
from urllib.parse import urlencode

APPLICATIONS = "https://discord.com/developers/applications"
"""Where an application's owner sets it up."""

PERMISSIONS = {
    "View Channels": 1 << 10,
    "Send Messages": 1 << 11,
    "Send Messages in Threads": 1 << 38,
    "Create Public Threads": 1 << 35,
    "Read Message History": 1 << 16,
    "Attach Files": 1 << 15,
    "Add Reactions": 1 << 6,
}
"""Each permission the bot needs, by the name Discord shows, with its bit."""

SCOPES = ("bot", "applications.commands")


def invite_link(application_id: int) -> str:
    """The address at which someone who manages a server adds the bot to it."""
    asked = {
        "client_id": application_id,
        "permissions": reduce(or_, PERMISSIONS.values()),
        "scope": " ".join(SCOPES),
    }
    return f"https://discord.com/oauth2/authorize?{urlencode(asked)}"
