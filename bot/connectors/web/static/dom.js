// The page's facts, its words, and the few ways to touch the document and the server.

export const page = JSON.parse(document.getElementById("page").textContent);
export const base = `api/conversations/${page.conversation}`;

export const find = (id) => document.getElementById(id);

/** The sentence of that name in the visitor's language, its {places} filled. */
export function say(name, values = {}) {
  return page.strings[name].replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
}

/** An element with properties and children; strings become text, never markup. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export const icon = (name) => find(`icon-${name}`).content.cloneNode(true);

/** A key nobody else has; works on plain http too, where crypto.randomUUID does not. */
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Ask the server; gives the JSON it answers, throws Refused for a refusal and TypeError when it cannot be reached. */
export async function ask(path, { method = "GET", body, seconds = 30 } = {}) {
  const response = await fetch(path, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: body === undefined ? {} : { "content-type": "application/json" },
    signal: AbortSignal.timeout(seconds * 1000),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, answer.error || say("offline"));
  return answer;
}

let noticeTimer;

/** A sentence over the composer that goes by itself. */
export function notify(text, { good = false } = {}) {
  const notice = find("notice");
  notice.textContent = text;
  notice.classList.toggle("good", good);
  notice.hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { notice.hidden = true; }, good ? 3000 : 9000);
}

/** What to tell a person about an error of `ask`. */
export const explain = (error) => (error instanceof Refused ? error.message : say("offline"));

/** A value kept in the browser; a browser that keeps nothing behaves as if it were empty. */
export const kept = {
  read(name, otherwise) {
    try {
      return JSON.parse(localStorage.getItem(`parley.${name}`)) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  write(name, value) {
    try {
      if (value === undefined) localStorage.removeItem(`parley.${name}`);
      else localStorage.setItem(`parley.${name}`, JSON.stringify(value));
    } catch {
      // A full or forbidden store: the page works on, only without memory.
    }
  },
};

export function keepCookie(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax`;
}
