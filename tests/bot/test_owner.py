"""Whether the holder of a lease still lives."""

import os
import socket

from bot.owner import is_dead, new_owner


def test_a_holder_is_dead_when_its_process_is_gone() -> None:
    host = socket.gethostname()
    assert not is_dead(f"{host}:{os.getppid()}:abc")
    assert not is_dead("elsewhere:1:abc")
    assert is_dead(f"{host}:4194399:abc")


def test_a_name_of_this_process_number_is_alive_only_if_this_process_made_it() -> None:
    assert not is_dead(new_owner())
    assert is_dead(f"{socket.gethostname()}:{os.getpid()}:abc")
