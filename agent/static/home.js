// The first page: what needs the person, what runs, where to go, and whether the workspace is well.

import { card } from "./card.js";
import { byId, keyed, make } from "./dom.js";
import { healthPanel } from "./health.js";
import { row } from "./row.js";
import { servicesPanel } from "./servicestate.js";
import { needs, store, tasks, watch } from "./store.js";
import { isFinal } from "./words.js";

const PARTS = [
  { name: "ide", title: "VS Code", address: "/oauth/ide/" },
  { name: "terminal", title: "Terminal", address: "/oauth/terminal/" },
  { name: "browser", title: "Browser", address: "/oauth/browser/" },
];

// What is below the doors, in this order. Each is called with the session and returns `{element, end}`.
const PANELS = [healthPanel, servicesPanel];

/** Show the page; returns what ends it. */
export function showHome(session) {
  const cards = make("div");
  const asking = make("section", { "aria-labelledby": "needs-title" }, make("h2", { id: "needs-title", text: "Needs you" }), cards);
  const running = make("ul", { class: "tasks" });
  const none = make("p", { class: "quiet", text: "No task runs." });
  const panels = PANELS.map((panel) => panel(session));
  byId("view").replaceChildren(
    asking,
    make("section", {}, make("h2", { text: "Running" }), none, running),
    doors(session),
    ...panels.map((panel) => panel.element),
  );

  function draw() {
    const items = needs();
    asking.hidden = items.length === 0;
    keyed(cards, items, (item) => item.request_id ?? item.task_id, card);
    keyed(running, tasks().filter((task) => !isFinal(task)), (task) => task.task_id, row);
    none.hidden = !store.isLoaded || running.childElementCount > 0;
  }

  draw();
  const endWatch = watch(draw);
  return () => {
    endWatch();
    for (const panel of panels) panel.end();
  };
}

function doors(session) {
  const list = make("ul", { class: "doors" }, ...PARTS.map((part) => door(part, session)));
  const add = make("a", { href: "#/new", class: "door" }, make("strong", { text: "New task" }), make("span", { text: "Give Claude something to do" }));
  list.append(make("li", {}, add));
  return make("section", {}, make("h2", { text: "Open" }), list);
}

function door({ name, title, address }, session) {
  const heading = make("strong", { text: title });
  if (session.parts.includes(name)) {
    const note = make("span", { text: "Opens in a new tab" });
    return make("li", {}, make("a", { href: address, target: "_blank", rel: "noopener", class: "door" }, heading, note));
  }
  const note = make("span", { text: "Not installed in this workspace" });
  return make("li", {}, make("div", { class: "door absent" }, heading, note));
}
