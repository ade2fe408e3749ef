/** What is said to Slurm and what Slurm says, without one. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  eventOf,
  type JobEnd,
  readAccounted,
  readShownJob,
} from "../../../src/vm/slurm/slurm_end.ts";
import { commentOf, jobName, labelOf } from "../../../src/vm/slurm/slurm_names.ts";
import { isOutage, refusalOf } from "../../../src/vm/slurm/slurm_problem.ts";
import { isOver, isWaiting, readQueue, UnknownFormat } from "../../../src/vm/slurm/slurm_queue.ts";
import {
  nodeScript,
  sbatchArgs,
  type ScriptFacts,
  wrongOption,
} from "../../../src/vm/slurm/slurm_scripts.ts";
import type { SlurmProviderConfig } from "../../../src/vm/provider_config.ts";
import { scaleGroup } from "../../fakes/scale_groups.ts";

const CONFIG: SlurmProviderConfig = {
  ...{ kind: "slurm", partition: "gpu", account: "me", qos: "high", timeLimitMinutes: 90 },
  ...{ options: ["--constraint=intel"], sharedFolder: "/s", commandFolder: null },
};

Deno.test("a line of the queue is a job, and whoever has no comment has none", () => {
  const text = "\\x1e7\\x1fPENDING\\x1firis-c-g-g-0\\x1firis c g g-0 g-0\\x1fPriority\\x1f\\n"
    .replaceAll("\\x1e", "\x1e").replaceAll("\\x1f", "\x1f").replaceAll("\\n", "\n");
  const [job] = readQueue(`${text}\x1e8\x1fRUNNING\x1fx\ny\x1f(null)\x1fNone\x1fn1\n`);
  assertEquals(job, {
    ...{ id: "7", state: "PENDING", name: "iris-c-g-g-0", comment: "iris c g g-0 g-0" },
    ...{ reason: "Priority", nodes: "" },
  });
  assertEquals(readQueue(""), []);
  assertEquals(readQueue("\x1e8\x1fRUNNING\x1fx\ny\x1f(null)\x1fNone\x1fn1\n")[0]?.comment, "");
});

Deno.test("a queue with anything else in it is none, and shows it in one line", () => {
  for (
    const text of [
      "CLUSTER: a\n\x1e8\x1fRUNNING\x1fx\x1fc\x1fNone\x1fn1\n",
      "\x1e8\x1fDANCING\x1fx\x1fc\x1fNone\x1fn1\n",
      "\x1e8\x1fRUNNING\x1fx\x1fc\x1fNone\n",
      "\x1ejob\x1fRUNNING\x1fx\x1fc\x1fNone\x1fn1\n",
      "JOBID PARTITION\x1b[2J\n",
    ]
  ) {
    const error = assertThrows(() => readQueue(text), UnknownFormat);
    assertEquals(/^[\x20-\x7e]{1,200}$/.test(error.message), true, error.message);
  }
});

Deno.test("every state that Slurm has for a job is one of those that wait, are there, or are over", () => {
  const states = (text: string) =>
    text.split(" ").map((state) => {
      const [job] = readQueue(`\x1e8\x1f${state}\x1fx\x1fc\x1fNone\x1fn1\n`);
      return isOver(job!.state) ? "over" : isWaiting(job!.state) ? "waits" : "there";
    });
  assertEquals(new Set(states("PENDING REQUEUED EXPEDITING SPECIAL_EXIT")), new Set(["waits"]));
  const there = "RUNNING COMPLETING LAUNCH_FAILED RECONFIG_FAIL UPDATE_DB POWER_UP_NODE";
  assertEquals(new Set(states(there)), new Set(["there"]));
  assertEquals(new Set(states("COMPLETED FAILED TIMEOUT REVOKED")), new Set(["over"]));
});

Deno.test("a comment says whose an allocation is; long lists of names are left out", () => {
  const label = { cluster: "c", group: "g", slice: "g-0", vms: ["g-0-0", "g-0-1"] };
  assertEquals(labelOf(commentOf(label)), label);
  assertEquals(jobName(label), "iris-c-g-g-0");
  const vms = Array.from({ length: 500 }, (_, at) => `g-0-${at}`);
  assertEquals(labelOf(commentOf({ ...label, vms })), { ...label, vms: null });
  for (
    const other of ["", "iris c g", "iris c g g-0 a,b more", "nightly build", "iris ../x g g-0"]
  ) {
    assertEquals(labelOf(other), null, other);
  }
});

Deno.test("how an allocation ended decides what is told of its VMs", () => {
  const told = (state: JobEnd["state"], more: Partial<JobEnd> = {}, facts = {}) => {
    const end = { state, exitCode: null, timeLimit: "01:00:00", nodes: "n[0-1]", ...more };
    const event = eventOf(end, { warned: false, workerCode: null, ...facts });
    return `${event.name}: ${"reason" in event ? event.reason : ""}`;
  };
  assertEquals(told("TIMEOUT"), "preempted: its allocation's time limit (01:00:00) was reached");
  assertEquals(told("PREEMPTED"), "preempted: Slurm preempted its allocation");
  assertEquals(
    told("NODE_FAIL"),
    "failed: a node of its allocation failed (n[0-1]): NODE_FAIL",
  );
  assertEquals(told("OUT_OF_MEMORY"), "failed: its allocation ran out of memory");
  assertEquals(told("CANCELLED"), "gone: its allocation was cancelled by somebody");
  assertEquals(told("FAILED", { exitCode: "7:0" }), "failed: its worker ended: exit code 7");
  assertEquals(told("FAILED", { exitCode: "0:9" }), "failed: its worker ended: signal 9");
  assertEquals(told("COMPLETED", {}, { workerCode: "0" }), "failed: its worker ended: exit code 0");
  assertEquals(
    told("COMPLETED", {}, { warned: true, workerCode: "0" }),
    "preempted: its allocation's time limit (01:00:00) was near, or it was to be preempted",
  );
  assertEquals(told(null), "gone: Slurm does not know its allocation any more");
});

Deno.test("what Slurm shows of a job, and what its accounting keeps, are read alike", () => {
  const shown = "JobId=7 JobName=x UserId=root(0) JobState=TIMEOUT Reason=TimeLimit " +
    "ExitCode=0:15 RunTime=00:01:20 TimeLimit=00:01:00 NodeList=n0 Comment=JobState=FAILED";
  const end = { state: "TIMEOUT", exitCode: "0:15", timeLimit: "00:01:00", nodes: "n0" } as const;
  assertEquals(readShownJob(shown, "x"), end);
  assertEquals(readShownJob("nothing", "x"), null);
  assertEquals(readShownJob(shown, "y")?.state, null);
  assertEquals(readAccounted("y|TIMEOUT|0:15|00:01:00|n0\n", "x"), null);
  assertEquals(readAccounted("x|TIMEOUT|0:15|00:01:00|n0\n", "x"), end);
  assertEquals(readAccounted("x|CANCELLED by 1000|0:0|00:01:00|n0\n", "x")?.state, "CANCELLED");
  assertEquals(readAccounted("", "x"), null);
});

Deno.test("what sbatch says is a quota, a refusal with its field, or nobody's knowledge", () => {
  const said = (words: string, code: number | null = 1) => {
    const refusal = refusalOf({ code, stderr: `sbatch: error: ${words}\n` });
    return refusal.kind === "refused"
      ? `${refusal.error.code} ${refusal.error.field ?? ""}`.trim()
      : refusal.kind;
  };
  const failed = "Batch job submission failed: ";
  const policy =
    "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)";
  assertEquals(said(failed + policy), "quota");
  assertEquals(said("QOSMaxSubmitJobPerUserLimit"), "quota");
  assertEquals(said("AssocGrpSubmitJobsLimit"), "quota");
  assertEquals(said("Slurm job queue full, sleeping and retrying", null), "quota");
  assertEquals(
    said(`${failed}Unable to contact slurm controller (connect failure)`),
    "unavailable",
  );
  assertEquals(said(`${failed}Socket timed out on send/recv operation`), "unanswered");
  assertEquals(said(`${failed}Zero Bytes were transmitted or received`), "unanswered");
  assertEquals(said("", null), "unanswered");
  assertEquals(said(`${failed}Invalid partition name specified`), "invalid partition");
  assertEquals(
    said(`${failed}Invalid account or account/partition combination specified`),
    "invalid account",
  );
  assertEquals(said(`${failed}Invalid qos specification`), "invalid qos");
  assertEquals(
    said(`${failed}Requested time limit is invalid (missing or exceeds some limit)`),
    "invalid timeLimit",
  );
  assertEquals(said(`${failed}Requested node configuration is not available`), "invalid");
  const unknown =
    "sbatch: unrecognized option '--frob'\nTry \"sbatch --help\" for more information\n";
  const refusal = refusalOf({ code: 255, stderr: unknown });
  assert(refusal.kind === "refused");
  assertEquals(refusal.error.field, "options");
  assertEquals(refusal.error.message, "Slurm: unrecognized option '--frob'");
  assertEquals(isOutage({ code: 1, stderr: "scancel: error: Invalid job id specified" }), false);
  assertEquals(isOutage({ code: 1, stderr: "Unable to contact slurm controller" }), true);
});

Deno.test("a group's size, the configuration and its options are asked for, ours come last", () => {
  const group = scaleGroup({
    cpuMilli: 1_500,
    memoryBytes: 64 * 1024 ** 2,
    sliceVms: 2,
    resources: { gpu: 4_000 },
  });
  const args = sbatchArgs(CONFIG, { group, folder: "/s/f", name: "n", comment: "c" });
  assertEquals(args, [
    ...["--nodes=2", "--ntasks=2", "--ntasks-per-node=1", "--cpus-per-task=2", "--mem=576M"],
    ...["--gres=gpu:4", "--partition=gpu", "--account=me", "--qos=high", "--time=90"],
    ...["--constraint=intel", "--parsable", "--job-name=n", "--comment=c", "--no-requeue"],
    ...["--signal=URG@120", "--output=/s/f/batch.log", "--open-mode=append", "--chdir=/"],
    ...["--export=ALL", "/s/f/batch.sh"],
  ]);
});

Deno.test("options that would take the allocation out of our hands are refused by name", () => {
  for (
    const fine of [["--constraint=a"], ["-Ca", "--exclusive"], ["--mem=0"], ["--gres=gpu:a:1"]]
  ) {
    assertEquals(wrongOption(fine), null, fine.join(" "));
  }
  for (
    const wrong of ["--job-name=x", "--job-n=x", "-Jx", "--wrap=ls", "-W", "--array=1-2", "-N2"]
  ) {
    assertEquals(wrongOption([wrong]), `${wrong} is chosen by Iris itself`);
  }
  assertStringIncludes(wrongOption(["--exclusive", "run.sh"]) ?? "", '"run.sh" is no option');
});

Deno.test("what stands in a script is a word, whatever is in it, and no token is", () => {
  const facts: ScriptFacts = {
    ...{ cluster: "c", group: scaleGroup({ attributes: { a: "it's $(x)" } }), slice: "g-0" },
    ...{ folder: "/s/it's", commandFolder: null, program: { command: ["/p q"], env: { A: "b'" } } },
    launch: {
      ...{ controllerUrls: ["https://h:1"], isLoopback: false, token: "secret", trust: "PEM" },
      ...{ insecure: false, version: "1", controllerLostMs: 1, endAfterLostMs: 2 },
    },
  };
  const script = nodeScript(facts);
  assertStringIncludes(script, `'/p q' '--mode=worker' --name="$vm"`);
  assertStringIncludes(script, `'--attr=a=it'\\''s $(x)'`);
  assertStringIncludes(script, `A='b'\\'''; export A`);
  assertStringIncludes(script, `'--tls-ca=/s/it'\\''s/ca.pem'`);
  assertEquals(script.includes("secret"), false);
});
