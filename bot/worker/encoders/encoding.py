"""What the engines of this package have in common: a network, opened for their task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bot.models import Task
from bot.worker.catalogue import Entry
from bot.worker.encoders.network import open_network
from bot.worker.encoders.windows import Member, by_member, windows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.worker.encoders.network import Floats


class Encoding:
    """An engine around a network. Raises BadModel when that cannot be opened; see `open_network`."""

    task: ClassVar[Task]

    def __init__(self, entry: Entry, threads: int) -> None:
        self.network = open_network(entry, self.task, threads)
        self.device = self.network.name
        self.budget = self.network.budget
        self.memory = self.network.memory

    def warm(self) -> None:
        """Compute once what takes longer the first time. Raises MemoryError."""
        self.network.warm()

    def outputs(self, batch: Sequence[Member]) -> Iterator[tuple[Member, list[Floats]]]:
        """Each member with the network's numbers for its windows.

        Raises MemoryError when the device has no room, ValueError when a number is not finite.
        """
        for member, found in by_member(batch, self.network.run(windows_of(batch))):
            if not all(np.isfinite(each).all() for each in found):
                raise ValueError("the network's numbers are not finite")
            yield member, list(found)
