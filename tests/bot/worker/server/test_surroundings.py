import asyncio
import os
import signal

import pytest

from bot.errors import BadInput
from bot.worker.options import WorkerOptions
from bot.worker.server.surroundings import choose_device, prepare_process, until_signal


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Whatever is set is set back."""
    for name in ("CUDA_VISIBLE_DEVICES", "OMP_WAIT_POLICY", "KMP_BLOCKTIME", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "before")
        monkeypatch.delenv(name)
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "before")
    monkeypatch.setattr("sys.setswitchinterval", lambda seconds: None)


@pytest.mark.parametrize(
    ("device", "shown", "expected"),
    [
        ("auto", None, None),
        ("auto", "3", "3"),
        ("cuda", None, None),
        ("cpu", "0,1", ""),
        ("cuda:1", None, "1"),
        ("cuda:1", "4,6", "6"),
        ("cuda:7", "4,6", "7"),
    ],
)
def test_models_see_one_device_alone(monkeypatch, device, shown, expected):
    if shown is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    choose_device(device)
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == expected


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "", "cpu:0"])
def test_a_device_that_is_not_understood_says_which_setting(device):
    with pytest.raises(BadInput, match=r"worker\.devices"):
        choose_device(device)


def test_no_model_hub_is_asked_and_idle_threads_sleep():
    prepare_process(WorkerOptions(device="cpu"))
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert os.environ["TOKENIZERS_PARALLELISM"] in ("true", "false")


async def test_a_signal_ends_the_work():
    ended = []

    async def work():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(until_signal(work()), 5)
    assert ended
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(number)


async def test_what_the_work_raises_is_raised():
    async def work():
        raise BadInput("no")

    with pytest.raises(BadInput):
        await until_signal(work())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(number)
