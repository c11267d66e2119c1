// The chat page. Everything it shows of messages was rendered, and made harmless, by the server.

import { find, keepCookie } from "./dom.js";
import { prepareComposer, write } from "./composer.js";
import { prepareControls } from "./controls.js";
import { prepareDialogs } from "./dialogs.js";
import { prepareDocuments } from "./documents.js";
import { prepareForm } from "./form.js";
import { prepareMessages } from "./messages.js";
import { prepareOutbox } from "./outbox.js";
import { prepareStream } from "./stream.js";

function prepareAppearance() {
  find("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    keepCookie("parley_theme", root.dataset.theme);
  });
  find("language").addEventListener("change", (event) => {
    keepCookie("parley_language", event.target.value);
    location.reload();
  });
}

function prepareMenu() {
  const side = find("side");
  const turn = (open) => {
    side.classList.toggle("is-open", open);
    find("shade").hidden = !open;
    document.querySelector("main").inert = open;
    find("open-menu").setAttribute("aria-expanded", String(open));
    (open ? find("close-menu") : find("open-menu")).focus();
  };
  find("open-menu").addEventListener("click", () => turn(true));
  find("close-menu").addEventListener("click", () => turn(false));
  find("shade").addEventListener("click", () => turn(false));
  addEventListener("keydown", (event) => { if (event.key === "Escape" && side.classList.contains("is-open")) turn(false); });
}

prepareAppearance();
prepareMenu();
prepareDialogs();
prepareMessages();
prepareComposer();
prepareForm();
prepareOutbox(write);
prepareControls();
prepareDocuments();
prepareStream();
