"""Which devices get a worker each."""

import pytest

from bot.worker import placement
from bot.worker.client.fleet import numbered
from bot.worker.options import WorkerOptions
from bot.worker.placement import per_device


@pytest.fixture
def gpus(tmp_path, monkeypatch):
    """Pretend that the driver shows so many GPUs."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def make(count):
        folder = tmp_path / str(count)
        folder.mkdir()
        for number in range(count):
            (folder / f"0000:{number:02}:00.0").mkdir()
        monkeypatch.setattr(placement, "GPUS", folder)

    return make


def devices(*chosen, **options):
    return [each.device for each in per_device(WorkerOptions(**options), chosen)]


@pytest.mark.parametrize(
    ("count", "expected"), [(0, ["auto"]), (1, ["auto"]), (3, ["cuda:0", "cuda:1", "cuda:2"])]
)
def test_auto_is_every_gpu_or_whatever_there_is(gpus, count, expected):
    gpus(count)
    assert devices("auto") == expected


def test_only_what_the_operator_shows_counts(gpus, monkeypatch):
    gpus(4)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,3")
    assert devices("auto") == ["cuda:0", "cuda:1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices("auto") == ["auto"]


def test_named_devices_are_taken_as_they_are(gpus):
    gpus(4)
    assert devices("cuda:1", "cpu") == ["cuda:1", "cpu"]
    assert devices() == []


def test_workers_on_the_processor_share_its_cores(monkeypatch):
    monkeypatch.setattr(placement, "thread_count", lambda options: 7)
    assert [each.threads for each in per_device(WorkerOptions(), ["cpu", "cpu", "cuda:0"])] == [3, 3, 0]
    assert [each.threads for each in per_device(WorkerOptions(), ["cpu"])] == [0]
    assert [each.threads for each in per_device(WorkerOptions(threads=2), ["cpu", "cpu"])] == [2, 2]


def test_several_workers_of_one_device_have_names_of_their_own():
    assert numbered(["cpu", "cuda:0", "cpu"]) == ["cpu 1", "cuda:0", "cpu 2"]
