// One task: its state and how that is known, the conversation, the terminal's text, and what a person can do with it.

import { get, getText, taskPath } from "./api.js";
import { card } from "./card.js";
import { conversation } from "./conversation.js";
import { byId, keyed, make, setText } from "./dom.js";
import { controls } from "./controls.js";
import { keepTask, needs, store, watch } from "./store.js";
import { liveTerminal } from "./terminal.js";
import { elapsed, evidence, glyph, isFinal, label, since, state, stateWord, usage } from "./words.js";

const OUTPUT_LINES = 200;
const OUTPUT_MILLISECONDS = 1000;

/** Show a task; returns what ends that. */
export function showTask(session, taskId) {
  const sign = make("span", { class: "glyph", "aria-hidden": "true" });
  const title = make("h2", { dir: "auto" });
  const word = make("span", { class: "word live" });
  const line = make("p", {}, sign, " ", word);
  const detail = make("p", { class: "quiet", dir: "auto" });
  const facts = make("p", { class: "quiet" });
  const trouble = make("p", { role: "status" });
  const talk = conversation(taskId);
  const output = make("pre", { tabindex: "0", class: "output" });
  const terminal = make("details", {}, make("summary", { text: "The terminal's text" }), output);
  const live = liveTerminal(session, taskId);
  const known = make("dl", { class: "known" });
  const proof = make("details", {}, make("summary", { text: "How the state is known" }), known);
  const download = make("a", {
    href: taskPath(taskId, "/output"),
    download: `${taskId}.txt`,
    text: "Download the output",
  });
  const acting = controls(taskId);
  const cards = make("div");
  byId("view").replaceChildren(
    make("p", {}, make("a", { href: "#/tasks", text: "All tasks" })),
    cards,
    make("section", { class: "task" }, title, line, detail, facts, acting.element, trouble),
    make(
      "div",
      { class: "sides" },
      make("section", {}, make("h2", { text: "Conversation" }), talk.element),
      make("section", {}, make("h2", { text: "Terminal" }), live.element, terminal, make("p", {}, download), proof),
    ),
  );

  let whole = null;
  let nextOutput = null;

  function draw(events = []) {
    const task = store.tasks.get(taskId);
    if (!task) return;
    setText(title, label(task));
    setText(sign, glyph(task));
    line.dataset.state = state(task);
    setText(word, `${stateWord(task)} · ${since(task)}`);
    setText(detail, task.error ?? whole?.error ?? (task.activity === "blocked" ? "" : (task.activity_detail ?? "")));
    const folder = whole ? `in ${whole.workdir}` : "";
    setText(facts, [elapsed(task), folder, task.model, usage(task), task.task_id].filter(Boolean).join(" · "));
    acting.update(task);
    live.update(task, whole?.tmux_session);
    describe(known, task, whole);
    const asked = needs().filter((item) => item.task_id === taskId);
    keyed(cards, asked, (item) => item.request_id ?? item.task_id, card);
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

/** Say from what the state is known, since when, and how fresh that is. */
function describe(list, task, whole) {
  const rows = [
    ["State", stateWord(task)],
    ["Since", moment(task.activity_since ?? task.finished_at ?? task.created_at)],
    ["Evidence", isFinal(task) ? "The process has ended" : evidence(task) || "None yet"],
    ["Process", task.status + (whole?.exit_code == null ? "" : `, exit code ${whole.exit_code}`)],
    ["Launches", whole && String(whole.launches)],
    ["Claude's session", whole?.session_id],
    ["tmux session", whole?.tmux_session],
  ].filter(([, value]) => value);
  keyed(list, rows, ([term]) => term, factRow);
}

const moment = (at) => new Date(at * 1000).toLocaleString();

function factRow([term]) {
  const value = make("dd");
  return { element: make("div", {}, make("dt", { text: term }), value), update: ([, text]) => setText(value, text) };
}
