/** Users and groups of this host, as far as `/etc/passwd` and `/etc/group` know them. */
import { IrisError } from "../base/errors.ts";
import type { RunAs } from "./launch_step.ts";

const MAX_ID = 2 ** 32 - 2;

/**
 * The user that `USER[:GROUP]` names; both may be numbers. Without a group it is the user's own.
 *
 * @param root where /etc is looked for; for tests
 * @throws {IrisError} `usage`, one line that names the flag
 */
export function findUser(text: string, flag: string, root = ""): RunAs {
  const refuse = (why: string) =>
    new IrisError("usage", `Invalid ${flag}: ${why}`, { field: flag });
  const [name = "", group, more] = text.split(":");
  if (name === "" || group === "" || more !== undefined) {
    throw refuse(`"${text}" is not USER or USER:GROUP`);
  }
  const users = entries(`${root}/etc/passwd`);
  const known = users.find((one) => one[0] === name) ?? users.find((one) => one[2] === name);
  const uid = idOf(known?.[2] ?? name);
  if (uid === null) throw refuse(`there is no user ${name} on this host`);
  const groups = entries(`${root}/etc/group`);
  const groupText = group === undefined
    ? known?.[3]
    : groups.find((one) => one[0] === group)?.[2] ?? group;
  const gid = idOf(groupText ?? "");
  if (gid === null) {
    throw refuse(
      group === undefined
        ? `user ${name} has no group on this host: give ${name}:GROUP`
        : `there is no group ${group} on this host`,
    );
  }
  return { uid, gid, user: known?.[0] ?? name, home: known?.[5] || "/" };
}

/**
 * The first folder on the way to a path that a user cannot pass, or null: it is reached.
 *
 * @param path absolute; what of it does not exist is not looked at
 */
export function blockedFolder(path: string, { uid, gid }: RunAs): string | null {
  const parts = path.split("/").filter((part) => part !== "");
  for (let count = 0; count <= parts.length; count++) {
    const folder = `/${parts.slice(0, count).join("/")}`;
    let info: Deno.FileInfo;
    try {
      info = Deno.statSync(folder);
    } catch {
      return null;
    }
    const mode = info.mode ?? 0;
    const search = info.uid === uid ? 0o100 : info.gid === gid ? 0o010 : 0o001;
    if (uid !== 0 && (mode & search) === 0) return folder;
  }
  return null;
}

function entries(path: string): string[][] {
  try {
    return Deno.readTextFileSync(path).split("\n").map((line) => line.split(":"));
  } catch {
    return [];
  }
}

function idOf(text: string): number | null {
  return /^\d{1,10}$/.test(text) && Number(text) <= MAX_ID ? Number(text) : null;
}
