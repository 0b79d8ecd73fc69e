/**
 * Tasks as containers, by docker (dockerode).
 *
 * Comes in: dockerDriver({ owner, stateDirectory, config: DockerSettings }), tasks. Goes out: a maker of ports/driver.
 *
 * Invariants: docker's labels are the only memory of what runs (owner, task, allocation; of a network's holder, the allocation), so two
 * agents at one docker never touch each other's and nothing is lost by kill -9; a request is decided by one pure function and sent by
 * one file; a path a task can change is followed to its end before it is mounted; while docker does not answer, no task is said to have
 * ended; passwords and environments stand in no error and no log.
 *
 * Never here: a retry of a start (the client decides), the allocation's network beyond the container that holds it.
 *
 * Read next: driver.ts, request.ts (pure: all that is asked of docker), task-config.ts and volumes.ts (what a task may ask for), images.ts
 * and pull.ts, log-follower.ts (with log-position.ts, pure), exec-session.ts, network-holder.ts with pause-image.ts.
 */
export { dockerDriver } from "./driver.ts";
export type { DockerOptions, DockerReport, DockerSettings } from "./options.ts";
