"""The page itself, and how the bot is for those who watch over it."""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from bot.connectors.web.language import choose_language, languages
from bot.connectors.web.messages import message_page
from bot.connectors.web.refusal import Refusal
from bot.connectors.web.sessions import new_visitor
from bot.connectors.web.view import show_conversation, show_page, show_skills
from bot.connectors.web.visit import PLATFORM, Site, Visit, conversation_key

THEME_COOKIE = "parley_theme"
THEMES = ("light", "dark")
# Words that this page's script does not say.
ELSEWHERE = ("error.", "worker.")


async def get_page(request: Request) -> Response:
    """GET /: a new conversation, or with `?c=ID` one of the visitor's own."""
    site: Site = request.app.state.site
    strings = choose_language(request)
    visitor = site.sessions.visitor(request) or new_visitor()
    conversation = request.query_params.get("c") or secrets.token_hex(16)
    here = Visit(request, site, visitor, strings)
    try:
        response = HTMLResponse(await _page(here, conversation))
    except Refusal as refusal:
        html = show_page(
            "missing.html",
            strings,
            title=site.title,
            theme=theme_of(request),
            sentence=refusal.explain(strings),
        )
        response = HTMLResponse(html, refusal.status)
    site.sessions.remember(response, visitor, secure=request.url.scheme == "https")
    return response


async def get_health(_: Request) -> Response:
    """GET healthz: the process answers."""
    return JSONResponse({"status": "ok"})


async def get_readiness(request: Request) -> Response:
    """GET readyz: 503 while messages cannot be stored; each part's state in words."""
    states, ready = await request.app.state.site.bot.readiness()
    return JSONResponse({"ready": ready, **states}, 200 if ready else 503)


async def _page(here: Visit, conversation: str) -> str:
    site, history = here.site, here.site.bot.store.history
    key = conversation_key(conversation)
    conversations = await history.conversations(PLATFORM, here.visitor)
    current = next((each for each in conversations if each.key == key), None)
    if current is None and await history.conversation(key) is not None:
        raise Refusal(404, "no_conversation")
    messages = await message_page(here, key)
    prefix = site.bot.settings.router.prefix
    script = {
        "conversation": conversation,
        "revision": max((each["revision"] for each in messages["messages"]), default=0),
        "more": messages["more"],
        "prefix": prefix,
        "skills": show_skills(site.bot.skills_in(key), prefix),
        "uploads": site.shared is not None,
        "shared": bool(site.shared),
        "message_kb": site.bot.settings.limits.message_kb,
        "document_mb": site.bot.settings.knowledge.document_mb,
        "strings": {
            name: text for name, text in here.strings.sentences.items() if not name.startswith(ELSEWHERE)
        },
        "language": here.strings.code,
    }
    return show_page(
        "page.html",
        here.strings,
        title=site.title,
        theme=theme_of(here.request),
        conversations=[show_conversation(each, here.strings) for each in conversations],
        current=show_conversation(current, here.strings) if current else None,
        messages=messages["messages"],
        languages=[(each.code, each.say("language")) for each in languages().values()],
        script=script,
    )


def theme_of(request: Request) -> str:
    """What the visitor switched to; empty for what the browser prefers."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else ""
