// What a person can do with a task: send a text, interrupt, resume, kill.

import { post, remove, taskPath } from "./api.js";
import { act, make } from "./dom.js";
import { keepTask, needsPerson } from "./store.js";
import { isFinal, stateWord } from "./words.js";

const DELIVERY = {
  delivered: "Delivered.",
  queued: "Queued: Claude takes it when the running turn has room.",
  blocked: "Blocked: a dialog is open. Answer it first.",
  refused: "Refused",
  unknown: "Nobody knows whether it has arrived; look at the conversation before you send it again.",
  sending: "On its way.",
};
const DONE = new Set(["idle", "stopped", "failed"]);

function told(task) {
  const word = DELIVERY[task.delivery] ?? task.delivery;
  const details = [task.delivery_reason, ...(task.delivery_altered ?? [])].filter(Boolean).join("; ");
  return details ? `${word} ${details}` : word;
}

/** Make the controls of a task. */
export function controls(taskId) {
  const status = make("p", { role: "status" });
  const text = make("textarea", { rows: "2", dir: "auto", "aria-label": "Follow-up" });
  const send = make("button", { type: "submit", class: "primary", text: "Send" });
  const button = (title, action, kind) => {
    const made = make("button", { type: "button", class: kind, text: title });
    made.addEventListener("click", () => act(made, status, action));
    return made;
  };
  const interrupt = button("Interrupt", async () => {
    keepTask(await post(taskPath(taskId, "/interrupt")));
    status.textContent = "Interrupted; the session lives.";
  });
  const kill = button(
    "Kill",
    async () => {
      if (!confirm("End this task and all that it started? Its record stays.")) return;
      keepTask(await remove(taskPath(taskId)));
      status.textContent = "Ended.";
    },
    "danger",
  );
  let isOver = false;

  async function deliver() {
    const prompt = text.value;
    status.textContent = "Sending…";
    if (isOver) {
      keepTask(await post(taskPath(taskId, "/resume"), prompt.trim() ? { prompt } : {}));
      status.textContent = "Resumed.";
      text.value = "";
      return;
    }
    const task = await post(taskPath(taskId, "/message"), { prompt });
    keepTask(task);
    status.textContent = told(task);
    if (["delivered", "queued"].includes(task.delivery)) text.value = "";
  }

  const submit = (event) => {
    event.preventDefault();
    act(send, status, deliver);
  };
  const keys = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) element.requestSubmit();
  };
  const element = make(
    "form",
    { class: "followup", submit, keydown: keys },
    text,
    make("div", { class: "row" }, send, interrupt, kill),
    status,
  );

  function update(task) {
    isOver = isFinal(task);
    text.required = !isOver;
    text.placeholder = isOver ? `The task is ${stateWord(task)}. Resume it, with a further prompt or without` : "Follow-up";
    if (needsPerson(task)) text.placeholder = "Claude waits for your answer; a text would be blocked";
    send.textContent = isOver ? "Resume" : "Send";
    interrupt.hidden = isOver || task.status === "queued" || DONE.has(task.activity);
    kill.hidden = isOver;
  }

  return { element, update };
}
