/** Tries what an isolate may or may not do, and says how each went. */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { DatabaseSync } from "node:sqlite";

interface Place {
  readonly folder: string;
  readonly database: string;
  readonly bundles: string;
}

function withDatabase(path: string, statement: string): void {
  const db = new DatabaseSync(path);
  try {
    db.exec(statement);
  } finally {
    db.close();
  }
}

const ATTEMPTS: Readonly<Record<string, (at: Place) => unknown>> = {
  "start a program": () => new Deno.Command("true").output(),
  "call a foreign function": () =>
    Deno.dlopen("libc.so.6", { getpid: { parameters: [], result: "i32" } }).close(),
  "signal another process": () => Deno.kill(1, "SIGCONT"),
  "read a file of the system": () => Deno.readTextFileSync("/etc/passwd"),
  "read the admin token": ({ folder }) => Deno.readTextFileSync(`${folder}/token`),
  "read the environment": () => Deno.env.get("HOME"),
  "ask for the host's name": () => Deno.hostname(),
  "write beside the database": ({ folder }) => Deno.writeTextFileSync(`${folder}/new`, ""),
  "attach another database": ({ database, folder }) =>
    withDatabase(database, `ATTACH '${folder}/other.db' AS other`),
  "read the database": ({ database }) => withDatabase(database, "SELECT * FROM t"),
  "write the database": ({ database }) => withDatabase(database, "INSERT INTO t VALUES (1)"),
  "write a bundle": ({ bundles }) => Deno.writeTextFileSync(`${bundles}/one`, ""),
  "listen": () => Deno.listen({ hostname: "127.0.0.1", port: 0 }).close(),
  "load a part of the program": () => import("../../../src/http/openapi.ts"),
};

self.onmessage = async ({ data }: MessageEvent<Place>) => {
  const outcome: Record<string, string> = {};
  for (const [what, attempt] of Object.entries(ATTEMPTS)) {
    try {
      await attempt(data);
      outcome[what] = "ok";
    } catch (error) {
      outcome[what] = error instanceof Error ? error.name : "thrown";
    }
  }
  self.postMessage(outcome);
};
