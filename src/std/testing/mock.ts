/**
 * Spies and stubs: local stand-in for the published module of the same name, used through `links`
 * in deno.json. A spy notes the calls of a function, a class or a method; a stub also replaces the
 * method. Both put the method back when they are restored or disposed.
 *
 * @module
 */
export * from "./_mock_asserts.ts";
export * from "./_mock_returns.ts";
export { mockSession, mockSessionAsync, restore } from "./_mock_sessions.ts";
export * from "./_mock_spies.ts";
export * from "./_mock_types.ts";
