// A graph of the last minutes, its value and limit as text, and any earlier value by pointer or arrow keys.

import { make, setText } from "./dom.js";

const MINUTES = 15;
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 180;
const HEIGHT = 40;

function drawn(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * Make a graph. `value` takes a number from a sample, `limit` from the limits, `words` says a number;
 * what isn't known is undefined. Returns `{element, update}`.
 */
export function graph({ name, title, value, limit, words }) {
  const line = drawn("polyline", {});
  const mark = drawn("line", { y1: 0, y2: HEIGHT, class: "mark" });
  const attributes = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "slider", tabindex: "0", "aria-valuemin": 0 };
  const picture = drawn("svg", { ...attributes, "aria-label": `${title} in the last ${MINUTES} minutes` }, line, mark);
  const text = make("span");
  const alert = make("span", { class: "alert" });
  const element = make("li", { "data-metric": name }, make("strong", { text: title }), picture, text, alert);
  let seen = { history: [], limits: {}, alerts: [], interval_seconds: 1 };
  // The time of the sample that the person looks at, which moves to the left; null is now.
  let chosen = null;

  const places = () => (MINUTES * 60) / seen.interval_seconds;
  const at = (index) => WIDTH - ((seen.history.length - 1 - index) * WIDTH) / (places() - 1);
  const said = (number) => (number === undefined ? "unknown" : words(number));

  function index() {
    const found = seen.history.findIndex((sample) => sample.at === chosen);
    return found < 0 ? seen.history.length - 1 : found;
  }

  function now(last) {
    const most = limit(seen.limits);
    return said(last) + (last !== undefined && most ? ` of ${words(most)}` : "");
  }

  function draw() {
    const { history, limits, alerts } = seen;
    const values = history.map(value);
    const known = values.filter((number) => number !== undefined);
    const top = limit(limits) ?? Math.max(1, ...known);
    line.setAttribute("points", points(values, top, at));
    const place = index();
    const then = chosen && history[place]?.at === chosen ? new Date(chosen).toLocaleTimeString() : null;
    setText(text, then ? `${then}: ${said(values[place])}` : now(values.at(-1)));
    mark.setAttribute("visibility", then ? "visible" : "hidden");
    for (const end of ["x1", "x2"]) mark.setAttribute(end, at(place).toFixed(1));
    const range = known.length ? `, between ${words(Math.min(...known))} and ${words(Math.max(...known))}` : "";
    picture.setAttribute("aria-valuemax", Math.max(0, history.length - 1));
    picture.setAttribute("aria-valuenow", Math.max(0, place));
    picture.setAttribute("aria-valuetext", then ? text.textContent : `now ${text.textContent}${range}`);
    const found = alerts.find((each) => each.metric === name);
    setText(alert, found ? `${found.level}: ${Math.round(found.percent)} %` : "");
    element.dataset.level = found?.level ?? "";
  }

  function choose(place) {
    const last = seen.history.length - 1;
    chosen = place === null ? null : (seen.history[Math.min(Math.max(place, 0), last)]?.at ?? null);
    draw();
  }

  function point(event) {
    const box = picture.getBoundingClientRect();
    const fromRight = (box.right - event.clientX) / box.width;
    choose(seen.history.length - 1 - Math.round(fromRight * (places() - 1)));
  }

  function press(event) {
    const steps = { ArrowLeft: index() - 1, ArrowRight: index() + 1, Home: 0, End: seen.history.length - 1, Escape: null };
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    choose(steps[event.key]);
  }

  picture.addEventListener("pointermove", point);
  picture.addEventListener("pointerdown", point);
  picture.addEventListener("pointerleave", () => choose(null));
  picture.addEventListener("keydown", press);
  picture.addEventListener("blur", () => choose(null));
  draw();
  return {
    element,
    update(metrics) {
      seen = metrics;
      draw();
    },
  };
}

// The newest stands at the right edge; what is unknown is left out.
function points(values, top, at) {
  const height = (number) => HEIGHT - (Math.min(number, top) * HEIGHT) / top;
  return values
    .flatMap((number, index) => (number === undefined ? [] : [`${at(index).toFixed(1)},${height(number).toFixed(1)}`]))
    .join(" ");
}
