"""Take the README's picture of the page: the real bot, a small handbook, two questions.

Run it as `.venv/bin/python tests/bot/connectors/web/picture.py`; it writes docs/images/chat.png.
"""

import asyncio
import shutil
import tempfile
from pathlib import Path

from playwright.async_api import Page, async_playwright, expect

from bot.assembly import open_bot
from bot.connectors.web import WebConnector
from bot.settings import Settings, WebSettings

PICTURE = Path(__file__).parents[4] / "docs" / "images" / "chat.png"
HANDBOOK = """# Team handbook

## Working time

Core hours are from 10:00 to 15:00. Outside of them everyone plans their own day.

## Leave

Everyone has 28 days of paid leave a year. Up to five unused days may be carried over until 31 March of the
next year. Leave is requested in the staff portal two weeks ahead, and the team lead answers in three days.

## Travel

Trains are booked in second class; above four hours first class may be booked. Receipts are handed in
within 30 days through the expenses form, and the money arrives with the next salary.

## Equipment

A laptop is replaced after four years, or earlier when it cannot be repaired. Lost or stolen devices are
reported to security@example.org within 24 hours.
"""
QUESTIONS = ["How many days of paid leave do I have?", "When do I have to hand in travel receipts?"]


async def take() -> None:
    """Start the bot, talk to it, and keep what the page looks like."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), web=WebSettings(port=0))
        web = WebConnector(settings)
        async with open_bot(settings, [web]) as bot:
            running = asyncio.create_task(bot.run())
            try:
                await asyncio.gather(web.started(), bot.models.ready())
                await _photograph(web.address)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


async def _photograph(address: str) -> None:
    async with async_playwright() as playwright:
        path = shutil.which("chromium") or playwright.chromium.executable_path
        browser = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB")
        await page.goto(address)
        await _ask(page, "Who may book first class?")
        await page.locator("a.new").click()
        await _ask(page, *QUESTIONS)
        await page.mouse.move(700, 30)
        await page.screenshot(path=PICTURE)
        await browser.close()


async def _ask(page: Page, *questions: str) -> None:
    handbook = {"name": "handbook.md", "mimeType": "text/markdown", "buffer": HANDBOOK.encode()}
    await page.locator("#files").set_input_files(handbook)
    await expect(page.locator(".upload.is-ready")).to_be_visible(timeout=60_000)
    for number, question in enumerate(questions, start=1):
        await page.locator("#text").fill(question)
        await page.locator("#text").press("Enter")
        await expect(page.locator("#messages .from-bot")).to_have_count(number, timeout=60_000)


if __name__ == "__main__":
    asyncio.run(take())
