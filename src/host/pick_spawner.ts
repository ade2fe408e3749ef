/** Chooses how tasks are started here. */
import { logger } from "../base/log.ts";
import { messageOf } from "../base/errors.ts";
import { PlainSpawner } from "./plain_spawn.ts";
import { PosixSpawner } from "./posix_spawn.ts";
import type { Spawner } from "./spawner.ts";

/** The fast way where it works; the plain one where it does not, or when it is asked for. */
export function pickSpawner(wanted: "auto" | "plain"): Spawner {
  if (wanted === "plain" || Deno.build.os !== "linux") return new PlainSpawner();
  try {
    return new PosixSpawner();
  } catch (error) {
    logger("spawn").info("tasks are started the plain way: {why}", { why: messageOf(error) });
    return new PlainSpawner();
  }
}
