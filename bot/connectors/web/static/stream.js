// The event stream: what happened since the last revision seen, then what happens.

import { base, find, page, say } from "./dom.js";
import { place, showSign } from "./messages.js";
import { flush } from "./outbox.js";

const SILENCE = 40000;
const HIDDEN = 20000;
let source;
let revision = page.revision;
let heard = Date.now();
let pause = 1000;
let timer;
let hideTimer;

function show(state) {
  const connection = find("connection");
  if (connection.dataset.state === state) return;
  connection.dataset.state = state;
  connection.querySelector(".connection-text").textContent = say(state);
}

function connect() {
  source?.close();
  clearTimeout(timer);
  heard = Date.now();
  source = new EventSource(`${base}/events?after=${revision}`);
  source.addEventListener("open", () => {
    heard = Date.now();
    pause = 1000;
    show("online");
    flush();
  });
  source.addEventListener("message", (event) => {
    heard = Date.now();
    revision = Math.max(revision, Number(event.lastEventId));
    place(JSON.parse(event.data));
  });
  source.addEventListener("sign", (event) => {
    heard = Date.now();
    showSign(JSON.parse(event.data));
  });
  source.addEventListener("alive", () => { heard = Date.now(); });
  source.addEventListener("error", lost);
}

/** The browser comes back by itself, except after a refusal: then this does, ever more slowly. */
function lost() {
  show("offline");
  showSign({ working: false, html: "" });
  if (source.readyState !== EventSource.CLOSED) return;
  clearTimeout(timer);
  timer = setTimeout(connect, pause);
  pause = Math.min(pause * 2, 15000);
}

/** Hidden pages give their connection back: a browser has only six for one host. */
function attend() {
  clearTimeout(hideTimer);
  if (document.hidden) hideTimer = setTimeout(() => { source.close(); clearTimeout(timer); }, HIDDEN);
  else if (source.readyState === EventSource.CLOSED) connect();
}

export function prepareStream() {
  connect();
  document.addEventListener("visibilitychange", attend);
  addEventListener("online", connect);
  addEventListener("offline", () => show("offline"));
  addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  addEventListener("pagehide", () => source.close());
  setInterval(() => { if (!document.hidden && Date.now() - heard > SILENCE) connect(); }, 5000);
}
