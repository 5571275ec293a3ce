// The conversation of a task, piece by piece, as the transcript has it.

import { make } from "./dom.js";

const PIECES_SHOWN = 500;
const LONG_CHARACTERS = 2000;
const WHO = { prompt: "Prompt", text: "Claude", thinking: "Thinking", tool: "Tool", result: "Result", system: "Note" };

function content(entry) {
  if (entry.kind !== "tool") return entry.text;
  const input = entry.tool_input ?? {};
  return typeof input.command === "string" ? input.command : JSON.stringify(input, null, 2);
}

function title(entry) {
  const words = [entry.kind === "tool" ? entry.tool_name : WHO[entry.kind]];
  if (entry.is_error) words.push("(failed)");
  if (entry.agent_id) words.push("· subagent");
  return words.join(" ");
}

function piece(entry) {
  const text = content(entry);
  const isMono = entry.kind === "tool" || entry.kind === "result";
  const body = make(isMono ? "pre" : "div", { class: "said", dir: "auto", text });
  const isFolded = entry.kind === "result" || entry.kind === "thinking" || text.length > LONG_CHARACTERS;
  const element = make("li", { class: entry.kind });
  if (isFolded) element.append(make("details", {}, make("summary", { text: title(entry) }), body));
  else element.append(make("p", { class: "quiet", text: title(entry) }), body);
  return element;
}

// An event may repeat what was read already.
const name = (entry) => [entry.kind, entry.at, entry.tool_use_id, entry.agent_id, entry.text].join("\0");

/** Make an empty conversation. */
export function conversation() {
  const element = make("ol", { class: "conversation" });
  const none = make("li", { class: "quiet", text: "Nothing has been said yet." });
  let seen = new Set();
  element.append(none);

  function add(entry) {
    if (seen.has(name(entry)) || !content(entry)) return;
    seen.add(name(entry));
    none.remove();
    element.append(piece(entry));
    while (element.childElementCount > PIECES_SHOWN) element.firstElementChild.remove();
  }

  function show(entries) {
    const names = new Set(entries.map(name));
    // Opened pieces stay open where what is shown is still part of it.
    if (![...seen].every((key) => names.has(key))) {
      seen = new Set();
      element.replaceChildren(none);
    }
    entries.forEach(add);
  }

  return { element, add, show };
}
