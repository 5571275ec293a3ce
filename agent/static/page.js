// The frame of every page: who is signed in, whether the connection stands, how much needs the person.

import { get } from "./api.js";
import { byId, setText } from "./dom.js";
import { listen } from "./keys.js";
import { countNeeds, drawNavigation, openPage } from "./navigation.js";
import { needs, start, store, watch } from "./store.js";
import { duration, label, stateWord } from "./words.js";

// The icon says "9+" for more.
const ICON_NEEDS = 10;

let title = "Workspace";

function draw(events = []) {
  const items = needs();
  countNeeds(items.length);
  drawIcon(Math.min(items.length, ICON_NEEDS));
  document.title = items.length > 0 ? `(${items.length}) ${title}` : title;
  document.body.classList.toggle("lost", store.lost !== null);
  const banner = byId("connection");
  banner.hidden = store.lost === null;
  if (store.lost) setText(banner, lostText(store.lost));
  const last = events.filter((event) => event.kind === "permission" && event.permission?.state === "open").at(-1);
  const task = last && store.tasks.get(last.task_id);
  if (task) setText(byId("announcement"), `${label(task)}: ${stateWord(task)}`);
}

function drawIcon(number) {
  const address = `/oauth/icon.svg?needs=${number}`;
  if (byId("icon").getAttribute("href") !== address) byId("icon").setAttribute("href", address);
}

function lostText({ tries, seconds, since }) {
  const age = duration((Date.now() - since) / 1000);
  return `No connection for ${age}: what you see is old. Try ${tries} in ${duration(seconds)}.`;
}

function show(session) {
  title = `${session.workspace} · workspace`;
  setText(byId("workspace"), session.workspace);
  setText(byId("person"), `Signed in as ${session.user} until ${new Date(session.expires_at).toLocaleString()}.`);
  setText(byId("version"), `kubecoder agent ${session.version}`);
  // Where no door stands in front, signing out would shut the person's other windows out until there is a new link.
  byId("sign-out").hidden = !session.has_door;
  byId("state").hidden = true;
}

async function load() {
  const session = await get("/oauth/api/session");
  show(session);
  drawNavigation();
  listen();
  watch(draw);
  start();
  globalThis.addEventListener("hashchange", () => openPage(session, { isMoved: true }).catch(tell));
  await openPage(session);
}

function tell(error) {
  byId("state").hidden = false;
  setText(byId("state"), `${error.message} Load the page again in a moment.`);
}

load().catch(tell);
