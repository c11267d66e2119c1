// Times in the reader's own zone and language.

import { page, say } from "./dom.js";

const locale = page.language === "zh" ? "zh-CN" : undefined;
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const dayOf = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });
const dateOf = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short" });

const midnight = (moment) => new Date(moment.getFullYear(), moment.getMonth(), moment.getDate()).getTime();

function daysAgo(moment) {
  return Math.round((midnight(new Date()) - midnight(moment)) / 86400000);
}

/** The day as a heading: today, yesterday, or its name. */
export function dayName(moment) {
  const ago = daysAgo(moment);
  return ago === 0 ? say("today") : ago === 1 ? say("yesterday") : dayOf.format(moment);
}

export const sameDay = (one, other) => midnight(one) === midnight(other);

/** Fill the empty <time> elements below a node: the hour in messages, the day in the list. */
export function fillTimes(root) {
  for (const element of root.querySelectorAll("time:empty")) {
    const moment = new Date(element.dateTime);
    const inList = element.classList.contains("conversation-time");
    element.textContent = inList && daysAgo(moment) > 0 ? dateOf.format(moment) : clock.format(moment);
    element.title = full.format(moment);
  }
}
