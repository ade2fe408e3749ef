/**
 * Which controller a command means, from what was typed, the environment, and the command line's own
 * configuration file; each value with where it comes from. Pure.
 */
import { nearest } from "../base/edit_distance.ts";
import { IrisError } from "../base/errors.ts";

/** Where the flags of a command say the controller is. */
export interface TargetFlags {
  readonly controller?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly caFile?: string | undefined;
  /** The name of a context of the configuration file. */
  readonly context?: string | undefined;
}

/** What of it may stand in a file. */
export const TARGET_KEYS = ["controller", "tokenFile", "caFile"] as const;
type TargetKey = typeof TARGET_KEYS[number];

/** A value, and where it was found. */
export interface Sourced {
  readonly value: string;
  /** For instance `--controller`, `IRIS_CONTROLLER` or `config.yaml:3`. */
  readonly from: string;
}

/** Values that belong together: what was typed, the environment, or a context. */
export type TargetLayer = { readonly [K in TargetKey]?: Sourced };

/** The command line's configuration file. */
export interface ClientConfig {
  readonly path: string;
  /** What holds without a context. */
  readonly top: TargetLayer;
  readonly contexts: Readonly<Record<string, TargetLayer>>;
  /** The context that is used when none is asked for. */
  readonly context?: Sourced;
}

/** What a command means; what nobody says is left out. */
export interface ResolvedTarget extends TargetLayer {
  readonly context?: Sourced;
}

/** The running cluster of this user, whatever the configuration file says. */
export const LOCAL_CONTEXT = "local";

const ENV = {
  controller: "IRIS_CONTROLLER",
  tokenFile: "IRIS_TOKEN_FILE",
  caFile: "IRIS_CA_FILE",
} as const;

/**
 * The nearest source wins: what is typed (a context too), then the environment (likewise), then the
 * file. The token and the certificate of a context go to no controller but its own.
 *
 * @param given the flags, with the environment already in the place of those left out
 * @throws {IrisError} `usage` for a context that does not exist
 */
export function resolveTarget(
  given: TargetFlags,
  of: {
    readonly env: (name: string) => string | undefined;
    readonly config: ClientConfig | null;
  },
): ResolvedTarget {
  const { config } = of;
  const env = (name: string) => of.env(name) || undefined;
  const named = contextName(given, { env, config });
  const chosen = named === undefined ? config?.top : contextOf(named, config);
  const own = typedAndEnv(given, env);
  const layers = named?.from === "--context"
    ? [own.typed, chosen, own.env]
    : [own.typed, own.env, chosen];
  const controller = layers.find((layer) => layer?.controller !== undefined)?.controller;
  const pick = (key: "tokenFile" | "caFile") =>
    layers.find((layer) => {
      if (layer?.[key] === undefined) return false;
      return layer !== chosen || layer.controller === undefined ||
        layer.controller.value === controller?.value;
    })?.[key];
  const found = { controller, tokenFile: pick("tokenFile"), caFile: pick("caFile") };
  return {
    ...Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)),
    ...(named === undefined ? {} : { context: named }),
  };
}

/** A flag's value that is the environment's came from there, or might as well have. */
function typedAndEnv(given: TargetFlags, env: (name: string) => string | undefined) {
  const typed: { [K in TargetKey]?: Sourced } = {};
  const fromEnv: { [K in TargetKey]?: Sourced } = {};
  for (const key of TARGET_KEYS) {
    const value = env(ENV[key]);
    if (value !== undefined) fromEnv[key] = { value, from: ENV[key] };
    const flag = given[key];
    if (flag !== undefined && flag !== value) typed[key] = { value: flag, from: flagName(key) };
  }
  return { typed, env: fromEnv };
}

function contextName(
  given: TargetFlags,
  of: { env: (name: string) => string | undefined; config: ClientConfig | null },
): Sourced | undefined {
  const fromEnv = of.env("IRIS_CONTEXT");
  if (given.context !== undefined && given.context !== fromEnv) {
    return { value: given.context, from: "--context" };
  }
  return fromEnv === undefined ? of.config?.context : { value: fromEnv, from: "IRIS_CONTEXT" };
}

function contextOf({ value, from }: Sourced, config: ClientConfig | null): TargetLayer {
  const contexts = config?.contexts ?? {};
  if (Object.hasOwn(contexts, value)) return contexts[value]!;
  if (value === LOCAL_CONTEXT) return {};
  const names = [...Object.keys(contexts), LOCAL_CONTEXT];
  const near = nearest(value, names);
  const hint = near === null ? `; there are ${names.join(", ")}` : `. Did you mean ${near}?`;
  const where = config === null ? "" : ` in ${config.path}`;
  throw new IrisError("usage", `Invalid ${from}: there is no context "${value}"${where}${hint}`, {
    field: from,
  });
}

/** `tokenFile` as `--token-file`. */
function flagName(key: TargetKey): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
