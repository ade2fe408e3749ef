/** Arguments as typed. */

/** Options of {@linkcode parseArgs}. */
export interface ParseOptions {
  "--"?: boolean;
  string?: string | readonly string[];
  boolean?: boolean | string | readonly string[];
  collect?: string | readonly string[];
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** What was parsed. */
export interface Args {
  _: (string | number)[];
  "--"?: string[];
  [name: string]: unknown;
}

/** Parses arguments. */
export function parseArgs(args: readonly string[], options: ParseOptions = {}): Args {
  const list = (value: unknown) => new Set(([] as unknown[]).concat(value ?? []).map(String));
  const [strings, booleans, collect] = [
    list(options.string),
    list(options.boolean),
    list(options.collect),
  ];
  const parsed: Args = { _: [] };
  for (const name of booleans) parsed[name] = false;
  for (const name of collect) parsed[name] = [];
  const end = args.indexOf("--");
  const ours = end < 0 ? args : args.slice(0, end);
  if (options["--"]) parsed["--"] = end < 0 ? [] : args.slice(end + 1);
  for (let at = 0; at < ours.length; at++) {
    const word = ours[at] as string;
    const match = /^--?([^=]+)(?:=([\s\S]*))?$/.exec(word);
    if (match === null || !word.startsWith("-")) {
      if (options.unknown?.(word) !== false) parsed._.push(word);
      continue;
    }
    const name = match[1] as string;
    let value: unknown = match[2];
    const known = strings.has(name) || booleans.has(name) || collect.has(name);
    if (booleans.has(name)) value = value === undefined || value === "true";
    else if (value === undefined) {
      const next = ours[at + 1];
      if (next !== undefined && !/^-/.test(next)) {
        value = next;
        at++;
      } else value = known ? "" : true;
    }
    if (!known && options.unknown?.(word, name, value) === false) continue;
    if (collect.has(name)) (parsed[name] as unknown[]).push(value);
    else parsed[name] = value;
  }
  return parsed;
}
