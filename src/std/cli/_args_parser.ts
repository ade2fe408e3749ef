/** The work of `parseArgs` on plain values; see parse_args.ts for its types. Pure. */

/** A result while it is built: options by name, inner objects for dotted names. */
export interface Parsed {
  _: (string | number)[];
  "--"?: string[];
  [name: string]: unknown;
}

/** The options of `parseArgs` without their types. */
export interface LooseOptions {
  readonly "--"?: boolean | undefined;
  readonly alias?:
    | Readonly<Record<string, string | readonly string[] | undefined>>
    | undefined;
  readonly boolean?: boolean | string | readonly string[] | undefined;
  readonly string?: string | readonly string[] | undefined;
  readonly collect?: string | readonly string[] | undefined;
  readonly negatable?: string | readonly string[] | undefined;
  readonly default?: Readonly<Record<string, unknown>> | undefined;
  readonly stopEarly?: boolean | undefined;
  readonly unknown?:
    | ((arg: string, key?: string, value?: unknown) => unknown)
    | undefined;
}

type Branch = Record<string, unknown>;
type Value = string | number | boolean;

const NUMBER_AT_END = /-?\d+(\.\d*)?(e-?\d+)?$/;
const LONG_WITHOUT_VALUE = /^--[^=]+$/;
const LOOKS_LIKE_OPTION = /^(-|--)[^-]/;

/** Parses one command line; used once. */
export class ArgsParser {
  readonly #options: LooseOptions;
  /** Each name with all its other names. */
  readonly #aliases: Map<string, Set<string>>;
  readonly #booleans: Set<string>;
  readonly #strings: Set<string>;
  readonly #collects: Set<string>;
  readonly #negatables: Set<string>;
  /** Whether every long option without `=` is a boolean. */
  readonly #allBooleans: boolean;
  readonly #parsed: Parsed = { _: [] };

