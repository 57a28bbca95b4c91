// Tokens to text as they come, one sequence: a piece is given only when nothing that follows can change it.
import type { Tokenizer } from "../tokenizers/tokenizer.js";

export interface TextStream {
  /** What is sure to be said after these tokens more; often nothing. */
  push(ids: Iterable<number>): string;
  /** What was held back. */
  end(): string;
  /** A stop string has come: nothing follows. */
  readonly isStopped: boolean;
}

/** Text of tokens that a later byte may still complete ends in this. */
const INCOMPLETE = "\ufffd";

/**
 * Held back are characters whose bytes are not all there, and what may be the beginning of a stop string; the stop string itself and what
 * comes behind it are left out. A few tokens are decoded at a time, not the whole sequence: those of the latest piece, since a decoder may
 * treat the first token of a text in a way of its own, and the new ones.
 */
export function textStream(tokenizer: Tokenizer, stopStrings: readonly string[] = []): TextStream {
  let latest: number[] = []; // tokens of the latest piece
  let open: number[] = []; // tokens since
  let held = "";
  let isStopped = false;

  /** Text of the open tokens, unless it may still change. */
  function read(isEnd: boolean): string {
    const before = tokenizer.decode(latest);
    const text = tokenizer.decode([...latest, ...open]);
    if (!isEnd && (text.length <= before.length || text.endsWith(INCOMPLETE))) return "";
    [latest, open] = [open, []];
    return text.slice(before.length);
  }

  function say(text: string, isEnd: boolean): string {
    held += text;
    const stops = stopStrings.map((stop) => held.indexOf(stop)).filter((at) => at >= 0);
    if (stops.length > 0) {
      isStopped = true;
      const said = held.slice(0, Math.min(...stops));
      held = "";
      return said;
    }
    const kept = isEnd ? 0 : Math.max(0, ...stopStrings.map((stop) => overlap(held, stop)));
    const said = held.slice(0, held.length - kept);
    held = held.slice(held.length - kept);
    return said;
  }

  return {
    get isStopped() {
      return isStopped;
    },
    push(ids) {
      let said = "";
      for (const id of ids) {
        if (isStopped) break;
        open.push(id);
        said += say(read(false), false);
      }
      return said;
    },
    end: () => (isStopped ? "" : say(read(true), true)),
  };
}

/** Length of the longest end of `text` that `stop` begins with. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--)
    if (text.endsWith(stop.slice(0, length))) return length;
  return 0;
}

/** A whole text up to the first stop string. */
export function cutAtStop(text: string, stopStrings: readonly string[] = []): string {
  const stops = stopStrings.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  return stops.length > 0 ? text.slice(0, Math.min(...stops)) : text;
}
