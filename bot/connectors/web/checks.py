"""Whether the chat page can be served: its port, and the names it is reached by."""

from __future__ import annotations

import http.client
import json

from bot.connectors import ports
from bot.connectors.findings import Finding, broken, doubtful, fine
from bot.connectors.web.security import EVERYWHERE, LOOPBACK_NAMES
from bot.settings import Settings, WebSettings

PAGE_SECONDS = 5.0


def check_page(settings: Settings) -> list[Finding]:
    """Whether the page's port is free or parley's own, and by which names it is reached."""
    return [_page_port(settings.web), *_page_names(settings.web)]


def _page_port(web: WebSettings) -> Finding:
    place = f"{web.host}, port {web.port}"
    why = ports.why_not(web.host, web.port)
    if not why:
        return fine("chat page", f"{place} is free for parley run.")
    if why != ports.TAKEN:
        words = f"{place} cannot be listened on: {why}."
        return broken("chat page", words, "Set PARLEY_WEB__HOST to an address of this machine.")
    if _is_parley(web):
        return fine("chat page", f"parley serves it on {place}.")
    words = f"another program listens on {place}."
    return broken("chat page", words, "Set PARLEY_WEB__PORT to a free port, or stop that program.")


def _is_parley(web: WebSettings) -> bool:
    """Whether what listens there answers as parley's page does."""
    connection = http.client.HTTPConnection(ports.reached_at(web.host), web.port, timeout=PAGE_SECONDS)
    try:
        connection.request("GET", "/readyz", headers={"Host": f"localhost:{web.port}"})
        told = json.loads(connection.getresponse().read(10_000))
        return isinstance(told, dict) and {"ready", "database", "models"} <= set(told)
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _page_names(web: WebSettings) -> list[Finding]:
    what = "chat page names"
    odd = [name for name in web.allowed_hosts if "/" in name or (":" in name and not name.startswith("["))]
    if odd:
        words = f"web.allowed_hosts holds {', '.join(odd)}."
        return [broken(what, words, "Write bare host names there, without https://, port or path.")]
    if web.host in LOOPBACK_NAMES:
        return []
    if web.allowed_hosts:
        return [fine(what, f"it listens on {web.host} and is reached as {', '.join(web.allowed_hosts)}.")]
    reached = "any address of this machine" if web.host in EVERYWHERE else web.host
    words = f"it listens on {web.host}, open to your network, and is reached by {reached} alone."
    return [doubtful(what, words, "If people use a host name, write it into web.allowed_hosts.")]
