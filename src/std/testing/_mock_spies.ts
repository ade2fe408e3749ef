/** Spies, which note calls, and stubs, which also replace what is called. */
import { registerMock, unregisterMock } from "./_mock_sessions.ts";
import {
  type ConstructorSpy,
  type GetParametersFromProp,
  type GetReturnFromProp,
  type MethodSpy,
  MockError,
  type Spy,
  type SpyCall,
  type SpyLike,
  type Stub,
} from "./_mock_types.ts";

type Fn<Self, Args extends unknown[], Return> = (
  this: Self,
  ...args: Args
) => Return;

/** A spy on nothing: notes its calls and returns undefined. */
export function spy<
  // deno-lint-ignore no-explicit-any -- the published type
  Self = any,
  // deno-lint-ignore no-explicit-any -- the published type
  Args extends unknown[] = any[],
  Return = undefined,
>(): Spy<Self, Args, Return>;
/** A spy on a function: calls it and notes what happened. */
export function spy<Self, Args extends unknown[], Return>(
  func: (this: Self, ...args: Args) => Return,
): Spy<Self, Args, Return>;
/** A spy on a class: a subclass that notes the calls of its constructor. */
export function spy<Self, Args extends unknown[]>(
  constructor: new (...args: Args) => Self,
): ConstructorSpy<Self, Args>;
/**
 * A spy on a method of an object, or on a static method of a class, until it is restored.
 *
 * @throws {MockError} when there is no such method, it cannot be replaced, or is spied on already
 */
export function spy<Self, Prop extends keyof Self>(
  self: Self,
  property: Prop,
): MethodSpy<
  Self,
  GetParametersFromProp<Self, Prop>,
  GetReturnFromProp<Self, Prop>
>;
export function spy<Self, Args extends unknown[], Return>(
  funcOrConstOrSelf?:
    | Fn<Self, Args, Return>
    | (new (...args: Args) => Self)
    | Self,
  property?: keyof Self,
): SpyLike<Self, Args, Return> {
  if (!funcOrConstOrSelf) {
    return functionSpy<Self, Args, Return>(() => undefined as Return);
  }
  if (property !== undefined) {
    return methodSpy<Self, Args, Return>(funcOrConstOrSelf as Self, property);
  }
  return isClass(funcOrConstOrSelf)
    ? constructorSpy(funcOrConstOrSelf as new (...args: Args) => Self)
    : functionSpy(funcOrConstOrSelf as Fn<Self, Args, Return>);
}

/** Replaces a method of an object by one that does nothing, until it is restored. */
export function stub<Self, Prop extends keyof Self>(
  self: Self,
  property: Prop,
): Stub<Self, GetParametersFromProp<Self, Prop>, GetReturnFromProp<Self, Prop>>;
/**
 * Replaces a method of an object by `func`, until it is restored. The object need not have it yet.
 *
 * @throws {MockError} when it is no method, cannot be replaced, or is replaced already
 */
export function stub<Self, Prop extends keyof Self>(
  self: Self,
  property: Prop,
  func: (
    this: Self,
    ...args: GetParametersFromProp<Self, Prop>
  ) => GetReturnFromProp<Self, Prop>,
): Stub<Self, GetParametersFromProp<Self, Prop>, GetReturnFromProp<Self, Prop>>;
export function stub<Self, Args extends unknown[], Return>(
  self: Self,
  property: keyof Self,
  func?: Fn<Self, Args, Return>,
): Stub<Self, Args, Return> {
  const original = self[property];
  if (original !== undefined && typeof original !== "function") {
    throw new MockError("Cannot stub: property is not an instance method");
  }
  const fake = func ?? (() => undefined as Return);
  const method = replaceMethod<Self, Args, Return>("stub", {
    self,
    property,
    run: fake,
  });
  Object.defineProperty(method, "fake", { enumerable: true, value: fake });
  return method as Stub<Self, Args, Return>;
}

function isClass(value: unknown): boolean {
  return typeof value === "function" &&
    /^class\b/.test(Function.prototype.toString.call(value));
}

function isSpy(value: unknown): value is Spy {
  return typeof value === "function" && "original" in value &&
    "restore" in value &&
    "restored" in value && "calls" in value && Array.isArray(value.calls);
}

