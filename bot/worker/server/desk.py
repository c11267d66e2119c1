"""What all roles of a process share: the device, the thread for tokens, the shelf, and the way back."""

from __future__ import annotations

from bot.worker.options import WorkerOptions
from bot.worker.server.device import Device
from bot.worker.server.role import Deliver
from bot.worker.server.shelf import Shelf
from bot.worker.server.tokenizing import Tokenizing


class Desk:
    """`deliver` takes the outcomes of all roles, on any thread."""

    def __init__(self, options: WorkerOptions, deliver: Deliver) -> None:
        self.options = options
        self.deliver = deliver
        self.device = Device()
        self.tokenizing = Tokenizing()
        self.shelf = Shelf(options, self.device.lock)

    def start(self) -> None:
        """Begin to compute."""
        self.device.start()
        self.tokenizing.start()
