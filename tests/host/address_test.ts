import { assertEquals } from "@std/assert";
import {
  hostOf,
  isIpAddress,
  isLoopback,
  isWildcard,
  parseHostPort,
  portOf,
  urlHost,
  withHost,
} from "../../src/host/address.ts";

Deno.test("a host and a port are read as people write them, IPv6 with and without brackets", () => {
  const read = (text: string) => {
    const found = parseHostPort(text);
    return found === null ? null : [found.host, found.port];
  };
  assertEquals(read("head"), ["head", null]);
  assertEquals(read("head.example:7000"), ["head.example", 7000]);
  assertEquals(read("10.0.0.5:1"), ["10.0.0.5", 1]);
  assertEquals(read("fd00::2"), ["fd00::2", null]);
  assertEquals(read("[fd00::2]"), ["fd00::2", null]);
  assertEquals(read("[fd00::2]:7000"), ["fd00::2", 7000]);
  assertEquals(read("::"), ["::", null]);
  for (
    const wrong of ["", ":7000", "head:", "head:70000", "a b", "10.0.0", "10.0.0.256", "[x]", "-a"]
  ) {
    assertEquals(read(wrong), null, wrong);
  }
});

Deno.test("loopback and the address for every address are told from others", () => {
  const near = ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "a.localhost"];
  assertEquals(near.filter(isLoopback), near);
  const far = ["0.0.0.0", "::", "10.0.0.1", "head", "127.example", "fd00::1"];
  assertEquals(far.filter(isLoopback), []);
  assertEquals([...near, ...far, "[::]", "0::0"].filter(isWildcard), [
    ...["0.0.0.0", "::", "[::]", "0::0"],
  ]);
  assertEquals(["10.0.0.1", "fd00::1", "head"].map(isIpAddress), [true, true, false]);
});

Deno.test("a URL's host is changed and read with the right brackets", () => {
  assertEquals(urlHost("fd00::1"), "[fd00::1]");
  assertEquals(
    withHost("https://0.0.0.0:7", { host: "fd00::1", port: null }),
    "https://[fd00::1]:7",
  );
  assertEquals(withHost("http://[::]:7", { host: "head", port: 9 }), "http://head:9");
  assertEquals([hostOf("http://[fd00::1]:7"), portOf("https://head")], ["fd00::1", 443]);
});
