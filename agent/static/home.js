// The first page: tasks, a new one, and what else the workspace has.

import { byId, keyed, make, setText } from "./dom.js";
import { newTask } from "./newtask.js";
import { store, tasks, watch } from "./store.js";
import { evidence, glyph, isFinal, label, since, state, stateWord, usage } from "./words.js";

const FINISHED_SHOWN = 20;
const PARTS = [
  { name: "ide", title: "VS Code", address: "/oauth/ide/" },
  { name: "terminal", title: "Terminal", address: "/oauth/terminal/" },
  {
    name: "browser",
    title: "Browser",
    address: "/oauth/browser/vnc.html?path=oauth/browser/websockify&autoconnect=true&resize=scale",
  },
];

/** Show the page; returns what ends it. */
export function showHome(session) {
  const running = make("ul", { class: "tasks" });
  const finished = make("ul", { class: "tasks" });
  const none = make("p", { class: "quiet", text: "No task runs." });
  const summary = make("summary");
  const more = make("p", { class: "quiet", hidden: true });
  const fold = make("details", {}, summary, finished, more);
  byId("view").replaceChildren(
    make("section", {}, make("h2", { text: "Tasks" }), none, running, fold),
    newTask(),
    make("section", {}, make("h2", { text: "What is in it" }), make("ul", {}, ...PARTS.map((p) => part(p, session)))),
  );

  function draw() {
    const all = tasks();
    const ended = all.filter(isFinal);
    keyed(running, all.filter((task) => !isFinal(task)), (task) => task.task_id, row);
    keyed(finished, ended.slice(0, FINISHED_SHOWN), (task) => task.task_id, row);
    none.hidden = !store.isLoaded || running.childElementCount > 0;
    fold.hidden = ended.length === 0;
    setText(summary, `${ended.length}${store.hasMore ? " or more" : ""} finished`);
    more.hidden = ended.length <= FINISHED_SHOWN;
    setText(more, `The newest ${FINISHED_SHOWN} are shown; kubecoder task list shows all.`);
  }

  draw();
  return watch(draw);
}

function row() {
  const sign = make("span", { class: "glyph", "aria-hidden": "true" });
  const name = make("a", { dir: "auto" });
  const word = make("span", { class: "word live" });
  const facts = make("span", { class: "quiet" });
  const element = make("li", {}, sign, make("div", {}, name, make("p", {}, word, " ", facts)));
  const update = (task) => {
    element.dataset.state = state(task);
    element.dataset.task = task.task_id;
    name.href = `#/tasks/${encodeURIComponent(task.task_id)}`;
    setText(sign, glyph(task));
    setText(name, label(task));
    setText(word, `${stateWord(task)} · ${since(task)}`);
    setText(facts, [evidence(task), task.model, usage(task)].filter(Boolean).join(" · "));
  };
  return { element, update };
}

function part({ name, title, address }, session) {
  if (session.parts.includes(name)) return make("li", {}, make("a", { href: address, text: title }));
  return make("li", { class: "absent", text: `${title}: not installed in this workspace` });
}
