// Numbers as options take them.
import { InvalidArgumentError, Option } from "commander";
import { parseBytes } from "../recipes/planDisk.js";

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

/** --no-repeat-ngram-size, which commander would take for the opposite of --repeat-ngram-size. */
export function noRepeatOption(): Option {
  const option = new Option("--no-repeat-ngram-size <n>", "no sequence of n tokens twice in an answer").argParser(whole);
  option.negate = false;
  return option;
}

export function count(text: string): number {
  const value = whole(text);
  if (value < 1 || value > 65_536) throw new InvalidArgumentError("expected a whole number from 1 to 65536");
  return value;
}

/** "8GiB", "500MB". */
export function bytes(text: string): number {
  const value = parseBytes(text);
  if (value === null || value === 0) throw new InvalidArgumentError("expected a size, such as 8GiB or 500MB");
  return value;
}
