/** The seed of a run: DROVER_SEED, else a fresh one. Print it. */
export function seedOfRun(): number {
  const given = process.env["DROVER_SEED"];
  return given === undefined || given === "" ? Math.floor(Math.random() * 2 ** 31) : Number(given);
}

export { createSeededRandom } from "#integrations/memory";
