// What the workspace uses: four graphs of the last minutes, and the age of what they show when it is old.

import { get } from "./api.js";
import { make, setText } from "./dom.js";
import { graph } from "./graph.js";
import { duration } from "./words.js";

const METRICS = "/oauth/api/metrics";
const POLL_MS = 5000;
const TICK_MS = 1000;
const STALE_SAMPLES = 3;
const UNITS = ["B", "kB", "MB", "GB", "TB"];

const traffic = (sample) =>
  sample.received_bytes_per_second === undefined || sample.sent_bytes_per_second === undefined
    ? undefined
    : sample.received_bytes_per_second + sample.sent_bytes_per_second;

const GRAPHS = [
  { name: "cpu", title: "CPU", value: (sample) => sample.cpu_cores, limit: (limits) => limits.cpu_cores, words: (number) => `${number.toFixed(2)} cores` },
  { name: "memory", title: "Memory", value: (sample) => sample.memory_bytes, limit: (limits) => limits.memory_bytes, words: bytes },
  { name: "disk", title: "Disk", value: (sample) => sample.disk_bytes, limit: (limits) => limits.disk_bytes, words: bytes },
  { name: "network", title: "Network", value: traffic, limit: () => undefined, words: (number) => `${bytes(number)}/s` },
];

function bytes(number) {
  const power = number < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(number) / 3));
  return `${(number / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${UNITS[power]}`;
}

/** Draw the strip and keep it current while it can be seen; returns `{element, end}`. */
export function healthPanel() {
  const drawn = GRAPHS.map(graph);
  const age = make("p", { class: "quiet", role: "status" });
  const list = make("ul", { class: "health" }, ...drawn.map((each) => each.element));
  const element = make("section", { "aria-labelledby": "health-title" }, make("h2", { id: "health-title", text: "Health" }), list, age);
  let last = null;

  async function poll() {
    if (document.hidden) return;
    try {
      last = await get(METRICS);
      for (const each of drawn) each.update(last);
    } catch {
      // The age says it.
    }
    tellAge();
  }

  // By a clock of its own: where the workspace hangs no answer comes, and no error either.
  function tellAge() {
    const seconds = last?.history.length ? Math.round((Date.now() - Date.parse(last.history.at(-1).at)) / 1000) : null;
    const isStale = seconds === null || seconds > STALE_SAMPLES * last.interval_seconds;
    list.classList.toggle("stale", isStale);
    setText(age, !isStale ? "" : seconds === null ? "No values yet." : `Not current: from ${duration(seconds)} ago.`);
  }

  poll();
  const timers = [setInterval(poll, POLL_MS), setInterval(tellAge, TICK_MS)];
  document.addEventListener("visibilitychange", poll);
  return {
    element,
    end() {
      timers.forEach(clearInterval);
      document.removeEventListener("visibilitychange", poll);
    },
  };
}
