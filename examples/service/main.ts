/** Starts a service, calls its instances where they are, and stops it. See README.md beside this. */
import { Iris } from "iris/client";

const INSTANCES = 2;
/** How long all of them may take to come up, in ms. */
const UP_MS = 60_000;

using iris = await Iris.connect();
const file = decodeURIComponent(new URL("./task.ts", import.meta.url).pathname);
const job = await iris.submit({
  ...{ name: "shout", ifExists: "replace", replicas: INSTANCES, cpuMilli: 50, ports: ["http"] },
  module: { file, export: "main" },
});
try {
  const signal = AbortSignal.timeout(UP_MS);
  const found = (await job.waitEndpoints("ready", { signal })).sort((a, b) => a.task - b.task);
  console.log(`${found.length} instances of shout can be reached`);
  for (const { task, address } of found) {
    const response = await fetch(`http://${address}`, { method: "POST", body: "hello", signal });
    console.log(`${task} says ${await response.text()}`);
  }
} finally {
  await job.stop();
}
for await (const { index, result } of job.ends()) {
  console.log(`${index} ended well after ${result} request`);
}
