/**
 * Writes, wherever they come in: done here by whoever leads, asked of the leader by everybody else (forward.ts), and what another server asks of
 * this one. Under one request id a write happens once.
 */
import type { Clock, PeerOutcome, Peers, SharedLeader } from "#ports";
import { type Codec, type Command, commandVersion, type Outcome, type State } from "#state";
import type { NamedError } from "#std";
import { pause } from "../deadline.ts";
import { COMMAND_BYTES_MAX } from "../limits.ts";
import { noLeader, peerNotLeading, tooLarge } from "../problems.ts";
import { askUntilAnswered, unknownToLeader } from "./forward.ts";
import type { Proposal } from "./leading.ts";
import type { Waiting } from "./requests.ts";

export interface WritesOptions {
  readonly serverId: string;
  readonly state: State;
  readonly codec: Codec;
  readonly waiting: Waiting;
  readonly clock: Clock;
  readonly peers: Peers;
  /** How long a write is tried for. */
  readonly proposeMs: number;
  readonly leader: () => SharedLeader | undefined;
  /** Undefined unless this server leads. */
  readonly lead: (proposal: Proposal) => Promise<Outcome> | undefined;
  readonly leads: () => boolean;
  /** Why this server takes no part. */
  readonly problem: () => NamedError | undefined;
  readonly barrier: (limitMs: number) => Promise<void>;
  readonly signal: AbortSignal;
}

export class Writes {
  readonly #options: WritesOptions;

  constructor(options: WritesOptions) {
    this.#options = options;
  }

  /** Rejects as Cluster.propose does. */
  async propose(command: Command, requestId: string): Promise<Outcome> {
    const { state, codec, clock, waiting, signal, leads, barrier, proposeMs } = this.#options;
    const known = state.outcomeOf(requestId);
    if (known !== undefined) return known;
    // What the leader can read, who may be older than this server.
    const proposal = { version: commandVersion(command.type, state.leadership?.FeatureLevel) ?? 0, requestId, command };
    let bytes: Uint8Array | undefined;
    const encoded = (): Uint8Array => {
      bytes ??= codec.encode({ ...proposal, time: 0 });
      if (bytes.length > COMMAND_BYTES_MAX) throw tooLarge(command, bytes.length);
      return bytes;
    };
    // What it says is fixed here, whatever becomes of the object while it is on its way; the leader encodes it at once anyway.
    if (!leads()) encoded();
    const awaited = waiting.request(requestId);
    const asked = askUntilAnswered(
      { clock, signal, barrier, ask: () => this.#askLeader(encoded, proposal), patience: (delayMs) => pause(clock, delayMs, signal) },
      command,
      requestId,
      proposeMs,
    );
    asked.catch(() => undefined);
    try {
      return await Promise.race([awaited.outcome, asked]);
    } finally {
      awaited.forget();
    }
  }

  /** What another server asks of this one. Rejects with PEER_NOT_LEADING. */
  async forPeer(bytes: Uint8Array, requestId: string): Promise<PeerOutcome> {
    const { state, codec, leads, leader, lead } = this.#options;
    if (!leads()) throw peerNotLeading(leader());
    const known = state.outcomeOf(requestId);
    if (known !== undefined) return known;
    const { version, command } = codec.decode(bytes);
    const proposed = lead({ version, requestId, command });
    if (proposed === undefined) throw peerNotLeading(leader());
    return proposed;
  }

  async #askLeader(encoded: () => Uint8Array, proposal: Proposal): Promise<Outcome> {
    const { lead, peers, serverId } = this.#options;
    const own = lead(proposal);
    if (own !== undefined) return own;
    const leader = this.#options.leader();
    if (leader === undefined || leader.ServerId === serverId) throw this.#nobodyLeads();
    const asked = peers.at(leader.RpcAddress).propose(encoded(), proposal.requestId);
    const answer = await asked.catch((thrown: unknown) => {
      throw unknownToLeader(thrown, proposal.command);
    });
    const outcome = outcomeFrom(answer);
    // Who wrote reads what was written, on this server too: a refused compare-and-set is answered with what stands here, so it must have come here
    // (the simulator found the stale one). What the leader said stands, should waiting fail.
    await this.#appliedHere(answer.index).catch(() => undefined);
    return outcome;
  }

  /** By the state's count of indexes. */
  async #appliedHere(index: number): Promise<void> {
    const { state, waiting } = this.#options;
    while (state.index < index) await waiting.index(state.logIndex + 1, state.logIndex);
  }

  #nobodyLeads(): NamedError {
    const problem = this.#options.problem();
    return problem === undefined ? noLeader("nobody leads at the moment") : noLeader(problem.message, problem);
  }
}

function outcomeFrom({ ok, index, code, reason }: PeerOutcome): Outcome {
  if (ok) return { ok: true, index };
  return { ok: false, index, code: (code ?? "fault") as Extract<Outcome, { ok: false }>["code"], reason: reason ?? "" };
}
