/** An agent that sets one network up, and does not live to see it: its plugin kills it. */
import { cniNetworks, type CniNetworksOptions } from "#integrations/cni";
import type { NetworkRequest } from "#ports";

const [options = "", request = ""] = process.argv.slice(2);
const read = JSON.parse(options) as Omit<CniNetworksOptions, "nameservers">;
await cniNetworks({ ...read, nameservers: () => [] }).setUp(JSON.parse(request) as NetworkRequest, new AbortController().signal);
