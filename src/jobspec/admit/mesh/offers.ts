/** Which services a job brings into the mesh. */
import type { Job, Service } from "#model";

/** By its own services, or by what its terminating gateway leads to. A name that is filled in on the node may be any that fits. */
export function offersService(job: Job, name: string): boolean {
  return job.TaskGroups.some((group) =>
    [...group.Services, ...group.Tasks.flatMap((task) => task.Services)].some((service) =>
      offered(service).some((each) => fits(each, name)),
    ),
  );
}

function offered(service: Service): readonly string[] {
  return [service.Name, ...(service.Connect?.Gateway?.Terminating?.Services ?? []).map((each) => each.Name)];
}

function fits(written: string, name: string): boolean {
  if (written === "*" || written === name) return true;
  if (!written.includes("${")) return false;
  const parts = written.split(/\$\{[^}]*\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(name);
}
