/** Help with asynchronous work: waiting, deadlines, aborting, pools, trying again. */
export * from "./abortable.ts";
export * from "./deadline.ts";
export * from "./delay.ts";
export * from "./pool.ts";
export * from "./retry.ts";
