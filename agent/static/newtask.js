// The form that launches a task, with the command that does the same.

import { CLAUDE, post } from "./api.js";
import { act, make } from "./dom.js";
import { keepTask } from "./store.js";

const MODES = [
  ["default", "Ask before everything that changes something"],
  ["acceptEdits", "Edit files without asking, ask before the rest"],
  ["plan", "Look only, and come back with a plan"],
];

const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

function field(title, input) {
  return make("label", {}, make("span", { text: title }), input);
}

/** Make the form; a task that it launches is opened. */
export function newTask() {
  const prompt = make("textarea", { rows: "4", required: true, dir: "auto", name: "prompt" });
  const folder = make("input", { type: "text", placeholder: "your home", name: "workdir" });
  const name = make("input", { type: "text", maxlength: "200", name: "name" });
  const model = make("input", { type: "text", placeholder: "Claude Code's own choice", name: "model" });
  const options = MODES.map(([value, text]) => make("option", { value, text }));
  const mode = make("select", { name: "permission_mode" }, ...options);
  const launch = make("button", { type: "submit", class: "primary", text: "Launch" });
  const status = make("p", { role: "status" });
  const line = make("code");
  // One task for one press, also when the answer is lost and it is pressed again.
  let key = crypto.randomUUID();

  const chosen = () => ({
    prompt: prompt.value,
    workdir: folder.value.trim() || undefined,
    name: name.value.trim() || undefined,
    model: model.value.trim() || undefined,
    permission_mode: mode.value,
  });

  function changed() {
    key = crypto.randomUUID();
    const body = chosen();
    const words = ["kubecoder task run", quoted(body.prompt.length > 200 ? "…" : body.prompt)];
    if (body.workdir) words.push("--workdir", quoted(body.workdir));
    if (body.name) words.push("--name", quoted(body.name));
    if (body.model) words.push("--model", quoted(body.model));
    if (body.permission_mode !== "default") words.push("--permission-mode", body.permission_mode);
    line.textContent = words.join(" ");
  }

  const submit = (event) => {
    event.preventDefault();
    act(launch, status, async () => {
      status.textContent = "Launching…";
      const task = await post(`${CLAUDE}/tasks`, chosen(), { "Idempotency-Key": key });
      keepTask(task);
      location.hash = `#/tasks/${encodeURIComponent(task.task_id)}`;
    });
  };
  const keys = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  };
  const form = make(
    "form",
    { class: "new", submit, input: changed, keydown: keys },
    field("Prompt (Ctrl-Enter launches)", prompt),
    make("div", { class: "columns" }, field("Folder", folder), field("Name", name), field("Model", model)),
    field("Permissions", mode),
    make("div", { class: "row" }, launch, line),
    status,
  );
  changed();
  return make("section", {}, make("h2", { text: "New task" }), form);
}
