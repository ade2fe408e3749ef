/** A command is one declaration: finding it, its flags and its help come from it. */
import type { Flags, SwitchFlag, ValuesOf } from "./flag.ts";

/** What a command's `run` gets. */
export interface Invocation<F extends Flags> {
  readonly values: ValuesOf<F>;
  /** What stands beside the flags, for instance a job's name. */
  readonly operands: readonly string[];
  /** What stands behind `--`. */
  readonly argv: readonly string[];
  /**
   * The values with those of a file in the place of flags that were left out.
   *
   * @param file what it says of a flag, as it would be typed
   */
  readonly withFile: (file: FlagSource) => ValuesOf<F>;
}

/** What a file says of a flag, as it would be typed; undefined for nothing. */
export type FlagSource = (flag: string) => readonly string[] | undefined;

/** What every command takes, and no mode. */
const COMMON_FLAGS = {
  quiet: {
    kind: "switch",
    short: "q",
    group: "Output",
    env: "IRIS_QUIET",
    help: "say nothing but errors; of lists print the names alone",
  },
} as const satisfies Record<string, SwitchFlag>;

/** A command, or a mode. */
export interface CommandSpec<F extends Flags, Context> {
  /** For instance `["job", "run"]`; a mode has none. */
  readonly path: readonly string[];
  readonly summary: string;
  readonly flags: F;
  /** Names of the operands, all required, for instance `["JOB"]`; `JOB...` is one or more. */
  readonly operands?: readonly string[];
  /** True when a command line has to follow behind `--`. */
  readonly takesArgv?: boolean;
  /** Flags that stand in the place of a command line. */
  readonly insteadOfArgv?: readonly string[];
  readonly example: string;
  /** What Ctrl-C does, where that needs saying. */
  readonly ctrlC?: string;
  /** Not shown in help. */
  readonly hidden?: boolean;
  run(context: Context, invocation: Invocation<F>): Promise<number>;
}

/** A command whose flags' types are known only to itself. */
export interface Command<Context> extends Omit<CommandSpec<Flags, Context>, "run"> {
  run(context: Context, invocation: Invocation<Flags>): Promise<number>;
}

/** Declares a command; its `run` sees the types of its own flags. */
export function command<const F extends Flags, Context>(
  spec: CommandSpec<F, Context>,
): Command<Context> {
  return {
    ...spec,
    flags: spec.path.length === 0
      ? spec.flags
      : { ...spec.flags, ...COMMON_FLAGS, ...quietOf(spec) },
    // The values were resolved from these same flags, so they have these types.
    run: (context, invocation) => spec.run(context, invocation as unknown as Invocation<F>),
  };
}

/** `iris job run`. */
export function commandName(of: { readonly path: readonly string[] }): string {
  return ["iris", ...of.path].join(" ");
}

/** A command may say itself what quiet means for it. */
function quietOf({ flags }: { readonly flags: Flags }): Flags {
  const { quiet } = flags;
  return quiet === undefined ? {} : { quiet: { ...COMMON_FLAGS.quiet, ...quiet } };
}
