// JSON for readers in Python, which tells 1 from 1.0: transformers 5 refuses a config whose float fields hold integers.

/** `value` as JSON, indented, with a newline at the end; the fields named in `floats` always have a decimal point or an exponent. */
export function pythonJson(value: object, floats: readonly string[]): string {
  const whole = new RegExp(`^(\\s*"(?:${floats.join("|")})": -?\\d+)(?=,?$)`, "gm");
  return `${JSON.stringify(value, null, 2).replace(whole, "$1.0")}\n`;
}
