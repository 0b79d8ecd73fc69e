/** The agent that is asked: itself, its host, its health, its members. nomad.md §3.2–3.5. */

export interface AgentMember {
  readonly Name: string;
  readonly Addr: string;
  readonly Port: number;
  readonly Tags: Readonly<Record<string, string>>;
  /** "alive" | "leaving" | "left" | "failed" */
  readonly Status: string;
  readonly ProtocolMin: number;
  readonly ProtocolMax: number;
  readonly ProtocolCur: number;
  readonly DelegateMin: number;
  readonly DelegateMax: number;
  readonly DelegateCur: number;
}

/** GET /v1/agent/members */
export interface AgentMembersAnswer {
  readonly ServerName: string;
  readonly ServerRegion: string;
  readonly ServerDC: string;
  readonly Members: readonly AgentMember[];
}

/** GET /v1/agent/self */
export interface AgentSelfAnswer {
  readonly config: Readonly<Record<string, unknown>>;
  readonly member: AgentMember;
  readonly stats: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** GET /v1/agent/host: secrets among the variables are blanked. */
export interface AgentHostAnswer {
  readonly AgentID: string;
  readonly HostData: {
    readonly OS: string;
    readonly Network: readonly Readonly<Record<string, string>>[];
    readonly ResolvConf: string;
    readonly Hosts: string;
    readonly Environment: Readonly<Record<string, string>>;
    readonly Disk: Readonly<Record<string, { readonly DiskMB: number; readonly UsedMB: number }>>;
  };
}

/** GET /v1/agent/health: 200 when all are ok, else 500 with the same body. */
export interface AgentHealthAnswer {
  readonly client?: { readonly ok: boolean; readonly message: string };
  readonly server?: { readonly ok: boolean; readonly message: string };
}

/** GET /v1/agent/schedulers */
export interface AgentSchedulersAnswer {
  readonly server_id: string;
  readonly schedulers: readonly {
    readonly id: string;
    readonly enabled_schedulers: readonly string[];
    /** RFC 3339 */
    readonly started: string;
    readonly status: string;
    readonly workload_status: string;
  }[];
}

/** GET /v1/agent/schedulers/config */
export interface AgentSchedulersConfigAnswer {
  readonly server_id: string;
  readonly num_schedulers: number;
  readonly enabled_schedulers: readonly string[];
}