/** A function that runs another one and notes what happened, when it has. */
function recorder<Self, Args extends unknown[], Return>(
  run: Fn<Self, Args, Return>,
  calls: SpyCall<Self, Args, Return>[],
): Fn<Self, Args, Return> {
  return function (this: Self, ...args: Args): Return {
    const call: SpyCall<Self, Args, Return> = { args };
    if (this) call.self = this;
    try {
      const returned = run.apply(this, args);
      call.returned = returned;
      return returned;
    } catch (error) {
      call.error = error as Error;
      throw error;
    } finally {
      calls.push(call);
    }
  };
}

function functionSpy<Self, Args extends unknown[], Return>(
  original: Fn<Self, Args, Return>,
): Spy<Self, Args, Return> {
  const calls: SpyCall<Self, Args, Return>[] = [];
  return Object.defineProperties(recorder(original, calls), {
    original: { enumerable: true, value: original },
    calls: { enumerable: true, value: calls },
    restored: { enumerable: true, get: () => false },
    restore: {
      enumerable: true,
      value: () => {
        throw new MockError("Cannot restore: function cannot be restored");
      },
    },
  }) as Spy<Self, Args, Return>;
}

function constructorSpy<Self, Args extends unknown[]>(
  original: new (...args: Args) => Self,
): ConstructorSpy<Self, Args> {
  const calls: SpyCall<Self, Args, Self>[] = [];
  // A class can only extend one whose instance type is known: this one's is not.
  const base = original as unknown as new (...args: unknown[]) => object;
  const ClassSpy = class extends base {
    // deno-lint-ignore constructor-super -- it is called, inside `try`
    constructor(...args: unknown[]) {
      const call: SpyCall<Self, Args, Self> = { args: args as Args };
      try {
        super(...args);
        call.returned = this as unknown as Self;
      } catch (error) {
        call.error = error as Error;
        throw error;
      } finally {
        calls.push(call);
      }
    }
    static override readonly name = original.name;
    static readonly original = original;
    static readonly calls = calls;
    static readonly restored = false;
    static restore() {
      throw new MockError("Cannot restore: constructor cannot be restored");
    }
  };
  return ClassSpy as unknown as ConstructorSpy<Self, Args>;
}

function methodSpy<Self, Args extends unknown[], Return>(
  self: Self,
  property: keyof Self,
): MethodSpy<Self, Args, Return> {
  const original: unknown = self[property];
  if (typeof original !== "function") {
    throw new MockError("Cannot spy: property is not an instance method");
  }
  return replaceMethod("spy", {
    self,
    property,
    run: original as Fn<Self, Args, Return>,
  });
}

/** Puts a recorder of `run` in the place of a method, and knows how to take it away again. */
function replaceMethod<Self, Args extends unknown[], Return>(
  verb: "spy" | "stub",
  method: { self: Self; property: keyof Self; run: Fn<Self, Args, Return> },
): MethodSpy<Self, Args, Return> {
  const { self, property, run } = method;
  const original: unknown = self[property];
  if (isSpy(original)) {
    throw new MockError(`Cannot ${verb}: already spying on instance method`);
  }
  const before = Object.getOwnPropertyDescriptor(self, property);
  if (before && !before.configurable) {
    throw new MockError(`Cannot ${verb}: non-configurable instance method`);
  }
  const calls: SpyCall<Self, Args, Return>[] = [];
  let restored = false;
  const restore = () => {
    if (restored) {
      throw new MockError("Cannot restore: instance method already restored");
    }
    if (before) Object.defineProperty(self, property, before);
    else delete self[property];
    restored = true;
    unregisterMock(replacement);
  };
  const replacement = Object.defineProperties(recorder(run, calls), {
    original: { enumerable: true, value: original },
    calls: { enumerable: true, value: calls },
    restored: { enumerable: true, get: () => restored },
    restore: { enumerable: true, value: restore },
    [Symbol.dispose]: { value: () => replacement.restore() },
  }) as MethodSpy<Self, Args, Return>;
  Object.defineProperty(self, property, {
    configurable: true,
    enumerable: before?.enumerable ?? false,
    writable: before?.writable ?? false,
    value: replacement,
  });
  registerMock(replacement);
  return replacement;
}
