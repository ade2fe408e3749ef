import { providerContract } from "../../contracts/vm_provider.ts";
import { inGate, needs } from "../../support/require.ts";
import { canHaveSshHosts } from "../../support/ssh/ssh_hosts.ts";
import { makeSshWorld } from "../../support/ssh/ssh_world.ts";

const SSH = inGate(await needs("OpenSSH and namespaces (openssh-server)", canHaveSshHosts));

// Slices of one host are what all other tests of this provider have.
providerContract({
  name: "ssh, slices of two hosts",
  need: SSH,
  slowMs: 60_000,
  world: () => makeSshWorld({ count: 2, sliceVms: 2 }),
});
