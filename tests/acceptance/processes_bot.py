"""One of several bots on one database and one account, in a process of its own: one argument, JSON."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path

from bot.settings import LaneSettings, StorageSettings
from bot.testing.platform import PlatformConnector, platform_settings, run_bot


class SharedConnector(PlatformConnector):
    """The fake platform with an account: one process is connected, the others stand by."""

    account = "shared"


def main() -> None:
    """Run until SIGTERM, few conversations at a time, so that there is work for all processes."""
    wanted = json.loads(sys.argv[1])
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    lanes = LaneSettings(lease_seconds=3.0, drain_seconds=5.0, concurrency=wanted["concurrency"])
    settings = platform_settings(Path(wanted["data_dir"])).model_copy(
        update={"storage": StorageSettings(url=wanted["url"]), "lanes": lanes}
    )
    connector = SharedConnector(Path(wanted["socket"]), delivers_once=wanted["delivers_once"])
    asyncio.run(run_bot(settings, connector))


if __name__ == "__main__":
    main()
