/**
 * Makers that need nothing but this process: for tests, simulations and the dev agent. Each passes the conformance suite of its port.
 */
export { createMemoryLink } from "./link.ts";
export type { MemoryLink } from "./link.ts";
export { memoryKeyEncryption, type MemoryKeyEncryption } from "./key-encryption.ts";
export { createMemoryDisk, openMemoryLog, openMemorySnapshots, type MemoryDisk } from "./log.ts";
export { createMemoryCatalog, type MemoryCatalog } from "./catalog.ts";
export { createVirtualClock, type VirtualClock } from "./clock.ts";
export { createSeededRandom } from "./random.ts";
export { mockDevices } from "./mock-devices.ts";
export { mockDriver } from "./mock-driver.ts";
export type { MockDriverOptions, MockTask } from "./mock-driver.ts";
export { memoryNetworks, type MemoryNetworks, type MemoryNetworksOptions } from "./networks.ts";
export { createMemoryTokenExchange, type MemoryTokenExchange } from "./token-exchange.ts";
export { createMemoryThings, type MemoryLease, type MemoryThings } from "./things.ts";
export { createMemoryMesh, type MemoryMesh } from "./mesh.ts";
export { createMemoryProxies, WELL_PROXY, type MemoryProxies } from "./proxies.ts";
export { memorySharedLog, type MemorySharedLogOptions } from "./shared-log.ts";
export { createMemorySharedWorld, type MemorySharedContent, type MemorySharedRequest, type MemorySharedWorld } from "./shared-log-world.ts";
export { memoryMembership, type MemoryMembershipWorld } from "./membership.ts";
export { createMemoryPeerNetwork, type MemoryPeerCall, type MemoryPeerEnd, type MemoryPeerNetwork } from "./peers.ts";
