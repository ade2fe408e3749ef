import { providerContract } from "../../contracts/vm_provider.ts";
import { inGate } from "../../support/require.ts";
import { makeSlurmWorld, SLOW_MS } from "../../support/slurm_provider_world.ts";
import { slurmNeed } from "../../support/slurm_world.ts";

// Slices of one node are what all other tests of this provider have.
providerContract({
  ...{ name: "slurm with slices of two nodes", need: inGate(slurmNeed), slowMs: SLOW_MS },
  world: () => makeSlurmWorld({ sliceVms: 2 }),
});
