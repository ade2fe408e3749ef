/** Files that the ssh client is told to use: whether it can. */
import { IrisError } from "../../base/errors.ts";
import type { SshProviderConfig } from "../provider_config.ts";

const OTHERS = 0o077;

/**
 * Looks at the files of a configuration.
 *
 * @returns a warning with what to do about it, or null
 * @throws {IrisError} `invalid`, naming the field, when one is not there
 */
export function checkIdentity(config: SshProviderConfig): string | null {
  const { identityFile, configFile } = config;
  if (configFile !== null) fileMode(configFile, "configFile");
  if (identityFile === null) return null;
  const mode = fileMode(identityFile, "identityFile");
  if ((mode & OTHERS) === 0) return null;
  const octal = (mode & 0o777).toString(8).padStart(4, "0");
  return `identityFile ${identityFile} has mode ${octal}, so ssh may refuse to use it: ` +
    `chmod 600 ${identityFile}`;
}

function fileMode(path: string, field: string): number {
  try {
    const { mode, isFile } = Deno.statSync(path);
    if (isFile) return mode ?? 0;
  } catch {
    // Said below.
  }
  throw new IrisError("invalid", `Invalid ${field}: there is no file ${path}`, { field });
}
