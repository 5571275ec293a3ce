// The services' states, read again whenever an event says that one has changed; in short for the first page.

import { get } from "./api.js";
import { make, setText } from "./dom.js";
import { readAgain } from "./reading.js";
import { duration } from "./words.js";

export const SERVICES = "/oauth/api/services";

const WORDS = {
  running: ["●", "running"],
  starting: ["◔", "starting"],
  backoff: ["✗", "has failed and is tried again"],
  fatal: ["✗", "has failed and is given up"],
  stopping: ["◔", "stopping"],
  stopped: ["◼", "stopped"],
  exited: ["◼", "ended"],
};

export const glyph = (service) => WORDS[service.state]?.[0] ?? "∅";
export const isBad = (service) => service.failing || (service.wanted && !["running", "starting"].includes(service.state));

/** Say the state of a service, and since when. */
export function stateText(service) {
  const word = WORDS[service.state]?.[1] ?? "unknown";
  const failing = service.failing && !["backoff", "fatal"].includes(service.state) ? ", keeps failing" : "";
  const age = service.since ? ` · ${duration((Date.now() - Date.parse(service.since)) / 1000)}` : "";
  return `${word}${failing}${age}`;
}

/** Read the services now and after each change; returns what ends it. */
export const followServices = (onState, onTrouble) => readAgain(["services"], async () => onState(await get(SERVICES)), onTrouble);

/** Tell on the first page whether all services run; returns `{element, end}`. */
export function servicesPanel() {
  const text = make("p", { class: "live" });
  const link = make("a", { href: "#/services", text: "All services" });
  const element = make("section", { "aria-labelledby": "services-title" }, make("h2", { id: "services-title", text: "Services" }), text, link);
  element.hidden = true;
  const end = followServices(
    ({ supervised, services }) => {
      element.hidden = !supervised;
      const bad = services.filter(isBad);
      element.dataset.level = bad.length > 0 ? "critical" : "";
      const running = services.filter((service) => service.state === "running").length;
      setText(text, bad.length > 0 ? bad.map((service) => `${service.name} ${stateText(service)}`).join("; ") : `${running} running, none fails.`);
    },
    (error) => {
      element.hidden = false;
      setText(text, error.message);
    },
  );
  return { element, end };
}
