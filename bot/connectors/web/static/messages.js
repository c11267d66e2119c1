// The messages: in order, each once, and what can be done with one.

import { ask, base, explain, find, make, newKey, notify, page, say } from "./dom.js";
import { confirmed, openSource } from "./dialogs.js";
import { dayName, fillTimes, sameDay } from "./time.js";

const list = find("messages");
const scroll = find("scroll");
const NEAR = 120;
let more = page.more;

const byKey = (key) => list.querySelector(`.message[data-key="${CSS.escape(key)}"]`);
const parse = (html) => make("template", { innerHTML: html }).content.firstElementChild;
const isNearEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR;

export function toEnd({ smooth = false } = {}) {
  scroll.scrollTo({ top: scroll.scrollHeight, behavior: smooth ? "smooth" : "instant" });
  find("to-end").hidden = true;
}

/** Do something that changes the list's height, keeping a reader who is at the end there. */
export function following(change, { force = false } = {}) {
  const follow = force || isNearEnd();
  change();
  if (follow) toEnd();
  return follow;
}

/** Put a message of the server in its place: instead of what stood there, or in order. */
export function place(message) {
  const old = byKey(message.key);
  if (old && Number(old.dataset.revision) >= message.revision) return;
  const first = list.querySelector(".message[data-id]");
  if (!old && (message.deleted || (more && first && message.id < Number(first.dataset.id)))) return;
  const followed = following(() => {
    const fresh = parse(message.html);
    fillTimes(fresh);
    if (old) old.replaceWith(fresh);
    else insert(fresh, message.id);
    separateDays();
    find("welcome").hidden = true;
  });
  if (!followed && !old && message.by_bot) find("to-end").hidden = false;
}

function insert(fresh, id) {
  const after = [...list.querySelectorAll(".message")].find(
    (each) => each.classList.contains("is-pending") || Number(each.dataset.id) > id,
  );
  list.insertBefore(fresh, after ?? null);
}

/** A message on its way: shown at once, replaced by the server's when it comes back. */
export function showPending(item) {
  if (byKey(item.key)) return;
  following(() => {
    const pending = find("pending").content.firstElementChild.cloneNode(true);
    pending.dataset.key = item.key;
    pending.dataset.revision = "-1";
    pending.querySelector(".body").textContent = item.text;
    list.append(pending);
    find("welcome").hidden = true;
    markPending(item, item.failed ? "failed" : "sending");
  }, { force: true });
}

/** How a message on its way stands: sending, waiting, failed or sent. */
export function markPending(item, state) {
  const pending = byKey(item.key);
  if (!pending?.classList.contains("is-pending")) return;
  pending.classList.toggle("has-failed", state === "failed");
  const text = state === "sent" ? "" : state === "failed" ? `${say("failed")} ${item.failed}` : say(state);
  pending.querySelector(".state").textContent = text;
}

export function removePending(key) {
  const pending = byKey(key);
  if (pending?.classList.contains("is-pending")) pending.remove();
}

/** The sign of life under the last message: three dots, and the answer so far. */
export function showSign({ working, html }) {
  following(() => {
    find("draft-body").innerHTML = html;
    find("draft").hidden = !working;
  });
}

async function loadEarlier() {
  const button = find("earlier");
  const first = list.querySelector(".message[data-id]");
  if (!more || !first || button.disabled) return;
  button.disabled = true;
  list.setAttribute("aria-busy", "true");
  try {
    const found = await ask(`${base}/messages?before=${first.dataset.id}`);
    const height = scroll.scrollHeight;
    more = found.more;
    const fresh = found.messages.filter((each) => !byKey(each.key)).map((each) => parse(each.html));
    for (const each of fresh) fillTimes(each);
    list.prepend(...fresh);
    separateDays();
    scroll.scrollTop += scroll.scrollHeight - height;
    button.hidden = !more;
  } catch (error) {
    notify(explain(error));
  } finally {
    button.disabled = false;
    list.removeAttribute("aria-busy");
  }
}

