/** Limits of what is told of VMs, for those who need no schema. Pure. */

/** Lines of a VM's log that are told at most. */
export const MAX_VM_LINES = 10_000;
