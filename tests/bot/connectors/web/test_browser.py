"""The page in a real browser: what people do, and what attackers try."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from playwright.async_api import Browser, Page, Route, expect

from tests.bot.connectors.web.conftest import Running, open_site, site_settings

expect.set_options(timeout=10_000)


class Watch:
    """What must not happen on a page: dialogs, errors, violations of the policy, foreign requests."""

    def __init__(self, page: Page, origin: str) -> None:
        self.seen: list[str] = []
        self._origin = origin
        page.on("dialog", lambda dialog: self._note(f"dialog: {dialog.message}", dialog))
        page.on("pageerror", lambda error: self._note(f"error: {error}"))
        page.on("console", lambda message: self._console(message.type, message.text))
        page.on("request", lambda request: self._request(request.url))

    def _note(self, text: str, dialog: Any = None) -> None:
        self.seen.append(text)
        if dialog is not None:
            self._dismissing = asyncio.ensure_future(dialog.dismiss())

    def _console(self, kind: str, text: str) -> None:
        if "Content Security Policy" in text or (kind == "error" and "Failed to load" not in text):
            self._note(f"console: {text}")

    def _request(self, url: str) -> None:
        if not url.startswith((self._origin, "data:")):
            self._note(f"request: {url}")


@asynccontextmanager
async def open_page(browser: Browser, url: str, **options: Any) -> AsyncIterator[Page]:
    """A page of a new visitor; at the end nothing forbidden may have happened."""
    context = await browser.new_context(**({"locale": "en-GB"} | options))
    page = await context.new_page()
    watch = Watch(page, url)
    await page.goto(url)
    await expect(page.locator("#connection")).to_have_attribute("data-state", "online")
    yield page
    await context.close()
    assert watch.seen == []


async def send(page: Page, text: str) -> None:
    await page.locator("#text").fill(text)
    await page.locator("#text").press("Enter")


def answers(page: Page) -> Any:
    return page.locator("#messages .from-bot")


async def texts(page: Page) -> list[str]:
    return [text.strip() for text in await answers(page).locator(".body").all_inner_texts()]


async def test_a_question_is_answered_with_a_source_that_opens(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        await expect(page.locator("#welcome")).to_be_visible()
        await send(page, "/leave how many days?")
        await expect(answers(page)).to_contain_text("27 days of paid leave")
        await expect(page.locator("#welcome")).to_be_hidden()
        assert await page.title() == "/leave how many days? · parley"
        await answers(page).locator(".cite").first.click()
        drawer = page.locator("#source")
        await expect(drawer).to_be_visible()
        await expect(drawer).to_contain_text("handbook.pdf")
        await expect(drawer).to_contain_text("Working time › Leave · page 12")
        await expect(drawer.locator("mark")).to_have_text("Employees receive 27 days of paid leave a year. ")
        await page.keyboard.press("Escape")
        await expect(drawer).to_be_hidden()
        await answers(page).locator(".source").nth(1).click()
        await expect(drawer).to_contain_text("page 13")


async def test_drafts_are_shown_while_an_answer_is_written(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        await send(page, "/wait 1 done")
        await expect(page.locator("#draft .typing")).to_be_visible()
        await expect(answers(page)).to_have_text(re.compile("done"))
        await expect(page.locator("#draft")).to_be_hidden()
        await send(page, "/leave how many days?")
        await expect(page.locator("#draft-body")).to_contain_text("Employees")
        await expect(answers(page).nth(1)).to_contain_text("27 days")


async def test_hostile_text_does_nothing(browser: Browser, running: Running) -> None:
    payload = (
        '<img src=x onerror=alert(1)><script>alert(2)</script>[x](javascript:alert(3))"><svg onload=alert(4)>'
    )
    async with open_page(browser, running.url) as page:
        await send(page, f"/echo {payload}")
        await expect(answers(page)).to_have_count(1)
        await send(page, "/hostile")
        await expect(answers(page)).to_have_count(2)
        await answers(page).nth(1).locator(".cite").click()
        await expect(page.locator("#source")).to_contain_text("A passage. <script>")
        await page.keyboard.press("Escape")
        await page.locator("#files").set_input_files(
            {
                "name": f"{payload[:60]}.md".replace("/", "-"),
                "mimeType": "text/markdown",
                "buffer": b"# A\n\nSome text.",
            }
        )
        await expect(page.locator(".upload.is-ready")).to_be_visible()
        await page.locator("#open-documents").click()
        await expect(page.locator("#document-list li")).to_contain_text("<img src=x")
        await page.keyboard.press("Escape")
        await page.reload()
        await expect(answers(page)).to_have_count(2)
        assert (
            await page.locator(
                "#messages img, #messages script, #messages svg[onload], #document-list img"
            ).count()
            == 0
        )
        links = await page.locator("#messages .body a").evaluate_all("all => all.map(each => each.protocol)")
        assert set(links) <= {"http:", "https:", "mailto:"}
        assert "hacked" not in await page.title()


async def test_a_reload_keeps_everything_once(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        for number in range(3):
            await send(page, f"/echo number {number}")
        await expect(answers(page)).to_have_count(3)
        before = await page.locator("#messages .body").all_inner_texts()
        for _ in range(3):
            await page.reload()
            await expect(page.locator("#connection")).to_have_attribute("data-state", "online")
            assert await page.locator("#messages .body").all_inner_texts() == before
        await expect(page.locator("#conversations li")).to_have_count(1)
        await expect(page.locator("#conversations a[aria-current]")).to_contain_text("/echo number 0")


async def test_messages_written_without_a_connection_arrive_once_after_a_reload(
    browser: Browser, running: Running
) -> None:
    async with open_page(browser, running.url) as page:
        await send(page, "/echo first")
        await expect(answers(page)).to_have_count(1)
        lost: list[str] = []

        async def lose_the_answer(route: Route) -> None:
            if route.request.method == "POST" and len(lost) < 2:
                lost.append(route.request.post_data or "")
                await route.fetch()
                await route.abort()
            else:
                await route.continue_()

        await page.route("**/messages", lose_the_answer)
        await send(page, "/echo second")
        await expect(answers(page)).to_have_count(2)
        await page.unroute("**/messages")
        await page.context.set_offline(True)
        await send(page, "/echo third")
        await expect(page.locator(".is-pending .state")).to_contain_text("Not sent yet")
        await page.context.set_offline(False)
        await page.reload()
        await expect(answers(page)).to_have_count(3)
        await expect(page.locator(".is-pending")).to_have_count(0)
        assert [text.strip() for text in await answers(page).locator(".body").all_inner_texts()] == [
            "first",
            "second",
            "third",
        ]
        assert lost
        assert await page.evaluate("localStorage.getItem('parley.outbox')") == "[]"


async def test_a_restart_of_the_bot_loses_and_repeats_nothing(browser: Browser, tmp_path: Path) -> None:
    async with open_site(site_settings(tmp_path)) as running:
        port, url = httpx2.URL(running.url).port, running.url
        context = await browser.new_context(locale="en-GB")
        page = await context.new_page()
        await page.goto(url)
        await send(page, "/echo before")
        await expect(answers(page)).to_have_count(1)
    await expect(page.locator("#connection")).to_have_attribute("data-state", "offline")
    await send(page, "/echo meanwhile")
    await send(page, "/echo and again")
    await expect(page.locator(".is-pending")).to_have_count(2)
    async with open_site(site_settings(tmp_path, port=port)):
        await expect(page.locator("#connection")).to_have_attribute("data-state", "online", timeout=20_000)
        await expect(answers(page)).to_have_count(3, timeout=20_000)
        await send(page, "/echo after")
        await expect(answers(page)).to_have_count(4)
        texts = [text.strip() for text in await answers(page).locator(".body").all_inner_texts()]
        assert texts == ["before", "meanwhile", "and again", "after"]
        await expect(page.locator("#messages .from-me")).to_have_count(4)
        await context.close()


async def test_two_pages_of_one_conversation_show_the_same(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        await send(page, "/echo one")
        await expect(answers(page)).to_have_count(1)
        other = await page.context.new_page()
        await other.goto(page.url)
        await expect(other.locator("#connection")).to_have_attribute("data-state", "online")
        await send(other, "/echo two")
        for each in (page, other):
            await expect(answers(each)).to_have_count(2)
            await expect(each.locator("#messages .from-me")).to_have_count(2)


async def test_editing_and_deleting(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        await send(page, "/echo first")
        await expect(answers(page)).to_have_count(1)
        mine = page.locator("#messages .from-me")
        await mine.hover()
        await mine.get_by_role("button", name="Edit").click()
        await mine.locator("textarea").fill("/echo changed")
        await mine.locator("textarea").press("Enter")
        await expect(mine.locator(".body")).to_have_text("/echo changed")
        await expect(mine).to_contain_text("edited")
        await mine.hover()
        await mine.get_by_role("button", name="Delete").click()
        await page.locator("#confirm").get_by_role("button", name="Cancel").click()
        await expect(mine.locator(".body")).to_have_text("/echo changed")
        await mine.hover()
        await mine.get_by_role("button", name="Delete").click()
        await page.locator("#confirm-yes").click()
        await expect(mine.locator(".body")).to_have_text("This message was deleted.")


async def test_thumbs_stay_after_a_reload(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        await send(page, "/echo x")
        good = answers(page).get_by_role("button", name="Good answer")
        await good.click()
        await expect(good).to_have_attribute("aria-pressed", "true")
        await page.reload()
        await expect(good).to_have_attribute("aria-pressed", "true")
        await good.click()
        await expect(good).to_have_attribute("aria-pressed", "false")


async def test_a_document_is_added_and_removed(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        await page.locator("#files").set_input_files(
            [
                {
                    "name": "handbook.md",
                    "mimeType": "text/markdown",
                    "buffer": b"# Leave\n\n27 days of paid leave.",
                },
                {"name": "broken.exe", "mimeType": "application/x", "buffer": b"MZ"},
            ]
        )
        await expect(page.locator(".upload.is-ready")).to_contain_text("handbook.md: one passage ready")
        await expect(page.locator(".upload.has-failed")).to_contain_text("broken.exe")
        await expect(page.locator("#document-count")).to_have_text("1")
        await page.locator("#open-documents").click()
        await page.get_by_role("button", name="Remove handbook.md").click()
        await page.locator("#confirm-yes").click()
        await expect(page.locator("#no-documents")).to_be_visible()


async def test_dropping_and_pasting_files(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        transfer = await page.evaluate_handle(
            """() => {
              const transfer = new DataTransfer();
              transfer.items.add(new File(["# A\\n\\nSome text about leave."], "dropped.md"));
              return transfer;
            }"""
        )
        await page.dispatch_event("body", "dragenter", {"dataTransfer": transfer})
        await expect(page.locator("#drop")).to_be_visible()
        await page.dispatch_event("body", "drop", {"dataTransfer": transfer})
        await expect(page.locator("#drop")).to_be_hidden()
        await expect(page.locator(".upload.is-ready")).to_contain_text("dropped.md")


async def test_the_keyboard_is_enough(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        await expect(page.locator("#text")).to_be_focused()
        await page.keyboard.type("/le")
        await expect(page.locator("#hints [aria-selected=true]")).to_contain_text("/leave QUESTION")
        await page.keyboard.press("Tab")
        await expect(page.locator("#text")).to_have_value("/leave ")
        await page.keyboard.type("one")
        await page.keyboard.press("Shift+Enter")
        await page.keyboard.type("two")
        await page.keyboard.press("Enter")
        await expect(page.locator("#messages .from-me .body")).to_contain_text("one\ntwo")
        await expect(answers(page)).to_have_count(1)
        for _ in range(20):
            await page.keyboard.press("Shift+Tab")
            if await page.evaluate("document.activeElement.classList.contains('source')"):
                break
        await page.keyboard.press("Enter")
        await expect(page.locator("#source")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("#source")).to_be_hidden()
        assert await page.evaluate("document.activeElement.classList.contains('source')")
        await page.locator("#text").focus()
        await page.keyboard.type("/")
        await page.keyboard.press("ArrowDown")
        second = await page.locator("#hints [aria-selected=true] code").inner_text()
        assert await page.locator("#text").get_attribute("aria-activedescendant") == "hint-1"
        await page.keyboard.press("Enter")
        assert (await page.locator("#text").input_value()).strip() == second.split()[0]
        await page.keyboard.press("Escape")
        await expect(page.locator("#hints")).to_be_hidden()


async def test_the_skip_link_is_first(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        first = "document.querySelector('a[href], button, input, select, textarea').className"
        assert await page.evaluate(first) == "skip"
        await page.locator(".skip").focus()
        await expect(page.locator(".skip")).to_be_in_viewport()
        await page.keyboard.press("Enter")
        await expect(page.locator("#messages")).to_be_focused()


async def test_a_command_can_be_filled_in_as_a_form(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        await page.locator("#text").fill("/plan")
        await page.locator("#hints .link").click()
        form = page.locator("#fill")
        await expect(form).to_contain_text("how far ahead")
        await form.locator("select").select_option("week")
        await form.locator("input").fill("7")
        await form.get_by_role("button", name="Send").click()
        await expect(answers(page)).to_contain_text("a plan for a week with 7 items")


async def test_a_button_says_its_command_and_a_menu_its_choice(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        await page.locator("#text").fill("/offer")
        await page.locator("#text").press("Enter")
        await page.locator("#text").fill("half a thought")
        await page.get_by_role("button", name="Say hello").click()
        await expect(answers(page)).to_have_count(2)
        await expect(page.locator("#messages .from-me .body").last).to_have_text("/echo hello")
        await expect(page.locator("#text")).to_have_value("half a thought")
        await page.get_by_role("combobox", name="Say a number").select_option("Two · the next one")
        await expect(answers(page)).to_have_count(3)
        assert await texts(page) == ["What next?", "hello", "2"]
        await expect(page.get_by_role("combobox", name="Say a number")).to_have_value("")
        await page.reload()
        await page.get_by_role("button", name="Say hello").click()
        await expect(answers(page)).to_have_count(4)
        await page.get_by_role("button", name="Gone").click()
        await expect(answers(page).last).to_contain_text("There is no /gone here")
        await page.get_by_role("button", name="<script>").click()
        await expect(answers(page)).to_have_count(6)


async def test_controls_wait_while_what_they_said_is_on_its_way(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        await send(page, "/offer")
        hello = page.get_by_role("button", name="Say hello")
        await hello.dblclick()
        await expect(hello).to_be_disabled()
        await expect(answers(page)).to_have_count(2)
        await expect(hello).to_be_enabled()
        await page.context.set_offline(True)
        await hello.focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Enter")
        await expect(page.locator(".is-pending .state")).to_contain_text("Not sent yet")
        await expect(page.locator(".is-pending")).to_have_count(1)
        await expect(hello).to_be_disabled()
        await expect(hello).to_be_focused()
        await expect(page.get_by_role("combobox", name="Many")).to_be_disabled()
        await page.context.set_offline(False)
        await page.reload()
        await expect(answers(page)).to_have_count(3)
        await expect(hello).to_be_enabled()
        assert await texts(page) == ["What next?", "hello", "hello"]


async def test_a_press_whose_answer_is_lost_is_one_message(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        await send(page, "/offer")
        lost: list[str] = []

        async def lose_the_answer(route: Route) -> None:
            if route.request.method == "POST" and len(lost) < 2:
                lost.append(route.request.post_data or "")
                await route.fetch()
                await route.abort()
            else:
                await route.continue_()

        await page.route("**/messages", lose_the_answer)
        await page.get_by_role("button", name="Say hello").click()
        await expect(page.get_by_role("button", name="Say hello")).to_be_enabled(timeout=15_000)
        assert await texts(page) == ["What next?", "hello"]
        assert len(set(lost)) == 1


async def test_a_button_opens_a_form_for_the_keyboard(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        await send(page, "/offer")
        await page.get_by_role("button", name="Write a note").focus()
        await page.keyboard.press("Enter")
        form = page.locator("#fill")
        await expect(form).to_be_visible()
        await expect(form.get_by_role("heading")).to_have_text("/note")
        await expect(form.get_by_label("what it is called")).to_have_value("my title")
        await expect(form.get_by_label("Urgent")).to_have_value("yes")
        await expect(form.get_by_label("in lines")).to_have_attribute("type", "number")
        await page.keyboard.press("Escape")
        await expect(form).to_be_hidden()
        await expect(page.get_by_role("button", name="Write a note")).to_be_focused()
        await page.keyboard.press("Enter")
        await form.get_by_label("what it is called").fill("both \" and '")
        await form.get_by_label("Size").select_option("")
        await form.get_by_label("in lines").fill("2")
        await form.get_by_label("Text").focus()
        await page.keyboard.type("one")
        await page.keyboard.press("Enter")
        await page.keyboard.type('  two "three"')
        await page.keyboard.press("Control+Enter")
        await expect(form).to_be_hidden()
        await expect(answers(page)).to_have_count(2)
        written = await answers(page).last.locator("code").inner_text()
        assert written.strip() == 'both " and \'|True|small|2|one\n  two "three"'
        await expect(page.locator(".is-pending")).to_have_count(0)


async def test_a_form_needs_what_is_required(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        await send(page, "/offer")
        await page.get_by_role("button", name="Write a note").click()
        form = page.locator("#fill")
        await form.get_by_label("what it is called").fill("")
        await form.get_by_role("button", name="Send").click()
        await expect(form).to_be_visible()
        await form.get_by_role("button", name="Cancel").click()
        await expect(form).to_be_hidden()
        await expect(page.locator("#messages .from-me")).to_have_count(1)


async def test_a_menu_waits_for_enter_when_arrows_step_through_it(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        await send(page, "/offer")
        menu = page.get_by_role("combobox", name="Say a number")
        await menu.focus()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowDown")
        await expect(menu).to_have_value("Two · the next one")
        await expect(page.locator("#messages .from-me")).to_have_count(1)
        await page.keyboard.press("Enter")
        await expect(answers(page)).to_have_count(2)
        assert (await texts(page))[-1] == "2"
        await expect(menu).to_be_focused()


async def test_controls_on_a_phone_in_the_dark_in_chinese(browser: Browser, running: Running) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    async with open_page(browser, running.url, **phone, locale="zh-CN", color_scheme="dark") as page:
        await page.locator("#text").fill("/offer")
        await page.locator("#send").tap()
        group = page.get_by_role("group", name="接下来可以做什么")
        await expect(group).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        heights = await group.locator(".control").evaluate_all("all => all.map(each => each.offsetHeight)")
        assert min(heights) >= 44, "wide enough for a thumb"
        await page.get_by_role("button", name="Write a note").tap()
        box = await page.locator("#fill").bounding_box()
        assert box
        assert box["width"] <= 390
        await expect(page.locator("#fill")).to_contain_text("必填")
        await expect(page.locator("#fill select").first).to_contain_text("是")
        await page.locator("#fill textarea").fill("完成")
        await page.locator("#fill").get_by_role("button", name="发送").tap()
        await expect(answers(page).last).to_contain_text("my title|True|small|1|完成")


async def test_a_message_too_long_stays_in_the_composer(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        await send(page, "x" * 70_000)
        await expect(page.locator("#notice")).to_contain_text("longer than 64 KiB")
        assert len(await page.locator("#text").input_value()) == 70_000


async def test_a_refused_message_can_be_taken_back(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:

        async def refuse(route: Route) -> None:
            if route.request.method == "POST":
                await route.fulfill(status=400, json={"error": "Not like this."})
            else:
                await route.continue_()

        await page.route("**/messages", refuse)
        await send(page, "/echo x")
        await expect(page.locator(".is-pending .state")).to_have_text("Not sent. Not like this.")
        await page.get_by_role("button", name="Edit again").click()
        await expect(page.locator(".is-pending")).to_have_count(0)
        await expect(page.locator("#text")).to_have_value("/echo x")


async def test_the_draft_of_a_message_survives_a_reload(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url) as page:
        await page.locator("#text").fill("half a thought")
        await page.reload()
        await expect(page.locator("#text")).to_have_value("half a thought")


async def test_a_reader_further_up_is_not_moved(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url, viewport={"width": 800, "height": 500}) as page:
        for number in range(8):
            await send(page, f"/echo line {number}")
            await expect(answers(page)).to_have_count(number + 1)
        await send(page, "/wait 1 late")
        await page.locator("#scroll").evaluate("element => element.scrollTo(0, 0)")
        await expect(page.locator("#to-end")).to_be_visible()
        assert await page.locator("#scroll").evaluate("element => element.scrollTop") < 50
        await page.locator("#to-end").click()
        await expect(page.locator("#to-end")).to_be_hidden()
        await expect(answers(page).last).to_be_in_viewport()


async def test_earlier_messages_are_loaded_when_scrolling_up(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url, viewport={"width": 800, "height": 500}) as page:
        for number in range(35):
            await send(page, f"/echo line {number}")
        await expect(answers(page)).to_have_count(35, timeout=30_000)
        await page.reload()
        await expect(page.locator("#messages .message")).to_have_count(50)
        await page.locator("#scroll").evaluate("element => element.scrollTo(0, 0)")
        await expect(page.locator("#messages .message")).to_have_count(70)
        await expect(page.locator("#earlier")).to_be_hidden()
        texts = await page.locator("#messages .from-me .body").all_inner_texts()
        assert texts == [f"/echo line {number}" for number in range(35)]


async def test_a_phone(browser: Browser, running: Running) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    async with open_page(browser, running.url, **phone) as page:
        await expect(page.locator("#side")).not_to_be_in_viewport()
        await page.locator("#text").fill("/leave how many days?")
        await page.locator("#send").tap()
        await expect(answers(page)).to_contain_text("27 days")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await page.locator("#open-menu").tap()
        await expect(page.locator("#side")).to_be_in_viewport()
        await page.keyboard.press("Escape")
        await expect(page.locator("#side")).not_to_be_in_viewport()
        await answers(page).locator(".cite").first.tap()
        await expect(page.locator("#source")).to_be_visible()


async def test_dark_and_light(browser: Browser, running: Running) -> None:
    async def ground(page: Page) -> int:
        colour = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    async with open_page(browser, running.url, color_scheme="dark") as page:
        assert await ground(page) < 150
        await page.locator("#theme").click()
        assert await ground(page) > 600
        await page.reload()
        assert await ground(page) > 600
    async with open_page(browser, running.url, color_scheme="light") as page:
        assert await ground(page) > 600


async def test_chinese(browser: Browser, running: Running) -> None:
    async with open_page(browser, running.url, locale="zh-CN") as page:
        await expect(page.locator("#welcome")).to_contain_text("您想了解什么")
        await send(page, "/leave 我有多少天年假？")
        await expect(answers(page)).to_contain_text("27天带薪年假")
        await answers(page).locator(".cite").click()
        await expect(page.locator("#source-title")).to_have_text("出处 1")
        await page.keyboard.press("Escape")
        await page.locator("#language").select_option("en")
        await expect(page.locator("#source-title")).to_have_text("Source")
        await expect(page.locator("html")).to_have_attribute("lang", "en")
