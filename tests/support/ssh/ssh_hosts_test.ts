import { assertEquals, assertNotEquals } from "@std/assert";
import { inGate, needs } from "../require.ts";
import { canHaveSshHosts, makeSshHosts } from "./ssh_hosts.ts";

const need = inGate(await needs("OpenSSH and namespaces (openssh-server)", canHaveSshHosts));

Deno.test({
  name: "hosts of two worlds at the same time have networks of their own, whatever was drawn",
  ...need,
  async fn() {
    await using one = await makeSshHosts({ count: 2 });
    const taken = Number(one.hosts[0]!.address.split(".")[2]);
    await using other = await makeSshHosts({ count: 2, subnet: taken });
    const addresses = [...one.hosts, ...other.hosts].map(({ address }) => address);
    assertEquals(new Set(addresses).size, 4);
    assertNotEquals(Number(other.hosts[0]!.address.split(".")[2]), taken);
  },
});
