// The operator's page of the model workers: asks every second, and draws what changed since.

import { ask, find, make, say } from "./dom.js";

const SECOND = 1000;
const KEPT = 60;
const PRIORITIES = ["alert", "person", "background"];
const rates = new Map();
let timer;

const number = (value) => Math.round(value).toLocaleString(document.documentElement.lang);
const megabytes = (bytes) => (bytes ? `${number(bytes / 2 ** 20)} MiB` : "");

function seconds(value) {
  if (value === null || Number.isNaN(value)) return "–";
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`;
}

/** What was counted between this look and the one before; a worker that began anew counts from 0. */
function since(worker, role) {
  const key = `${worker.place} ${role.role}`;
  const before = rates.get(key);
  const now = { at: performance.now(), tokens: role.tokens, waits: role.waits, waited: role.waited_seconds, history: [] };
  rates.set(key, now);
  if (!before || before.tokens > now.tokens) return { perSecond: 0, history: now.history, waited: null };
  const passed = (now.at - before.at) / SECOND;
  const perSecond = (now.tokens - before.tokens) / passed;
  now.history = [...before.history, perSecond].slice(-KEPT);
  const many = total(now.waits) - total(before.waits);
  return { perSecond, history: now.history, waited: many > 0 ? (now.waited - before.waited) / many : null };
}

const total = (waits) => (waits.length ? waits.at(-1)[1] : 0);

/** The wait that 95 of 100 texts did not go over, as far as the classes tell. */
function usualWait(waits) {
  const all = total(waits);
  const found = waits.find(([, count]) => count >= all * 0.95);
  return all && found ? found[0] : null;
}

function spark(history) {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("class", "spark");
  drawing.setAttribute("viewBox", `0 0 ${KEPT - 1} 20`);
  drawing.setAttribute("preserveAspectRatio", "none");
  drawing.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(space, "polyline");
  const most = Math.max(1, ...history);
  const first = KEPT - history.length;
  line.setAttribute("points", history.map((value, place) => `${first + place},${19 - (value / most) * 18}`).join(" "));
  drawing.append(line);
  return drawing;
}

function queue(role) {
  const counts = PRIORITIES.map((name) => role.queued[name] ?? 0);
  const all = counts.reduce((sum, each) => sum + each, 0);
  const bar = make("span", { className: "bar" });
  PRIORITIES.forEach((name, place) => {
    const part = make("span", { className: name });
    part.style.width = all ? `${(counts[place] / all) * 100}%` : "0";
    bar.append(part);
  });
  const label = PRIORITIES.map((name, place) => `${say(name)}: ${number(counts[place])}`).join(", ");
  return make("span", { className: "queue", title: label }, bar, make("span", { className: "queued" }, number(all)));
}

function row(worker, role) {
  const { perSecond, history, waited } = since(worker, role);
  const usual = usualWait(role.waits);
  const wait = usual === null ? seconds(waited) : `${seconds(waited)} (≤ ${seconds(usual)})`;
  const cells = [
    [make("span", { className: "role" }, role.role), make("span", { className: "model" }, `${role.model} · ${role.origin}`)],
    [say(role.state)],
    [queue(role)],
    [role.texts_per_batch.toFixed(1)],
    [wait],
    [make("span", { className: "rate" }, number(perSecond)), spark(history)],
    [number(role.served)],
    [number(role.failed + role.refused)],
    [megabytes(role.memory_bytes)],
  ];
  const made = make("tr", {}, ...cells.map((content, place) => make("td", { className: NUMBERS.has(place) ? "number" : "" }, ...content)));
  made.dataset.role = role.role;
  return made;
}

const HEADINGS = ["role", "state", "queue", "batch", "wait", "speed", "served", "failures", "memory"];
const NUMBERS = new Set([3, 4, 6, 7, 8]);

function card(worker) {
  const headings = HEADINGS.map((name, place) => make("th", { scope: "col", className: NUMBERS.has(place) ? "number" : "" }, say(name)));
  const phase = make("span", { className: "phase" }, say(worker.phase));
  phase.dataset.phase = worker.phase;
  const device = [worker.device, megabytes(worker.memory_bytes)].filter(Boolean).join(" · ");
  return make("section", { className: "watch-worker" },
    make("header", {}, make("h2", {}, worker.place), phase, make("span", { className: "quiet" }, device),
      make("span", { className: "quiet" }, worker.reason)),
    make("div", { className: "table-frame", hidden: !worker.roles.length },
      make("table", {}, make("thead", {}, make("tr", {}, ...headings)),
        make("tbody", {}, ...worker.roles.map((role) => row(worker, role))))));
}

function show(state) {
  const connection = find("connection");
  connection.dataset.state = state;
  connection.querySelector(".connection-text").textContent = say(state);
}

async function look() {
  try {
    const { workers } = await ask("api/workers", { seconds: 10 });
    find("workers").replaceChildren(...workers.map(card));
    find("nothing").hidden = workers.length > 0;
    show("online");
  } catch {
    show("offline");
  }
  timer = document.hidden ? undefined : setTimeout(look, SECOND);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && timer === undefined) look();
});
look();
