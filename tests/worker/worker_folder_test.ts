import { assertEquals, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import {
  FOLDER_FILE,
  FOLDER_FORMAT,
  openWorkerFolder,
  rememberCluster,
} from "../../src/worker/worker_folder.ts";

function inFolder(body: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "iris-worker-" });
  try {
    body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("a worker's folder remembers its cluster over restarts and versions", () => {
  inFolder((folder) => {
    assertEquals(openWorkerFolder(folder, "0.5.0").cluster, null);
    rememberCluster(folder, { cluster: "c1", version: "0.5.0" });
    assertEquals(openWorkerFolder(folder, "0.6.0"), {
      format: FOLDER_FORMAT,
      cluster: "c1",
      version: "0.6.0",
    });
  });
});

Deno.test("a folder that a newer version wrote is refused with both versions, and left alone", () => {
  inFolder((folder) => {
    const text = JSON.stringify({ format: FOLDER_FORMAT + 1, cluster: "c", version: "0.9.0" });
    Deno.writeTextFileSync(`${folder}/${FOLDER_FILE}`, text);
    const error = assertThrows(() => openWorkerFolder(folder, "0.5.0"), IrisError, "Iris 0.9.0");
    assertEquals([error.code, error.field], ["state_dir", "--state-dir"]);
    assertEquals(Deno.readTextFileSync(`${folder}/${FOLDER_FILE}`), text);
  });
});

Deno.test("a folder whose file is damaged is refused by name", () => {
  inFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/${FOLDER_FILE}`, "{");
    assertThrows(() => openWorkerFolder(folder, "0.5.0"), IrisError, FOLDER_FILE);
  });
});
