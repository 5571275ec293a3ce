// The audit log: who did what, from where and when; newest first, older ones page by page.

import { CLAUDE, get } from "./api.js";
import { act, byId, keyed, make, setText } from "./dom.js";
import { readAgain } from "./reading.js";

const PAGE = 50;
const KINDS = [
  ["", "Everything"],
  ["task", "Tasks"],
  ["permission", "Permissions"],
  ["service", "Services"],
  ["git,ssh_key,clone", "GitHub"],
  ["sign_in,token", "Sign-ins and tokens"],
];
const WORDS = {
  "task.create": "launched a task",
  "task.message": "sent a follow-up",
  "task.interrupt": "interrupted a task",
  "task.resume": "resumed a task",
  "task.kill": "ended a task",
  "permission.allow": "allowed what a task asked for",
  "permission.deny": "denied what a task asked for",
  "service.restart": "restarted a service",
  "git.identity": "changed the git identity",
  "ssh_key.make": "made an SSH key",
  "ssh_key.delete": "deleted the SSH key",
  "token.rotate": "made a new API token",
  "token.use": "came with this token for the first time in a day",
  sign_in: "signed in",
  "clone.start": "began to clone a repository",
  "clone.cancel": "cancelled a clone",
  "clone.end": "has a clone that ended",
};
const PLACES = { session: "on this page", token: "by the API", terminal: "in the terminal", agent: "by itself" };

const value = (given) => (typeof given === "object" ? JSON.stringify(given) : String(given));
const details = (entry) => Object.entries(entry.detail ?? {}).map(([name, given]) => `${name.replaceAll("_", " ")}: ${value(given)}`);

function row(entry) {
  const moment = new Date(entry.at * 1000);
  const time = make("time", { datetime: moment.toISOString(), text: moment.toLocaleString() });
  const text = make("p", { dir: "auto", text: `${entry.who} ${WORDS[entry.action] ?? entry.action}, ${PLACES[entry.via]}` });
  const more = make("p", { class: "quiet facts", dir: "auto" }, time, details(entry).map((each) => ` · ${each}`).join(""));
  const task = entry.task_id && make("a", { href: `#/tasks/${encodeURIComponent(entry.task_id)}`, text: "The task" });
  return { element: make("li", {}, make("div", {}, text, more), task || null), update: () => {} };
}

/** Show the page; returns what ends it. */
export function showActivity() {
  const list = make("ul", { class: "tasks activity" });
  const trouble = make("p", { role: "status", text: "Asking the workspace…" });
  const options = KINDS.map(([kind, text]) => make("option", { value: kind, text }));
  const filter = make("select", { "aria-label": "Kind", change: begin }, ...options);
  const older = make("button", { type: "button", text: "Load older entries", hidden: true, click: () => act(older, trouble, loadOlder) });
  byId("view").replaceChildren(make("h2", { text: "Activity" }), make("div", { class: "filters" }, filter), trouble, list, older);
  let entries = [];

  const tell = (error) => setText(trouble, error.message);

  async function read(before) {
    const asked = filter.value;
    const query = new URLSearchParams({ limit: PAGE });
    if (asked) query.set("action", asked);
    if (before) query.set("before", before);
    const found = (await get(`${CLAUDE}/audit?${query}`)).entries;
    // Another kind was chosen meanwhile.
    return asked === filter.value ? found : null;
  }

  function draw() {
    keyed(list, entries, (entry) => entry.at, row);
    setText(trouble, entries.length > 0 ? "" : "Nothing of the kind was done.");
  }

  async function loadNewest() {
    const found = await read();
    if (found === null) return;
    const newest = entries[0]?.at ?? 0;
    const added = found.filter((entry) => entry.at > newest);
    if (added.length === found.length) {
      // The first page, or so much is new that some between may be missing.
      entries = found;
      older.hidden = found.length < PAGE;
    } else {
      entries = [...added, ...entries];
    }
    draw();
  }

  async function loadOlder() {
    const found = await read(entries.at(-1).at);
    if (found === null) return;
    entries = [...entries, ...found];
    older.hidden = found.length < PAGE;
    draw();
  }

  function begin() {
    entries = [];
    loadNewest().catch(tell);
  }

  return readAgain(["audit"], loadNewest, tell);
}
