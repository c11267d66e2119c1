"""The connector: listening, and what happens when it cannot."""

import asyncio
import signal
import socket
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from bot.errors import BadSettings
from tests.bot.connectors.web.conftest import open_site, site_settings, visit


async def test_port_zero_takes_a_free_one(tmp_path: Path) -> None:
    async with open_site(site_settings(tmp_path)) as running:
        port = httpx2.URL(running.url).port
        assert port not in (None, 0)
        async with httpx2.AsyncClient() as client:
            assert (await client.get(f"{running.url}healthz")).status_code == 200


async def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadSettings, match=f"port {port}.*PARLEY_WEB__PORT"):
            async with open_site(site_settings(tmp_path, port=port)):
                pass


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
async def test_an_address_of_no_interface_is_a_clear_error(tmp_path: Path, host: str) -> None:
    with pytest.raises(BadSettings, match="PARLEY_WEB__HOST"):
        async with open_site(site_settings(tmp_path, host=host)):
            pass


async def test_signals_are_left_to_the_process(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with open_site(site_settings(tmp_path)):
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


async def test_the_port_is_free_again_after_the_end(tmp_path: Path) -> None:
    async with open_site(site_settings(tmp_path)) as running:
        port = httpx2.URL(running.url).port
    async with open_site(site_settings(tmp_path, port=port)) as running, visit(running):
        pass


async def test_listening_on_ipv6(tmp_path: Path) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 on this machine")
    try:
        async with open_site(site_settings(tmp_path, host="::1")) as running:
            assert running.url.startswith("http://[::1]:")
            async with visit(running):
                pass
    except BadSettings:
        pytest.skip("no IPv6 on this machine")


async def test_a_broken_request_line_does_not_disturb(tmp_path: Path) -> None:
    async with open_site(site_settings(tmp_path)) as running:
        url = httpx2.URL(running.url)
        for raw in (
            b"\x00\xff\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"GET " + b"x" * 200_000,
        ):
            reader, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(raw)
            writer.write_eof()
            with suppress(ConnectionResetError):
                assert b"Traceback" not in await asyncio.wait_for(reader.read(), 10)
            writer.close()
            with suppress(ConnectionResetError):
                await writer.wait_closed()
        async with visit(running):
            pass
