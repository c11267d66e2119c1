from bot.worker.server.meters import WAIT_BOUNDS, Meter


def test_waits_are_counted_by_class():
    meter = Meter()
    for seconds in (0.001, 0.005, 0.2, 100.0):
        meter.wait(seconds)
    waits = meter.health()["waits"]
    assert (waits[0], waits[5], waits[-1], sum(waits)) == (2, 1, 1, 4)
    assert len(waits) == len(WAIT_BOUNDS) + 1
    assert meter.health()["waited_seconds"] == 100.206


def test_batches_are_measured():
    meter = Meter()
    assert meter.health()["padding"] == 1.0
    meter.compute(4, 30, padded=40, seconds=0.5)
    meter.compute(2, 30, padded=40, seconds=0.5)
    health = meter.health()
    assert (health["batches"], health["texts_per_batch"], health["padding"]) == (2, 3.0, 0.75)
    assert (health["tokens"], health["device_seconds"]) == (60, 1.0)


def test_the_speed_of_the_last_batches_tells_how_long_others_take():
    meter = Meter()
    assert meter.seconds_for(1000) == 0.0
    for _ in range(100):
        meter.compute(1, 10, padded=10, seconds=0.1)
    assert round(meter.seconds_for(50), 6) == 0.5
