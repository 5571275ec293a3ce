// Which page is open, and the links to the others.

import { byId, make, setText } from "./dom.js";
import { PAGES, pageOf } from "./pages.js";

let endPage = () => {};
let opened = 0;

/** Draw the links to the pages. */
export function drawNavigation() {
  const links = PAGES.filter((page) => page.title).map((page) => {
    const count = make("span", { class: "count", hidden: true });
    const link = make("a", { href: `#/${page.path}`, text: page.title }, count);
    link.dataset.path = page.path;
    return make("li", {}, link);
  });
  byId("pages").replaceChildren(...links);
}

// Whoever doesn't see the page hears by its heading that it is another one. A page that has a better place takes it.
function focusHeading() {
  const view = byId("view");
  if (view.contains(document.activeElement)) return;
  const heading = [...view.querySelectorAll("h2")].find((each) => each.checkVisibility()) ?? view;
  heading.tabIndex = -1;
  heading.focus();
}

/** Open the page of the address, and mark its link; `isMoved` tells that another page was open before. */
export async function openPage(session, { isMoved = false } = {}) {
  const { page, parameter } = pageOf(location.hash);
  opened += 1;
  const mine = opened;
  endPage();
  endPage = () => {};
  for (const link of byId("pages").querySelectorAll("a")) {
    if (link.dataset.path === page.path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  byId("view").dataset.page = page.takesParameter ? `${page.path}-one` : page.path || "home";
  const end = await page.show(session, parameter);
  // Another page was opened while this one was loaded.
  if (mine !== opened) {
    end();
    return;
  }
  endPage = end;
  if (isMoved) focusHeading();
}

/** Show beside Home how many things need the person. */
export function countNeeds(number) {
  const count = byId("pages").querySelector(".count");
  count.hidden = number === 0;
  setText(count, String(number));
}
