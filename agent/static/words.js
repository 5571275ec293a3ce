// States, ages and sizes in words.

const WORDS = {
  queued: ["◷", "queued"],
  running: ["●", "running"],
  completed: ["✓", "completed"],
  error: ["✗", "error"],
  killed: ["✗", "killed"],
  interrupted: ["◌", "interrupted"],
  starting: ["◔", "starting"],
  working: ["●", "working"],
  retrying: ["↻", "retrying"],
  waiting_permission: ["?", "waiting for permission"],
  waiting_question: ["?", "waiting for an answer"],
  waiting_plan: ["?", "waiting for the plan's approval"],
  waiting_background: ["◔", "waiting for the background"],
  idle: ["○", "idle"],
  stopped: ["◼", "stopped by a person"],
  failed: ["✗", "failed"],
  blocked: ["!", "blocked by a dialog"],
  unknown: ["∅", "unknown"],
};

const SOURCES = {
  hook: "a hook",
  sessions_file: "Claude's sessions file",
  transcript: "the transcript",
  process: "the process",
  screen: "the screen",
  agent: "the agent",
};

export const state = (task) => (task.status === "running" && task.activity ? task.activity : task.status);
export const glyph = (task) => WORDS[state(task)]?.[0] ?? "∅";
export const stateWord = (task) => WORDS[state(task)]?.[1] ?? state(task);
export const isFinal = (task) => !["queued", "running"].includes(task.status);

/** Write seconds as a person says them. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 48 * 3600) return `${Math.floor(whole / 3600)} h`;
  return `${Math.floor(whole / 86400)} d`;
}

/** Return the seconds since the newest evidence, counted on by this machine's clock. */
export const evidenceAge = (task) => (task.evidence_age ?? 0) + (Date.now() - task.receivedAt) / 1000;

/** Say how long a state has lasted and how fresh the evidence is. */
export function since(task) {
  if (isFinal(task)) return task.finished_at ? `${duration(Date.now() / 1000 - task.finished_at)} ago` : "";
  const began = task.activity_since ?? task.created_at;
  return duration(Date.now() / 1000 - began);
}

/** Say how long the task has been there, or took. */
export const elapsed = (task) =>
  `${duration((task.finished_at ?? Date.now() / 1000) - task.created_at)} ${isFinal(task) ? "in all" : "so far"}`;

export function evidence(task) {
  if (task.status !== "running" || !task.activity_source) return "";
  return `known from ${SOURCES[task.activity_source] ?? task.activity_source}, ${duration(evidenceAge(task))} old`;
}

export function usage(task) {
  const used = task.usage ?? {};
  const read = (used.input_tokens ?? 0) + (used.cache_read_input_tokens ?? 0) + (used.cache_creation_input_tokens ?? 0);
  if (!read && !used.output_tokens) return "";
  const cost = used.cost_usd === undefined || used.cost_usd === null ? "" : ` · $${used.cost_usd.toFixed(2)}`;
  return `${read.toLocaleString()} in, ${used.output_tokens.toLocaleString()} out${cost}`;
}

export const label = (task) => task.name || task.prompt.trim().split("\n")[0] || task.task_id;

/** Quote a text for a shell. */
export const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
