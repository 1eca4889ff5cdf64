// What a word without quotes is to Docker Compose: its reader of YAML knows more kinds of numbers than YAML 1.2 has, and writes them its own way.

/** A number with a point, or one that is too large for a whole one. */
export class Inexact {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }

  /** As Go prints it: the shortest digits, with an exponent from a million on. */
  toString(): string {
    if (Object.is(this.value, -0)) return '-0';
    const [digits = '', exponent = '0'] = this.value.toExponential().split('e');
    if (Number(exponent) >= -4 && Number(exponent) < 6) return String(this.value);
    const [, sign = '+', places = ''] = /^([+-])(\d+)$/.exec(exponent) ?? [];
    return `${digits}e${sign}${places.padStart(2, '0')}`;
  }
}

/** What Compose takes for something else than a text or a number that it can write: infinity, and dates. */
export class Odd {
  readonly isDate: boolean;

  constructor(source: string) {
    this.isDate = DATE.test(source);
  }
}

/** Whole numbers keep all their digits. */
export type Plain = null | boolean | bigint | Inexact | Odd | string;

const NULLS = ['', '~', 'null', 'Null', 'NULL'];
const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ...['true', 'True', 'TRUE'].map((word): [string, boolean] => [word, true]),
  ...['false', 'False', 'FALSE'].map((word): [string, boolean] => [word, false]),
]);
const DATE = /^\d{4}-\d{1,2}-\d{1,2}([Tt ].*)?$/;
const NO_NUMBER = /^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$/;
const WHOLE = /^([-+]?)(0[xX][\da-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9]\d*)$/;
const NUMBER = /^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$/;
const [LEAST, MOST] = [-(2n ** 63n), 2n ** 64n - 1n];

export function resolve(source: string): Plain {
  if (NULLS.includes(source)) return null;
  const flag = FLAGS.get(source);
  if (flag !== undefined) return flag;
  if (DATE.test(source) || NO_NUMBER.test(source)) return new Odd(source);
  if (!/^[-+.\d]/.test(source)) return source;
  const digits = source.replaceAll('_', '');
  const whole = wholeOf(digits);
  if (whole !== undefined) return whole;
  const number = NUMBER.test(digits) ? Number(digits) : Number.POSITIVE_INFINITY;
  return Number.isFinite(number) ? new Inexact(number) : source;
}

function wholeOf(digits: string): bigint | undefined {
  const [, sign, amount = ''] = WHOLE.exec(digits) ?? [];
  if (sign === undefined) return undefined;
  // A number that begins with 0 is octal.
  const positive = BigInt(amount.replace(/^0(?=[0-7])/, '0o').toLowerCase());
  const value = sign === '-' ? -positive : positive;
  return value < LEAST || value > MOST ? undefined : value;
}
