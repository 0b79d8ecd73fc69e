/**
 * What every maker of Networks promises: a suite to run over each. What only a real machine can show is in networks-machine.ts.
 *
 *   networksConformance({ name: "memory", make: async (wish) => ({ networks, close }) })
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AllocationId } from "#model";
import type { NetworkRequest, Networks } from "#ports";
import { NamedError } from "#std";

export interface NetworksWish {
  /** How many addresses the bridge's subnet holds for allocations. */
  readonly addresses?: number;
}

export interface NetworksUnderTest {
  readonly networks: Networks;
  /** Something of this network is lost that can be given back with its tasks in it. */
  lose(id: AllocationId): Promise<void>;
  /** Everything of it is gone from the machine afterwards. */
  close(): Promise<void>;
}

export interface NetworksMaker {
  readonly name: string;
  /** A network of an operator's with this name is there: cni/mine. */
  make(wish: NetworksWish): Promise<NetworksUnderTest>;
}

export const NEVER = new AbortController().signal;

export function allocation(number: number): AllocationId {
  return `aaaaaaaa-0000-4000-8000-${String(number).padStart(12, "0")}` as AllocationId;
}

export function aRequest(number: number, more: Partial<NetworkRequest> = {}): NetworkRequest {
  return {
    id: allocation(number),
    mode: "bridge",
    ports: [],
    hostname: "",
    dns: null,
    arguments: {},
    redirect: null,
    holderPid: 0,
    ...more,
  };
}

export function aPort(hostPort: number, to = 8080, hostIp = ""): NetworkRequest["ports"][number] {
  return { label: "http", hostPort, to, hostIp };
}

const hasCode = (code: string) => (error: unknown) => error instanceof NamedError && error.code === code;

