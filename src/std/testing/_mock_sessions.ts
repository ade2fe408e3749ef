/** Sessions: which spies and stubs of methods are to be restored together. */

/** Something that can be put back. */
interface Restorable {
  restore(): void;
}

type Fn<Self, Args extends unknown[], Return> = (
  this: Self,
  ...args: Args
) => Return;

/** The sessions that are open, the innermost last. */
const sessions: Set<Restorable>[] = [];

/** Puts a mock into the innermost session. */
export function registerMock(mock: Restorable): void {
  if (sessions.length === 0) sessions.push(new Set());
  sessions.at(-1)?.add(mock);
}

/** Takes a mock that was restored out again. */
export function unregisterMock(mock: Restorable): void {
  for (const session of sessions) session.delete(mock);
}

/** Opens a session and returns its id, for {@linkcode restore}. */
export function mockSession(): number;
/** Makes a function that restores, when it returns, what was mocked while it ran. */
export function mockSession<Self, Args extends unknown[], Return>(
  func: Fn<Self, Args, Return>,
): Fn<Self, Args, Return>;
export function mockSession<Self, Args extends unknown[], Return>(
  func?: Fn<Self, Args, Return>,
): number | Fn<Self, Args, Return> {
  if (!func) return sessions.push(new Set()) - 1;
  return function (this: Self, ...args: Args): Return {
    const id = mockSession();
    try {
      return func.apply(this, args);
    } finally {
      restore(id);
    }
  };
}

/** Makes a function that restores, when its promise settles, what was mocked until then. */
export function mockSessionAsync<Self, Args extends unknown[], Return>(
  func: Fn<Self, Args, Promise<Return>>,
): Fn<Self, Args, Promise<Return>> {
  return async function (this: Self, ...args: Args): Promise<Return> {
    const id = mockSession();
    try {
      return await func.apply(this, args);
    } finally {
      restore(id);
    }
  };
}

/**
 * Restores what was mocked in a session and in those opened after it, newest session first.
 *
 * @param id the session; the innermost when left out
 */
export function restore(id?: number): void {
  const from = id ?? Math.max(sessions.length - 1, 0);
  while (sessions.length > from) {
    for (const mock of sessions.pop() ?? []) mock.restore();
  }
}
