/** Jobs that wait for one another: prepare, transform, publish, and a clean-up. See README.md. */
import { Iris, type JobRequest } from "iris/client";

const COUNT = 6;

/** A job of one shell command, which finds the folder of the data in its first argument. */
function shell(script: string, folder: string): JobRequest {
  return { argv: ["sh", "-ec", script, folder], ifExists: "replace", cpuMilli: 20 };
}

const breaks = Deno.args.includes("--break");
using iris = await Iris.connect();
const folder = await Deno.makeTempDir({ prefix: "pipeline-" });
const show = `${folder}/published`;
try {
  const prepare = await iris.submit({
    ...shell(
      `mkdir "$0/in" "$0/out"; for i in $(seq ${COUNT}); do echo $i >"$0/in/$i"; done`,
      folder,
    ),
    name: "prepare",
  });
  const transform = await iris.submit({
    ...shell(
      `i=$((IRIS_TASK_INDEX + 1)); ${breaks ? "test $i != 3;" : ""} ` +
        `n=$(cat "$0/in/$i"); echo $((n * n)) >"$0/out/$i"`,
      folder,
    ),
    ...{ name: "transform", replicas: COUNT, after: [{ job: prepare.name }] },
  });
  const publish = await iris.submit({
    ...shell(`for i in $(seq ${COUNT}); do cat "$0/out/$i"; done >"$0/published"`, folder),
    ...{ name: "publish", after: [{ job: transform.name }] },
  });
  const cleanUp = await iris.submit({
    ...shell('rm -r "$0/in" "$0/out"', folder),
    ...{ name: "clean-up", after: [{ job: publish.name, on: "end" }] },
  });
  for (const job of [prepare, transform, publish, cleanUp]) {
    const { name, state, reason } = await job.wait();
    const why = state === "SUCCEEDED" ? "" : `: ${reason}`;
    console.log(`${name.split("/").at(-1)!.padEnd(9)} ${state}${why}`);
  }
  const squares = await Deno.readTextFile(show).catch(() => null);
  console.log(
    squares === null
      ? "there is nothing to show"
      : `squares of 1 to ${COUNT}: ${squares.trim().split("\n").join(" ")}`,
  );
} finally {
  await Deno.remove(folder, { recursive: true });
}