export function networksConformance(maker: NetworksMaker): void {
  describe(`networks, ${maker.name}`, () => {
    const check = (
      sentence: string,
      body: (networks: Networks, under: NetworksUnderTest) => Promise<void>,
      wish: NetworksWish = {},
    ): void => {
      test(sentence, { timeout: 60_000 }, async () => {
        const under = await maker.make(wish);
        try {
          await under.networks.settle();
          await body(under.networks, under);
        } finally {
          for (const id of await under.networks.list()) await under.networks.tearDown(id);
          await under.close();
        }
      });
    };

    check("each allocation has an address of its own, and is found with it", async (networks) => {
      const [one, two] = await Promise.all([networks.setUp(aRequest(1), NEVER), networks.setUp(aRequest(2), NEVER)]);
      assert.notEqual(one.address, two.address);
      assert.match(one.namespacePath, /^\/run\/netns\/drover-[0-9a-f]{8}-aaaaaaaa-0000-4000-8000-000000000001$/);
      assert.equal(one.interface, "eth0");
      assert.notEqual(one.gateway, "");
      assert.deepEqual(await networks.find(allocation(1)), one);
      assert.deepEqual(await networks.list(), [allocation(1), allocation(2)]);
    });

    check("set up again, a network is the same", async (networks) => {
      const request = aRequest(1, { ports: [aPort(28_001)] });
      const one = await networks.setUp(request, NEVER);
      assert.deepEqual(await networks.setUp(request, NEVER), one);
      const [two, three] = await Promise.all([networks.setUp(request, NEVER), networks.setUp(request, NEVER)]);
      assert.deepEqual([two, three], [one, one]);
      assert.deepEqual(await networks.list(), [allocation(1)]);
    });

    check("what was taken down is not found, and may be taken down again; what never was, too", async (networks) => {
      await networks.setUp(aRequest(1), NEVER);
      await networks.tearDown(allocation(1));
      await networks.tearDown(allocation(1));
      await networks.tearDown(allocation(7));
      assert.equal(await networks.find(allocation(1)), undefined);
      assert.equal(await networks.find(allocation(7)), undefined);
      assert.deepEqual(await networks.list(), []);
    });

    check(
      "what was lost of one network is given back to that one alone, with its address; all of them are when settled",
      async (networks, under) => {
        const [one, two] = [await networks.setUp(aRequest(1), NEVER), await networks.setUp(aRequest(2), NEVER)];
        assert.deepEqual(await networks.mend(allocation(1)), [], "nothing was lost");
        for (const number of [1, 2]) await under.lose(allocation(number));
        assert.deepEqual([await networks.find(allocation(1)), await networks.find(allocation(2))], [undefined, undefined]);
        assert.match((await networks.mend(allocation(1))).join("\n"), /aaaaaaaa-0000-4000-8000-000000000001/);
        assert.deepEqual([await networks.find(allocation(1)), await networks.find(allocation(2))], [one, undefined]);
        assert.match((await networks.settle()).join("\n"), /aaaaaaaa-0000-4000-8000-000000000002/);
        assert.deepEqual(await networks.find(allocation(2)), two);
      },
    );

    check("nothing is made by mending: what never was and what was taken down stays gone", async (networks) => {
      await networks.setUp(aRequest(1), NEVER);
      await networks.tearDown(allocation(1));
      assert.deepEqual([await networks.mend(allocation(1)), await networks.mend(allocation(7))], [[], []]);
      assert.deepEqual(await networks.list(), []);
    });

    check("a hostname is the one asked for, or the beginning of the allocation's id", async (networks) => {
      assert.equal((await networks.setUp(aRequest(1, { hostname: "web-1" }), NEVER)).hostname, "web-1");
      assert.equal((await networks.setUp(aRequest(2), NEVER)).hostname, "aaaaaaaa");
    });

    check("mode none has a namespace and no address", async (networks) => {
      const one = await networks.setUp(aRequest(1, { mode: "none" }), NEVER);
      assert.deepEqual([one.interface, one.address, one.gateway], ["", "", ""]);
      assert.deepEqual(await networks.find(allocation(1)), one);
      assert.deepEqual(await networks.setUp(aRequest(1, { mode: "none" }), NEVER), one);
    });

    check("a network of an operator's is asked for by its name; an unknown one is refused, and leaves nothing", async (networks) => {
      const one = await networks.setUp(aRequest(1, { mode: "cni/mine" }), NEVER);
      assert.notEqual(one.address, "");
      assert.deepEqual(await networks.find(allocation(1)), one);
      await assert.rejects(networks.setUp(aRequest(2, { mode: "cni/yours" }), NEVER), hasCode("NETWORK_UNKNOWN"));
      assert.deepEqual(await networks.list(), [allocation(1)]);
    });

    check("a port that another allocation has is refused, and leaves nothing", async (networks) => {
      await networks.setUp(aRequest(1, { ports: [aPort(28_002)] }), NEVER);
      await assert.rejects(networks.setUp(aRequest(2, { ports: [aPort(28_002)] }), NEVER), hasCode("NETWORK_PORT_TAKEN"));
      assert.deepEqual(await networks.list(), [allocation(1)]);
      await networks.tearDown(allocation(1));
      await networks.setUp(aRequest(2, { ports: [aPort(28_002)] }), NEVER);
    });

    check(
      "when every address is in use the next is refused, and has one as soon as one is free",
      async (networks) => {
        const numbers = [1, 2, 3, 4, 5];
        const given = await Promise.all(numbers.map((number) => networks.setUp(aRequest(number), NEVER)));
        assert.equal(new Set(given.map((one) => one.address)).size, 5);
        await assert.rejects(networks.setUp(aRequest(6), NEVER), hasCode("NETWORK_SUBNET_EXHAUSTED"));
        assert.equal((await networks.list()).length, 5);
        await networks.tearDown(allocation(3));
        assert.equal((await networks.setUp(aRequest(6), NEVER)).address, given[2]?.address);
      },
      { addresses: 5 },
    );

    check("one that is not wanted any more is not set up", async (networks) => {
      await assert.rejects(networks.setUp(aRequest(1), AbortSignal.abort(new Error("not wanted"))), /not wanted/);
      assert.deepEqual(await networks.list(), []);
    });

    check("the node says which modes it can do, and every finding that is not good says how to mend it", async (networks) => {
      const { networks: modes, attributes } = await networks.describe();
      assert.deepEqual(
        modes.map((one) => one.Mode),
        ["bridge", "cni/mine"],
      );
      assert.equal(attributes["nomad.bridge.hairpin_mode"], "false");
      for (const finding of await networks.preflight())
        assert.equal(finding.fix === "", finding.standing === "good", JSON.stringify(finding));
    });
  });
}
