/** Quantities as people type them: durations, sizes, cores, counts, ports. Pure. */
import { editDistance, nearest } from "../../base/edit_distance.ts";
import { IrisError } from "../../base/errors.ts";
import { WARN_SIGNALS, type WarnSignal } from "../../wire/limits.ts";

const DURATION_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const SIZE_BYTES: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
/** The longest duration, in ms: ten years. */
const MAX_DURATION_MS = 315_360_000_000;
/** The largest size, in bytes: a pebibyte. */
const MAX_SIZE_BYTES = 2 ** 50;
const MAX_CORES = 1_000_000;

/** Turns what was typed after a flag into its value. @throws {IrisError} `usage`, naming the flag */
export type Parse<T> = ((text: string, flag: string) => T) & {
  /** All that may be typed, where that is little. */
  readonly choices?: readonly string[];
};

/** `500ms`, `10s`, `5m`, `2h`, `1d` in ms. */
export const parseDuration: Parse<number> = (text, flag) => {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)$/.exec(text);
  const ms = Number(match?.[1]) * (DURATION_MS[match?.[2] ?? ""] ?? NaN);
  if (!(ms <= MAX_DURATION_MS)) {
    throw invalid(flag, text, "a duration (examples: 500ms, 10s, 5m, 2h)");
  }
  return ms;
};

/** `512MB`, `2GiB`, `1024` in bytes. */
export const parseSize: Parse<number> = (text, flag) => {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)([A-Za-z]*)$/.exec(text);
  const bytes = Math.round(Number(match?.[1]) * (SIZE_BYTES[match?.[2] ?? "-"] ?? NaN));
  if (!(bytes <= MAX_SIZE_BYTES)) throw invalid(flag, text, "a size (examples: 512MB, 2GiB)");
  return bytes;
};

/** `0.5`, `2` or `250m` cores in thousandths of a core. */
export const parseCores: Parse<number> = (text, flag) => {
  const match = /^(\d{1,7}(?:\.\d{1,3})?)(m?)$/.exec(text);
  const milli = Math.round(Number(match?.[1]) * (match?.[2] === "m" ? 1 : 1_000));
  if (!(milli >= 1 && milli <= MAX_CORES * 1_000)) {
    throw invalid(flag, text, "a number of cores above 0 (examples: 0.5, 2, 250m)");
  }
  return milli;
};

/** A whole number in a range. */
export function parseCount(min: number, max: number): Parse<number> {
  return (text, flag) => {
    const count = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (!(count >= min && count <= max)) {
      throw invalid(flag, text, `a whole number from ${min} to ${max}`);
    }
    return count;
  };
}

/** A TCP port; 0 means any free one. */
export const parsePort: Parse<number> = parseCount(0, 65_535);

/** One of some words, in upper or lower case. */
export function parseChoice<const T extends string>(choices: readonly T[]): Parse<T> {
  const parse = (text: string, flag: string): T => {
    const found = choices.find((choice) => choice.toLowerCase() === text.toLowerCase());
    if (found !== undefined) return found;
    const near = nearest(text.toLowerCase(), choices.map((choice) => choice.toLowerCase()));
    // Of a short word every other one is near.
    const good = near !== null && editDistance(text.toLowerCase(), near) * 2 <= text.length;
    throw invalid(
      flag,
      text,
      `one of ${choices.join(", ")}${good ? `. Did you mean ${near}?` : ""}`,
    );
  };
  return Object.assign(parse, { choices });
}

/** `NAME=value`. */
export const parsePair: Parse<readonly [name: string, value: string]> = (text, flag) => {
  const at = text.indexOf("=");
  if (at <= 0) throw invalid(flag, text, "NAME=VALUE");
  return [text.slice(0, at), text.slice(at + 1)];
};

/** `gpu=2`, `licence=0.5`, `disk=10GiB`: a named resource, in thousandths; `disk` in bytes. */
export const parseAmount: Parse<readonly [name: string, amount: number]> = (text, flag) => {
  const [name, value] = parsePair(text, flag);
  if (name === "disk") return [name, parseSize(value, flag)];
  const milli = /^\d{1,9}(?:\.\d{1,3})?$/.test(value) ? Math.round(Number(value) * 1_000) : NaN;
  if (Number.isNaN(milli)) throw invalid(flag, text, "NAME=NUMBER (examples: gpu=2, licence=0.5)");
  return [name, milli];
};

/** `2`, `h100` or `h100=2`: how many GPUs, in thousandths, and of which kind (null: any). */
export const parseGpu: Parse<{ readonly kind: string | null; readonly milli: number }> = (
  text,
  flag,
) => {
  const match = /^(?:([A-Za-z][\w.-]*)=)?(\d{1,4}(?:\.\d{1,3})?)$|^([A-Za-z][\w.-]*)$/.exec(text);
  if (match === null) throw invalid(flag, text, "a number or a kind (examples: 2, h100, h100=2)");
  const kind = (match[1] ?? match[3] ?? null)?.toLowerCase() ?? null;
  return { kind, milli: Math.round(Number(match[2] ?? 1) * 1_000) };
};

/** `NAME` (its success) or `NAME:end` (its end, however that is). */
export const parseAfter: Parse<{ readonly job: string; readonly on: "success" | "end" }> = (
  text,
  flag,
) => {
  const match = /^([^:]+)(?::(success|end))?$/.exec(text);
  if (match === null) throw invalid(flag, text, "JOB, JOB:success or JOB:end");
  return { job: match[1]!, on: match[2] === "end" ? "end" : "success" };
};

/** A worker's name. */
export const parseWorkerName: Parse<string> = (text, flag) => {
  if (/^[\w.-]{1,128}$/.test(text)) return text;
  throw invalid(flag, text, "a name of letters, digits, '.', '_' and '-'");
};

/** Any text but the empty one. */
export const parseText: Parse<string> = (text, flag) => {
  if (text === "") throw invalid(flag, text, "a text");
  return text;
};

/** `./train.ts#main`: a module and the name of its export; `default` when none is named. */
export const parseModule: Parse<{ readonly file: string; readonly export: string }> = (
  text,
  flag,
) => {
  const match = /^([^#]+)(?:#([^#]+))?$/.exec(text);
  if (match === null) throw invalid(flag, text, "FILE or FILE#EXPORT");
  return { file: match[1]!, export: match[2] ?? "default" };
};

/** Any JSON. */
export const parseJson: Parse<unknown> = (text, flag) => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw invalid(flag, text, 'JSON (example: {"n":3})');
  }
};

/** `USR1@30s`: a signal, and how long before the time limit it comes. */
export const parseWarning: Parse<{ readonly signal: WarnSignal; readonly beforeMs: number }> = (
  text,
  flag,
) => {
  const [name = "", before = ""] = text.split("@", 2);
  const signal = WARN_SIGNALS.find((one) => one === `SIG${name.replace(/^SIG/, "")}`);
  if (signal === undefined) throw invalid(flag, text, "SIGNAL@TIME (example: USR1@30s)");
  return { signal, beforeMs: parseDuration(before, flag) };
};

function invalid(flag: string, text: string, what: string): IrisError {
  return new IrisError("usage", `Invalid ${flag}: "${text}" is not ${what}`, { field: flag });
}

/** Words with spaces between them; none of them can hold a space. */
export function parseWords(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
