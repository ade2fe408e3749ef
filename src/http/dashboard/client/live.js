/**
 * Keeps the page up to date: takes the parts that changed, and says since when it is stale when nothing
 * comes. Nothing is followed while nobody sees the page.
 */
// deno-lint-ignore-file iris/home-of-power -- this runs in a browser, which has no clock of ours
import { morph } from "./morph.js";
import { eventsOf, later } from "./stream.js";
import { durationText, serverTime, tellTimes } from "./times.js";

/** The server speaks every 5 s. */
const SILENCE_MS = 12_000;
/** Before the connection is made anew, in ms: doubled each time, and somewhat by chance. */
const PAUSE_MS = 250;
const MAX_PAUSE_MS = 10_000;
/** A page that is out of sight for so long lets go of its stream, in ms: browsers allow only a few. */
const HIDDEN_MS = 5_000;

const mark = document.querySelector("#live-state");
const changed = new Set();
let staleSince = null;

/** Calls `take` whenever parts of the page changed, with their boxes. */
export function onChange(take) {
  changed.add(take);
}

function say(state, text) {
  if (mark.dataset.state === state && mark.textContent === text) return;
  mark.dataset.state = state;
  mark.textContent = text;
}

function stale(why) {
  staleSince ??= new Date();
  const since = staleSince.toLocaleTimeString(undefined, { hourCycle: "h23" });
  document.body.dataset.stale = "";
  say("stale", `Stale since ${since}: ${why}`);
}

function fresh() {
  staleSince = null;
  delete document.body.dataset.stale;
  say("live", "Live");
}

/** Parts that came and are not on the page yet: shown together, when the browser draws next. */
let waiting = null;

function show(id, html) {
  if (waiting === null) {
    waiting = new Map();
    requestAnimationFrame(() => {
      const parts = waiting;
      waiting = null;
      const boxes = [];
      for (const [id, html] of parts) {
        const box = document.getElementById(id);
        if (box === null) continue;
        morph(box, html);
        boxes.push(box);
      }
      tellTimes();
      for (const each of changed) each(boxes);
    });
  }
  waiting.set(id, html);
}

function take({ event, data }, build) {
  if (event === "block") show(data.id, data.html);
  else if (event === "tag") document.body.dataset.tag = data;
  else if (event === "beat") serverTime(data);
  else if (event === "problem") return stale(data.message);
  else if (event === "hello") {
    serverTime(data.atMs);
    // Another version of Iris speaks: this page's scripts are not its own.
    if (data.build !== build) return location.reload();
  }
  fresh();
}

async function once(path, { build, signal, abort }) {
  const query = new URLSearchParams({ view: path, have: document.body.dataset.tag ?? "" });
  const response = await fetch(`/dashboard/live?${query}`, { signal });
  if (response.status === 401 || response.status === 403) {
    stale("log in again: iris cluster status gives a link");
    return false;
  }
  if (response.status === 404) {
    stale("what this page shows is gone");
    return false;
  }
  if (!response.ok) throw new Error(`the controller answers ${response.status}`);
  for await (const event of eventsOf(response, { abort, silenceMs: SILENCE_MS })) {
    // Now and then the server wants to see again who reads.
    if (event.event === "again") return true;
    take(event, build);
  }
  throw new Error("the controller ended the connection");
}

/** Resolves when the page is seen. */
function seen() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
  });
}

/** Follows an address for as long as the page is open. */
export async function follow(path, build) {
  let tries = 0;
  for (;;) {
    await seen();
    const end = new AbortController();
    let hidden;
    const look = () => {
      clearTimeout(hidden);
      if (document.hidden) hidden = setTimeout(() => end.abort("hidden"), HIDDEN_MS);
    };
    document.addEventListener("visibilitychange", look);
    const started = Date.now();
    try {
      if (!await once(path, { build, signal: end.signal, abort: () => end.abort("silence") })) {
        return;
      }
    } catch (error) {
      if (end.signal.reason !== "hidden") {
        const why = end.signal.reason === "silence"
          ? "the controller says nothing"
          : "no connection";
        stale(error instanceof TypeError || end.signal.aborted ? why : error.message);
      }
    } finally {
      end.abort();
      clearTimeout(hidden);
      document.removeEventListener("visibilitychange", look);
    }
    if (Date.now() - started > SILENCE_MS) tries = 0;
    const pause = Math.min(MAX_PAUSE_MS, PAUSE_MS * 2 ** tries++) * (0.75 + Math.random() / 2);
    if (staleSince !== null && pause > 2_000) stale(`trying again in ${durationText(pause)}`);
    await later(document.hidden ? 0 : pause);
  }
}
