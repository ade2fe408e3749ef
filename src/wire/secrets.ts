/**
 * Which variables of a job's environment are nobody's business but its tasks': they are stored, and sent to
 * the worker that runs it, and shown by nothing else. Pure.
 */
import type { JobSpec } from "./api.ts";

/** What stands in the place of a value. */
export const REDACTED = "[redacted]";

/** Names that people give to secrets, as a whole word or a part of one. */
const ANYWHERE = /TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|APIKEY|PRIVATE/i;
const WORDS = /(?:^|_)(?:KEY|KEYS|AUTH|PWD|PASS|PIN|DSN|COOKIE|SIGNATURE|SALT)(?:_|$)/i;
/** A folder, whatever it sounds like. */
const PLAIN = new Set(["PWD", "OLDPWD"]);

/** Whether a variable holds a secret, as its name tells. */
export function soundsSecret(name: string): boolean {
  return !PLAIN.has(name) && (ANYWHERE.test(name) || WORDS.test(name));
}

/** A spec as it is shown. */
export function shownSpec(spec: JobSpec): JobSpec {
  const secret = (name: string) => spec.secrets?.includes(name) === true || soundsSecret(name);
  if (!Object.keys(spec.env).some(secret)) return spec;
  const env = Object.entries(spec.env).map(([name, value]) => [
    name,
    secret(name) ? REDACTED : value,
  ]);
  return { ...spec, env: Object.fromEntries(env) };
}
