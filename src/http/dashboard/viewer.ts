/** Who looks at a page, as far as that changes what is on it. Pure. */
import { ACCESS, type Caller, UNLISTED } from "../access.ts";

/** See the head of this file. */
export interface Viewer {
  /** Who sees the same has the same. */
  readonly key: string;
  readonly role: Caller["role"];
  /** Whose jobs and events alone are shown; null for those of all. */
  readonly user: string | null;
  /** Whether a route may be called, about what may be seen. */
  may(route: string): boolean;
}

/** The viewer that a caller is. */
export function viewerOf({ role, user }: Caller): Viewer {
  const own = role === "user" ? user ?? "" : null;
  return {
    ...{ key: `${role} ${own ?? ""}`, role, user: own },
    may: (route) => {
      const access = ACCESS[route] ?? UNLISTED;
      return access === "open" || access[role] !== undefined;
    },
  };
}
