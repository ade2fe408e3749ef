/**
 * What the controller's loops say to each other, and the server to main. Plain data, by structured
 * clone. The core is the hub: every loop talks to it, and only server and autoscaler to each other as
 * well (`src/autoscaler/messages.ts`): about VMs the core decides nothing.
 */
import type { KnownVm } from "./manager_book.ts";
import type { TlsIdentity } from "../host/tls.ts";
import type { ErrorCode } from "../base/errors.ts";
import type { StopReport, TreeNode } from "../lifecycle/part.ts";
import type { PassInput, Placement, PlacementPolicy } from "../scheduler/pass.ts";
import type {
  ClusterStopAnswer,
  ClusterStopRequest,
  JobExplanation,
  JobSpec,
  PurgeRequest,
  WorkerView,
} from "../wire/api.ts";
import type { SubmitMark } from "../store/rows.ts";
import type { EndpointRequest, EndpointView } from "../wire/endpoints.ts";
import type { RegisterRequest, RegisterResponse } from "../wire/reconcile.ts";
import type { Actor } from "../wire/audit.ts";
import type { BuiltInToken } from "../wire/token_roles.ts";
import type { AuditCall, CreateTokenCall, RevokeTokenCall, TokensUsed } from "./token_messages.ts";

/** The names of the core's channels, at its own end. */
export const CORE_CHANNELS = {
  scheduling: "scheduling",
  heartbeat: "heartbeat",
  server: "server",
  autoscaler: "autoscaler",
} as const;

/** The name of every other loop's channel to the core, at its own end. */
export const CORE_CHANNEL = "core";
/** The name of the server's channel to main, at its own end. */
export const MAIN_CHANNEL = "main";
/** The name of the server's channel to the autoscaler, at its own end. */
export const AUTOSCALER_CHANNEL = "autoscaler";

/** Core to scheduling: what waits and where there is room. One pass is under way at a time. */
export interface ToScheduling {
  readonly type: "pass";
  readonly pass: number;
  readonly input: PassInput;
}

/** Scheduling to core. */
export type FromScheduling =
  /** A run of the loop began: passes asked for before are lost. */
  | { readonly type: "hello" }
  | { readonly type: "placed"; readonly pass: number; readonly placement: Placement };

/** What can be asked of a job by its name. */
export type JobVerb = "stop_job" | "hold_job" | "release_job" | "retry_job";

/** Server to core. Each `id` is answered once. */
export type ServerToCore =
  /** A run of the server's loop began: nobody waits for earlier answers. */
  | { readonly type: "hello" }
  | {
    readonly type: "submit";
    readonly id: number;
    readonly spec: JobSpec;
    readonly mark: SubmitMark | null;
    readonly by?: Actor | null;
  }
  | { readonly type: "create_token" } & CreateTokenCall
  | { readonly type: "revoke_token" } & RevokeTokenCall
  | { readonly type: "tokens_used" } & TokensUsed
  | { readonly type: "audit" } & AuditCall
  | { readonly type: "purge"; readonly id: number; readonly request: PurgeRequest }
  | { readonly type: JobVerb | "explain"; readonly id: number; readonly name: string }
  | { readonly type: "register"; readonly id: number; readonly request: RegisterRequest }
  | {
    readonly type: "drain_worker";
    readonly id: number;
    readonly name: string;
    readonly why: string;
  }
  | { readonly type: "release_worker"; readonly id: number; readonly name: string }
  | { readonly type: "register_endpoint"; readonly id: number; readonly request: EndpointRequest };

/** An error as data. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly field?: string;
}

/** A worker as the server shows it and reads logs from it. */
export interface WorkerInfo extends Omit<WorkerView, "lastSeenMs"> {
  /** Wall time of the last answered call, in ms. */
  readonly lastSeenAtMs: number;
  /** For `/v1/logs`. */
  readonly token: string;
  readonly certificate: string | null;
}

