/** Who did something, as events tell it. */
import type { Role } from "./token_roles.ts";

/** Who: the token that was shown, and where from. */
export interface Actor {
  readonly role: Role;
  /** Whose token it is; null for those that each cluster has. */
  readonly user: string | null;
  /** The id of the token; null when none was shown that is good for anything. */
  readonly token: string | null;
  /** The address that the call came from. */
  readonly from: string;
}

/** Something that somebody did, or tried to. */
export interface AuditEntry {
  /** Null for somebody unknown, whose login failed. */
  readonly by: Actor | { readonly role: null; readonly from: string };
  /** For instance `stop job`. */
  readonly action: string;
  /** The HTTP status that it was answered with. */
  readonly status: number;
  readonly job: string | null;
  readonly worker: string | null;
  /** What else it is about, for instance the id of a token. */
  readonly about: string | null;
}
