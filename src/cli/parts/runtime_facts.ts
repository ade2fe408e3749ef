/** Which runtimes a worker has: what its tasks are started with, and what it says of itself. */
import { IrisError } from "../../base/errors.ts";
import { logger } from "../../base/log.ts";
import { engineProblem, engineVersion, findEngine } from "../../host/container_engine.ts";
import type { ContainerEngine } from "../../runtimes/task_runtime.ts";
import { RUNTIME_ATTRIBUTES } from "../../wire/runtime_needs.ts";
import type { CliContext } from "../context.ts";

/** Flags of everything that has workers. */
export interface ContainerFlags {
  readonly containerEngine: string;
  readonly containerArgs: readonly string[] | undefined;
}

/** See the head of this file. */
export interface RuntimeFacts {
  readonly containers: ContainerEngine | null;
  readonly attributes: Readonly<Record<string, string>>;
}

/**
 * Finds out.
 *
 * @throws {IrisError} `usage`, at once, when an engine was named that is not there
 */
export function runtimeFacts(
  { env }: Pick<CliContext, "env">,
  flags: ContainerFlags,
): Promise<RuntimeFacts> {
  const found = findEngine(flags.containerEngine, env);
  const own = { [RUNTIME_ATTRIBUTES.module]: "yes", [RUNTIME_ATTRIBUTES.moduleEntries]: "yes" };
  if (found === null) return Promise.resolve({ containers: null, attributes: own });
  const containers = { ...found, args: flags.containerArgs ?? [] };
  return Promise.all([engineVersion(found), engineProblem(found)]).then(([version, problem]) => {
    if (problem !== null) {
      const line = `${found.path} runs no containers: ${problem}`;
      // What was only found is not promised to jobs; whoever named it may start its daemon later.
      if (flags.containerEngine === "auto") {
        logger("worker").info`${line}`;
        return { containers: null, attributes: own };
      }
      logger("worker").warn`${line}`;
    }
    const attributes = { ...own, [RUNTIME_ATTRIBUTES.container]: version };
    return { containers, attributes };
  });
}

/** @throws {IrisError} `usage` when nothing on this host runs containers */
export async function needEngine(
  { env }: Pick<CliContext, "env">,
  wanted: string,
): Promise<void> {
  const found = findEngine(wanted, env);
  const problem = found === null ? null : await engineProblem(found);
  if (found !== null && problem === null) return;
  const message = found !== null
    ? `--image needs a container engine, and ${found.path} runs none: ${problem}`
    : wanted === "none"
    ? "--image needs a container engine: --container-engine is none"
    : "--image needs podman or docker: neither is on the PATH";
  throw new IrisError("usage", message, { field: "--image" });
}