/** Core to server. */
export type CoreToServer =
  /** A run of the core began: calls that were not answered never will be. */
  | { readonly type: "begin"; readonly cluster: string; readonly epoch: number }
  /** The job is as the store has it under this generation. */
  | {
    readonly type: "job";
    readonly id: number;
    readonly generation: number;
    readonly warnings: readonly string[];
  }
  | { readonly type: "purged"; readonly id: number; readonly count: number }
  | { readonly type: "explained"; readonly id: number; readonly explanation: JobExplanation | null }
  | { readonly type: "registered"; readonly id: number; readonly response: RegisterResponse }
  /** What was asked of a worker is stored. */
  | { readonly type: "worker"; readonly id: number; readonly worker: WorkerInfo }
  | { readonly type: "endpoint"; readonly id: number; readonly endpoint: EndpointView }
  /** What was asked is stored. */
  | { readonly type: "done"; readonly id: number }
  | { readonly type: "refused"; readonly id: number; readonly refusal: Refusal }
  /** Why nothing new is taken in though the core is up; null when that is over. */
  | { readonly type: "trouble"; readonly line: string | null }
  /** These jobs are different in the store now. */
  | { readonly type: "changed"; readonly names: readonly string[] }
  | { readonly type: "workers"; readonly workers: readonly WorkerInfo[] };

/** How a VM manager elsewhere stopped. */
export interface ManagerStop {
  readonly manager: string;
  /** Null when it did not say. */
  readonly report: StopReport | null;
  /** VMs that it had and where, as it said last; null when it never did. */
  readonly vms: readonly KnownVm[] | null;
  /** Null while it is heard; else when it was heard last, wall time in ms. */
  readonly silentSinceMs: number | null;
}

/** What the cluster's own callers show. */
export interface ClusterTokens {
  readonly admin: string;
  readonly worker: string;
  /** What tokens of tasks are made with; without it no task has one. */
  readonly task?: string;
  /** The worker token of before, and until when it is taken: wall time in ms. */
  readonly oldWorker?: { readonly token: string; readonly untilMs: number };
}

/** Server to main. */
export type ServerToMain =
  | {
    readonly type: "stop_cluster";
    readonly id: number;
    readonly request: ClusterStopRequest;
    /** The hash of the token that asked, which may read the report. */
    readonly asker?: string | null;
  }
  /** One of the cluster's tokens is another one from now on. */
  | {
    readonly type: "rotate_token";
    readonly id: number;
    readonly which: BuiltInToken;
    readonly token: string;
    /** How long the one of before is still taken, in ms. */
    readonly graceMs: number;
  }
  | {
    readonly type: "managers_stopped";
    readonly id: number;
    readonly managers: readonly ManagerStop[];
  };

/** Main to server. */
export type MainToServer =
  /** How everything is: sent when it changed, and a few times a second. */
  | {
    readonly type: "status";
    readonly tree: TreeNode;
    /** One line for each loop that is down or stalled. */
    readonly problems: readonly string[];
    readonly closing: boolean;
    /** What callers are known by now. */
    readonly tokens?: ClusterTokens;
    /** What the server is to show from now on; left out as long as that is what it began with. */
    readonly tls?: TlsIdentity;
  }
  | { readonly type: "rotated"; readonly id: number; readonly tokens: ClusterTokens }
  /** VM managers elsewhere are to end all that is theirs, within so many ms. */
  | { readonly type: "stop_managers"; readonly id: number; readonly remainingMs: number }
  | { readonly type: "stopping"; readonly id: number; readonly answer: ClusterStopAnswer }
  | { readonly type: "refused"; readonly id: number; readonly refusal: Refusal };

/** What the core is told by whoever composes it. Plain data. */
export interface CoreConfig {
  /** The database file; its folder exists. */
  readonly database: string;
  /** Used when the store is new; an existing store keeps its own. */
  readonly clusterId: string;
  /** Whether the database goes with the cluster's process: then nothing waits for the disk. */
  readonly temporary?: boolean;
  /** How free workers are chosen between. */
  readonly placement: PlacementPolicy;
  /** Jobs that are done are forgotten after this long, in ms; null for never. */
  readonly retentionMs: number | null;
  /** Beyond this many bytes the store takes in no new jobs; null for no limit. */
  readonly maxStoreBytes: number | null;
  /** What tasks get when the cluster stops, in ms; null when they do not end with the controller. */
  readonly stopTimeoutMs: number | null;
  /** Told to workers: one that does not answer for this long is given up, in ms. */
  readonly graceMs?: number;
  /** The program's version; workers of one that does not fit are refused. */
  readonly version?: string;
  /** What tokens of tasks are made with; null when tasks get none. */
  readonly taskSecret?: string | null;
}

/** What the core says with `ready`. */
export interface CoreReady {
  readonly cluster: string;
  readonly epoch: number;
}
