// A task in a list.

import { make, setText } from "./dom.js";
import { elapsed, evidence, glyph, label, since, state, stateWord, usage } from "./words.js";

/** Make the row of a task. */
export function row() {
  const sign = make("span", { class: "glyph", "aria-hidden": "true" });
  const name = make("a", { dir: "auto" });
  const word = make("span", { class: "word live" });
  const facts = make("p", { class: "quiet facts" });
  const element = make("li", {}, sign, make("div", {}, name, make("p", {}, word), facts));
  const update = (task) => {
    element.dataset.state = state(task);
    element.dataset.task = task.task_id;
    name.href = `#/tasks/${encodeURIComponent(task.task_id)}`;
    setText(sign, glyph(task));
    setText(name, label(task));
    setText(word, `${stateWord(task)} · ${since(task)}`);
    setText(facts, [evidence(task), task.model, usage(task), elapsed(task)].filter(Boolean).join(" · "));
  };
  return { element, update };
}
