"""Say no: a status, a code for programs and a sentence for people, in the visitor's language."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from bot.connectors.web.language import Strings, choose_language
from bot.errors import (
    BadInput,
    DeadlineExceeded,
    ModelError,
    Overloaded,
    ParleyError,
    TooLarge,
    UnreadableDocument,
)


class Refusal(Exception):
    """A request that is not served. `code` names the sentence `error.CODE`, which is filled with `values`."""

    def __init__(self, status: int, code: str, *, sentence: str = "", **values: object) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.sentence = sentence
        self.values = values

    def explain(self, strings: Strings) -> str:
        """The sentence people see."""
        return self.sentence or strings.say(f"error.{self.code}", **self.values)


def plain_refusal(scope: Scope, refusal: Refusal) -> Response:
    """The refusal as JSON, for a request that reached no route."""
    request = Request(scope)
    sentence = refusal.explain(choose_language(request))
    return JSONResponse({"error": sentence, "code": refusal.code}, refusal.status)


def from_parley(error: ParleyError) -> Refusal:
    """A deliberate failure of the core as the refusal that fits it."""
    if isinstance(error, TooLarge):
        return Refusal(413, "too_large", sentence=str(error))
    if isinstance(error, UnreadableDocument):
        return Refusal(422, "unreadable", sentence=str(error))
    if isinstance(error, Overloaded | DeadlineExceeded | ModelError):
        return Refusal(503, "busy", sentence=str(error))
    return Refusal(400 if isinstance(error, BadInput) else 500, "refused", sentence=str(error))
