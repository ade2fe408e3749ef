/** Command line arguments into options and operands, in the manner of minimist. */
import { ArgsParser, type LooseOptions } from "./_args_parser.ts";
import type {
  AliasMap,
  BooleanNames,
  DefaultValues,
  Flatten,
  Names,
  Values,
} from "./_args_types.ts";

interface BehindDoubleDash {
  /** The arguments behind `--`. */
  "--"?: Array<string>;
}

/** What {@linkcode parseArgs} returns. */
export type Args<
  // deno-lint-ignore no-explicit-any -- as published: without types, options are of any type
  TArgs extends Record<string, unknown> = Record<string, any>,
  TDoubleDash extends boolean | undefined = undefined,
> = Flatten<
  & TArgs
  & {
    /** The arguments that belong to no option. */
    _: Array<string | number>;
  }
  & (boolean extends TDoubleDash ? Pick<BehindDoubleDash, "--">
    : true extends TDoubleDash ? Required<Pick<BehindDoubleDash, "--">>
    : Record<never, never>)
>;

/** Options of {@linkcode parseArgs}. */
export interface ParseOptions<
  TBooleans extends BooleanNames = BooleanNames,
  TStrings extends Names = Names,
  TCollectable extends Names = Names,
  TNegatable extends Names = Names,
  TDefault extends Record<string, unknown> | undefined =
    | Record<string, unknown>
    | undefined,
  TAliases extends AliasMap | undefined = AliasMap | undefined,
  TDoubleDash extends boolean | undefined = boolean | undefined,
> {
  /**
   * Whether the arguments behind `--` go to `result["--"]` and not to `result._`.
   *
   * @default {false}
   */
  "--"?: TDoubleDash;

  /**
   * Other names of options; each name of a group gets the value.
   *
   * @default {{}}
   */
  alias?: TAliases;

  /**
   * Options that are true or false, `false` when absent. With `true`, all options of two hyphens
   * without an equals sign.
   *
   * @default {false}
   */
  boolean?: TBooleans | ReadonlyArray<Extract<TBooleans, string>>;

  /**
   * Values of options that are not given.
   *
   * @default {{}}
   */
  default?: TDefault & DefaultValues<TBooleans, TStrings>;

  /**
   * Whether everything from the first operand on goes to `result._` as it is.
   *
   * @default {false}
   */
  stopEarly?: boolean;

  /**
   * Options whose values stay text, even if they look like numbers. `_` stands for the operands.
   *
   * @default {[]}
   */
  string?: TStrings | ReadonlyArray<Extract<TStrings, string>>;

  /**
   * Options that keep all their values, in an array. Others keep the last one.
   *
   * @default {[]}
   */
  collect?: TCollectable | ReadonlyArray<Extract<TCollectable, string>>;

  /**
   * Options that `--no-NAME` sets to `false`.
   *
   * @default {[]}
   */
  negatable?: TNegatable | ReadonlyArray<Extract<TNegatable, string>>;

  /**
   * Called for each argument that no other option names, with the option's name and value unless it
   * is an operand. Returns `false` to leave it out of the result.
   *
   * @default {unknown}
   */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/**
 * Parses command line arguments.
 *
 * Knows `--name`, `--name=value`, `--name value`, `-n`, `-abc`, `-n5`, `-n=value`, `-n value`; a dot
 * in a name opens an inner object. Values that look like numbers become numbers. What no option
 * claims is in `_`, and so is everything behind `--`. Names that would reach the shared prototype of
 * objects are left out.
 *
 * @param args such as `Deno.args`
 * @throws {TypeError} when an alias is `undefined`
 *
 * @example
 * ```ts
 * const options: ParseOptions<"v"> = { boolean: ["v"] };
 * const args: Args = parseArgs(["--port=80", "-v", "file"], options);
 * console.log(args.port, args.v, args._); // 80 true ["file"]
 * ```
 */
export function parseArgs<
  TArgs extends Values<
    TBooleans,
    TStrings,
    TCollectable,
    TNegatable,
    TDefaults,
    TAliases
  >,
  TDoubleDash extends boolean | undefined = undefined,
  TBooleans extends BooleanNames = undefined,
  TStrings extends Names = undefined,
  TCollectable extends Names = undefined,
  TNegatable extends Names = undefined,
  TDefaults extends Record<string, unknown> | undefined = undefined,
  TAliases extends AliasMap<TAliasArgNames, TAliasNames> | undefined = undefined,
  TAliasArgNames extends string = string,
  TAliasNames extends string = string,
>(
  args: string[],
  options?: ParseOptions<
    TBooleans,
    TStrings,
    TCollectable,
    TNegatable,
    TDefaults,
    TAliases,
    TDoubleDash
  >,
): Args<TArgs, TDoubleDash> {
  const loose = (options ?? {}) as LooseOptions;
  return new ArgsParser(loose).parse(args) as Args<TArgs, TDoubleDash>;
}
