/** What of gRPC both ends share: the methods of link.proto, and settings. */
import { type ChannelOptions, logVerbosity, type ServiceDefinition, setLogVerbosity } from "@grpc/grpc-js";
import { NamedError } from "#std";
import { decodeFrame, encodeFrame, type Frame } from "./frame.ts";

// It would write to standard error what is in the errors already.
setLogVerbosity(logVerbosity.NONE);

/** Counted up when what frames mean changes; a server refuses what it does not speak. */
export const PROTOCOL_VERSION = 1;

const method = (service: string, name: string) => ({
  path: `/drover.link.v1.${service}/${name}`,
  requestStream: true,
  responseStream: true,
  requestSerialize: encodeFrame,
  requestDeserialize: decodeFrame as (bytes: Buffer) => Frame,
  responseSerialize: encodeFrame,
  responseDeserialize: decodeFrame as (bytes: Buffer) => Frame,
});

export const CONTROL = method("NodeLink", "Control");
export const SERVICES = method("NodeLink", "Services");
export const NODE_API = method("NodeLink", "Api");
export const NODE_LINK = { Control: CONTROL, Services: SERVICES, Api: NODE_API } satisfies ServiceDefinition;

export const CALLS = method("Servers", "Calls");
export const SERVER_API = method("Servers", "Api");
export const SERVERS = { Calls: CALLS, Api: SERVER_API } satisfies ServiceDefinition;

export type FrameMethod = typeof CONTROL;

/** A frame is far smaller. */
const GRPC_MESSAGE_BYTES_MAX = 1024 * 1024;
/** Asked so often, and given so long to answer, a dead peer is noticed within ten seconds. */
const KEEPALIVE_MS = 5_000;
const KEEPALIVE_ANSWER_MS = 4_000;

export const CHANNEL_OPTIONS: ChannelOptions = {
  "grpc.keepalive_time_ms": KEEPALIVE_MS,
  "grpc.keepalive_timeout_ms": KEEPALIVE_ANSWER_MS,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.max_receive_message_length": GRPC_MESSAGE_BYTES_MAX,
  "grpc.max_send_message_length": GRPC_MESSAGE_BYTES_MAX,
  "grpc.default_compression_algorithm": 0,
  "grpc.enable_channelz": 0,
};

/** Between servers: who is gone is noticed within three seconds. */
const PEER_KEEPALIVE_MS = 1_000;
const PEER_KEEPALIVE_ANSWER_MS = 1_500;

export const SERVER_CHANNEL_OPTIONS: ChannelOptions = {
  ...CHANNEL_OPTIONS,
  // A connection on which nobody asks for anything ends; a hello has its own limit.
  "grpc.max_connection_idle_ms": 10_000,
  "grpc.max_concurrent_streams": 512,
  "grpc.max_metadata_size": 8 * 1024,
};

/** Between machines of one house nothing is asked of proxies, and no settings are looked up in DNS. */
export const CLIENT_CHANNEL_OPTIONS: ChannelOptions = {
  ...CHANNEL_OPTIONS,
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_retries": 0,
  // A connection of its own for each channel: what is slow on one holds nothing up on the other.
  "grpc.use_local_subchannel_pool": 1,
};

export const PEER_CHANNEL_OPTIONS: ChannelOptions = {
  ...CLIENT_CHANNEL_OPTIONS,
  "grpc.keepalive_time_ms": PEER_KEEPALIVE_MS,
  "grpc.keepalive_timeout_ms": PEER_KEEPALIVE_ANSWER_MS,
};

export type LinkReport = (entry: {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}) => void;

export function refused(message: string, options: { readonly fix?: string; readonly statusCode?: number } = {}): NamedError {
  return new NamedError("LINK_REFUSED", message, { statusCode: 503, ...options });
}
