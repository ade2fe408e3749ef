/** A flag is one declaration: parsing, checking and help come from it. */
import type { Parse } from "./quantities.ts";

/** What every flag says of itself. */
export interface FlagBase {
  readonly help: string;
  /** One letter: `f` for `-f`. */
  readonly short?: string;
  /** The heading that it stands under in help; the command's own when left out. */
  readonly group?: string;
  /** The environment variable that is looked at when the flag is not given. */
  readonly env?: string;
}

/** A flag with a value. */
export interface ValueFlag<T> extends FlagBase {
  readonly kind: "value";
  readonly parse: Parse<T>;
  /** Stands for the value in help, for instance `SIZE`. */
  readonly value: string;
  /** As it would be typed; shown in help. */
  readonly default?: string;
}

/** A flag that may be given many times. */
export interface RepeatedFlag<T> extends Omit<ValueFlag<T>, "kind" | "default"> {
  readonly kind: "repeated";
  /** Values have names: those of a file and those that are typed are put together. */
  readonly named?: boolean;
}

/** A flag that is there or not. */
export interface SwitchFlag extends FlagBase {
  readonly kind: "switch";
}

// The value type only leaves a flag (it is never given one), so any flag fits this.
/** Any flag. */
export type Flag = ValueFlag<unknown> | RepeatedFlag<unknown> | SwitchFlag;

/** Flags by name, in camelCase as typed values and in kebab-case on the command line. */
export type Flags = Readonly<Record<string, Flag>>;

/** What a flag's value is once resolved. */
export type ValueOf<F extends Flag> = F extends SwitchFlag ? boolean
  : F extends RepeatedFlag<infer T> ? readonly T[]
  : F extends ValueFlag<infer T> ? (F extends { readonly default: string } ? T : T | undefined)
  : never;

/** The resolved values of some flags. */
export type ValuesOf<F extends Flags> = { readonly [K in keyof F]: ValueOf<F[K]> };

/** Flags under a heading of their own. */
export function grouped<const F extends Flags>(group: string, flags: F): F {
  const entries = Object.entries(flags).map(([name, flag]) => [name, { ...flag, group }]);
  return Object.fromEntries(entries) as F;
}

/** `stopTimeout` as it is typed: `--stop-timeout`. */
export function typedName(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
