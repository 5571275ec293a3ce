// The pages. The address is `#/<path>`, or `#/<path>/<parameter>` for a page that takes one.
//
// `show(session, parameter)` fills the element `view` and returns what ends the page. `key` is the letter after `g`;
// a page without `title` isn't in the navigation. What isn't looked at often is imported when it is opened:
// `show: async (...given) => (await import("./audit.js")).showAudit(...given)`.

import { showHome } from "./home.js";
import { showNewTask } from "./newtask.js";
import { showTask } from "./task.js";
import { showTasks } from "./tasks.js";

export const PAGES = [
  { path: "", title: "Home", key: "h", show: showHome },
  { path: "tasks", title: "Tasks", key: "t", show: showTasks },
  { path: "tasks", takesParameter: true, show: showTask },
  { path: "new", show: showNewTask },
  {
    path: "services",
    title: "Services",
    key: "s",
    show: async (...given) => (await import("./services.js")).showServices(...given),
  },
  {
    path: "github",
    title: "GitHub",
    key: "i",
    show: async (...given) => (await import("./github.js")).showGithub(...given),
  },
  {
    path: "access",
    title: "Access",
    key: "a",
    show: async (...given) => (await import("./access.js")).showAccess(...given),
  },
  {
    path: "activity",
    title: "Activity",
    key: "c",
    show: async (...given) => (await import("./activity.js")).showActivity(...given),
  },
];

/** Return the page of an address, and its parameter. */
export function pageOf(hash) {
  const [, path, , parameter] = /^#?\/?([^/]*)(\/(.+))?$/.exec(hash) ?? [null, ""];
  const takesParameter = parameter !== undefined;
  const page = PAGES.find((each) => each.path === path && Boolean(each.takesParameter) === takesParameter);
  if (!page) return { page: PAGES[0] };
  return { page, parameter: takesParameter ? decodeURIComponent(parameter) : undefined };
}
