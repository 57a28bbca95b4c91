// Numbers as options take them.
import { InvalidArgumentError } from "commander";

export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("expected a number");
  return value;
}

/** 0 or more. */
export function whole(text: string): number {
  const value = number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("expected a whole number");
  return value;
}

export function count(text: string): number {
  const value = whole(text);
  if (value < 1 || value > 65_536) throw new InvalidArgumentError("expected a whole number from 1 to 65536");
  return value;
}
