/** What each isolate of a controller may do, tried in an isolate with these very permissions. */
import { assertEquals } from "@std/assert";
import { controllerPermissions } from "../../src/cli/parts/permissions.ts";
import { DatabaseSync } from "node:sqlite";

type Outcome = Readonly<Record<string, string>>;

/** Runs the attempts in an isolate. */
async function attempts(
  permissions: Deno.PermissionOptionsObject,
  at: { folder: string; database: string; bundles: string },
): Promise<Outcome> {
  const module = new URL("../support/isolates/attempts.ts", import.meta.url);
  const worker = new Worker(module, { type: "module", deno: { permissions } });
  const outcome = Promise.withResolvers<Outcome>();
  worker.onmessage = ({ data }) => outcome.resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    outcome.reject(new Error(event.message));
  };
  worker.postMessage(at);
  try {
    return await outcome.promise;
  } finally {
    worker.terminate();
  }
}

function setup() {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "iris-test-isolates-" }));
  const database = `${folder}/iris.db`;
  const bundles = `${folder}/bundles`;
  Deno.mkdirSync(bundles);
  Deno.writeTextFileSync(`${folder}/token`, "a secret");
  const db = new DatabaseSync(database);
  db.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (a)");
  db.close();
  const may = controllerPermissions({ database, bundles });
  return {
    folder,
    try: (isolate: keyof typeof may) => attempts(may[isolate], { folder, database, bundles }),
    [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }),
  };
}

/** What no isolate of a controller may. */
const NEVER = {
  "start a program": "NotCapable",
  "call a foreign function": "NotCapable",
  "signal another process": "NotCapable",
  "read a file of the system": "NotCapable",
  "read the admin token": "NotCapable",
  "read the environment": "NotCapable",
  "ask for the host's name": "NotCapable",
  "write beside the database": "NotCapable",
  "attach another database": "Error",
};
const NO_FILES = {
  "read the database": "NotCapable",
  "write the database": "NotCapable",
  "write a bundle": "NotCapable",
};

Deno.test("the server's isolate starts no program and reads nothing but its own", async () => {
  using world = setup();
  assertEquals(await world.try("server"), {
    ...NEVER,
    "read the database": "ok",
    "write the database": "ok",
    "write a bundle": "ok",
    "listen": "ok",
    "load a part of the program": "ok",
  });
});

Deno.test("the core's isolate has its database and nothing else", async () => {
  using world = setup();
  assertEquals(await world.try("core"), {
    ...NEVER,
    "read the database": "ok",
    "write the database": "ok",
    "write a bundle": "NotCapable",
    "listen": "NotCapable",
    "load a part of the program": "ok",
  });
});

Deno.test("the heartbeat's isolate has the network and nothing else", async () => {
  using world = setup();
  const network = { "listen": "ok", "load a part of the program": "ok" };
  assertEquals(await world.try("heartbeat"), {
    ...{ ...NEVER, "attach another database": "NotCapable" },
    ...NO_FILES,
    ...network,
  });
});

for (const isolate of ["scheduling", "autoscaler"] as const) {
  Deno.test(`the isolate of ${isolate} has what it was told and nothing else`, async () => {
    using world = setup();
    assertEquals(await world.try(isolate), {
      ...{ ...NEVER, "attach another database": "NotCapable" },
      ...NO_FILES,
      "listen": "NotCapable",
      "load a part of the program": "ok",
    });
  });
}
