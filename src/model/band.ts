/** Priority bands. */

/** What a job is worth beside others; the first is served first. */
export const BANDS = ["production", "interactive", "batch"] as const;

/** See {@linkcode BANDS}. */
export type Band = (typeof BANDS)[number];
