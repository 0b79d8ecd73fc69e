/** Log and link fail. */
import { NamedError } from "#std";
import { pick, type Stage } from "../stage.ts";

export function breakConnection(stage: Stage): void {
  const { world } = stage;
  const node = pick(stage, world.nodes);
  if (world.random.integer(4) === 0) world.link.lose();
  else if (node !== undefined) world.link.lose(node.id);
}

/** Those connected stay, unless all are cut off too; nobody comes back before the while is over. */
export function troubleLink({ world }: Stage): void {
  const { link, random, clock } = world;
  link.refuse(true);
  if (random.integer(2) === 0) link.lose();
  clock.after(500 + random.integer(20_000), () => link.refuse(false));
}

/** For some writes: each takes its time, or fails. */
export function troubleLog({ world }: Stage): void {
  const { disk, random, clock } = world;
  let left = 1 + random.integer(5);
  const fails = random.integer(2) === 0;
  disk.beforeAppend = async () => {
    if (left-- <= 0) {
      disk.beforeAppend = () => Promise.resolve();
      return;
    }
    if (fails) throw new NamedError("LOG_WRITE_FAILED", "Cannot append to log: simulated", { statusCode: 503 });
    await clock.sleep(200);
  };
}