  constructor(options: LooseOptions) {
    this.#options = options;
    this.#aliases = aliasGroups(options.alias ?? {});
    const { boolean } = options;
    this.#allBooleans = boolean === true;
    this.#booleans = this.#withAliases(
      typeof boolean === "boolean" ? [] : boolean,
    );
    this.#strings = this.#withAliases(options.string);
    this.#collects = this.#withAliases(options.collect);
    this.#negatables = this.#withAliases(options.negatable);
  }

  parse(args: readonly string[]): Parsed {
    const end = args.indexOf("--");
    const ours = end === -1 ? args : args.slice(0, end);
    const rest = end === -1 ? [] : args.slice(end + 1);
    this.#parseWords(ours);
    this.#fillIn();
    if (this.#options["--"]) this.#parsed["--"] = rest;
    else this.#parsed._.push(...rest);
    return this.#parsed;
  }

  #parseWords(words: readonly string[]): void {
    for (let at = 0; at < words.length; at++) {
      const word = words[at] as string;
      if (word.length > 1 && word.startsWith("-")) {
        const isNextUsed = word.startsWith("--")
          ? this.#long(word, words[at + 1])
          : this.#shorts(word, words[at + 1]);
        if (isNextUsed) at++;
        continue;
      }
      this.#positional(word);
      if (this.#options.stopEarly) {
        this.#parsed._.push(...words.slice(at + 1));
        return;
      }
    }
  }

  #positional(word: string): void {
    if (this.#options.unknown?.(word) === false) return;
    this.#parsed._.push(
      !this.#strings.has("_") && isNumber(word) ? Number(word) : word,
    );
  }

  /** `--name`, `--name=value`, `--no-name`, `--name value`. Returns whether `next` was its value. */
  #long(word: string, next: string | undefined): boolean {
    const isNegated = word.startsWith("--no-") && word.length > "--no-".length;
    const { name, value } = splitAtEquals(
      word.slice(isNegated ? "--no-".length : "--".length),
    );
    if (value !== undefined) {
      this.#set(
        name,
        this.#booleans.has(name) ? toBoolean(value) : value,
        word,
      );
      return false;
    }
    if (isNegated && this.#negatables.has(name)) {
      this.#set(name, false, word, { mayCollect: false });
      return false;
    }
    const key = isNegated ? `no-${name}` : name;
    const takesNext = !this.#allBooleans && next !== undefined &&
      !next.startsWith("-");
    return this.#setFromNext(key, word, { next, takesNext });
  }

  /** `-a`, `-abc`, `-n5`, `-a=value`, `-a value`. Returns whether `next` was a value. */
  #shorts(word: string, next: string | undefined): boolean {
    for (let at = 1; at < word.length - 1; at++) {
      const name = word.charAt(at);
      const behind = word.slice(at + 1);
      const attached = attachedValue(name, behind);
      this.#set(name, attached ?? (this.#strings.has(name) ? "" : true), word);
      // A hyphen at the end is the value of the letter before it and no letter itself.
      if (attached !== undefined && behind !== "-") return false;
    }
    const last = word.slice(-1);
    if (last === "-") return false;
    const takesNext = next !== undefined && !LOOKS_LIKE_OPTION.test(next);
    return this.#setFromNext(last, word, { next, takesNext });
  }

  /** Sets an option without `=` from the next word, if that can be its value. */
  #setFromNext(
    name: string,
    word: string,
    from: { next: string | undefined; takesNext: boolean },
  ): boolean {
    const { next, takesNext } = from;
    if (next && takesNext && !this.#isBoolean(name)) {
      this.#set(name, next, word);
      return true;
    }
    if (next === "true" || next === "false") {
      this.#set(name, toBoolean(next), word);
      return true;
    }
    this.#set(name, this.#strings.has(name) ? "" : true, word);
    return false;
  }

  #isBoolean(name: string): boolean {
    if (this.#booleans.has(name)) return true;
    for (const other of this.#aliases.get(name) ?? []) {
      if (this.#booleans.has(other)) return true;
    }
    return false;
  }

  #isKnown(name: string, word: string): boolean {
    return this.#booleans.has(name) || this.#strings.has(name) ||
      this.#aliases.has(name) ||
      this.#collects.has(name) ||
      (this.#allBooleans && LONG_WITHOUT_VALUE.test(word));
  }

  #set(
    name: string,
    value: Value,
    word: string,
    { mayCollect = true } = {},
  ): void {
    if (
      !this.#isKnown(name, word) &&
      this.#options.unknown?.(word, name, value) === false
    ) return;
    const isNumeric = typeof value === "string" && !this.#strings.has(name) &&
      isNumber(value);
    const final = isNumeric ? Number(value) : value;
    const collect = mayCollect && this.#collects.has(name);
    for (const one of [name, ...this.#aliases.get(name) ?? []]) {
      setAt(this.#parsed, one.split("."), final, { collect });
    }
  }

  /** Sets what was not given: defaults, then `false` and empty collections. */
  #fillIn(): void {
    for (const [name, value] of Object.entries(this.#options.default ?? {})) {
      if (hasAt(this.#parsed, name.split("."))) continue;
      for (const one of [name, ...this.#aliases.get(name) ?? []]) {
        setAt(this.#parsed, one.split("."), value);
      }
    }
    for (const name of this.#booleans) {
      const path = name.split(".");
      if (!hasAt(this.#parsed, path)) {
        setAt(this.#parsed, path, this.#collects.has(name) ? [] : false);
      }
    }
    for (const name of this.#strings) {
      const path = name.split(".");
      if (!hasAt(this.#parsed, path) && this.#collects.has(name)) {
        setAt(this.#parsed, path, []);
      }
    }
  }

  #withAliases(names: string | readonly string[] | undefined): Set<string> {
    const all = new Set<string>();
    for (const name of ([] as string[]).concat(names ?? [])) {
      if (name === "") continue;
      all.add(name);
      for (const other of this.#aliases.get(name) ?? []) all.add(other);
    }
    return all;
  }
}

function aliasGroups(
  alias: NonNullable<LooseOptions["alias"]>,
): Map<string, Set<string>> {
  const groups = new Map<string, Set<string>>();
  for (const [name, others] of Object.entries(alias)) {
    if (others === undefined) {
      throw new TypeError("Alias value must be defined");
    }
    const list = ([] as string[]).concat(others);
    groups.set(name, new Set(list));
    for (const one of list) {
      groups.set(
        one,
        new Set([name, ...list.filter((other) => other !== one)]),
      );
    }
  }
  return groups;
}

/** A name has at least one character, so an equals sign in front belongs to it. */
function splitAtEquals(
  text: string,
): { name: string; value: string | undefined } {
  const at = text.indexOf("=", 1);
  if (at === -1) return { name: text, value: undefined };
  return { name: text.slice(0, at), value: text.slice(at + 1) };
}

/** The value behind a short option in the same word, if what follows is not a further option. */
function attachedValue(name: string, behind: string): string | undefined {
  if (behind === "-") return behind;
  if (behind === "=") return "";
  if (/[A-Za-z]/.test(name)) {
    const value = /=(.+)/.exec(behind)?.[1];
    if (value !== undefined) return value;
    if (NUMBER_AT_END.test(behind)) return behind;
  }
  // The last character is an option of its own, whatever it is.
  return behind.length > 1 && /^\W/.test(behind) ? behind : undefined;
}

function toBoolean(text: string): boolean {
  return text !== "false";
}

function isNumber(text: string): boolean {
  return /\S/.test(text) && Number.isFinite(Number(text));
}

/** Whether a name would reach the prototype that all objects share. */
function reachesPrototype(object: Branch, key: string): boolean {
  return key === "__proto__" ||
    (key === "constructor" && typeof object[key] === "function");
}

function setAt(
  root: Branch,
  path: readonly string[],
  value: unknown,
  { collect = false } = {},
) {
  let branch = root;
  for (const key of path.slice(0, -1)) {
    if (reachesPrototype(branch, key)) return;
    branch = (branch[key] ??= {}) as Branch;
  }
  const key = path.at(-1) as string;
  if (reachesPrototype(branch, key)) return;
  if (!collect) {
    branch[key] = value;
    return;
  }
  const before = branch[key];
  if (Array.isArray(before)) before.push(value);
  else branch[key] = before ? [before, value] : [value];
}

function hasAt(root: Branch, path: readonly string[]): boolean {
  let branch = root;
  for (const key of path) {
    if (!Object.hasOwn(branch, key)) return false;
    branch = branch[key] as Branch;
  }
  return true;
}
