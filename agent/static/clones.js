// Clones of repositories: begun by address, followed while they run, cancelled.

import { get, post } from "./api.js";
import { act, keyed, make, setText } from "./dom.js";

const CLONES = "/oauth/api/github/clones";
const RUNNING_MILLISECONDS = 1000;
const IDLE_MILLISECONDS = 30_000;

const WORDS = { running: "Cloning", done: "Cloned", failed: "Not cloned", cancelled: "Cancelled" };

function stateText(clone) {
  const percent = clone.percent === undefined ? "" : ` ${clone.percent} %`;
  const phase = clone.phase ? `: ${clone.phase}${percent}` : "";
  return `${WORDS[clone.state]}${phase}`;
}

function row(first, changed) {
  const name = make("p", { dir: "auto", text: `${first.url} → ~/${first.folder}` });
  const state = make("p", { class: "quiet", role: "status" });
  const failure = make("p", { dir: "auto" });
  const hint = make("p", { dir: "auto" });
  const status = make("p", { role: "status" });
  const cancel = make("button", { type: "button", text: "Cancel", "aria-label": `Cancel the clone into ${first.folder}` });
  cancel.addEventListener("click", () =>
    act(cancel, status, async () => {
      await post(`${CLONES}/${encodeURIComponent(first.clone_id)}/cancel`, {});
      await changed();
    }),
  );
  const element = make("li", {}, make("div", {}, name, state, failure, hint, status), cancel);
  function update(clone) {
    setText(state, stateText(clone));
    setText(failure, clone.error ?? "");
    setText(hint, clone.hint ? `Next: ${clone.hint}.` : "");
    failure.hidden = !clone.error;
    hint.hidden = !clone.hint;
    cancel.hidden = clone.state !== "running";
  }
  return { element, update };
}

/** Make the part of the page; `end` ends its questions. */
export function clonePart() {
  const plain = { type: "text", maxlength: "500", autocapitalize: "off", spellcheck: "false" };
  const url = make("input", { ...plain, required: true, placeholder: "https://github.com/owner/repository" });
  const folder = make("input", { ...plain, placeholder: "called like the repository" });
  const begin = make("button", { type: "submit", class: "primary", text: "Clone" });
  const status = make("p", { role: "status" });
  const list = make("ul", { class: "tasks clones" });
  let timer = null;
  let lastWait = IDLE_MILLISECONDS;
  let isOver = false;

  async function load() {
    clearTimeout(timer);
    let wait = IDLE_MILLISECONDS;
    try {
      const { clones } = await get(CLONES);
      keyed(list, clones, (clone) => clone.clone_id, (clone) => row(clone, load));
      if (clones.some((clone) => clone.state === "running")) wait = RUNNING_MILLISECONDS;
      else if (wait !== lastWait) setText(status, "");
      lastWait = wait;
    } catch (error) {
      setText(status, error.message);
    }
    clearTimeout(timer);
    if (!isOver) timer = setTimeout(load, wait);
  }

  function submit(event) {
    event.preventDefault();
    act(begin, status, async () => {
      const clone = await post(CLONES, { url: url.value, folder: folder.value });
      setText(status, `Cloning into ~/${clone.folder}.`);
      url.value = "";
      folder.value = "";
      await load();
    });
  }

  const label = (title, input) => make("label", {}, make("span", { text: title }), input);
  const form = make(
    "form",
    { submit },
    label("Repository", url),
    label("Folder below the home", folder),
    begin,
    status,
  );
  load();
  return {
    element: make("section", {}, make("h3", { text: "Clone a repository" }), form, list),
    end: () => {
      isOver = true;
      clearTimeout(timer);
    },
  };
}
