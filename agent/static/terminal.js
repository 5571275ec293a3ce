// The task's terminal as it is now, where the workspace has one: to look at, until it is taken over to type into.

import { make, setText } from "./dom.js";
import { isFinal } from "./words.js";

// A terminal takes the keyboard each time it connects, and `inert` keeps only people from giving it to one that is
// watched. So whoever had it gets it back.
let owner = null;
document.addEventListener("focusin", settle);
document.addEventListener("focusout", settle);
window.addEventListener("blur", settle);

function settle() {
  setTimeout(() => {
    const active = document.activeElement;
    if (!active?.inert) {
      owner = active;
      return;
    }
    active.blur();
    owner?.focus({ preventScroll: true });
  });
}

/** Make the frame of a task's terminal; `update` takes the task, and the name of its session once that is known. */
export function liveTerminal(session, taskId) {
  const text = make("p", { class: "quiet" });
  const take = make("button", { type: "button", hidden: true });
  const place = make("div");
  const element = make("div", {}, text, take, place);
  let sessionName = "";
  let isTaken = false;
  let shown = "";

  take.addEventListener("click", () => {
    isTaken = !isTaken;
    show();
    if (isTaken) place.firstElementChild.focus();
  });

  /** Each address has a frame of its own: one that is typed into would ask before it leaves its page. */
  function show() {
    const name = encodeURIComponent(sessionName);
    const address = take.hidden ? "" : `/oauth/terminal/?arg=${name}${isTaken ? "" : "&arg=watch"}`;
    take.textContent = isTaken ? "Give it back" : "Take over";
    setText(text, isTaken ? "What you type goes to Claude." : "You are watching. Taken over, you type into it.");
    if (address === shown) return;
    shown = address;
    place.replaceChildren(...(address ? [frame(address)] : []));
  }

  function frame(src) {
    return make("iframe", { title: "The task's terminal", class: "terminal", src, inert: !isTaken });
  }

  function update(task, name) {
    const isThere = session.parts.includes("terminal");
    sessionName = name ?? sessionName;
    take.hidden = !isThere || isFinal(task) || task.status === "queued" || !sessionName;
    isTaken = isTaken && !take.hidden;
    show();
    if (!isThere) setText(text, `No terminal is installed in this workspace: kubecoder task attach ${taskId}`);
    else if (take.hidden) setText(text, "There is no terminal while the task doesn't run.");
  }

  return { element, update };
}
