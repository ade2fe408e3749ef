/** Limits of what is told of VMs, for those who need no schema. Pure. */

/** Lines of a VM's log that are told at most. */
export const MAX_VM_LINES = 10_000;

/** How long a question for more of a VM's log may be held, in ms. */
export const MAX_VM_LOG_WAIT_MS = 10_000;
