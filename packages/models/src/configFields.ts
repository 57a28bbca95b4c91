// Reading the fields of a Hugging Face config.json: every wrong one is noted, so that a user sees them all at once.

import { printable } from "./errors.js";

export class ConfigFields {
  readonly problems: string[] = [];

  constructor(readonly json: Readonly<Record<string, unknown>>) {}

  /** The field under its first name or an alias of it; two that disagree are a problem. */
  field(names: readonly string[]): unknown {
    const { json } = this;
    const given = names.filter((name) => json[name] !== undefined && json[name] !== null);
    if (given.length > 1 && given.some((name) => json[name] !== json[given[0]!])) {
      this.problems.push(`${given.join(" and ")} disagree`);
    }
    return given.length ? json[given[0]!] : undefined;
  }

  number(names: readonly string[], fallback: number, isValid: (n: number) => boolean, expected: string): number {
    const value = this.field(names) ?? fallback;
    if (typeof value === "number" && isValid(value)) return value;
    this.#wrong(names[0]!, value, expected);
    return fallback;
  }

  size(names: readonly string[], fallback: number): number {
    return this.number(names, fallback, (n) => Number.isSafeInteger(n) && n > 0, "a whole number above 0");
  }

  id(names: readonly string[], fallback: number): number {
    return this.number(names, fallback, (n) => Number.isSafeInteger(n) && n >= 0, "a token id");
  }

  probability(name: string, fallback: number): number {
    return this.number([name], fallback, (n) => n >= 0 && n < 1, "at least 0 and below 1");
  }

  flag(name: string): boolean | undefined {
    const value = this.json[name];
    if (value === undefined || value === null || typeof value === "boolean") return value ?? undefined;
    this.#wrong(name, value, "true or false");
    return undefined;
  }

  #wrong(name: string, value: unknown, expected: string): void {
    this.problems.push(`${name} is ${printable(String(JSON.stringify(value)))}, expected ${expected}`);
  }
}
