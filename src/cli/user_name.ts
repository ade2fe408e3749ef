/** Whose jobs are meant by short names. */

/** The part of a command's context that says so. */
interface Environment {
  /** One variable of the environment. */
  env(name: string): string | undefined;
}

/** Whose jobs short names mean: `IRIS_USER`, in a task the user of its job, else the login name. */
export function userName(context: Environment): string {
  const name = context.env("IRIS_USER") ?? context.env("IRIS_JOB")?.split("/")[1] ??
    context.env("USER") ?? context.env("LOGNAME") ??
    loginName() ?? "user";
  return name.replaceAll(/[^\w.-]/g, "_") || "user";
}

/** A job's full name: a short name means one's own job. */
export function fullJobName(context: Environment, name: string): string {
  return name.startsWith("/") ? name : `/${userName(context)}/${name}`;
}

/** The name of this process's user in the system's list of users. */
function loginName(): string | undefined {
  try {
    const users = Deno.readTextFileSync("/etc/passwd").split("\n").map((line) => line.split(":"));
    return users.find(([, , uid]) => uid === String(Deno.uid()))?.[0];
  } catch {
    return undefined;
  }
}
