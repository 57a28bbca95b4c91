// What a summary must beat: outputs that need no model. A dialogue is lines of "Name: text".

/** The first turn, as it stands. */
export function lead1(dialogue: string): string {
  return turns(dialogue)[0] ?? "";
}

/** The first three turns in one line, as a model's output would be. */
export function lead3(dialogue: string): string {
  return turns(dialogue).slice(0, 3).join(" ");
}

/** What was said in the longest turn (most characters, the first of equals), without the speaker's name. */
export function longestTurn(dialogue: string): string {
  return turns(dialogue)
    .map(withoutSpeaker)
    .reduce((longest, text) => (text.length > longest.length ? text : longest), "");
}

/** Any summary of the training set for row `row` of the test set; the same one for the same seed and row. */
export function randomSummary(trainSummaries: readonly string[], seed: number, row = 0): string {
  if (trainSummaries.length === 0) throw new RangeError("randomSummary: there is no training summary to choose from");
  return trainSummaries[Math.floor((mixed(mixed(seed) ^ row) / 2 ** 32) * trainSummaries.length)]!;
}

function turns(dialogue: string): string[] {
  return dialogue
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** A name is at most 40 characters before a colon and a space ("10:30" is none); a line without one is all text. */
function withoutSpeaker(turn: string): string {
  return turn.replace(/^[^:]{1,40}:(\s+|$)/, "");
}

/** 32 bits that all depend on all 32 bits of `value`: multiplications by odd numbers bring them up, shifts bring them down. */
function mixed(value: number): number {
  let bits = (value + 0x9e3779b9) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x45d9f3b5);
  bits = Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d);
  return (bits ^ (bits >>> 16)) >>> 0;
}
