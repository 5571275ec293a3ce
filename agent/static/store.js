// What the page knows of tasks and of what they ask for, kept current by events.

import { CLAUDE, get, taskPath } from "./api.js";
import { follow } from "./stream.js";

const LIST_LIMIT = 200;
const TICK_MILLISECONDS = 1000;
const ASKING = new Set(["open", "answering"]);

export const store = {
  tasks: new Map(),
  requests: new Map(),
  // Of the older tasks, null when there are none.
  nextCursor: null,
  isLoaded: false,
  // null while connected, else {tries, seconds, since}
  lost: null,
};

const watchers = new Set();
let isDrawing = false;

/** Call `watcher` after changes, with the events that came since, at most once a frame; returns what ends that. */
export function watch(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

let events = [];

function changed(event) {
  if (event) events.push(event);
  if (isDrawing) return;
  isDrawing = true;
  // A timer too: a hidden page gets no frames, and its title must stay true.
  const draw = () => {
    if (!isDrawing) return;
    isDrawing = false;
    const came = events;
    events = [];
    for (const watcher of [...watchers]) watcher(came);
  };
  requestAnimationFrame(draw);
  setTimeout(draw, 250);
}

export function keepTask(task) {
  store.tasks.set(task.task_id, { ...task, receivedAt: Date.now() });
  changed();
}

function keepRequest(request) {
  if (ASKING.has(request.state)) store.requests.set(request.request_id, request);
  else store.requests.delete(request.request_id);
}

async function loadRequests(taskId) {
  const found = await get(taskPath(taskId, "/permissions"));
  for (const [id, request] of store.requests) if (request.task_id === taskId) store.requests.delete(id);
  found.permissions.forEach(keepRequest);
  changed();
}

async function loadAll() {
  const list = await get(`${CLAUDE}/tasks?limit=${LIST_LIMIT}`);
  store.tasks.clear();
  store.requests.clear();
  list.tasks.forEach(keepTask);
  store.nextCursor = list.next_cursor ?? null;
  await Promise.all(list.tasks.filter((task) => task.pending > 0).map((task) => loadRequests(task.task_id)));
  store.isLoaded = true;
  // Whoever shows more than this must read anew too.
  changed({ kind: "gap" });
}

/** Read a page of older tasks. */
export async function loadMore() {
  const list = await get(`${CLAUDE}/tasks?limit=${LIST_LIMIT}&cursor=${encodeURIComponent(store.nextCursor)}`);
  list.tasks.forEach(keepTask);
  store.nextCursor = list.next_cursor ?? null;
  await Promise.all(list.tasks.filter((task) => task.pending > 0).map((task) => loadRequests(task.task_id)));
}

function onEvent(event) {
  if (event.kind === "gap") {
    loadAll().catch(() => {});
    return;
  }
  if (event.task) keepTask(event.task);
  if (event.permission) keepRequest(event.permission);
  changed(event);
}

/** Begin; ages grow without events, so the watchers are called every second too. */
export function start() {
  setInterval(() => changed(), TICK_MILLISECONDS);
  follow({
    onEvent,
    onConnected: ({ isNew }) => {
      store.lost = null;
      changed();
      if (isNew) loadAll().catch(() => {});
    },
    onLost: (tries, seconds) => {
      store.lost = { tries, seconds, since: store.lost?.since ?? Date.now() };
      changed();
    },
  });
}

/** Tell whether a task waits for a person. */
export const needsPerson = (task) =>
  task.status === "running" &&
  ["waiting_permission", "waiting_question", "waiting_plan", "blocked"].includes(task.activity);

/** Return what needs the person, newest first: requests, and dialogs that only a terminal can answer. */
export function needs() {
  const requests = [...store.requests.values()].sort((a, b) => b.requested_at - a.requested_at);
  const asking = new Set(requests.map((request) => request.task_id));
  const blocked = [...store.tasks.values()].filter((task) => task.activity === "blocked" && !asking.has(task.task_id));
  return [...requests, ...blocked];
}

/** Return the tasks, newest first. */
export const tasks = () => [...store.tasks.values()].sort((a, b) => b.created_at - a.created_at);
