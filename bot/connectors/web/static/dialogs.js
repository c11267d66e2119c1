// Dialogs: a question to confirm, and the drawer with a passage.

import { find, say } from "./dom.js";

export function prepareDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) dialog.close("no");
    });
  }
}

/** Ask before something that cannot be undone. */
export function confirmed(title, text, yes) {
  const dialog = find("confirm");
  find("confirm-title").textContent = title;
  find("confirm-text").textContent = text;
  find("confirm-yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/** Open the passage behind a numbered citation of a message. */
export function openSource(message, number) {
  const passage = message.querySelector(`template.passage[data-number="${Number(number)}"]`);
  if (!passage) return;
  const body = find("source-body");
  body.replaceChildren(passage.content.cloneNode(true));
  find("source-title").textContent = `${say("source")} ${Number(number)}`;
  find("source-note").hidden = !body.querySelector("mark");
  find("source").showModal();
  body.scrollTop = 0;
  body.querySelector("mark")?.scrollIntoView({ block: "center" });
}