function separateDays() {
  for (const old of list.querySelectorAll(".day")) old.remove();
  let before = null;
  for (const message of list.querySelectorAll(".message[data-id]")) {
    const moment = new Date(message.querySelector("time").dateTime);
    if (!before || !sameDay(before, moment)) {
      message.before(make("div", { className: "day", role: "separator" }, dayName(moment)));
    }
    before = moment;
  }
}

async function copy(text, button) {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyOldWay(text);
  } catch {
    copyOldWay(text);
  }
  if (button.classList.contains("copy")) {
    button.textContent = say("copied");
    setTimeout(() => { button.textContent = say("copy"); }, 1500);
  } else notify(say("copied"), { good: true });
}

function copyOldWay(text) {
  const area = make("textarea", { value: text, className: "visually-hidden" });
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

async function rate(message, button) {
  const value = button.getAttribute("aria-pressed") === "true" ? 0 : Number(button.dataset.value);
  try {
    await ask(`${base}/messages/${encodeURIComponent(message.dataset.key)}/feedback`, { method: "PUT", body: { value } });
    for (const each of message.querySelectorAll('[data-action="rate"]')) {
      each.setAttribute("aria-pressed", String(Number(each.dataset.value) === value));
    }
    if (value) notify(say("thanks"), { good: true });
  } catch (error) {
    notify(explain(error));
  }
}

function edit(message) {
  if (message.querySelector(".edit-box")) return;
  const body = message.querySelector(".body");
  const area = make("textarea", { value: message.dataset.text, ariaLabel: say("edit") });
  const save = make("button", { type: "button", className: "button primary" }, say("save"));
  const cancel = make("button", { type: "button", className: "button" }, say("cancel"));
  const box = make("div", { className: "edit-box" }, area, make("div", { className: "row" }, cancel, save));
  const close = () => { box.replaceWith(body); message.querySelector('[data-action="edit"]')?.focus(); };
  const key = newKey();
  const submit = async () => {
    const text = area.value.trim();
    if (!text || text === message.dataset.text) return close();
    save.disabled = true;
    try {
      await ask(`${base}/messages/${encodeURIComponent(message.dataset.key)}`, { method: "PATCH", body: { edit: key, text } });
      close();
    } catch (error) {
      save.disabled = false;
      notify(explain(error));
    }
  };
  save.addEventListener("click", submit);
  cancel.addEventListener("click", close);
  area.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); submit(); }
  });
  body.replaceWith(box);
  area.focus();
}

async function remove(message) {
  if (!(await confirmed(say("delete_title"), say("delete_text"), say("delete")))) return;
  try {
    await ask(`${base}/messages/${encodeURIComponent(message.dataset.key)}`, { method: "DELETE" });
  } catch (error) {
    notify(explain(error));
  }
}

const ACTIONS = { copy: (message, button) => copy(message.dataset.text, button), rate, edit, delete: remove };

export function prepareMessages() {
  fillTimes(document);
  separateDays();
  toEnd();
  document.fonts?.ready.then(() => toEnd());
  list.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    const message = button?.closest(".message[data-id]");
    if (!message) return;
    if (button.dataset.cite) openSource(message, button.dataset.cite);
    else if (button.classList.contains("copy")) copy(button.closest(".code").querySelector("code").textContent, button);
    else ACTIONS[button.dataset.action]?.(message, button);
  });
  find("earlier").addEventListener("click", loadEarlier);
  new IntersectionObserver((seen) => { if (seen.some((each) => each.isIntersecting) && scroll.scrollTop < NEAR) loadEarlier(); },
    { root: scroll }).observe(find("earlier"));
  find("to-end").addEventListener("click", () => toEnd({ smooth: true }));
  scroll.addEventListener("scroll", () => { if (isNearEnd()) find("to-end").hidden = true; }, { passive: true });
}
