// The commands a person may type: a list to choose from, and a form for those with arguments.

import { find, make, page, say } from "./dom.js";

const text = find("text");
const hints = find("hints");
let offered = [];
let chosen = -1;
let dismissed = false;

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
  option.addEventListener("click", (event) => (event.target.closest(".link") ? fill(skill) : complete(skill)));
  if (skill.parameters.length) option.append(make("button", { type: "button", className: "link" }, say("fill_in")));
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
  text.value = page.prefix + skill.name + (skill.parameters.length ? " " : "");
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

function fill(skill) {
  find("fill-title").textContent = page.prefix + skill.name;
  find("fill-summary").textContent = skill.summary;
  find("fill-fields").replaceChildren(...skill.parameters.map(field));
  find("fill").dataset.skill = skill.name;
  find("fill").returnValue = "no";
  find("fill").showModal();
}

function field(parameter) {
  const name = make("span", {}, make("b", {}, parameter.name), ` · ${say(parameter.required ? "required" : "optional")}`);
  const help = parameter.help ? [make("span", { className: "quiet" }, parameter.help)] : [];
  const label = make("label", { className: "field" }, name, ...help, control(parameter));
  return label;
}

function control(parameter) {
  const common = { name: parameter.name, required: parameter.required };
  const choices = parameter.kind === "bool" ? ["yes", "no"] : parameter.choices;
  if (choices.length) {
    const options = choices.map((each) => make("option", { value: each }, parameter.kind === "bool" ? say(each) : each));
    return make("select", common, ...(parameter.required ? [] : [make("option", { value: "" }, "")]), ...options);
  }
  if (parameter.rest) return make("textarea", { ...common, rows: 3 });
  const number = parameter.kind === "int" || parameter.kind === "float";
  return make("input", { ...common, type: number ? "number" : "text", step: parameter.kind === "float" ? "any" : "1" });
}

function quoted(value, parameter) {
  if (parameter.rest || !/[\s"']/.test(value)) return value;
  return value.includes('"') ? `'${value.replaceAll("'", "’")}'` : `"${value}"`;
}

/** The command line the form stands for. Arguments go by place, so the first empty one ends it. */
function commandLine(skill, form) {
  const words = [];
  for (const parameter of skill.parameters) {
    const value = form.elements[parameter.name].value.trim();
    if (!value) break;
    words.push(quoted(value, parameter));
  }
  return [page.prefix + skill.name, ...words].join(" ");
}

export function prepareCommands(send) {
  find("fill-form").addEventListener("submit", () => {
    const skill = page.skills.find((each) => each.name === find("fill").dataset.skill);
    text.value = "";
    send(commandLine(skill, find("fill-form")));
  });
  text.addEventListener("blur", () => setTimeout(() => { if (!hints.contains(document.activeElement)) hints.hidden = true; }, 150));
  text.addEventListener("focus", refreshHints);
}
