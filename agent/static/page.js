// The page: who is signed in, what needs the person, and one view below it.

import { get } from "./api.js";
import { card } from "./card.js";
import { byId, keyed, setText } from "./dom.js";
import { showHome } from "./home.js";
import { needs, start, store, watch } from "./store.js";
import { showTask } from "./task.js";
import { duration, label, stateWord } from "./words.js";

let title = "Workspace";
let endView = () => {};

function draw(events = []) {
  const items = needs();
  byId("needs").hidden = items.length === 0;
  keyed(byId("needs-cards"), items, (item) => item.request_id ?? item.task_id, card);
  document.title = items.length > 0 ? `(${items.length}) ${title}` : title;
  document.body.classList.toggle("lost", store.lost !== null);
  const banner = byId("connection");
  banner.hidden = store.lost === null;
  if (store.lost) setText(banner, lostText(store.lost));
  const last = events.filter((event) => event.kind === "permission" && event.permission?.state === "open").at(-1);
  const task = last && store.tasks.get(last.task_id);
  if (task) setText(byId("announcement"), `${label(task)}: ${stateWord(task)}`);
}

function lostText({ tries, seconds, since }) {
  const age = duration((Date.now() - since) / 1000);
  return `No connection for ${age}: what you see is old. Try ${tries} in ${duration(seconds)}.`;
}

function route(session) {
  endView();
  const match = /^#\/tasks\/(.+)$/.exec(location.hash);
  endView = match ? showTask(decodeURIComponent(match[1])) : showHome(session);
}

function show(session) {
  title = `${session.workspace} · workspace`;
  setText(byId("workspace"), session.workspace);
  setText(byId("person"), `Signed in as ${session.user} until ${new Date(session.expires_at).toLocaleString()}.`);
  setText(byId("version"), `kubecoder agent ${session.version}`);
  byId("state").hidden = true;
}

async function load() {
  const session = await get("/oauth/api/session");
  show(session);
  watch(draw);
  start();
  globalThis.addEventListener("hashchange", () => route(session));
  route(session);
}

load().catch((error) => setText(byId("state"), `${error.message} Load the page again in a moment.`));
