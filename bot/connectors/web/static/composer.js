// Where messages are written.

import { find, kept, make, notify, page, say } from "./dom.js";
import { hintKey, prepareCommands, refreshHints } from "./commands.js";
import { clearUploads } from "./documents.js";
import { post } from "./outbox.js";
import { fillTimes } from "./time.js";

const text = find("text");
const draftName = () => `draft.${new URLSearchParams(location.search).get("c") ?? "new"}`;

function grow() {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight}px`;
}

export function write(value) {
  text.value = value;
  text.focus();
  changed();
}

function changed() {
  grow();
  find("send").disabled = !text.value.trim();
  kept.write(draftName(), text.value || undefined);
  refreshHints();
}

function fits(value) {
  const short = new TextEncoder().encode(value).length <= page.message_kb * 1024;
  if (!short) notify(say("long_message", { limit: page.message_kb }));
  return short;
}

/** Say something as the visitor's own message; false when it is too long. `extra` goes with it. */
export function speak(value, extra) {
  if (!fits(value)) return false;
  begin(value);
  post(value.trim(), extra);
  return true;
}

function send(value, call) {
  if (!value.trim() || !fits(value)) return false;
  text.value = "";
  changed();
  clearUploads();
  return speak(value, { call });
}

/** A new conversation gets its address and its line in the list with its first message. */
function begin(value) {
  if (new URLSearchParams(location.search).has("c")) return;
  history.replaceState(null, "", `./?c=${page.conversation}`);
  const title = value.trim().replace(/\s+/g, " ").slice(0, 60);
  find("title").textContent = title;
  document.title = `${title} · ${document.title}`;
  const moment = make("time", { className: "conversation-time", dateTime: new Date().toISOString() });
  const link = make("a", { href: `./?c=${page.conversation}` }, make("span", { className: "conversation-title" }, title), moment);
  link.setAttribute("aria-current", "page");
  find("conversations").prepend(make("li", {}, link));
  fillTimes(find("conversations"));
  document.querySelector(".no-conversations").hidden = true;
}

export function prepareComposer() {
  text.value = kept.read(draftName(), "");
  text.addEventListener("input", changed);
  text.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (hintKey(event)) event.preventDefault();
    else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send(text.value);
    }
  });
  find("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    send(text.value);
    text.focus();
  });
  find("invite-question").addEventListener("click", () => text.focus());
  find("invite-commands").addEventListener("click", () => write(page.prefix));
  prepareCommands(send);
  changed();
  if (matchMedia("(hover: hover)").matches) text.focus();
}
