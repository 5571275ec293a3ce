// The services beside the agent: state, restarts, last lines, and a restart by a person.

import { post } from "./api.js";
import { act, byId, keyed, make, setText } from "./dom.js";
import { followServices, glyph, isBad, SERVICES, stateText } from "./servicestate.js";
import { watch } from "./store.js";

function facts(service) {
  const restarts = service.restarts === 1 ? "came back by itself once" : `came back by itself ${service.restarts} times`;
  return [
    service.restarts > 0 && restarts,
    service.exit_status !== undefined && `ended with ${service.exit_status}`,
    service.problem,
    !service.wanted && "not wanted",
  ]
    .filter(Boolean)
    .join(" · ");
}

function part(first, changed) {
  const { name } = first;
  const sign = make("span", { class: "glyph", "aria-hidden": "true" });
  const word = make("p", { class: "word live" });
  const more = make("p", { class: "quiet facts" });
  const status = make("p", { role: "status" });
  const restart = make("button", { type: "button" });
  restart.addEventListener("click", () =>
    act(restart, status, async () => {
      setText(status, "Restarting…");
      changed(await post(`${SERVICES}/${encodeURIComponent(name)}/restart`, {}));
      setText(status, "Restarted.");
    }),
  );
  const lines = make("pre", { tabindex: "0", dir: "auto", "aria-label": `Last lines of ${name}` });
  const details = make("details", {}, make("summary", { text: "Last lines" }), lines);
  const body = make("div", {}, make("h3", { text: name }), word, more, details, status);
  const element = make("li", {}, sign, body, restart);
  let current = first;
  let wasBad = false;

  function update(service) {
    current = service;
    element.dataset.state = isBad(service) ? "failed" : service.state;
    setText(sign, glyph(service));
    setText(more, facts(service));
    setText(lines, service.last_lines.join("\n"));
    details.hidden = service.last_lines.length === 0;
    // Opened once for each failure: whoever closes it wants it closed.
    if (isBad(service) && !wasBad) details.open = true;
    wasBad = isBad(service);
    restart.hidden = !service.restartable;
    setText(restart, service.wanted ? "Restart" : "Start");
    restart.setAttribute("aria-label", `${restart.textContent} ${name}`);
    tick();
  }

  const tick = () => setText(word, stateText(current));
  return { element, update, tick };
}

/** Show the page; returns what ends it. */
export function showServices() {
  const list = make("ul", { class: "tasks services" });
  const note = make("p", { role: "status", text: "Asking the workspace…" });
  byId("view").replaceChildren(make("h2", { text: "Services" }), note, list);
  const parts = new Map();
  const create = (service) => {
    const made = part(service, show);
    parts.set(service.name, made);
    return made;
  };

  function show({ supervised, services }) {
    keyed(list, services, (service) => service.name, create);
    const none = supervised ? "There are no services." : "No supervisor runs here: this workspace has the agent alone.";
    setText(note, services.length > 0 ? "" : none);
  }

  const end = followServices(show, (error) => setText(note, error.message));
  const endTicks = watch(() => {
    for (const each of parts.values()) each.tick();
  });
  return () => {
    end();
    endTicks();
  };
}
