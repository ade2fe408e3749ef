/** The real clock and timers, kept from before anybody replaced them. */

/** What {@linkcode FakeTime} replaces and restores. */
export const _internals = {
  Date,
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  AbortSignalTimeout: AbortSignal.timeout,
};
