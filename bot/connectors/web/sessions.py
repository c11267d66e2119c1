"""Tell visitors apart without an account: a signed cookie holding a random id."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from itsdangerous import BadSignature, TimestampSigner
from starlette.requests import Request
from starlette.responses import Response

from bot.errors import BadSettings

YEAR = 365 * 24 * 3600
KEY_BYTES = 32


class Sessions:
    """Reads and writes the visitor's cookie.

    The cookie's name holds a fingerprint of the key, so that two bots on one machine do not overwrite
    each other's (cookies know no ports).
    """

    def __init__(self, key: bytes) -> None:
        self._signer = TimestampSigner(key, salt="visitor", digest_method=hashlib.sha256)
        self.cookie = f"parley_{hashlib.sha256(key).hexdigest()[:8]}"

    def visitor(self, request: Request) -> str | None:
        """The visitor's id, or None without a valid cookie."""
        signed = request.cookies.get(self.cookie, "")
        try:
            return self._signer.unsign(signed, max_age=YEAR).decode("ascii")
        except (BadSignature, UnicodeError):
            return None

    def remember(self, response: Response, visitor: str, *, secure: bool) -> None:
        """Set the cookie anew, for a year from now."""
        response.set_cookie(
            self.cookie,
            self._signer.sign(visitor).decode("ascii"),
            max_age=YEAR,
            httponly=True,
            samesite="lax",
            secure=secure,
        )


def new_visitor() -> str:
    """A random visitor id that nobody can guess."""
    return secrets.token_hex(16)


def load_key(file: Path) -> bytes:
    """The signing key in `file`, made on first use and readable by its owner alone."""
    try:
        _create_key(file)
        key = file.read_bytes()
    except OSError as error:
        raise BadSettings(
            f"{file}: the page's signing key cannot be read or written ({error.strerror})."
        ) from None
    if len(key) < KEY_BYTES:
        raise BadSettings(f"{file}: the page's signing key is damaged. Delete it; visitors start anew then.")
    return key


def _create_key(file: Path) -> None:
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(secrets.token_hex(KEY_BYTES).encode("ascii"))
    try:
        os.link(fresh, file)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
