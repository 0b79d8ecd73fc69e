/** What is put in a task's place before it starts: artifacts, templates, secrets, identities. nomad.md §1.10. */
import Type, { type Static } from "typebox";
import { block, duration, flag, freeMap, maybeDuration, maybeWhole, text, textMap, texts } from "./field.ts";

const SECOND = 1_000_000_000;

export const Artifact = Type.Object({
  GetterSource: text({ hcl: "source" }),
  GetterOptions: textMap({ hcl: "options" }),
  GetterHeaders: textMap({ hcl: "headers" }),
  GetterMode: text({ hcl: "mode", default: "any" }),
  GetterInsecure: flag({ hcl: "insecure" }),
  RelativeDest: text({ hcl: "destination", default: "local/" }),
  Chown: flag({ hcl: "chown" }),
});
export type Artifact = Static<typeof Artifact>;

export const ChangeScript = Type.Object({
  Command: text({ hcl: "command" }),
  Args: texts({ hcl: "args" }),
  Timeout: duration({ hcl: "timeout", default: 5 * SECOND }),
  FailOnError: flag({ hcl: "fail_on_error" }),
  RunOnFirstRender: flag({ hcl: "run_on_first_render" }),
});

export const WaitConfig = Type.Object({
  Min: maybeDuration({ hcl: "min" }),
  Max: maybeDuration({ hcl: "max" }),
});

export const Template = Type.Object({
  SourcePath: text({ hcl: "source" }),
  DestPath: text({ hcl: "destination" }),
  EmbeddedTmpl: text({ hcl: "data" }),
  ChangeMode: text({ hcl: "change_mode", default: "restart" }),
  ChangeSignal: text({ hcl: "change_signal" }),
  ChangeScript: block(ChangeScript, { hcl: "change_script" }),
  Splay: duration({ hcl: "splay", default: 5 * SECOND }),
  Perms: text({ hcl: "perms", default: "0644" }),
  Uid: maybeWhole({ hcl: "uid" }),
  Gid: maybeWhole({ hcl: "gid" }),
  LeftDelim: text({ hcl: "left_delimiter", default: "{{" }),
  RightDelim: text({ hcl: "right_delimiter", default: "}}" }),
  Envvars: flag({ hcl: "env" }),
  VaultGrace: maybeDuration({ hcl: "vault_grace" }),
  Wait: block(WaitConfig, { hcl: "wait" }),
  ErrMissingKey: flag({ hcl: "error_on_missing_key" }),
  Once: flag({ hcl: "once" }),
  /** Drover's own: "" or "go" for Go's text/template, "handlebars". */
  Engine: text({ hcl: "engine" }),
});
export type Template = Static<typeof Template>;

export const Vault = Type.Object({
  Policies: texts({ hcl: "policies" }),
  Role: text({ hcl: "role" }),
  Namespace: text({ hcl: "namespace" }),
  Cluster: text({ hcl: "cluster", default: "default" }),
  Env: flag({ hcl: "env", default: true }),
  DisableFile: flag({ hcl: "disable_file" }),
  ChangeMode: text({ hcl: "change_mode", default: "restart" }),
  ChangeSignal: text({ hcl: "change_signal" }),
  AllowTokenExpiration: flag({ hcl: "allow_token_expiration" }),
});
export type Vault = Static<typeof Vault>;

export const Consul = Type.Object({
  Cluster: text({ hcl: "cluster", default: "default" }),
  Namespace: text({ hcl: "namespace" }),
  Partition: text({ hcl: "partition" }),
});
export type Consul = Static<typeof Consul>;

export const Identity = Type.Object({
  Name: text({ hcl: "name" }),
  Audience: texts({ hcl: "aud" }),
  ChangeMode: text({ hcl: "change_mode", default: "noop" }),
  ChangeSignal: text({ hcl: "change_signal" }),
  Env: flag({ hcl: "env" }),
  File: flag({ hcl: "file" }),
  Filepath: text({ hcl: "filepath" }),
  ServiceName: text({ hcl: "service_name" }),
  TTL: duration({ hcl: "ttl" }),
  ExtraClaims: textMap({ hcl: "extra_claims" }),
});
export type Identity = Static<typeof Identity>;

export const Secret = Type.Object({
  Name: text(),
  Provider: text({ hcl: "provider" }),
  Path: text({ hcl: "path" }),
  Config: freeMap({ hcl: "config" }),
  Env: textMap({ hcl: "env" }),
});
export type Secret = Static<typeof Secret>;

export const Action = Type.Object({
  Name: text(),
  Command: text({ hcl: "command" }),
  Args: texts({ hcl: "args" }),
});

export const ScheduleCron = Type.Object({
  Start: text({ hcl: "start" }),
  End: text({ hcl: "end" }),
  Timezone: text({ hcl: "timezone", default: "Local" }),
});
export const Schedule = Type.Object({ Cron: block(ScheduleCron, { hcl: "cron" }) });
