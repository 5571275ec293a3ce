// Elements out of text. Nothing here, or elsewhere on this page, makes HTML of a string.

/** Make an element: `text` is its text, functions are listeners, true and false set and leave out an attribute. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

const kept = new WeakMap();

/**
 * Show one child for each item and keep the children of items that stay, with their focus and what is typed in them.
 * `create` returns `{element, update}`.
 */
export function keyed(container, items, key, create) {
  const before = kept.get(container) ?? new Map();
  const now = new Map();
  let place = container.firstElementChild;
  for (const item of items) {
    const name = key(item);
    const part = before.get(name) ?? create(item);
    part.update(item);
    now.set(name, part);
    if (part.element === place) place = place.nextElementSibling;
    else container.insertBefore(part.element, place);
  }
  for (const [name, part] of before) if (!now.has(name)) part.element.remove();
  kept.set(container, now);
}

/** Set a text only where it differs, so that nobody's selection is lost. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Run an action of a button, which can't be pressed again meanwhile; what fails is told in `status`. */
export async function act(button, status, action) {
  button.disabled = true;
  try {
    await action();
  } catch (error) {
    status.textContent = error.message;
  } finally {
    button.disabled = false;
  }
}
