// The form that launches a task, with the command that does the same.

import { CLAUDE, get, post } from "./api.js";
import { act, byId, make } from "./dom.js";
import { keepTask } from "./store.js";
import { quoted } from "./words.js";

const MODES = [
  ["default", "Ask: before every command and every change of a file"],
  ["acceptEdits", "Edit: change files without asking, ask before the rest"],
  ["plan", "Plan: only read, and come back with a plan to approve"],
  ["auto", "Auto: Claude Code decides by itself what is safe enough"],
  ["dontAsk", "Don't ask: refuse by itself whatever isn't allowed beforehand"],
  ["bypassPermissions", "Bypass: everything without asking; only where nothing can be lost"],
];

const LINE_CHARACTERS = 200;
const PAUSE_MILLISECONDS = 150;

function field(title, input) {
  return make("label", {}, make("span", { text: title }), input);
}

/** Show the page; returns what ends it. */
export function showNewTask(session) {
  byId("view").replaceChildren(newTask(session));
  byId("view").querySelector("textarea").focus();
  return () => {};
}

/** Make the form; a task that it launches is opened. */
function newTask({ permission_modes: modes, api_url: api }) {
  const prompt = make("textarea", { rows: "4", required: true, dir: "auto", name: "prompt" });
  const folder = make("input", { type: "text", placeholder: "your home", name: "workdir", list: "folders", autocomplete: "off", input: complete, focus: complete });
  const folders = make("datalist", { id: "folders" });
  const name = make("input", { type: "text", maxlength: "200", name: "name" });
  const model = make("input", { type: "text", placeholder: "Claude Code's own choice", name: "model" });
  const options = MODES.filter(([value]) => modes.includes(value)).map(([value, text]) => make("option", { value, text }));
  const mode = make("select", { name: "permission_mode" }, ...options);
  const launch = make("button", { type: "submit", class: "primary", text: "Launch" });
  const status = make("p", { role: "status" });
  const line = make("pre", { tabindex: "0", "aria-label": "Command line" });
  const curl = make("pre", { tabindex: "0", "aria-label": "curl line" });
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
    const words = ["kubecoder task run", quoted(body.prompt.length > LINE_CHARACTERS ? "…" : body.prompt)];
    if (body.workdir) words.push("--workdir", quoted(body.workdir));
    if (body.name) words.push("--name", quoted(body.name));
    if (body.model) words.push("--model", quoted(body.model));
    if (body.permission_mode !== "default") words.push("--permission-mode", body.permission_mode);
    line.textContent = words.join(" ");
    const sent = { ...body, prompt: body.prompt.length > LINE_CHARACTERS ? "…" : body.prompt };
    curl.textContent = [
      'curl -H "Authorization: Bearer $KUBECODER_TOKEN" -H "Content-Type: application/json"',
      `${api ?? "$KUBECODER_URL"}/api/claude/tasks -d ${quoted(JSON.stringify(sent))}`,
    ].join(" ");
  }

  let asked = null;
  function complete() {
    clearTimeout(asked);
    asked = setTimeout(async () => {
      const found = await get(`/oauth/api/folders?start=${encodeURIComponent(folder.value)}`).catch(() => ({ folders: [] }));
      folders.replaceChildren(...found.folders.map((value) => make("option", { value })));
    }, PAUSE_MILLISECONDS);
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
    make("div", { class: "row" }, launch),
    status,
    folders,
    make("details", {}, make("summary", { text: "The same from a command line" }), line, curl),
  );
  changed();
  return make("section", {}, make("h2", { text: "New task" }), form);
}
