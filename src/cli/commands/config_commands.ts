/** `config check|schema`: what an `iris.yaml` says, without running anything. */
import { lookup } from "node:dns/promises";
import { type ConfigFile, findingText, readConfig } from "../config/config_file.ts";
import { jsonSchema } from "../config/file_schema.ts";
import type { Finding } from "../config/yaml_file.ts";
import type { CliContext } from "../context.ts";
import { sections } from "../modes/all.ts";

/** What a file that is not right ends a command with. */
const WRONG = 2;

/** `config check`. */
export async function checkConfigFile(
  context: CliContext,
  path: string,
  options: { json: boolean },
): Promise<number> {
  const { file, findings: read } = readConfig(path, sections());
  const findings = [...read, ...file === null ? [] : await hostFindings(file)];
  if (options.json) {
    context.out(JSON.stringify({ ok: file !== null, findings, groups: file?.groups ?? [] }));
    return file === null ? WRONG : 0;
  }
  for (const finding of findings) {
    context.err(`${finding.severity}: ${findingText(path, finding)}`);
  }
  if (file === null) return WRONG;
  const kinds = file.groups.map(({ group, provider }) => `${group.name} (${provider.kind})`);
  const what = kinds.length === 0 ? "no groups" : `groups ${kinds.join(", ")}`;
  context.out(`${path} is right: ${what}`);
  return 0;
}

/** `config schema`. */
export function printSchema(context: CliContext): number {
  context.out(JSON.stringify(jsonSchema(sections()), null, 2));
  return 0;
}

/** Hosts whose names nobody knows: perhaps only here, so these are warnings. */
async function hostFindings(file: ConfigFile): Promise<Finding[]> {
  const named = file.groups.flatMap(({ group, provider }, at) =>
    provider.kind !== "ssh" || provider.configFile !== null
      ? []
      : provider.hosts.map(({ host }, number) => ({ host, group, at, number }))
  );
  const looked = await Promise.all(named.map(async ({ host, at, number }) => {
    try {
      await lookup(host);
      return [];
    } catch {
      const field = `groups[${at}].provider.hosts[${number}]`;
      const message = `The name ${host} resolves to nothing here`;
      return [{ severity: "warning" as const, ...file.placeOf(at, number), field, message }];
    }
  }));
  return looked.flat();
}
