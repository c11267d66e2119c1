"""Other ways to serve the same checkpoint. Each is opened in a process of its own, maybe another Python.

A variant is what a system can be tuned by, mostly its batch size; the first is what was best elsewhere.
"""

from __future__ import annotations

import asyncio
import importlib
import multiprocessing
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from bot.benchmarks.serving.driving import Classify, Reply
from bot.benchmarks.serving.plain import Plain

WAIT_SECONDS = 0.01
PADDED_TOKENS = 512
START_SECONDS = 90.0
BY_LENGTH = "budget"
BY_TOKENS = "-tokens"

Open: TypeAlias = Callable[[Path, int, str], AbstractAsyncContextManager[Classify]]


@asynccontextmanager
async def naive(folder: Path, threads: int, variant: str) -> AsyncIterator[Classify]:
    """A pipeline of transformers, one message after the other."""
    import torch
    import transformers

    torch.set_num_threads(threads)
    device = 0 if torch.cuda.is_available() else "cpu"
    ask = transformers.pipeline("text-classification", model=str(folder), device=device, truncation=True)
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as thread:

        async def classify(text: str) -> Reply:
            return Reply((await loop.run_in_executor(thread, ask, text))[0]["label"], 1, 1)

        yield classify


@asynccontextmanager
async def ray_serve(folder: Path, threads: int, variant: str) -> AsyncIterator[Classify]:
    """Ray Serve with @serve.batch: so many messages, or so many padded tokens."""
    ray = importlib.import_module("ray")
    serve = importlib.import_module("ray.serve")
    by_length = variant == BY_LENGTH
    sizes: dict[str, Any] = {"max_batch_size": PADDED_TOKENS if by_length else int(variant)}
    if by_length:
        sizes["batch_size_fn"] = padded_tokens

    class Classifier:
        def __init__(self) -> None:
            self._plain = Plain(str(folder), threads)

        @serve.batch(batch_wait_timeout_s=WAIT_SECONDS, **sizes)  # type: ignore[untyped-decorator]
        async def __call__(self, texts: list[str]) -> list[Any]:
            return self._plain.classify(texts)

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        made = serve.deployment(num_replicas=1, max_ongoing_requests=100_000)(Classifier)
        handle = await asyncio.to_thread(partial(serve.run, made.bind(), route_prefix=None))

        async def classify(text: str) -> Reply:
            return Reply(*(await handle.remote(text)))

        yield classify
    finally:
        await asyncio.to_thread(serve.shutdown)
        ray.shutdown()


def padded_tokens(texts: list[str]) -> int:
    """About how many tokens a batch has with its padding: none over what the batch may have."""
    return min(PADDED_TOKENS, max(len(text.split()) + 2 for text in texts)) * len(texts)


@asynccontextmanager
async def litserve(folder: Path, threads: int, variant: str) -> AsyncIterator[Classify]:
    """LitServe and its HTTP interface."""
    aiohttp = importlib.import_module("aiohttp")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    fork = multiprocessing.get_context("spawn")
    server = fork.Process(target=serve_lit, args=(str(folder), threads, int(variant), port))
    server.start()
    try:
        limits = {"connector": aiohttp.TCPConnector(limit=0), "timeout": aiohttp.ClientTimeout(600)}
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", **limits) as session:

            async def classify(text: str) -> Reply:
                async with session.post("/predict", json={"text": text}) as response:
                    response.raise_for_status()
                    return Reply(*(await response.json()))

            await until_up(classify)
            yield classify
    finally:
        end(server.pid)
        server.join()


def serve_lit(folder: str, threads: int, size: int, port: int) -> None:
    """The server's process."""
    lit = importlib.import_module("bot.benchmarks.serving.lit")
    server = lit.lit.LitServer(
        lit.Api(folder, threads, size, WAIT_SECONDS), accelerator="auto", timeout=False
    )
    server.run(host="127.0.0.1", port=port, log_level="error", generate_client_file=False)


async def until_up(classify: Classify) -> None:
    """Wait for the first answer. Raises TimeoutError."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                await classify("ready")
            except Exception:  # noqa: BLE001 - a wall: whatever a client raises before there is a server
                await asyncio.sleep(0.2)
            else:
                return


def end(root: int | None) -> None:
    """End a process and what it has started."""
    import os
    import signal
    from contextlib import suppress

    from bot.benchmarks.serving.processes import processes

    if root is None:
        return
    for child in [number for number, row in processes().items() if row[0] == root]:
        end(child)
    with suppress(ProcessLookupError):
        os.kill(root, signal.SIGKILL)


@asynccontextmanager
async def batched(folder: Path, threads: int, variant: str) -> AsyncIterator[Classify]:
    """The decorator of `batched`, in this process."""
    plain = Plain(str(folder), threads)
    library = importlib.import_module("batched")

    @library.aio.dynamically(batch_size=int(variant), timeout_ms=1000 * WAIT_SECONDS)  # type: ignore[untyped-decorator]
    def judge(texts: list[str]) -> list[Any]:
        return plain.classify(texts)

    async def classify(text: str) -> Reply:
        return Reply(*(await judge(text)))

    yield classify


@asynccontextmanager
async def infinity(folder: Path, threads: int, variant: str) -> AsyncIterator[Classify]:
    """Infinity's engine in this process: batch size, and whether lengths are counted in tokens."""
    import torch

    torch.set_num_threads(threads)
    library = importlib.import_module("infinity_emb")
    arguments = library.EngineArgs(
        model_name_or_path=str(folder),
        engine="torch",
        device="cuda" if torch.cuda.is_available() else "cpu",
        dtype="auto" if torch.cuda.is_available() else "float32",
        batch_size=int(variant.removesuffix(BY_TOKENS)),
        lengths_via_tokenize=variant.endswith(BY_TOKENS),
        bettertransformer=False,
        model_warmup=False,
    )
    async with library.AsyncEmbeddingEngine.from_args(arguments) as engine:

        async def classify(text: str) -> Reply:
            found, _ = await engine.classify(sentences=[text])
            return Reply(max(found[0], key=lambda label: label["score"])["label"])

        yield classify


PEERS: dict[str, tuple[Open, tuple[str, ...]]] = {
    "naive": (naive, ("1",)),
    "ray": (ray_serve, (BY_LENGTH, "1", "8", "32")),
    "litserve": (litserve, ("1", "4", "32")),
    "batched": (batched, ("1", "8", "32")),
    "infinity": (infinity, ("4-tokens", "1", "4", "8", "8-tokens", "16-tokens", "32", "32-tokens")),
}
