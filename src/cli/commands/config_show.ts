/** `config show`: what commands talk to, and where each value comes from. */
import { clientConfig, clientConfigPath, runningClusters } from "../connect.ts";
import type { CliContext } from "../context.ts";
import { formatTable } from "../output/table.ts";
import { resolveTarget, type Sourced, TARGET_KEYS, type TargetFlags } from "../target.ts";
import { userName } from "../user_name.ts";

/** What `config show --json` prints. */
interface Shown {
  /** The configuration file; null where there is none. */
  readonly file: string | null;
  readonly contexts: readonly string[];
  /** By name; a value that nobody says is null. */
  readonly values: Readonly<Record<string, Sourced | null>>;
}

/** Prints it. @returns the exit code */
export async function showConfig(
  context: CliContext,
  flags: TargetFlags & { readonly json: boolean },
): Promise<number> {
  const config = await clientConfig(context);
  const meant = resolveTarget(flags, { env: context.env, config });
  const running = runningClusters(context);
  const [own] = running;
  const values: Record<string, Sourced | null> = { context: meant.context ?? null };
  for (const key of TARGET_KEYS) values[key] = meant[key] ?? null;
  if (meant.controller === undefined && own !== undefined && running.length === 1) {
    values.controller = { value: own.url, from: "your running cluster" };
  }
  const entry = running.find(({ url }) => url === values.controller?.value);
  if (entry !== undefined) {
    const from = "your running cluster";
    values.tokenFile ??= { value: `${entry.stateDir}/token`, from };
    if (entry.caFile !== undefined) values.caFile ??= { value: entry.caFile, from };
  }
  const isSet = (context.env("IRIS_USER") ?? "") !== "";
  values.user = { value: userName(context), from: isSet ? "IRIS_USER" : "the system" };
  const contexts = Object.keys(config?.contexts ?? {});
  print(context, { file: config?.path ?? null, contexts, values }, flags.json);
  return 0;
}

function print(context: CliContext, shown: Shown, json: boolean): void {
  if (json) {
    context.out(JSON.stringify(shown));
    return;
  }
  const rows = Object.entries(shown.values).map(([name, found]) => [
    name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    found?.value ?? "-",
    found?.from ?? "-",
  ]);
  const { columns } = context;
  context.out(formatTable(["WHAT", "VALUE", "FROM"], rows, { columns }));
  const where = shown.file ?? `${clientConfigPath(context.env)} (not there)`;
  context.out(`file: ${where}`);
  if (shown.contexts.length > 0) context.out(`contexts: ${shown.contexts.join(", ")}`);
}
