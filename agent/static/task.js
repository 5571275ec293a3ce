// One task: its state and how that is known, the conversation, the terminal's text, and what a person can do with it.

import { get, getText, taskPath } from "./api.js";
import { conversation } from "./conversation.js";
import { byId, make, setText } from "./dom.js";
import { controls } from "./controls.js";
import { keepTask, store, watch } from "./store.js";
import { evidence, glyph, label, since, state, stateWord, usage } from "./words.js";

const OUTPUT_LINES = 200;
const OUTPUT_MILLISECONDS = 1000;

/** Show a task; returns what ends that. */
export function showTask(taskId) {
  const sign = make("span", { class: "glyph", "aria-hidden": "true" });
  const title = make("h2", { dir: "auto" });
  const word = make("span", { class: "word live" });
  const detail = make("p", { class: "quiet", dir: "auto" });
  const facts = make("p", { class: "quiet" });
  const trouble = make("p", { role: "status" });
  const talk = conversation(taskId);
  const output = make("pre", { tabindex: "0", class: "output" });
  const terminal = make("details", {}, make("summary", { text: "Terminal" }), output);
  const acting = controls(taskId);
  byId("view").replaceChildren(
    make("p", {}, make("a", { href: "#/", text: "All tasks" })),
    make("section", { class: "task" }, title, make("p", {}, sign, " ", word), detail, facts, acting.element, trouble),
    make("section", {}, make("h3", { text: "Conversation" }), talk.element),
    terminal,
  );

  let whole = null;
  let nextOutput = null;

  function draw(events = []) {
    const task = store.tasks.get(taskId);
    if (!task) return;
    setText(title, label(task));
    setText(sign, glyph(task));
    sign.dataset.state = state(task);
    setText(word, `${stateWord(task)} · ${since(task)}`);
    setText(detail, task.error ?? whole?.error ?? (task.activity === "blocked" ? "" : (task.activity_detail ?? "")));
    const folder = whole ? `in ${whole.workdir}` : "";
    setText(facts, [evidence(task), folder, task.model, usage(task), task.task_id].filter(Boolean).join(" · "));
    acting.update(task);
    const ours = events.filter((event) => event.task_id === taskId || event.kind === "gap");
    if (ours.some((event) => event.kind === "gap")) load();
    for (const event of ours) if (event.kind === "transcript" && event.entry) talk.add(event.entry);
    if (ours.length > 0) refreshOutput();
  }

  function refreshOutput() {
    if (!terminal.open || nextOutput) return;
    nextOutput = setTimeout(async () => {
      try {
        setText(output, await getText(taskPath(taskId, `/output?tail=${OUTPUT_LINES}`)));
      } catch (error) {
        setText(trouble, error.message);
      }
      nextOutput = null;
    }, output.textContent ? OUTPUT_MILLISECONDS : 0);
  }

  async function load() {
    try {
      whole = await get(taskPath(taskId));
      keepTask(whole);
      talk.show((await get(taskPath(taskId, "/transcript"))).entries);
      setText(trouble, "");
    } catch (error) {
      setText(trouble, error.message);
    }
  }

  terminal.addEventListener("toggle", refreshOutput);
  draw();
  load();
  return watch(draw);
}
