// GitHub: who git says the person is, the SSH key, the App's token, gh's login, and clones.

import { get, post } from "./api.js";
import { clonePart } from "./clones.js";
import { act, byId, make, setText } from "./dom.js";
import { duration } from "./words.js";

const GITHUB = "/oauth/api/github";
const REFRESH_MILLISECONDS = 30_000;

const field = (title, input) => make("label", {}, make("span", { text: title }), input);
const age = (time) => duration((Date.now() - new Date(time)) / 1000);

function identityPart(changed) {
  const name = make("input", { type: "text", required: true, maxlength: "200", name: "name", autocomplete: "name" });
  const email = make("input", { type: "email", required: true, maxlength: "200", name: "email", autocomplete: "email" });
  const save = make("button", { type: "submit", class: "primary", text: "Save" });
  const status = make("p", { role: "status" });
  // What the fields were filled from; what is typed over it stays when the workspace tells its state again.
  let seen = { name: "", email: "" };
  const isUntouched = () => name.value === seen.name && email.value === seen.email;
  const fill = (identity) => {
    seen = identity;
    name.value = identity.name;
    email.value = identity.email;
  };
  const submit = (event) => {
    event.preventDefault();
    act(save, status, async () => {
      const state = await post(`${GITHUB}/identity`, { name: name.value, email: email.value, seen });
      fill(state.identity);
      setText(status, "Saved.");
      changed(state);
    });
  };
  const form = make("form", { submit }, field("Name", name), field("E-mail", email), save, status);
  const element = make("section", {}, make("h3", { text: "Git identity" }), form);
  return { element, update: ({ identity }) => isUntouched() && fill(identity) };
}

function keyPart(changed) {
  const fingerprint = make("p", { class: "quiet" });
  const text = make("pre", { tabindex: "0" });
  const status = make("p", { role: "status" });
  let key;
  const press = (button, action) => button.addEventListener("click", () => act(button, status, action));
  const create = make("button", { type: "button", text: "Make an SSH key" });
  const copy = make("button", { type: "button", text: "Copy the public key" });
  const drop = make("button", { type: "button", text: "Delete the key" });
  press(create, async () => {
    changed(await post(`${GITHUB}/ssh-key`, { comment: "kubecoder workspace" }));
    setText(status, "Made. Add the public key to your account on GitHub.");
  });
  press(copy, async () => {
    await navigator.clipboard.writeText(key.public_key);
    setText(status, "Copied.");
  });
  press(drop, async () => {
    if (!confirm("Delete this SSH key? Whatever signs in with it can't any more, and it can't be brought back.")) return;
    changed(await post(`${GITHUB}/ssh-key/delete`, { fingerprint: key.fingerprint }));
    setText(status, "Deleted. Remove it from your account on GitHub too.");
  });
  const row = make("div", { class: "row" }, create, copy, drop);
  const element = make("section", {}, make("h3", { text: "SSH key" }), fingerprint, text, row, status);
  function update(state) {
    key = state.ssh_key;
    setText(fingerprint, key ? key.fingerprint : "This workspace has no SSH key.");
    setText(text, key?.public_key ?? "");
    text.hidden = !key?.public_key;
    copy.hidden = !key?.public_key;
    create.hidden = Boolean(key);
    drop.hidden = !key;
  }
  return { element, update };
}

function tokenText(token) {
  if (!token.configured) return "This workspace has no GitHub App.";
  const until = token.expires_at ? `Valid until ${new Date(token.expires_at).toLocaleString()}` : "There is no valid token";
  const renewed = token.refreshed_at ? `, renewed ${age(token.refreshed_at)} ago` : "";
  const error = token.last_error ? ` The last try to renew it failed: ${token.last_error}` : "";
  return `${until}${renewed}.${error}`;
}

const loginText = ({ gh_login: login, app_token: token }) => {
  if (login) return `gh is signed in as ${login}.`;
  const otherwise = token.configured ? "it uses the App's token" : "sign in with gh auth login in the terminal";
  return `Nobody has signed in to gh; ${otherwise}.`;
};

/** Show the page; returns what ends it. */
export function showGithub() {
  const trouble = make("p", { role: "status" });
  const token = make("p", { dir: "auto" });
  const login = make("p");
  const parts = [];
  const update = (state) => {
    for (const part of parts) part.update(state);
    setText(token, tokenText(state.app_token));
    setText(login, loginText(state));
  };
  parts.push(identityPart(update), keyPart(update));
  const app = make("section", {}, make("h3", { text: "GitHub App token and gh" }), token, login);
  const clones = clonePart();
  const sections = [clones.element, ...parts.map((part) => part.element), app];
  byId("view").replaceChildren(make("h2", { text: "GitHub" }), trouble, ...sections);

  async function load() {
    try {
      update(await get(`${GITHUB}/status`));
      setText(trouble, "");
    } catch (error) {
      setText(trouble, error.message);
    }
  }

  load();
  const timer = setInterval(load, REFRESH_MILLISECONDS);
  return () => {
    clearInterval(timer);
    clones.end();
  };
}
