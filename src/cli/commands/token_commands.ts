/** `token create|list|revoke|rotate` and `whoami`. Each answers with its exit code. */
import { systemClock } from "../../base/clock.ts";
import type { NewTokenOptions } from "../../client/token_client.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import type { BuiltInToken, TokenRole } from "../../wire/token_roles.ts";
import type { CliContext } from "../context.ts";
import { formatDuration, formatTable } from "../output/table.ts";

/** `token create`: the token alone on stdout, so that it can go into a file. */
export async function createToken(
  context: CliContext,
  client: IrisClient,
  of: { user: string; role: TokenRole; expires: number | undefined; json: boolean },
): Promise<number> {
  const { user, role, expires, json } = of;
  const options: NewTokenOptions = {
    ...{ user, role },
    ...(expires !== undefined && { expiresInMs: expires }),
  };
  const made = await client.tokens.create(options);
  if (json) context.out(JSON.stringify(made));
  else {
    context.out(made.token);
    context.err(`Token ${made.id} of ${user}, role ${role}. It is not shown again.`);
  }
  return 0;
}

/** `token list`. */
export async function listTokens(
  context: CliContext,
  client: IrisClient,
  { json }: { json: boolean },
): Promise<number> {
  const tokens = await client.tokens.list();
  if (json) {
    context.out(JSON.stringify(tokens));
    return 0;
  }
  if (context.quiet) {
    for (const { id } of tokens) context.out(id);
    return 0;
  }
  const nowMs = systemClock.wall();
  const rows = tokens.map(({ id, user, role, createdAtMs, lastUsedAtMs, expiresAtMs }) => [
    ...[id, user, role, ago(nowMs - createdAtMs)],
    lastUsedAtMs === null ? "never" : ago(nowMs - lastUsedAtMs),
    expiresAtMs === null
      ? "never"
      : expiresAtMs <= nowMs
      ? "expired"
      : `in ${formatDuration(expiresAtMs - nowMs)}`,
  ]);
  const header = ["ID", "USER", "ROLE", "CREATED", "USED", "EXPIRES"];
  const { columns } = context;
  context.out(formatTable(header, rows, { columns, drop: ["CREATED", "USED"] }));
  return 0;
}

/** `token revoke`. */
export async function revokeToken(
  context: CliContext,
  client: IrisClient,
  { id, json }: { id: string; json: boolean },
): Promise<number> {
  const gone = await client.tokens.revoke(id);
  context.out(json ? JSON.stringify(gone) : `Token ${id} of ${gone.user} is revoked`);
  return 0;
}

/** `token rotate`: the new token alone on stdout. */
export async function rotateToken(
  context: CliContext,
  client: IrisClient,
  { which, graceMs, json }: { which: BuiltInToken; graceMs: number; json: boolean },
): Promise<number> {
  const isWorker = which === "worker";
  const { token } = await client.tokens.rotate(which, isWorker ? { graceMs } : {});
  if (json) context.out(JSON.stringify({ which, token }));
  else {
    context.out(token);
    const rest = isWorker
      ? `the one of before is taken for ${formatDuration(graceMs)}: put the new one to each ` +
        "worker's host until then, into the file that --token-file names there"
      : "the one of before, and sessions that were opened with it, are good for nothing any more";
    context.err(`This is the ${which} token from now on; ${rest}.`);
  }
  return 0;
}

/** `whoami`. */
export async function whoAmI(
  context: CliContext,
  client: IrisClient,
  { json }: { json: boolean },
): Promise<number> {
  const who = await client.tokens.whoami();
  const whose = who.user === null ? "" : ` of ${who.user}`;
  context.out(json ? JSON.stringify(who) : `${who.role}${whose} (token ${who.token})`);
  return 0;
}

function ago(ms: number): string {
  return `${formatDuration(Math.max(0, ms))} ago`;
}
