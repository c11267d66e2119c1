// Documents: added by button, by dropping or pasting; listed and removed in the drawer.

import { ask, explain, find, icon, make, notify, page, say } from "./dom.js";
import { confirmed } from "./dialogs.js";

const panel = find("documents");

/** Send one file and show how far it is, then what became of it. */
function upload(file) {
  const label = make("span", {}, file.name);
  const bar = make("progress", { max: 100, value: 0 });
  const chip = make("li", { className: "upload" }, icon("file"), label, bar);
  (panel.open ? find("panel-uploads") : find("uploads")).append(chip);
  if (file.size > page.document_mb * 1024 * 1024) {
    finish(chip, bar, label, say("document_large", { name: file.name, limit: page.document_mb }), false);
    return;
  }
  const request = new XMLHttpRequest();
  request.upload.addEventListener("progress", (event) => {
    bar.value = event.total ? (100 * event.loaded) / event.total : 0;
    const done = event.loaded >= event.total;
    label.textContent = `${file.name} · ${done ? say("reading") : say("uploading", { percent: Math.round(bar.value) })}`;
    if (done) bar.removeAttribute("value");
  });
  request.addEventListener("load", () => {
    const answer = request.response ?? {};
    const ready = request.status === 201;
    const reason = answer.error ? `${file.name}: ${answer.error}` : say("document_failed", { name: file.name });
    finish(chip, bar, label, ready ? answer.result : reason, ready);
    if (ready) refreshDocuments();
  });
  request.addEventListener("error", () => finish(chip, bar, label, say("document_failed", { name: file.name }), false));
  request.open("POST", "api/documents");
  request.responseType = "json";
  const form = new FormData();
  form.append("file", file);
  request.send(form);
}

function finish(chip, bar, label, sentence, ready) {
  bar.remove();
  label.textContent = sentence;
  chip.classList.add(ready ? "is-ready" : "has-failed");
  const close = make("button", { type: "button", className: "tool", ariaLabel: say("close") }, icon("close"));
  close.addEventListener("click", () => chip.remove());
  chip.append(close);
}

/** The chips that have nothing more to say. */
export function clearUploads() {
  for (const chip of document.querySelectorAll("#uploads .upload:is(.is-ready, .has-failed)")) chip.remove();
}

const addAll = (files) => [...files].forEach(upload);

function line(document_) {
  const amount = document_.passages === 1 ? "passages_one" : "passages";
  const facts = `${say(amount, { count: document_.passages })} · ${say(document_.shared ? "shared" : "private")}`;
  const item = make("li", {}, icon("file"), make("div", {}, make("strong", {}, document_.name), make("span", { className: "quiet" }, facts)));
  if (document_.removable) {
    const label = say("remove", { name: document_.name });
    const button = make("button", { type: "button", className: "tool", title: label, ariaLabel: label }, icon("trash"));
    button.addEventListener("click", () => remove(document_));
    item.append(button);
  }
  return item;
}

async function remove(document_) {
  if (!(await confirmed(say("remove_title"), say("remove_text", { name: document_.name }), say("remove_yes")))) return;
  try {
    await ask(`api/documents/${document_.id}`, { method: "DELETE" });
    await refreshDocuments();
  } catch (error) {
    notify(explain(error));
  }
}

async function refreshDocuments() {
  try {
    const { documents } = await ask("api/documents");
    find("document-list").replaceChildren(...documents.map(line));
    find("no-documents").hidden = documents.length > 0;
    find("document-count").textContent = documents.length;
    find("document-count").hidden = !documents.length;
  } catch (error) {
    if (panel.open) notify(explain(error));
  }
}

function prepareDropping() {
  const drop = find("drop");
  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => { if (hasFiles(event)) { depth += 1; drop.hidden = false; } });
  addEventListener("dragleave", (event) => { if (hasFiles(event) && (depth -= 1) <= 0) { depth = 0; drop.hidden = true; } });
  addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    drop.hidden = true;
    addAll(event.dataTransfer.files);
  });
  find("text").addEventListener("paste", (event) => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    addAll(event.clipboardData.files);
  });
}

export function prepareDocuments() {
  find("open-documents").addEventListener("click", () => { panel.showModal(); refreshDocuments(); });
  refreshDocuments();
  if (!page.uploads) return;
  const files = find("files");
  for (const id of ["attach", "invite-document", "add-document"]) find(id)?.addEventListener("click", () => files.click());
  files.addEventListener("change", () => { addAll(files.files); files.value = ""; });
  prepareDropping();
}
