/** plugin "docker" { config { … } }: nomad.md §1.13. */
import { alike, block, later, quiet, used, type KeyTable } from "./key.ts";

export const DOCKER_KEYS: KeyTable = {
  // Drover's own: false leaves docker alone where one runs.
  enabled: used("flag"),
  endpoint: used("text"),
  auth: block(alike("config helper", used("text"))),
  tls: block(alike("cert key ca", used("text"))),
  ...alike("extra_labels allow_caps allow_runtimes", used("texts")),
  gc: block({
    ...alike("image container", used("flag")),
    image_delay: used("duration"),
    dangling_containers: block({ ...alike("enabled dry_run", used("flag")), ...alike("period creation_grace", used("duration")) }),
  }),
  volumes: block({ enabled: used("flag"), selinuxlabel: used("text") }),
  ...alike("allow_privileged disable_log_collection", used("flag")),
  nvidia_runtime: used("text"),
  infra_image: used("text"),
  ...alike("infra_image_pull_timeout image_pull_timeout pull_activity_timeout", used("duration")),
  ...alike("container_exists_attempts oom_score_adj pids_limit", used("whole")),
  allowed_modes: block(alike("pid ipc userns uts", used("texts"))),
  logging: later("free", "logs of containers are collected as all tasks' are; a task's own logging block counts"),
  windows_allow_insecure_container_admin: quiet("flag"),
};
