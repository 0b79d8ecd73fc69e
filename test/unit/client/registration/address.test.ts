import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Allocation, Node } from "#model";
import { reachedAt, type AddressRequest } from "../../../../src/client/registration/address.ts";
import { anAllocation } from "../stage.ts";
import { aPort } from "./nouns.ts";

const node = { Attributes: { "unique.network.ip-address": "192.0.2.9" }, NodeResources: { Networks: [] } } as unknown as Node;
const made = anAllocation("a");
const Shared = { ...made.AllocatedResources.Shared, Ports: [aPort("http", 20_001, 8080), aPort("same", 20_002)] };
const allocation: Allocation = { ...made, AllocatedResources: { ...made.AllocatedResources, Shared } };
const network = { address: "10.1.0.7", addressIPv6: "fd00::7" };
const docker = { address: "172.17.0.2", advertised: true, ports: { http: 80 } };

const reached = (mode: string, port: string, more: Partial<AddressRequest> = {}) => {
  const found = reachedAt({ mode, port, explicit: "", allocation, task: "", node, network: undefined, driverNetwork: undefined, ...more });
  return typeof found === "string" ? found : `${found.address} ${found.port}`;
};

describe("where a service is reached", () => {
  const table: readonly [string, string, Partial<AddressRequest>, string | RegExp][] = [
    ["auto", "http", {}, "192.0.2.5 20001"],
    ["auto", "http", { network }, "192.0.2.5 20001"],
    ["auto", "http", { explicit: "web.example" }, "web.example 20001"],
    ["auto", "http", { driverNetwork: docker }, "172.17.0.2 80"],
    ["auto", "http", { driverNetwork: { ...docker, advertised: false } }, "192.0.2.5 20001"],
    ["host", "http", { network, driverNetwork: docker }, "192.0.2.5 20001"],
    ["host", "9000", { network }, "192.0.2.5 9000"],
    ["alloc", "http", { network }, "10.1.0.7 8080"],
    ["alloc", "same", { network }, "10.1.0.7 20002"],
    ["alloc", "9000", { network }, "10.1.0.7 9000"],
    ["alloc_ipv6", "http", { network }, "fd00::7 8080"],
    ["driver", "http", { driverNetwork: docker }, "172.17.0.2 80"],
    ["driver", "same", { driverNetwork: docker }, "172.17.0.2 20002"],
    ["driver", "9000", { driverNetwork: docker }, "172.17.0.2 9000"],
    ["alloc", "http", {}, /"alloc" cannot be used: the allocation has no network of its own/],
    ["alloc", "http", { network: { address: "", addressIPv6: "" } }, /has no address/],
    ["alloc_ipv6", "http", { network: { address: "10.1.0.7", addressIPv6: "" } }, /has no IPv6 address/],
    ["driver", "http", { network }, /its driver has no network of its own/],
    ["auto", "nobody", {}, /neither a port label of the group's network nor a number/],
    ["moon", "http", { network }, /there is no such mode/],
  ];
  for (const [mode, port, more, expected] of table) {
    test(`${mode}, port ${port}, ${JSON.stringify(more)}`, () => {
      if (typeof expected === "string") assert.equal(reached(mode, port, more), expected);
      else assert.match(reached(mode, port, more), expected);
    });
  }
});
