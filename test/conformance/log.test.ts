import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteLog } from "#integrations/host";
import { createMemoryDisk, openMemoryLog } from "#integrations/memory";
import { logConformance } from "./log.ts";

logConformance({
  name: "memory",
  async place() {
    const disk = createMemoryDisk();
    return { open: async () => openMemoryLog(disk), remove: async () => undefined };
  },
});

logConformance({
  name: "sqlite",
  async place() {
    const folder = await mkdtemp(join(tmpdir(), "drover-log-"));
    return {
      open: () => openSqliteLog({ path: join(folder, "server", "log.sqlite"), clusterId: "c-test" }),
      remove: () => rm(folder, { recursive: true, force: true }),
    };
  },
});
