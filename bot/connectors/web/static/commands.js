// The commands a person may type: a list to choose from, and a form for those with arguments.

import { find, make, page, say } from "./dom.js";
import { openForm } from "./form.js";

const text = find("text");
const hints = find("hints");
let offered = [];
let chosen = -1;
let dismissed = false;
let send;

const nameIn = (value) => value.slice(page.prefix.length).split(/\s/)[0].toLowerCase();

function offer(value) {
  if (!value.startsWith(page.prefix) || value.includes("\n")) return [];
  const name = nameIn(value);
  if (/\s/.test(value)) return page.skills.filter((skill) => skill.name === name);
  const begins = page.skills.filter((skill) => skill.name.startsWith(name));
  return [...begins, ...page.skills.filter((skill) => !begins.includes(skill) && skill.name.includes(name))];
}

export function refreshHints() {
  offered = dismissed ? [] : offer(text.value);
  if (!text.value.startsWith(page.prefix)) dismissed = false;
  chosen = offered.length && !/\s/.test(text.value) ? 0 : -1;
  hints.replaceChildren(...offered.map(draw));
  hints.hidden = !offered.length;
  text.setAttribute("aria-expanded", String(offered.length > 0));
  mark();
}

function draw(skill, place) {
  const option = make("li", { className: "hint", id: `hint-${place}` }, make("code", {}, skill.usage), make("span", {}, skill.summary));
  option.setAttribute("role", "option");
  option.addEventListener("click", (event) => (event.target.closest(".link") ? openForm(skill.form, send) : complete(skill)));
  if (skill.form) option.append(make("button", { type: "button", className: "link" }, say("fill_in")));
  return option;
}

function mark() {
  [...hints.children].forEach((option, place) => option.setAttribute("aria-selected", String(place === chosen)));
  if (chosen >= 0) {
    text.setAttribute("aria-activedescendant", `hint-${chosen}`);
    hints.children[chosen].scrollIntoView({ block: "nearest" });
  } else text.removeAttribute("aria-activedescendant");
}

function complete(skill) {
  text.value = page.prefix + skill.name + (skill.form ? " " : "");
  text.focus();
  text.dispatchEvent(new Event("input"));
}

/** What a key does while commands are offered; true when it was used up here. */
export function hintKey(event) {
  if (!offered.length) return false;
  if (event.key === "Escape") {
    dismissed = true;
    refreshHints();
    return true;
  }
  if (chosen < 0) return false;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    chosen = (chosen + (event.key === "ArrowDown" ? 1 : -1) + offered.length) % offered.length;
    mark();
    return true;
  }
  const complete_ = nameIn(text.value) === offered[chosen].name;
  if ((event.key === "Enter" && !event.shiftKey && !complete_) || (event.key === "Tab" && !event.shiftKey && !complete_)) {
    complete(offered[chosen]);
    return true;
  }
  return false;
}

/** `send` says what a form opened from the list was filled in with. */
export function prepareCommands(sendForm) {
  send = sendForm;
  text.addEventListener("blur", () => setTimeout(() => { if (!hints.contains(document.activeElement)) hints.hidden = true; }, 150));
  text.addEventListener("focus", refreshHints);
}
