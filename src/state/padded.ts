/** An index as a key: order of keys is order of indexes. */
export function padded(index: number): string {
  return String(Math.max(0, index)).padStart(16, "0");
}
