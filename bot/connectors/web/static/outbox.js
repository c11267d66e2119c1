// Messages on their way: kept in the browser until the server has them, sent again with the same key.

import { Refused, ask, explain, kept, newKey, page } from "./dom.js";
import { markPending, removePending, showPending } from "./messages.js";

const NAME = "outbox";
const LONGEST = 15000;
const isMine = (item) => item.conversation === page.conversation;
const full = (item) => ({ ...item, key: `web:${item.conversation}:${item.id}` });

let flushing = false;
let pause = 1000;
let timer;
// What the browser would not keep lives here, so that a forbidden store loses nothing while the page is open.
let queue = kept.read(NAME, []);
let changed = () => {};

function change(edit) {
  queue = edit(kept.read(NAME, queue));
  kept.write(NAME, queue);
  changed();
}

/** Call back whenever what is on its way changes. */
export const whenChanged = (callback) => { changed = callback; };

/** The messages whose controls said something that is still on its way. */
export const origins = () => queue.filter((item) => isMine(item) && item.origin && !item.failed).map((item) => item.origin);

/**
 * Take a message of the visitor: shown and kept at once, sent as soon as possible. `call` is what a form was
 * filled in with, `origin` the message whose control said it.
 */
export function post(text, { call, origin } = {}) {
  const item = { conversation: page.conversation, id: newKey(), text, call, origin };
  change((items) => [...items, item]);
  showPending(full(item));
  flush();
}

/** Whether the server may take it later: it was not reached, is busy, or failed. */
const isPassing = (error) => !(error instanceof Refused) || error.status >= 500 || [408, 425, 429].includes(error.status);

async function send(item) {
  try {
    await ask(`api/conversations/${item.conversation}/messages`, { method: "POST", body: { key: item.id, text: item.text, call: item.call } });
    change((items) => items.filter((each) => each.id !== item.id));
    markPending(full(item), "sent");
    return true;
  } catch (error) {
    if (isPassing(error)) return false;
    const failed = { ...item, failed: explain(error) };
    change((items) => items.map((each) => (each.id === item.id ? failed : each)));
    markPending(full(failed), "failed");
    return true;
  }
}

/** Send what waits, one after the other. */
export async function flush() {
  if (flushing) return;
  flushing = true;
  clearTimeout(timer);
  try {
    for (let item; (item = queue.find((each) => !each.failed)); pause = 1000) {
      if (!(await send(item))) {
        for (const each of queue.filter((each) => !each.failed)) markPending(full(each), "waiting");
        timer = setTimeout(flush, pause);
        pause = Math.min(pause * 2, LONGEST);
        break;
      }
    }
  } finally {
    flushing = false;
  }
}

export function prepareOutbox(takeBack) {
  for (const item of queue.filter(isMine)) showPending(full(item));
  document.getElementById("messages").addEventListener("click", (event) => {
    const action = event.target.closest("button")?.dataset.action;
    const pending = event.target.closest(".is-pending");
    const item = pending && queue.find((each) => full(each).key === pending.dataset.key);
    if (!item) return;
    if (action === "retry") {
      change((items) => items.map(({ failed, ...each }) => each));
      markPending(full(item), "sending");
      flush();
    } else if (action === "take-back" || action === "discard") {
      change((items) => items.filter((each) => each.id !== item.id));
      removePending(pending.dataset.key);
      if (action === "take-back") takeBack(item.text);
    }
  });
  addEventListener("storage", () => { queue = kept.read(NAME, []); changed(); });
  addEventListener("online", flush);
  flush();
}
