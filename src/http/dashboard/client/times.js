/** Tells moments as people do: how long ago, how long still. The server's clock counts, not this one's. */
// deno-lint-ignore-file iris/home-of-power -- this runs in a browser, which has no clock of ours

let aheadMs = 0;

/** The server says what time it is. */
export function serverTime(atMs) {
  aheadMs = atMs - Date.now();
}

/** The server's time now, ms. */
export function now() {
  return Date.now() + aheadMs;
}

/** `340 ms`, `12 s`, `5 m 3 s`, `3 h 12 m`. */
export function durationText(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} m`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** Coarser, for moments: nobody needs the second of what was an hour ago. */
function agoText(ms) {
  if (ms < 1500) return "just now";
  if (ms >= 3_600_000 && ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h ago`;
  if (ms >= 300_000 && ms < 3_600_000) return `${Math.floor(ms / 60_000)} m ago`;
  return `${durationText(ms)} ago`;
}

const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat(undefined, {
  ...{ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
});

/** Writes all times of the page. */
export function tellTimes(within = document) {
  const at = now();
  for (const time of within.querySelectorAll("time[datetime]")) {
    const then = Date.parse(time.dateTime);
    const { ago, lasts, clock, until } = time.dataset;
    const text = ago !== undefined
      ? agoText(at - then)
      : lasts !== undefined
      ? durationText(at - then)
      : until !== undefined
      ? (then > at ? `in ${durationText(then - at)}` : "now")
      : clock !== undefined
      ? CLOCK.format(then)
      : null;
    if (text === null) continue;
    if (time.textContent !== text) time.textContent = text;
    if (!time.title) time.title = LOCAL.format(then);
  }
}
