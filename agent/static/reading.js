// What a page reads now, and again whenever an event says that it has changed.

import { watch } from "./store.js";

// What changes without pause is read without haste.
const PAUSE_MILLISECONDS = 1000;

/**
 * Call `read` now and after each event of these kinds, or a gap, at most once a second and one at a time.
 * `onTrouble` gets what it throws; returns what ends it.
 */
export function readAgain(kinds, read, onTrouble) {
  let isReading = false;
  let isAskedAgain = false;
  let isOver = false;

  async function start() {
    if (isReading) {
      isAskedAgain = true;
      return;
    }
    isReading = true;
    try {
      await read();
    } catch (error) {
      if (!isOver) onTrouble(error);
    }
    setTimeout(() => {
      isReading = false;
      if (isAskedAgain && !isOver) {
        isAskedAgain = false;
        start();
      }
    }, PAUSE_MILLISECONDS);
  }

  start();
  const endWatch = watch((events) => {
    if (events.some((event) => kinds.includes(event.kind) || event.kind === "gap")) start();
  });
  return () => {
    isOver = true;
    endWatch();
  };
}
