// The tasks: found by state and text, the ended ones folded, older ones asked for page by page.

import { act, byId, keyed, make, setText } from "./dom.js";
import { row } from "./row.js";
import { loadMore, needsPerson, store, tasks, watch } from "./store.js";
import { isFinal, label, state, stateWord } from "./words.js";

const FILTERS = [
  ["", "Every state", () => true],
  ["needs", "Needs you", needsPerson],
  ["busy", "At work", (task) => !isFinal(task) && !needsPerson(task) && !["idle", "stopped"].includes(state(task))],
  ["idle", "Idle", (task) => ["idle", "stopped"].includes(state(task))],
  ["ended", "Ended", isFinal],
  ["failed", "Failed", (task) => ["failed", "error", "killed", "interrupted"].includes(state(task))],
];

/** Show the page; returns what ends it. */
export function showTasks() {
  const running = make("ul", { class: "tasks" });
  const ended = make("ul", { class: "tasks" });
  const none = make("p", { class: "quiet", role: "status" });
  const summary = make("summary");
  const fold = make("details", {}, summary, ended);
  const trouble = make("p", { role: "status" });
  const more = make("button", { type: "button", text: "Load older tasks", click: () => act(more, trouble, loadMore) });
  const options = FILTERS.map(([value, text]) => make("option", { value, text }));
  const filter = make("select", { "aria-label": "State", change: draw }, ...options);
  const search = make("input", { type: "search", "aria-label": "Search", placeholder: "Search", input: draw });
  byId("view").replaceChildren(
    make(
      "section",
      {},
      make("div", { class: "heading" }, make("h2", { text: "Tasks" }), make("a", { href: "#/new", class: "button", text: "New task" })),
      make("div", { class: "filters" }, search, filter),
      none,
      running,
      fold,
      more,
      trouble,
    ),
  );

  function draw() {
    const [, , isWanted] = FILTERS.find(([value]) => value === filter.value);
    const text = search.value.trim().toLowerCase();
    const found = tasks().filter((task) => isWanted(task) && words(task).includes(text));
    const over = found.filter(isFinal);
    keyed(running, found.filter((task) => !isFinal(task)), (task) => task.task_id, row);
    keyed(ended, over, (task) => task.task_id, row);
    setText(none, emptyText(found.length));
    none.hidden = none.textContent === "";
    fold.hidden = over.length === 0;
    if (text || ["ended", "failed"].includes(filter.value)) fold.open = true;
    setText(summary, `${over.length} ended`);
    more.hidden = !store.nextCursor;
  }

  draw();
  return watch(draw);
}

function words(task) {
  return [label(task), task.prompt, task.task_id, task.model, stateWord(task)].join("\n").toLowerCase();
}

function emptyText(found) {
  if (!store.isLoaded) return "Asking for the tasks…";
  if (store.tasks.size === 0) return "No task yet. Give Claude something to do: New task.";
  return found === 0 ? "No task is like that." : "";
}
