// Buttons and menus under an answer: pressing one says its command, or opens its form.

import { speak } from "./composer.js";
import { find } from "./dom.js";
import { openForm } from "./form.js";
import { origins, whenChanged } from "./outbox.js";

const list = find("messages");
const REST = 600; // a second click that follows at once is the same press
const resting = new Set();
let stepping = false;

const isFree = (control) => control.getAttribute("aria-disabled") !== "true";

function press(control, { form, text }) {
  const origin = control.closest(".message").dataset.key;
  if (form) openForm(form, (line, call) => say(origin, line, call));
  else say(origin, text);
}

function say(origin, text, call) {
  if (!speak(text, { origin, call })) return false;
  resting.add(origin);
  setTimeout(() => { resting.delete(origin); refresh(); }, REST);
  refresh();
  return true;
}

/** A message's controls wait while what one of them said is on its way. They keep the focus. */
function refresh() {
  const waiting = new Set([...resting, ...origins()]);
  for (const control of list.querySelectorAll(".control")) {
    control.setAttribute("aria-disabled", String(waiting.has(control.closest(".message").dataset.key)));
  }
}

function choose(menu) {
  const chosen = menu.selectedOptions[0].dataset.press;
  menu.selectedIndex = 0;
  if (chosen && isFree(menu)) press(menu, JSON.parse(chosen));
}

/** Arrows step through a closed menu, and browsers call each step a change: then Enter chooses. */
function prepareMenus() {
  list.addEventListener("pointerdown", () => { stepping = false; });
  list.addEventListener("keydown", (event) => {
    const menu = event.target.closest("select.control");
    if (!menu) return;
    if (event.key === "Enter" && menu.selectedIndex > 0) {
      event.preventDefault();
      choose(menu);
    } else stepping = event.key !== " " && !event.altKey;
  });
  list.addEventListener("change", (event) => {
    const menu = event.target.closest("select.control");
    if (menu && !stepping) choose(menu);
  });
}

export function prepareControls() {
  list.addEventListener("click", (event) => {
    const button = event.target.closest("button.control");
    if (button && isFree(button)) press(button, JSON.parse(button.dataset.press));
  });
  prepareMenus();
  whenChanged(refresh);
  new MutationObserver(refresh).observe(list, { childList: true });
  refresh();
}
