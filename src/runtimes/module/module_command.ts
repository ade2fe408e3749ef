/** How this program is told to be the child process of the runtime `module`. */

/** The first of its arguments; `cli/modes/module.ts` is behind it. */
export const MODULE_COMMAND = "module-task";
