"""`parley worker`: the models alone, for bots on this machine or on others."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.options import ConfigFile, DataDir, read_settings

if TYPE_CHECKING:
    from bot.settings import Settings
    from bot.worker.options import WorkerOptions

SOCKET = "parley-worker.sock"


def worker(
    listen: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="tcp:HOST:PORT or unix:PATH; without one, a socket in the data folder.",
            show_default=False,
        ),
    ] = "",
    key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A file holding the key that bots have to show.", show_default=False
        ),
    ] = None,
    device: Annotated[
        str,
        typer.Option(help="auto, cpu, cuda or cuda:N; without one, worker.devices.", show_default=False),
    ] = "",
    drain_seconds: Annotated[
        float, typer.Option(min=0, help="How long to go on with what was asked when it is stopped.")
    ] = 30.0,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Serve the models alone, on one device, until stopped; bots name its address in worker.addresses."""
    settings = read_settings(config, data_dir)
    # Leaves without the interpreter's shutdown, in which a thread inside torch may crash.
    serve(settings, listen, key_file, device=device, drain_seconds=drain_seconds)
    sys.stderr.flush()
    os._exit(0)


def serve(
    settings: Settings, listen: str, key_file: Path | None, *, device: str, drain_seconds: float
) -> None:
    """Check what was chosen, then serve until stopped."""
    from bot.assembly import make_data_dir, worker_options
    from bot.secrets import secret
    from bot.worker.server.standing import check_key, stand
    from bot.worker.server.surroundings import prepare_process, run

    key = secret(settings.worker.key, key_file or settings.worker.key_file, "worker.key")
    address = listen or f"unix:{socket_in(make_data_dir(settings))}"
    check_key(address, key)
    options = on_one_device(worker_options(settings), device, settings.worker.devices)
    prepare_process(options)
    run(stand(address, options, key, drain_seconds=drain_seconds))


def socket_in(folder: Path) -> Path:
    """The worker's socket in the data folder."""
    run_dir = folder.absolute() / "run"
    run_dir.mkdir(mode=0o700, exist_ok=True)
    return run_dir / SOCKET


def on_one_device(options: WorkerOptions, device: str, devices: tuple[str, ...]) -> WorkerOptions:
    """The options with their device. Raises BadInput when several are named and none is chosen."""
    from bot.errors import BadInput

    if not device and len(devices) > 1:
        raise BadInput(
            f"worker.devices names {len(devices)} devices. Start one worker for each, with --device."
        )
    return replace(options, device=device or devices[0])
