import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bot.worker.wire import address as addresses


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


async def noop(reader, writer):
    writer.close()


async def test_the_socket_is_for_this_user_alone_and_gone_afterwards(run_dir):
    with addresses.private_address(run_dir) as address:
        path = Path(address.removeprefix("unix:"))
        server, place = await addresses.listen(address, noop)
        assert (place, path.parent, mode_of(path)) == (address, run_dir, 0o600)
        assert mode_of(run_dir) == 0o700
        server.close()
        await server.wait_closed()
    assert list(run_dir.iterdir()) == []


async def test_a_path_too_long_for_a_socket_moves_to_a_temporary_folder(tmp_path):
    with addresses.private_address(tmp_path / ("long" * 30)) as address:
        server, _ = await addresses.listen(address, noop)
        folder = Path(address.removeprefix("unix:")).parent
        assert mode_of(folder) == 0o700
        server.close()
        await server.wait_closed()
    assert not folder.exists()


def test_two_bots_in_one_folder_do_not_meet(run_dir):
    with addresses.private_address(run_dir) as one, addresses.private_address(run_dir) as other:
        assert one != other


def test_sockets_of_killed_bots_are_removed_and_others_kept(run_dir):
    run_dir.mkdir()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    stale = run_dir / f"worker-{ended.pid}-0a.sock"
    kept = [run_dir / f"worker-{os.getpid()}-0b.sock", run_dir / "notes.sock"]
    for path in [stale, *kept]:
        path.touch()
    with addresses.private_address(run_dir):
        assert sorted(run_dir.iterdir()) == sorted(kept)


async def test_without_unix_sockets_it_is_loopback(run_dir, monkeypatch):
    monkeypatch.delattr(addresses.socket, "AF_UNIX")
    with addresses.private_address(run_dir) as address:
        assert address == "tcp:127.0.0.1:0"
    monkeypatch.undo()
    server, place = await addresses.listen(address, noop)
    assert place != address
    reader, writer = await addresses.connect(place)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs a foreign process")
def test_a_living_process_is_alive():
    assert addresses.is_alive(1)
