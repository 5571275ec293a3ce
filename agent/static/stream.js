// The workspace's events: followed for as long as the page is open, with every loss told.

import { CLAUDE, get } from "./api.js";

const KINDS = ["task", "permission", "message", "transcript", "gap", "services", "audit"];
const LONGEST_PAUSE_SECONDS = 15;
// The workspace says something every 15 s; a longer silence is a connection that nobody has closed.
const LONGEST_SILENCE_MILLISECONDS = 40_000;
const LOOK_MILLISECONDS = 5000;

/**
 * Follow the events.
 * `onEvent` gets each; `onConnected` is called whenever the stream is open (again), `isNew` when what came before
 * must be read anew; `onLost` gets the number of the try and the seconds until then.
 */
export function follow({ onEvent, onConnected, onLost }) {
  let lastId = "";
  let tries = 0;
  let source = null;
  let timer = null;
  let heardAt = Date.now();

  function connect() {
    heardAt = Date.now();
    clearInterval(timer);
    const query = lastId ? `?last_event_id=${lastId}` : "";
    source = new EventSource(`${CLAUDE}/events${query}`);
    source.addEventListener("open", () => {
      tries = 0;
      heardAt = Date.now();
      onConnected({ isNew: lastId === "" });
    });
    source.addEventListener("error", lose);
    source.addEventListener("beat", () => {
      heardAt = Date.now();
    });
    for (const kind of KINDS) {
      source.addEventListener(kind, (message) => {
        heardAt = Date.now();
        lastId = message.lastEventId || lastId;
        onEvent(JSON.parse(message.data));
      });
    }
  }

  function lose() {
    source.close();
    tries += 1;
    // An EventSource doesn't tell a refusal from a broken line; this leads to sign-in when the session is over.
    get("/oauth/api/session").catch(() => {});
    let seconds = Math.min(2 ** (tries - 1), LONGEST_PAUSE_SECONDS);
    onLost(tries, seconds);
    clearInterval(timer);
    timer = setInterval(() => {
      seconds -= 1;
      if (seconds > 0) onLost(tries, seconds);
      else connect();
    }, 1000);
  }

  globalThis.addEventListener("online", () => {
    if (source.readyState === EventSource.OPEN) return;
    source.close();
    connect();
  });
  setInterval(() => {
    if (source.readyState !== EventSource.CLOSED && Date.now() - heardAt > LONGEST_SILENCE_MILLISECONDS) lose();
  }, LOOK_MILLISECONDS);
  connect();
}
