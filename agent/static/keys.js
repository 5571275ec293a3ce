// The keyboard: pages by `g` and a letter, rows by `j` and `k`, a new task by `n`, help by `?`.

import { make } from "./dom.js";
import { PAGES } from "./pages.js";

const LETTER_MILLISECONDS = 1500;
const ROWS = ".tasks a, .card";
const WRITTEN = "input, textarea, select, [contenteditable]";
const HELP = [
  ["j, k", "next and previous row or question"],
  ["Enter", "open the row"],
  ["a, d", "allow, deny the question that has the focus"],
  ["n", "new task"],
  ["Ctrl-Enter", "launch, or send"],
  ["?", "this help"],
];

let goes = 0;

/** Listen to the keyboard for as long as the page is open. */
export function listen() {
  const dialog = help();
  document.body.append(dialog);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(WRITTEN) || dialog.open) return;
    if (press(event.key, dialog)) event.preventDefault();
  });
}

function press(key, dialog) {
  const isGoing = performance.now() - goes < LETTER_MILLISECONDS && goes > 0;
  goes = 0;
  if (isGoing) {
    const page = PAGES.find((each) => each.key === key);
    if (page) location.hash = `#/${page.path}`;
    return Boolean(page);
  }
  if (key === "g") goes = performance.now();
  else if (key === "j" || key === "k") step(key === "j" ? 1 : -1);
  else if (key === "n") location.hash = "#/new";
  else if (key === "?") dialog.showModal();
  else return false;
  return true;
}

function step(by) {
  const rows = [...document.querySelectorAll(ROWS)].filter((row) => row.checkVisibility() && !row.closest(".card a"));
  const here = rows.findIndex((row) => row.contains(document.activeElement));
  const next = here < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(here + by, 0), rows.length - 1);
  rows[next]?.focus();
}

function help() {
  const pages = PAGES.filter((page) => page.key).map((page) => [`g ${page.key}`, page.title]);
  const terms = [...pages, ...HELP].flatMap(([keys, text]) => [
    make("dt", {}, make("kbd", { text: keys })),
    make("dd", { text }),
  ]);
  const close = make("button", { type: "button", text: "Close", click: () => dialog.close() });
  const dialog = make(
    "dialog",
    { "aria-labelledby": "help-title" },
    make("h2", { id: "help-title", text: "Keyboard" }),
    make("dl", {}, ...terms),
    close,
  );
  return dialog;
}
