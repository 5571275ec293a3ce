// A request for permission, a question or a plan: shown exactly, answered in place.

import { post, taskPath } from "./api.js";
import { act, make, setText } from "./dom.js";
import { store } from "./store.js";
import { duration, label } from "./words.js";

const RESULTS = {
  applied: "Applied.",
  expired: "Too late: Claude no longer waits for this.",
  unconfirmed: "Passed on; nothing shows yet that it took effect.",
};

/** Make the card of a request, or of a dialog that only a terminal can answer. */
export function card(item) {
  return item.request_id ? requestCard(item) : blockedCard(item);
}

function heading(text, taskId) {
  const age = make("span", { class: "quiet" });
  const name = make("a", { href: `#/tasks/${encodeURIComponent(taskId)}` });
  const title = make("h2", { class: "asks" }, name, ` ${text} `, age);
  return { title, update: (at) => show(name, age, taskId, at) };
}

function show(name, age, taskId, at) {
  const task = store.tasks.get(taskId);
  setText(name, task ? label(task) : taskId);
  if (at) setText(age, `· ${duration(Date.now() / 1000 - at)}`);
}

function requestCard(request) {
  const ways = { question: questionBody, plan: planBody };
  const asks = { question: "asks", plan: "has a plan" }[request.kind] ?? `wants to use ${request.tool_name}`;
  const head = heading(request.agent_type ? `(${request.agent_type}) ${asks}` : asks, request.task_id);
  const body = (ways[request.kind] ?? toolBody)(request);
  const status = make("p", { role: "status" });
  const reason = make("input", { type: "text", placeholder: "Reason for Claude, if you deny", "aria-label": "Reason" });
  const buttons = [
    make("button", { type: "submit", class: "primary", text: request.kind === "question" ? "Answer" : "Allow" }),
    request.suggestions?.length
      ? make("button", { type: "button", text: "Allow for this session", click: () => answer("allow", "session") })
      : null,
    make("button", { type: "button", class: "danger", text: "Deny", click: () => answer("deny") }),
  ].filter(Boolean);

  async function answer(decision, remember) {
    const answers = decision === "allow" ? body.answers?.() : undefined;
    status.textContent = "Sending…";
    const failed = { textContent: "" };
    for (const button of buttons) button.disabled = true;
    await act(buttons[0], failed, async () => {
      const said = reason.value.trim();
      const sent = { decision, remember, answers, reason: decision === "deny" && said ? said : undefined };
      const path = taskPath(request.task_id, `/permissions/${encodeURIComponent(request.request_id)}`);
      const done = await post(path, sent);
      status.textContent = RESULTS[done.result] ?? `${done.permission.answered_by ?? "Somebody"} answered before.`;
    });
    if (failed.textContent) {
      status.textContent = failed.textContent;
      for (const button of buttons) button.disabled = false;
    }
  }

  const submit = (event) => {
    event.preventDefault();
    answer("allow");
  };
  const keys = (event) => {
    if (["INPUT", "TEXTAREA"].includes(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "a") answer("allow");
    else if (event.key === "d") answer("deny");
  };
  const element = make(
    "form",
    { class: "card", tabindex: "-1", submit, keydown: keys },
    head.title,
    body.element,
    make("div", { class: "row" }, ...buttons, reason),
    status,
  );
  element.dataset.request = request.request_id;
  return { element, update: (current) => head.update(current.requested_at) };
}

const shown = (text) => make("pre", { dir: "auto", tabindex: "0", text });

/** Show a tool's input: the command or the change itself, the rest as it is. */
function toolBody(request) {
  const { description, command, file_path: file, content, old_string: before, new_string: after, ...rest } = request.tool_input;
  const element = make("div");
  if (description !== undefined) element.append(make("p", { dir: "auto", text: String(description) }));
  if (command !== undefined) element.append(shown(String(command)));
  if (file !== undefined) element.append(make("p", {}, make("code", { text: String(file) })));
  if (before !== undefined) element.append(make("p", { class: "quiet", text: "Replaces" }), shown(String(before)));
  if (after !== undefined) element.append(make("p", { class: "quiet", text: "with" }), shown(String(after)));
  if (content !== undefined) element.append(shown(String(content)));
  if (Object.keys(rest).length > 0) element.append(shown(JSON.stringify(rest, null, 2)));
  return { element };
}

function planBody(request) {
  const { plan } = request.tool_input;
  return { element: shown(typeof plan === "string" ? plan : JSON.stringify(request.tool_input, null, 2)) };
}

function questionBody(request) {
  const questions = (request.tool_input.questions ?? []).map((question) => questionPart(question, request.request_id));
  return {
    element: make("div", {}, ...questions.map((part) => part.element)),
    answers: () => Object.fromEntries(questions.map((part) => [part.question, part.answer()])),
  };
}

function questionPart({ question, options = [], multiSelect: many }, requestId) {
  const other = make("input", { type: "text", "aria-label": "Another answer", placeholder: "Another answer" });
  const choices = options.map((option, index) => {
    const input = make("input", {
      type: many ? "checkbox" : "radio",
      name: `${requestId} ${question}`,
      checked: !many && index === 0,
    });
    const text = make("span", { text: option.label });
    const more = option.description ? make("span", { class: "quiet", text: ` ${option.description}` }) : null;
    return { label: option.label, input, element: make("label", { class: "choice" }, input, text, more) };
  });
  const element = make(
    "fieldset",
    {},
    make("legend", { text: question }),
    ...choices.map((choice) => choice.element),
    other,
  );
  const answer = () => {
    const typed = other.value.trim();
    const chosen = choices.filter((choice) => choice.input.checked).map((choice) => choice.label);
    return (typed && !many ? [typed] : [...chosen, ...(typed ? [typed] : [])]).join(", ");
  };
  return { element, question, answer };
}

function blockedCard(task) {
  const head = heading("is blocked by a dialog that only a terminal can answer", task.task_id);
  const screen = shown("");
  const hint = make("p", {}, "Answer there: ", make("code", { text: `kubecoder task attach ${task.task_id}` }));
  return {
    element: make("div", { class: "card" }, head.title, screen, hint),
    update: (current) => {
      head.update(current.activity_since);
      setText(screen, current.activity_detail ?? "");
    },
  };
}
