/**
 * The agent's own API on a socket inside a task's secrets directory (`secrets/api.sock`, NOMAD_UNIX_ADDR): a task talks to the agent
 * without the network. The agent makes it from its API server. nomad.md §2.1, §2.5 "api (socket)".
 *
 * Every request on it needs a token (the task's identity, or an ACL token): without one it is refused with 403 whatever the API's own rules.
 */
export interface TaskSockets {
  /** Replaces what is at `path`. The socket belongs to `owner` (left out: to whom its directory belongs), mode 0600. */
  open(path: string, owner?: { readonly uid: number; readonly gid: number }): Promise<TaskSocket>;
}

export interface TaskSocket {
  /** The file goes too; may be repeated. */
  close(): Promise<void>;
}
