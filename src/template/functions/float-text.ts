/** Floats as strconv reads and writes them. */

const DECIMAL = /^[+-]?(?:\d(?:\d|_(?=\d))*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** undefined: it is no float, or too large for one. */
export function readFloat(text: string): number | undefined {
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special !== null) return /nan/i.test(text) ? Number.NaN : special[1] === "-" ? -Infinity : Infinity;
  const hexadecimal = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?\d{1,5})$/.exec(text);
  if (hexadecimal !== null) {
    const [, sign, before = "", after = "", exponent] = hexadecimal;
    return (sign === "-" ? -1 : 1) * Number.parseInt(`${before}${after}`, 16) * 2 ** (Number(exponent) - 4 * after.length);
  }
  if (!DECIMAL.test(text) || text.includes("_")) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** FormatFloat(value, 'f', -1, 64): never an exponent. */
export function plainFloat(value: number): string {
  const text = String(value);
  const exponent = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (exponent === null) return Object.is(value, -0) ? "-0" : text;
  const [, sign, first, rest = "", power] = exponent;
  const digits = `${first}${rest}`;
  const places = Number(power);
  return places < 0 ? `${sign}0.${"0".repeat(-places - 1)}${digits}` : `${sign}${digits.padEnd(places + 1, "0")}`;
}

/** FormatFloat(value, 'g', -1, 64): an exponent from a million on, or below 0.0001. */
export function shortFloat(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [mantissa = "", power = "0"] = value.toExponential().split("e");
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 6) return plainFloat(value);
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}
