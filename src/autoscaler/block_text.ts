/** Why a group cannot be asked for more, and how long something takes, in words for people. Pure. */
import type { Availability } from "../vm/fleet.ts";

/** What each state means for whoever wants more. */
const WORDS: Readonly<Record<Exclude<Availability["state"], "ok">, string>> = {
  slowed: "slowed down",
  backoff: "waits after a failure",
  quota: "no quota",
  halted: "halted",
};

/** `no quota until 12:04 UTC (no more than 5)`; null when nothing is in the way. */
export function blockText({ state, untilMs, reason }: Availability): string | null {
  if (state === "ok") return null;
  const until = untilMs === null ? "" : ` until ${clockText(untilMs)}`;
  return `${WORDS[state]}${until}${reason === "" ? "" : ` (${reason})`}`;
}

/** `12:04 UTC`, or with its seconds: `12:04:30 UTC`. @param wallMs rounded up to a second */
export function clockText(wallMs: number): string {
  const text = new Date(Math.ceil(wallMs / 1_000) * 1_000).toISOString().slice(11, 19);
  return `${text.endsWith(":00") ? text.slice(0, 5) : text} UTC`;
}

/** `45s`, `3m`, `2h 5m`: no more exact than anybody wants to know. */
export function timeText(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  if (seconds < 90) return `${seconds}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes}m`;
  return `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}
