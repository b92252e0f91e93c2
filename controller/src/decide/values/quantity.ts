const BINARY = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

/** Kubernetes keeps nothing smaller than a billionth and rounds up to it. */
const NANO_DIGITS = 9;

/** Characters of a text that may be a quantity: arithmetic on a million digits would take long. */
const MAX_LENGTH = 100;

/**
 * A Kubernetes quantity ("0.5", "500m", "1Gi", "2e3", 5) in billionths; undefined if it is none.
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ the grammar
 */
export function parseQuantity(value: unknown): bigint | undefined {
  if (typeof value !== "number" && !(typeof value === "string" && value.length <= MAX_LENGTH)) return undefined;
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(n|u|m|k|M|G|T|P|E|[KMGTPE]i|[eE][+-]?\d{1,3})?$/.exec(String(value));
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", suffix = ""] = match;
  if (whole + fraction === "") return undefined;
  const digits = BigInt(whole + fraction);
  const binary = BINARY.indexOf(suffix);
  const multiplier = binary < 0 ? 1n : 1024n ** BigInt(binary + 1);
  const magnitude = scaled(digits * multiplier, exponentOf(suffix, binary) + NANO_DIGITS - fraction.length);
  return sign === "-" ? -magnitude : magnitude;
}

function exponentOf(suffix: string, binary: number): number {
  if (binary >= 0) return 0;
  if (/^[eE].+$/.test(suffix)) return Number(suffix.slice(1));
  return (DECIMAL.indexOf(suffix) - DECIMAL.indexOf("")) * 3;
}

function scaled(digits: bigint, exponent: number): bigint {
  if (exponent >= 0) return digits * 10n ** BigInt(exponent);
  const divisor = 10n ** BigInt(-exponent);
  return (digits + divisor - 1n) / divisor;
}

/** Whether two quantities mean the same amount, however they are written; false if one is no quantity. */
export function isSameQuantity(left: unknown, right: unknown): boolean {
  const amount = parseQuantity(left);
  return amount !== undefined && amount === parseQuantity(right);
}
