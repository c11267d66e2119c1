"""The gateway: who may connect, and which events each session gets."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Any

from aiohttp import WSMsgType, web

from bot.testing.discord import intents
from bot.testing.discord.faults import Faults
from bot.testing.discord.sessions import Line, Session, encode
from bot.testing.discord.shapes import guild_json, member_json, user_json
from bot.testing.discord.state import APPLICATION_ID, Json, State

RESUME_URL = "wss://gateway-us-east1-b.discord.gg"
PAYLOAD_BYTES = 4096
RESUME_SECONDS = 60.0
IDENTIFY_SECONDS = 5.0
REORDER_SECONDS = 0.1
SHAKEN = ("MESSAGE_", "INTERACTION_")


class Gateway:
    """All sessions of the bot."""

    def __init__(self, state: State, faults: Faults, *, token: str, strict: bool) -> None:
        self.heartbeat_seconds = 41.25
        self.resume_seconds = RESUME_SECONDS
        self.shards = 1
        self.granted_intents = intents.PRIVILEGED
        self.identifies: list[float] = []
        self.resumes = 0
        self.limited = 0
        self.refusal: int | None = None
        self.session_start_limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
        self.sessions: dict[str, Session] = {}
        self.lines: list[Line] = []
        self._state = state
        self._faults = faults
        self._token = token
        self._strict = strict
        self._held: tuple[str, Json, int | None] | None = None

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Hold one socket from HELLO to its end."""
        socket = web.WebSocketResponse(timeout=1.0, max_msg_size=0)
        await socket.prepare(request)
        line = Line(socket, request)
        self.lines.append(line)
        pump = asyncio.create_task(line.pump())
        line.send(10, {"heartbeat_interval": int(self.heartbeat_seconds * 1000), "_trace": []})
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._receive(line, message.data)
        finally:
            pump.cancel()
            self.lines.remove(line)
            self._left(line)
        return socket

    def dispatch(self, event: str, body: Json, guild_id: int | None) -> None:
        """An event for every session that asked for it, as the dice have it."""
        if not event.startswith(SHAKEN):
            return self._deliver(event, body, guild_id)
        if self._held is None and self._faults.roll(self._faults.dice.reorder):
            self._held = (event, body, guild_id)
            asyncio.get_running_loop().call_later(REORDER_SECONDS, self._release)
            return None
        self._deliver(event, body, guild_id)
        if self._faults.roll(self._faults.dice.duplicate):
            self._deliver(event, body, guild_id)
        return self._release()

    def _release(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._deliver(*held)

    def _deliver(self, event: str, body: Json, guild_id: int | None) -> None:
        encoded: dict[int, str] = {}
        for session in self.sessions.values():
            if not session.covers(guild_id) or not intents.wants(
                session.intents, event, direct=guild_id is None
            ):
                continue
            shown = intents.visible(body, session.intents, self._state.bot.id)
            if id(shown) not in encoded:
                encoded[id(shown)] = encode(shown)
            session.dispatch(event, encoded[id(shown)])

    def _receive(self, line: Line, text: str) -> None:
        if len(text.encode()) > PAYLOAD_BYTES:
            return line.close(4002)
        if self._strict and line.sends.take(asyncio.get_running_loop().time()):
            self.limited += 1
            return line.close(4008)
        try:
            payload = json.loads(text)
            op, body = payload["op"], payload.get("d")
        except (ValueError, KeyError, TypeError):
            return line.close(4002)
        return self._obey(line, op, body)

    def _obey(self, line: Line, op: int, body: Any) -> None:
        if op == 1:
            if line.session is not None and body is not None:
                line.session.confirm(body)
            line.send(11, None)
        elif op in (2, 6):
            if line.session is not None:
                return line.close(4005)
            begin = self._identify if op == 2 else self._resume
            begin(line, body)
        elif line.session is None:
            line.close(4003)
        elif op == 8:
            self._members(line.session, body)
        elif op not in (3, 4, 31):
            line.close(4001)
        return None

    def _identify(self, line: Line, body: Json) -> None:
        now = asyncio.get_running_loop().time()
        hurried = bool(self.identifies) and now - self.identifies[-1] < IDENTIFY_SECONDS
        self.identifies.append(now)
        self.session_start_limit["remaining"] -= 1
        code = self._refusal(body)
        if code is not None:
            return line.close(code)
        if self._strict and hurried:
            return line.send(9, False)
        number, count = body.get("shard", (0, 1))
        session = Session(secrets.token_hex(16), body["intents"], (number, count), line)
        line.session = session
        self._prune(now)
        self.sessions[session.id] = session
        return self._welcome(session)

    def _refusal(self, body: Json) -> int | None:
        if self.refusal is not None:
            return self.refusal
        if body.get("token") != self._token or self.session_start_limit["remaining"] < 0:
            return 4004
        if not isinstance(body.get("intents"), int):
            return 4013
        return 4014 if body["intents"] & intents.PRIVILEGED & ~self.granted_intents else None

    def _welcome(self, session: Session) -> None:
        guilds = [each for each in self._state.guilds.values() if session.covers(each.id)]
        ready: Json = {
            "v": 10,
            "user": user_json(self._state.bot) | {"verified": True, "mfa_enabled": False, "email": None},
            "guilds": [{"id": str(each.id), "unavailable": True} for each in guilds],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": RESUME_URL,
            "shard": list(session.shard),
            "application": {"id": str(APPLICATION_ID), "flags": intents.flags_of(self.granted_intents)},
            "private_channels": [],
            "relationships": [],
            "user_settings": {},
            "presences": [],
        }
        session.dispatch("READY", encode(ready))
        for guild in guilds:
            session.dispatch("GUILD_CREATE", encode(guild_json(guild, self._state)))

    def _resume(self, line: Line, body: Json) -> None:
        self.resumes += 1
        if body.get("token") != self._token:
            return line.close(4004)
        self._prune(asyncio.get_running_loop().time())
        session = self.sessions.get(body.get("session_id", ""))
        if session is None or not isinstance(body.get("seq"), int):
            return line.send(9, False)
        if body["seq"] > session.sequence:
            return line.close(4007)
        if session.sequence - len(session.log) > body["seq"]:
            return line.send(9, False)
        session.confirm(body["seq"])
        if session.line is not None:
            session.line.session = None
        session.line, session.left_at, line.session = line, None, session
        session.replay()
        return session.dispatch("RESUMED", '{"_trace":[]}')

    def _members(self, session: Session, body: Json) -> None:
        wanted = body.get("user_ids")
        prefix = body.get("query") or ""
        users = [
            each
            for each in self._state.users.values()
            if (str(each.id) in map(str, wanted) if wanted else each.name.startswith(prefix))
        ]
        chunk: Json = {
            "guild_id": str(body["guild_id"]),
            "members": [member_json(each, int(body["guild_id"])) for each in users],
            "chunk_index": 0,
            "chunk_count": 1,
            "not_found": [],
        }
        nonce = {"nonce": body["nonce"]} if "nonce" in body else {}
        session.dispatch("GUILD_MEMBERS_CHUNK", encode(chunk | nonce))

    def _left(self, line: Line) -> None:
        session, line.session = line.session, None
        if session is None or session.line is not line:
            return
        session.line, session.left_at = None, asyncio.get_running_loop().time()
        if not line.was_closed and line.socket.close_code in (1000, 1001):
            self.sessions.pop(session.id, None)

    def _prune(self, now: float) -> None:
        for session in list(self.sessions.values()):
            if session.left_at is not None and now - session.left_at > self.resume_seconds:
                del self.sessions[session.id]

    def invalidate(self, *, resumable: bool) -> None:
        """Op 9 on every socket; what cannot be resumed is forgotten."""
        for line in self.lines:
            line.send(9, resumable)
            if not resumable and line.session is not None:
                self.sessions.pop(line.session.id, None)
                line.session = None
