/** Jobs with many templates, for benchmarks. */
import { eventually, type RealAgent } from "../live/real-agent.ts";

const GROUPS = 5;
const COUNT = 10;
const TEMPLATES_EACH = 20;
/** What each group looks at begins so many after what the group before does. */
const STEP = 10;
export const TEMPLATES = GROUPS * COUNT * TEMPLATES_EACH;
export const KEYS = GROUPS * STEP;

/** TEMPLATES templates in GROUPS × COUNT tasks that sleep; `text` says what looks at the thing of that number, below KEYS. */
export function manyTemplates(id: string, text: (thing: number) => string, more: object = {}): object {
  return {
    ID: id,
    TaskGroups: Array.from({ length: GROUPS }, (_group, group) => ({
      Name: `g${group}`,
      Count: COUNT,
      EphemeralDisk: { SizeMB: 10 },
      Tasks: [
        {
          Name: "t",
          Driver: "raw_exec",
          Config: { command: "/bin/sleep", args: ["3600"] },
          LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 },
          Resources: { CPU: 20, MemoryMB: 10 },
          Templates: Array.from({ length: TEMPLATES_EACH }, (_template, template) => ({
            EmbeddedTmpl: text((group * STEP + template) % KEYS),
            DestPath: `local/${template}`,
            ChangeMode: "noop",
          })),
          ...more,
        },
      ],
    })),
  };
}

export async function submit(agent: RealAgent, job: object): Promise<void> {
  const answer = await agent.request("/v1/jobs", {
    method: "PUT",
    body: JSON.stringify({ Job: { Type: "service", Datacenters: ["*"], ...job } }),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

export async function settled(agent: RealAgent, id: string): Promise<void> {
  await eventually(
    `the deployment of ${id} to be done`,
    async () => (await agent.get<{ Status: string }[]>(`/v1/job/${id}/deployments`))[0]?.Status === "successful",
    120_000,
  );
}
