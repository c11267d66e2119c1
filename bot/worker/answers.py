"""Who asked what: puts what was computed, rows of many batches for instance, together into answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from bot.worker import frames
from bot.worker.errors import pack_error
from bot.worker.inference import Outcome

if TYPE_CHECKING:
    from bot.models import Vectors

Peer = TypeVar("Peer")
NOTHING: Vectors = np.zeros((0, 0), dtype=np.float32)


@dataclass(slots=True, eq=False)
class Request(Generic[Peer]):
    """A request of a peer under the peer's own number, and the rows it has so far."""

    peer: Peer
    id: int
    role: str
    count: int
    missing: int
    rows: Vectors


class Answers(Generic[Peer]):
    """The open requests of all peers, under numbers that are unique in this process."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._open: dict[int, Request[Peer]] = {}
        self._numbers_of: dict[tuple[Peer, int], int] = {}

    def open(self, peer: Peer, request: int, role: str, count: int) -> int:
        """Our number for the peer's request of `count` texts to a role."""
        number = next(self._numbers)
        self._open[number] = Request(peer, request, role, count, count, NOTHING)
        self._numbers_of[peer, request] = number
        return number

    def close(self, number: int) -> Request[Peer] | None:
        """Forget a request; None when it is already gone."""
        request = self._open.pop(number, None)
        if request:
            self._numbers_of.pop((request.peer, request.id), None)
        return request

    def number_of(self, peer: Peer, request: int) -> int | None:
        """Our number for a peer's open request."""
        return self._numbers_of.get((peer, request))

    def numbers_of(self, peer: Peer) -> list[int]:
        """All open requests of a peer."""
        return [number for number, request in self._open.items() if request.peer is peer]

    def settle(self, outcomes: Iterable[Outcome]) -> Iterator[tuple[Peer, bytes]]:
        """One frame per peer with whatever is complete now. Outcomes of closed requests are dropped."""
        finished: dict[Peer, list[tuple[Request[Peer], dict[str, Any]]]] = {}
        for outcome in outcomes:
            fields = self._add(outcome)
            request = self.close(outcome.request) if fields else None
            if request and fields:
                finished.setdefault(request.peer, []).append((request, fields))
        for peer, answers in finished.items():
            yield peer, answers_frame(answers)

    def _add(self, outcome: Outcome) -> dict[str, Any] | None:
        """The answer's fields, when this outcome completes it."""
        request = self._open.get(outcome.request)
        if request is None:
            return None
        if outcome.error:
            request.rows = NOTHING
            return pack_error(outcome.error)
        if outcome.values is not None:
            return {"values": outcome.values}
        if outcome.rows is not None:
            if request.rows is NOTHING:
                request.rows = np.empty((request.count, outcome.rows.shape[1]), dtype=np.float32)
            request.rows[list(outcome.positions)] = outcome.rows
            request.missing -= len(outcome.positions)
        return None if request.missing else {"shape": request.rows.shape}


def answers_frame(answers: Sequence[tuple[Request[Any], dict[str, Any]]]) -> bytes:
    """Answers to one peer: rows, values or errors."""
    header = {"kind": "answers", "answers": [{"id": request.id, **fields} for request, fields in answers]}
    body = b"".join(frames.pack_vectors(request.rows) for request, _ in answers)
    return frames.encode(header, body)
