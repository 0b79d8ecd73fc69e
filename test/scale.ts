/** How long counted tests run: 1 in the gate (about a tenth of the full count), 10 under `npm run soak`. */
export function testScale(): number {
  const scale = Number(process.env["DROVER_TEST_SCALE"] ?? "1");
  return Number.isFinite(scale) && scale > 0 ? scale : 1;
}
