/** A flag is one declaration: parsing, checking and help come from it. */
import type { Parse } from "./quantities.ts";

/** A flag with a value. */
export interface ValueFlag<T> {
  readonly kind: "value";
  readonly parse: Parse<T>;
  /** Stands for the value in help, for instance `SIZE`. */
  readonly value: string;
  readonly help: string;
  /** As it would be typed; shown in help. */
  readonly default?: string;
  /** The environment variable that is looked at when the flag is not given. */
  readonly env?: string;
}

/** A flag that may be given many times. */
export interface RepeatedFlag<T> extends Omit<ValueFlag<T>, "kind" | "default"> {
  readonly kind: "repeated";
}

/** A flag that is there or not. */
export interface SwitchFlag {
  readonly kind: "switch";
  readonly help: string;
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

/** `stopTimeout` as it is typed: `--stop-timeout`. */
export function typedName(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
