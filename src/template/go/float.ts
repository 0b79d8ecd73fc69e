/** Floats as Go's strconv writes them: the shortest digits that read back, or exactly as many as asked for, half to even. */

/** Significant decimal digits, without a point, and where the point stands: 0.digits × 10^point. */
interface Decimal {
  readonly digits: string;
  readonly point: number;
}

const fields = new DataView(new ArrayBuffer(8));

/** verb: e E f g G b x X; precision -1: as many digits as are needed to read it back. Signs only for negative numbers. */
export function formatFloat(value: number, verb: string, precision: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const magnitude = Math.abs(value);
  if (verb === "b") return sign + binary(magnitude);
  if (verb === "x" || verb === "X") {
    const written = hexadecimal(magnitude, precision);
    return sign + (verb === "X" ? written.toUpperCase() : written);
  }
  return sign + decimal(magnitude, verb, precision);
}

function decimal(magnitude: number, verb: string, precision: number): string {
  if (precision < 0) {
    const shortest = shortestDecimal(magnitude);
    const count = shortest.digits.length;
    if (verb === "e" || verb === "E") return scientific(shortest, count - 1, verb);
    if (verb === "f") return fixed(shortest, Math.max(count - shortest.point, 0));
    return general(shortest, { wanted: 6, shortest: true, verb });
  }
  if (verb === "f") return fixed(roundedDecimal(magnitude, { fraction: precision }), precision);
  if (verb === "e" || verb === "E") return scientific(roundedDecimal(magnitude, { significant: precision + 1 }), precision, verb);
  const wanted = precision === 0 ? 1 : precision;
  return general(roundedDecimal(magnitude, { significant: wanted }), { wanted, shortest: false, verb });
}

function general(rounded: Decimal, how: { readonly wanted: number; readonly shortest: boolean; readonly verb: string }): string {
  const { wanted, shortest, verb } = how;
  const count = rounded.digits.length;
  const limit = !shortest && wanted > count && count >= rounded.point ? count : wanted;
  const exponent = rounded.point - 1;
  if (exponent < -4 || exponent >= limit) {
    const precision = Math.min(shortest ? count : wanted, count) - 1;
    return scientific(rounded, precision, verb === "g" ? "e" : "E");
  }
  return fixed(rounded, Math.max(count - rounded.point, 0));
}

function shortestDecimal(magnitude: number): Decimal {
  if (magnitude === 0) return { digits: "", point: 0 };
  const [mantissa = "", exponent = "0"] = magnitude.toExponential().split("e");
  return { digits: mantissa.replace(".", ""), point: Number(exponent) + 1 };
}

/** Exact, then cut: trailing zeros are dropped. */
function roundedDecimal(magnitude: number, to: { readonly significant?: number; readonly fraction?: number }): Decimal {
  if (magnitude === 0) return { digits: "", point: 0 };
  const { mantissa, exponent } = parts(magnitude);
  // value = whole / 10^scale, exactly.
  const whole = exponent >= 0 ? mantissa << BigInt(exponent) : mantissa * 5n ** BigInt(-exponent);
  const scale = exponent >= 0 ? 0 : -exponent;
  const all = whole.toString();
  const point = all.length - scale;
  const keep = to.significant ?? point + (to.fraction ?? 0);
  if (keep >= all.length) return trimmed(all, point);
  if (keep < 0) return { digits: "", point: 0 };
  return rounded(all, keep, point);
}

function rounded(all: string, keep: number, point: number): Decimal {
  const next = all.charCodeAt(keep) - 48;
  const isHalf = next === 5 && /^0*$/.test(all.slice(keep + 1));
  const isOdd = keep > 0 && (all.charCodeAt(keep - 1) - 48) % 2 === 1;
  const up = isHalf ? isOdd : next >= 5;
  const kept = all.slice(0, keep);
  if (!up) return trimmed(kept, point);
  const raised = (BigInt(kept === "" ? "0" : kept) + 1n).toString();
  return trimmed(raised, raised.length > keep ? point + 1 : point);
}

function trimmed(digits: string, point: number): Decimal {
  const kept = digits.replace(/0+$/, "");
  return kept === "" ? { digits: "", point: 0 } : { digits: kept, point };
}

function fixed(number: Decimal, precision: number): string {
  const { digits, point } = number;
  const whole = point > 0 ? digits.slice(0, point).padEnd(point, "0") : "0";
  if (precision === 0) return whole;
  const fraction = point > 0 ? digits.slice(point) : "0".repeat(-point) + digits;
  return `${whole}.${fraction.slice(0, precision).padEnd(precision, "0")}`;
}

function scientific(number: Decimal, precision: number, letter: string): string {
  const { digits } = number;
  const exponent = digits === "" ? 0 : number.point - 1;
  const rest = precision > 0 ? `.${digits.slice(1, precision + 1).padEnd(precision, "0")}` : "";
  return `${digits[0] ?? "0"}${rest}${letter}${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** value = mantissa × 2^exponent */
function parts(magnitude: number): { readonly mantissa: bigint; readonly exponent: number } {
  fields.setFloat64(0, magnitude);
  const bits = fields.getBigUint64(0);
  const biased = Number(bits >> 52n) & 0x7ff;
  const fraction = bits & 0xfffffffffffffn;
  return biased === 0 ? { mantissa: fraction, exponent: -1074 } : { mantissa: fraction | (1n << 52n), exponent: biased - 1075 };
}

function binary(magnitude: number): string {
  const { mantissa, exponent } = parts(magnitude);
  return `${mantissa}p${exponent < 0 ? "-" : "+"}${Math.abs(exponent)}`;
}

function hexadecimal(magnitude: number, precision: number): string {
  let { mantissa, exponent } = parts(magnitude);
  if (mantissa === 0n) exponent = 0;
  else {
    exponent += 52;
    while (mantissa < 1n << 52n) {
      mantissa <<= 1n;
      exponent--;
    }
  }
  let digits: string;
  if (precision >= 0 && precision < 13) {
    const dropped = BigInt(4 * (13 - precision));
    const rest = mantissa & ((1n << dropped) - 1n);
    const half = 1n << (dropped - 1n);
    let kept = mantissa >> dropped;
    if (rest > half || (rest === half && (kept & 1n) === 1n)) kept++;
    if (kept >= 1n << BigInt(4 * precision + 1)) {
      kept >>= 1n;
      exponent++;
    }
    digits = kept.toString(16).padStart(precision + 1, "0");
  } else {
    digits = mantissa.toString(16).padStart(14, "0");
    digits = precision < 0 ? digits.replace(/(?!^)0+$/, "") : digits.padEnd(precision + 1, "0");
  }
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
  return `0x${digits[0]}${fraction}p${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}
