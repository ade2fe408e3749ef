/** Functions that the contract suite of runtimes calls: what its shell scripts do, as a module. */
import type { TaskContext } from "../../../src/wire/task_context.ts";

export function exits(): never {
  Deno.exit(7);
}

export function succeeds(): void {}

export function dies(): void {
  Deno.kill(Deno.pid, "SIGKILL");
}

export function says(_: unknown, { task, attempt, replicas, job, entry }: TaskContext): void {
  const { FOO, IRIS_WORKER, IRIS_CONTROLLER } = Deno.env.toObject();
  console.log(
    [job, task, attempt, replicas, entry ?? "", FOO, IRIS_WORKER, IRIS_CONTROLLER].join(),
  );
}

export function looks(): void {
  console.log(Deno.readTextFileSync("here.txt"));
}

export async function reads(): Promise<void> {
  let bytes = 0;
  for await (const chunk of Deno.stdin.readable) bytes += chunk.length;
  console.log(bytes);
}

export function writes(): void {
  console.log("to stdout");
  console.error("to stderr");
}

export async function obeys(_: unknown, { signal }: TaskContext): Promise<void> {
  console.log("up");
  // owner: this process, which ends with the function.
  const timer = setInterval(() => {}, 1_000);
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  clearInterval(timer);
  Deno.exit(5);
}

export async function ignores({ tag }: { tag: string }): Promise<void> {
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", `trap "" TERM; echo up; exec sleep 600.${tag}`],
    stdin: "null",
  }).spawn();
  await child.status;
}

export function leaves({ tag }: { tag: string }): void {
  new Deno.Command("/bin/sh", {
    args: ["-c", `trap "" TERM; exec sleep 600.${tag}`],
    stdin: "null",
  }).spawn();
  Deno.exit(7);
}

export function hands(_: unknown, { progress }: TaskContext): unknown {
  progress({ done: 1, total: 4, message: "on it" });
  return { n: 3 };
}
