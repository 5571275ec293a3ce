// Access: the API token and the lines that use it, who may sign in, and the person's own session.

import { CLAUDE, get, post } from "./api.js";
import { act, byId, make, setText } from "./dom.js";
import { quoted } from "./words.js";

const MASK = "•".repeat(24);
const ROTATING =
  "Make a new token? The old one is refused at once, so every program that has it stops working until it gets the new one.";

function tokenPart() {
  const shown = make("code", { class: "token", text: MASK });
  const status = make("p", { role: "status" });
  const button = (text, kind) => make("button", { type: "button", class: kind, text });
  const [show, copy, rotate] = [button("Show"), button("Copy"), button("Make a new token", "danger")];
  const press = (pressed, action) => pressed.addEventListener("click", () => act(pressed, status, action));
  let isShown = false;

  function set(token) {
    isShown = token !== null;
    setText(shown, token ?? MASK);
    setText(show, isShown ? "Hide" : "Show");
  }

  const read = async () => (await get(`${CLAUDE}/auth/token`)).token;
  press(show, async () => set(isShown ? null : await read()));
  press(copy, async () => {
    await navigator.clipboard.writeText(await read());
    setText(status, "Copied.");
  });
  press(rotate, async () => {
    if (!confirm(ROTATING)) return;
    const { token } = await post(`${CLAUDE}/auth/token/regenerate`, {});
    if (isShown) set(token);
    setText(status, "There is a new token; the old one is refused.");
  });
  const text = make("p", { class: "quiet", text: "Whoever has it can launch tasks and approve what they ask for. It doesn't open this page." });
  return make("section", {}, make("h3", { text: "API token" }), text, make("p", {}, shown), make("div", { class: "row" }, show, copy, rotate), status);
}

function line(title, text) {
  const status = make("span", { role: "status" });
  const copy = make("button", { type: "button", text: "Copy", "aria-label": `Copy: ${title}` });
  copy.addEventListener("click", () =>
    act(copy, status, async () => {
      await navigator.clipboard.writeText(text);
      setText(status, "Copied.");
    }),
  );
  return make("li", {}, make("p", { text: title }), make("pre", { tabindex: "0", "aria-label": title, text }), make("div", { class: "row" }, copy, status));
}

function linesPart({ api_url: api }) {
  const curl = 'curl -sS -H "Authorization: Bearer $KUBECODER_TOKEN"';
  const body = JSON.stringify({ prompt: "Say which tests are slow" });
  const lines = [
    ["Tell a shell where the workspace is", `export KUBECODER_URL=${quoted(api ?? "…")}`],
    ["Paste the token, which stays out of the shell's history", "read -rs KUBECODER_TOKEN && export KUBECODER_TOKEN"],
    ["Launch a task and wait for it", `kubecoder task run ${quoted("Say which tests are slow")} --wait`],
    ["The same without the command", `${curl} -H "Content-Type: application/json" "$KUBECODER_URL/api/claude/tasks" -d ${quoted(body)}`],
    ["List the tasks", `${curl} "$KUBECODER_URL/api/claude/tasks"`],
    ["Follow what happens", `${curl} -N "$KUBECODER_URL/api/claude/events"`],
    ["In Claude Code elsewhere, with kubecoder's skill", "/remote-task Say which tests are slow"],
  ];
  return make("section", {}, make("h3", { text: "From a program" }), make("ul", { class: "lines" }, ...lines.map((each) => line(...each))));
}

function admissionText({ users, organization, teams }) {
  const parts = [];
  if (users.length > 0) parts.push(users.join(", "));
  if (organization) parts.push(teams.length > 0 ? `members of ${organization} in the team ${teams.join(" or ")}` : `every member of ${organization}`);
  return `${parts.join(", and ")}.`;
}

function signInPart(session) {
  const who = make("p", { dir: "auto", role: "status" });
  const until = make("p", { text: `You are ${session.user} until ${new Date(session.expires_at).toLocaleString()}.` });
  const out = make("p", {}, make("a", { href: "/oauth2/sign_out", text: "Sign out" }));
  out.hidden = !session.has_door;
  if (session.has_door) {
    get("/oauth/api/access")
      .then((admission) => setText(who, admissionText(admission)))
      .catch((error) => setText(who, error.message));
  } else {
    setText(who, "Whoever on this machine has opened a link that `kubecoder local up` prints.");
  }
  return make("section", {}, make("h3", { text: "Who may sign in" }), who, until, out);
}

/** Show the page; returns what ends it. */
export function showAccess(session) {
  byId("view").replaceChildren(make("h2", { text: "Access" }), tokenPart(), linesPart(session), signInPart(session));
  return () => {};
}
