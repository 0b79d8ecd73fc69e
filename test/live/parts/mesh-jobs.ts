/** Jobs for the mesh's tests, as their authors would write them: a service with a sidecar, and who calls it. The app is http-app's. */
import { httpAppConfig } from "./http-app.ts";

export interface MeshGroup {
  readonly name: string;
  /** Of its service, where that is another; its app answers with the group's. */
  readonly serviceName?: string;
  /** Where the app listens inside; 9000 unless told otherwise. */
  readonly port?: number;
  /** `127.0.0.1`, unless `open`: then all of the allocation, and the port "http" leads there. */
  readonly open?: boolean;
  /** What /upstream asks; with `upstreams`. */
  readonly upstream?: string;
  /** Of `sidecar_service`: HCL of its `proxy { … }`. */
  readonly proxy?: string;
  /** HCL beside `sidecar_service`, in `connect`. */
  readonly connect?: string;
  /** HCL in `service`. */
  readonly service?: string;
  /** HCL in `network`. */
  readonly network?: string;
  /** HCL in the group. */
  readonly more?: string;
}

/** A job of these groups, each with a service of its name that has a sidecar. */
export function meshJob(id: string, groups: readonly MeshGroup[]): string {
  return jobOf(id, groups.map(meshGroup).join("\n"));
}

/** Nothing of it waits longer than it has to. */
export function jobOf(id: string, groups: string): string {
  return `job "${id}" {
  update {
    min_healthy_time = "0s"
  }
  ${groups}
}
`;
}

function meshGroup(group: MeshGroup): string {
  const { name, port = 9000, open = false } = group;
  const words = ["serve", "-listen", `${open ? "" : "127.0.0.1"}:${port}`, "-word", name];
  return `group "${name}" {
    network {
      mode = "bridge"
      ${open ? `port "http" {\n        to = ${port}\n      }` : ""}
      ${group.network ?? ""}
    }
    service {
      name     = "${group.serviceName ?? name}"
      port     = "${port}"
      provider = "consul"
      ${group.service ?? ""}
      connect {
        sidecar_service {
          proxy {
            ${group.proxy ?? ""}
          }
        }
        ${group.connect ?? QUICK_END}
      }
    }
    task "${name}" {
      driver = "exec"
      config {
        ${httpAppConfig(group.upstream === undefined ? words : [...words, "-upstream", group.upstream])}
      }
      resources {
        cpu    = 20
        memory = 32
      }
    }
    ${group.more ?? ""}
  }`;
}

/** A proxy that need not see its clients off, and takes little of the machine. */
export const QUICK_END = `sidecar_task {
          shutdown_delay = "0s"
          resources {
            cpu    = 20
            memory = 64
          }
        }`;

/** `upstreams { … }` with more of it in HCL. */
export function upstreamTo(service: string, port: number, more = ""): string {
  return `upstreams {
              destination_name = "${service}"
              local_bind_port  = ${port}
              ${more}
            }`;
}

/** A group that is a gateway: `gateway` in HCL, with the ports of its network. `port`: the service's label, "" for none. */
export function gatewayGroup(
  name: string,
  gateway: string,
  options: { port?: string; ports?: string; service?: string; mode?: string } = {},
): string {
  const { port = "", ports = "", service = "", mode = "bridge" } = options;
  return `group "${name}" {
    network {
      mode = "${mode}"
      ${ports}
    }
    service {
      name     = "${name}"
      provider = "consul"
      ${port === "" ? "" : `port = "${port}"`}
      ${service}
      connect {
        gateway {
          ${gateway}
        }
        ${QUICK_END}
      }
    }
  }`;
}
