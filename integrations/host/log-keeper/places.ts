/** Where the keeper's things are, below the node's state directory. Tasks cannot reach any of it. */
import path from "node:path";
import { nameOf } from "../process/label.ts";

export interface KeeperPlaces {
  readonly directory: string;
  readonly socketName: string;
  /** One JSON file a registration. */
  readonly registry: string;
  readonly pipes: string;
}

export function keeperPlaces(stateDirectory: string): KeeperPlaces {
  const directory = path.join(path.resolve(stateDirectory), "log-keeper");
  return { directory, socketName: "socket", registry: path.join(directory, "registry"), pipes: path.join(directory, "pipes") };
}

export function registryFile(places: KeeperPlaces, id: string): string {
  return path.join(places.registry, `${nameOf(id)}.json`);
}

export function pipePaths(places: KeeperPlaces, id: string): { readonly stdoutPath: string; readonly stderrPath: string } {
  const base = path.join(places.pipes, nameOf(id));
  return { stdoutPath: `${base}.stdout.fifo`, stderrPath: `${base}.stderr.fifo` };
}
