// deno-lint-ignore-file no-explicit-any -- the published types: a spy of unknown kind is a Spy<any>
/** What spies and stubs look like. */

/** One call of a spy. */
export interface SpyCall<
  Self = any,
  Args extends unknown[] = any[],
  Return = any,
> {
  /** What it was called with. */
  args: Args;
  /** What it returned. */
  returned?: Return;
  /** What it threw. */
  error?: Error;
  /** What it was called on. */
  self?: Self;
}

/** A function that notes its calls. */
export interface Spy<Self = any, Args extends unknown[] = any[], Return = any> {
  (this: Self, ...args: Args): Return;
  /** The function behind it. */
  original: (this: Self, ...args: Args) => Return;
  /** Its calls so far. */
  calls: SpyCall<Self, Args, Return>[];
  /** Whether the original method is back in its place. */
  restored: boolean;
  /** Puts the original method back. */
  restore(): void;
}

/** A method that notes its calls. */
export interface MethodSpy<
  Self = any,
  Args extends unknown[] = any[],
  Return = any,
> extends Spy<Self, Args, Return>, Disposable {}

/** A class that notes the calls of its constructor. */
export interface ConstructorSpy<Self = any, Args extends unknown[] = any[]> {
  /** Makes an instance. */
  new (...args: Args): Self;
  /** The class behind it. */
  original: new (...args: Args) => Self;
  /** Its calls so far. */
  calls: SpyCall<Self, Args, Self>[];
  /** Always false: a class is not put anywhere. */
  restored: boolean;
  /** Always throws: there is nothing to put back. */
  restore(): void;
}

/** A method that was replaced by a fake one, which notes its calls. */
export interface Stub<Self = any, Args extends unknown[] = any[], Return = any>
  extends MethodSpy<Self, Args, Return> {
  /** The function that runs in place of the original. */
  fake: (this: Self, ...args: Args) => Return;
}

/** Any spy. */
export type SpyLike<Self = any, Args extends unknown[] = any[], Return = any> =
  | Spy<Self, Args, Return>
  | ConstructorSpy<Self, Args>;

/** What a call is expected to be; what is left out is not checked. */
export interface ExpectedSpyCall<
  Self = any,
  Args extends unknown[] = any[],
  Return = any,
> {
  /** The arguments. */
  args?: [...Args, ...unknown[]];
  /** What it was called on. */
  self?: Self;
  /** What it returned. Of a promise that rejects, expect the error. */
  returned?: Return;
  /** What it threw. */
  error?: {
    /** The class of the error. */
    Class?: new (...args: any[]) => Error;
    /** A part of its message. */
    msgIncludes?: string;
  };
}

/** The arguments of a method. */
export type GetParametersFromProp<Self, Prop extends keyof Self> = Self[Prop] extends
  (...args: infer Args) => unknown ? Args : unknown[];

/** What a method returns. */
export type GetReturnFromProp<Self, Prop extends keyof Self> = Self[Prop] extends
  (...args: any[]) => infer Return ? Return : unknown;

/** Thrown when something cannot be spied on, stubbed, restored, or has nothing left to return. */
export class MockError extends Error {
  /** @param message what is wrong */
  constructor(message: string) {
    super(message);
    this.name = "MockError";
  }
}
