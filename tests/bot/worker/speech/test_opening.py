"""Every container people send, and what only looks like one. The recordings are made here."""

import io
import random
import subprocess
import sys

import numpy as np
import pytest

from bot.worker.speech.opening import (
    NOT_READABLE,
    RATE,
    SOUNDLESS,
    TOO_LONG,
    Unreadable,
    container_of,
    decode,
)

av = pytest.importorskip("av")

KINDS = {
    "ogg": ("ogg", "libopus", 48_000),
    "m4a": ("ipod", "aac", 44_100),
    "mp4": ("mp4", "aac", 48_000),
    "webm": ("webm", "libopus", 48_000),
    "wav": ("wav", "pcm_s16le", 8_000),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "flac": ("flac", "flac", 22_050),
    "aac": ("adts", "aac", 44_100),
}


def recording(kind, *, seconds=2.0, channels=1, pitch=440.0):
    """A tone in a container."""
    container, codec, rate = KINDS[kind]
    file = io.BytesIO()
    with av.open(file, "w", format=container) as opened:
        stream = opened.add_stream(codec, rate=rate, layout="mono" if channels == 1 else "stereo")
        moments = np.arange(int(seconds * rate)) / rate
        tone = (np.sin(2 * np.pi * pitch * moments) * 16_000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(
            np.repeat(tone, channels).reshape(1, -1),
            format="s16",
            layout=stream.codec_context.layout.name,
        )
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            opened.mux(packet)
    return file.getvalue()


def heard(content, longest=60):
    return np.frombuffer(bytes(decode(content, longest)), np.int16)


def pitch_of(samples):
    return np.abs(np.fft.rfft(samples)).argmax() * RATE / len(samples)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_container_becomes_the_same_sound(kind, channels):
    samples = heard(recording(kind, channels=channels))
    assert len(samples) / RATE == pytest.approx(2.0, abs=0.15)
    assert pitch_of(samples) == pytest.approx(440, abs=2)
    assert 10_000 < np.abs(samples).max() < 20_000


def test_the_sound_of_a_film_is_taken_and_its_pictures_left():
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as opened:
        pictures = opened.add_stream("mpeg4", rate=10)
        pictures.width = pictures.height = 64
        pictures.pix_fmt = "yuv420p"
        sound = opened.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for _ in range(5):
            opened.mux(pictures.encode(av.VideoFrame(64, 64, "yuv420p")))
        frame = av.AudioFrame.from_ndarray(np.ones((1, RATE), np.int16), format="s16", layout="mono")
        frame.sample_rate = RATE
        opened.mux(sound.encode(frame))
        opened.mux([*pictures.encode(None), *sound.encode(None)])
    assert len(heard(file.getvalue())) == RATE


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"hello, I am a text", "no recording"),
        (b"%PDF-1.7", "no recording"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n", "no recording"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "no recording"),
        (b"\x00" * 1000, "no recording"),
    ],
)
def test_what_is_no_recording_is_said_so(content, words):
    with pytest.raises(Unreadable, match=words):
        decode(content, 60)


def test_a_file_without_sound_is_said_so(wav):
    result = run(wav(0.0, seconds=0))
    assert (result.returncode, result.stdout) == (NOT_READABLE, SOUNDLESS.encode())


def test_a_recording_over_the_limit_is_left_off_early():
    content = recording("flac", seconds=180)
    with pytest.raises(Unreadable, match="over 1 min") as caught:
        decode(content, 60)
    assert caught.value.code == TOO_LONG


@pytest.mark.parametrize("kind", ["ogg", "webm", "wav", "mp3", "flac", "aac"])
def test_a_recording_that_breaks_off_is_heard_up_to_there(kind):
    content = recording(kind, seconds=4)
    samples = heard(content[: len(content) // 2])
    assert 1 < len(samples) / RATE < 3.5


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_never_do_more_than_fail(kind):
    content = recording(kind)
    dice = random.Random(kind)
    for _ in range(3):
        damaged = bytearray(content)
        for _ in range(30):
            damaged[dice.randrange(16, len(damaged))] = dice.randrange(256)
        result = run(bytes(damaged))
        assert result.returncode in (0, NOT_READABLE, TOO_LONG), result
        assert result.returncode == 0 or result.stdout.decode().endswith(".")


def test_a_bomb_ends_at_the_limit():
    """A day of silence in a small file."""
    bomb = recording("flac", seconds=60, pitch=0.0)
    assert len(bomb) < 100_000
    result = run(bomb, longest="30")
    assert (result.returncode, len(result.stdout)) == (TOO_LONG, len(result.stdout.decode()))


def test_it_can_write_nothing(tmp_path):
    code = "import sys, bot.worker.speech.opening as d\n"
    code += "d.decode = lambda *_: open('there', 'wb', 0).write(b'x')\nsys.exit(d.main())"
    assert run(b"OggS", code=code, folder=tmp_path).returncode == NOT_READABLE
    assert (tmp_path / "there").stat().st_size == 0


def test_without_its_library_it_says_what_to_install():
    code = "import sys; sys.modules['av'] = None\nimport bot.worker.speech.opening as d; sys.exit(d.main())"
    result = run(recording("wav"), code=code)
    assert (result.returncode, result.stdout) == (
        12,
        b"Listening to recordings needs av: install parley[speech].",
    )


def test_containers_are_known_by_their_first_bytes():
    assert {kind: container_of(recording(kind, seconds=0.2)) for kind in KINDS} == {
        "ogg": "ogg",
        "m4a": "mov",
        "mp4": "mov",
        "webm": "matroska",
        "wav": "wav",
        "mp3": "mp3",
        "flac": "flac",
        "aac": "aac",
    }


def run(content, *, longest="60", code=None, folder=None):
    """The process as the worker starts it."""
    how = ["-c", code] if code else ["-m", "bot.worker.speech.opening"]
    command = [sys.executable, *how, longest]
    return subprocess.run(command, input=content, stdout=subprocess.PIPE, timeout=60, check=False, cwd=folder)
