/** A person takes a registration out of the registry. Its node puts it back at its next look if the workload still lives. */
import { commit, type ServerContext } from "../context.ts";
import { serviceNotFound } from "../errors.ts";

export async function deleteService(
  context: ServerContext,
  namespace: string,
  name: string,
  id: string,
): Promise<{ readonly Index: number }> {
  const service = context.cluster.state.snapshot().service(id);
  if (service === undefined || service.Namespace !== namespace || service.ServiceName !== name) throw serviceNotFound(id);
  return { Index: await commit(context, { type: "services-delete", IDs: [id] }) };
}
