/** A server's own id: made once, kept on its disk, the same through every change of name and address. */
import type { Random } from "#ports";
import type { MakerDisk } from "./maker.ts";

const PATH = "server-id";

export async function readServerId(disk: MakerDisk, random: Random): Promise<string> {
  const kept = (await disk.read(PATH))?.trim();
  if (kept !== undefined && kept !== "") return kept;
  const id = random.uuid();
  await disk.write(PATH, `${id}\n`);
  return id;
}
