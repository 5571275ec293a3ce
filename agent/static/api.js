// The workspace's API, as the signed-in person. A session that is over leads to sign-in and back here.

export const CLAUDE = "/oauth/api/claude";

const LONGEST_READ_MILLISECONDS = 20_000;

export class ApiError extends Error {
  constructor(status, body) {
    super(body.hint ? `${body.error} (${body.hint})` : body.error);
    this.status = status;
    this.code = body.code;
  }
}

/** Load the page again, which leads to sign-in: by the door, or by the page of a workspace without one. */
export function signIn() {
  location.reload();
  return new Promise(() => {});
}

async function send(method, path, body, headers = {}) {
  const options = { method, headers: { Accept: "application/json", ...headers } };
  // Whoever asks again and again must not pile up questions to a workspace that hangs.
  if (method === "GET") options.signal = AbortSignal.timeout(LONGEST_READ_MILLISECONDS);
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new ApiError(0, { error: "The workspace doesn't answer.", code: "unreachable" });
  }
  if (answer.status === 401) return signIn();
  if (answer.ok) return answer;
  const failure = await answer.json().catch(() => ({ error: `The workspace answered ${answer.status}.`, code: "" }));
  throw new ApiError(answer.status, failure);
}

export const get = async (path) => (await send("GET", path)).json();
export const getText = async (path) => (await send("GET", path)).text();
export const post = async (path, body, headers) => (await send("POST", path, body, headers)).json();
export const remove = async (path) => (await send("DELETE", path)).json();
export const taskPath = (id, rest = "") => `${CLAUDE}/tasks/${encodeURIComponent(id)}${rest}`;
