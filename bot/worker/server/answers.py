"""Who asked what: puts what was computed, of many batches for instance, together into answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from bot.worker.server.role import Outcome, Pack
from bot.worker.wire import frames
from bot.worker.wire.errors import pack_error

Peer = TypeVar("Peer")


@dataclass(slots=True, eq=False)
class Request(Generic[Peer]):
    """A request of a peer under the peer's own number, and the results it has so far."""

    peer: Peer
    id: int
    role: str
    missing: int = 0
    results: list[Any] = field(default_factory=list)
    pack: Pack | None = None


@dataclass(slots=True, eq=False)
class Letter:
    """What goes to one peer at once: pieces of streams, and answers with their bodies."""

    pieces: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def frames(self) -> Iterator[bytes]:
        """Pieces come before the answers that end them."""
        if self.pieces:
            yield frames.encode({"kind": "pieces", "pieces": self.pieces})
        if self.answers:
            yield frames.encode({"kind": "answers", "answers": self.answers}, b"".join(self.bodies))


class Answers(Generic[Peer]):
    """The open requests of all peers, under numbers that are unique in this process."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._open: dict[int, Request[Peer]] = {}
        self._numbers_of: dict[tuple[Peer, int], int] = {}

    def __len__(self) -> int:
        return len(self._open)

    def open(self, peer: Peer, request: int, role: str) -> int:
        """Our number for the peer's request to a role; its answer comes as a whole."""
        number = next(self._numbers)
        self._open[number] = Request(peer, request, role)
        self._numbers_of[peer, request] = number
        return number

    def expect(self, number: int, count: int, pack: Pack) -> None:
        """The answer to a request is what `pack` makes of so many results."""
        request = self._open[number]
        request.missing, request.results, request.pack = count, [None] * count, pack

    def close(self, number: int) -> Request[Peer] | None:
        """Forget a request; None when it is already gone."""
        request = self._open.pop(number, None)
        if request and self._numbers_of.get((request.peer, request.id)) == number:
            del self._numbers_of[request.peer, request.id]
        return request

    def number_of(self, peer: Peer, request: int) -> int | None:
        """Our number for a peer's open request."""
        return self._numbers_of.get((peer, request))

    def numbers_of(self, peer: Peer) -> list[int]:
        """All open requests of a peer."""
        return [number for number, request in self._open.items() if request.peer is peer]

    def settle(self, outcomes: Iterable[Outcome]) -> Iterator[tuple[Peer, bytes]]:
        """Frames with whatever there is now for each peer. Outcomes of closed requests are dropped."""
        letters: dict[Peer, Letter] = {}
        for outcome in outcomes:
            request = self._open.get(outcome.request)
            if request is None:
                continue
            letter = letters.get(request.peer)
            if letter is None:
                letter = letters[request.peer] = Letter()
            if self._write(request, outcome, letter):
                self.close(outcome.request)
        for peer, letter in letters.items():
            for frame in letter.frames():
                yield peer, frame

    @staticmethod
    def _write(request: Request[Peer], outcome: Outcome, letter: Letter) -> bool:
        """Add to the letter what the outcome brings; whether it ends the request."""
        if outcome.piece:
            letter.pieces.append({"id": request.id, "text": outcome.piece})
        if outcome.error:
            letter.answers.append({"id": request.id, **pack_error(outcome.error)})
            return True
        if outcome.values is not None:
            letter.answers.append({"id": request.id, "values": outcome.values})
            return True
        if not outcome.positions:
            return False
        for position, result in zip(outcome.positions, outcome.results, strict=True):
            request.results[position] = result
        request.missing -= len(outcome.positions)
        if request.missing or not request.pack:
            return False
        fields, body = request.pack(request.results)
        letter.answers.append({"id": request.id, **fields})
        letter.bodies.append(body)
        return True
