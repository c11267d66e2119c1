// A form for a skill's parameters: a dialog, and the command line it stands for.

import { find, make, page, say } from "./dom.js";

const dialog = find("fill");
const form = find("fill-form");
const WORDS = ["yes", "no"];
let opened;

/**
 * Open a form. `send` gets the command line, and the call: the skill and what was filled in, by name.
 * The form stays open when it says false.
 */
export function openForm(shown, send) {
  opened = { shown, send };
  find("fill-title").textContent = page.prefix + shown.skill;
  find("fill-summary").textContent = shown.title;
  find("fill-fields").replaceChildren(...shown.fields.map(draw));
  dialog.returnValue = "no";
  dialog.showModal();
  [...form.elements].find((each) => each.name && !each.value)?.focus();
}

function draw(field) {
  const name = make("span", {}, make("b", {}, field.label), ` · ${say(field.required ? "required" : "optional")}`);
  return make("label", { className: "field" }, name, control(field));
}

function control(field) {
  const common = { name: field.name, required: field.required };
  if (field.choices.length) {
    const options = field.choices.map((each) => make("option", { value: each }, WORDS.includes(each) ? say(each) : each));
    const select = make("select", common, ...(field.required ? [] : [make("option", { value: "" })]), ...options);
    if (field.value) select.value = field.value;
    return select;
  }
  if (field.long) return make("textarea", { ...common, rows: 4, value: field.value });
  return make("input", { ...common, ...(field.number ? { type: "number", step: "any" } : { type: "text" }), value: field.value });
}

function quoted(value, field) {
  if (field.long || !/[\s"']/.test(value)) return value;
  return value.includes('"') ? `'${value}'` : `"${value}"`;
}

function submit(event) {
  const { shown, send } = opened;
  const filled = new FormData(form);
  const given = shown.fields.map((field) => [field, filled.get(field.name).trim()]).filter(([, value]) => value);
  const line = [page.prefix + shown.skill, ...given.map(([field, value]) => quoted(value, field))].join(" ");
  const named = Object.fromEntries(given.map(([field, value]) => [field.name, value]));
  if (!send(line, { skill: shown.skill, arguments: named })) event.preventDefault();
}

export function prepareForm() {
  form.addEventListener("submit", submit);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) form.requestSubmit();
  });
}
