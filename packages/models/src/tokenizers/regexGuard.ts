// Patterns in a tokenizer.json come from whoever wrote the file, and JavaScript's engine tries every way to match: some patterns take
// longer than the universe on forty characters. What could is refused by its form, before it meets a text.

/** The longest pattern of a tokenizer in use has some 300 characters. */
const MAX_LENGTH = 2000;
/** Repetitions one behind the other share a text between them: with n of them that takes (length of the text)^n steps. */
const MAX_REPEATS = 3;
/** Of what may be there or not, n one behind the other are 2^n ways. */
const MAX_CHOICES = 12;

/** What a branch of a pattern costs, one part behind the other. */
interface Cost {
  /** Repetitions without end. */
  repeats: number;
  /** Parts that match in more than one way: optional ones, alternatives. */
  choices: number;
}

interface Group {
  branch: Cost;
  /** The dearest of the branches before. */
  worst: Cost;
  hasBranches: boolean;
}

/**
 * Why a pattern is refused, or null. A group that is repeated without end must match in one way alone; elsewhere at most 3
 * repetitions (`maxRepeats`, for texts that are short) and 12 choices follow each other.
 */
export function whyDangerous(pattern: string, { maxLength = MAX_LENGTH, maxRepeats = MAX_REPEATS } = {}): string | null {
  if (pattern.length > maxLength) return `has ${pattern.length} characters, at most ${maxLength} are allowed`;
  const outer: Group[] = [];
  let group = newGroup();
  let before: Cost | null = null; // of the group that ended just here
  for (let i = 0; i < pattern.length; ) {
    const repetition = readRepetition(pattern, i);
    if (repetition) {
      const { least, most } = repetition;
      if (most === Infinity) {
        if (before && before.repeats > 0) return "repeats a group that holds a repetition";
        if (before && before.choices > 0) return "repeats a group that holds alternatives or optional parts";
        group.branch.repeats++;
      } else {
        // once more for every time beyond the first
        group.branch.repeats += (before?.repeats ?? 0) * Math.max(0, most - 1);
        group.branch.choices += (before?.choices ?? 0) * Math.max(0, most - 1) + (most - least);
      }
      if (group.branch.repeats > maxRepeats) return `has more than ${maxRepeats} repetitions in a row`;
      if (group.branch.choices > MAX_CHOICES) return `has more than ${MAX_CHOICES} choices in a row`;
      i += repetition.length;
      before = null;
      continue;
    }
    before = null;
    const character = pattern[i]!;
    if (character === "(") {
      outer.push(group);
      group = newGroup();
      i += /^\(\?(?:<?[=!]|<\w+>|[a-z-]*:|>)?/.exec(pattern.slice(i, i + 64))?.[0].length ?? 1;
    } else if (character === ")") {
      const around = outer.pop();
      if (!around) return "closes a group that it does not open";
      const cost = dearest(group.worst, group.branch);
      before = { repeats: cost.repeats, choices: cost.choices + (group.hasBranches ? 1 : 0) };
      around.branch.repeats += before.repeats;
      around.branch.choices += before.choices;
      group = around;
      i++;
      if (group.branch.repeats > maxRepeats) return `has more than ${maxRepeats} repetitions in a row`;
      if (group.branch.choices > MAX_CHOICES) return `has more than ${MAX_CHOICES} choices in a row`;
    } else if (character === "|") {
      group.worst = dearest(group.worst, group.branch);
      group.branch = { repeats: 0, choices: 0 };
      group.hasBranches = true;
      i++;
    } else i = behindAtom(pattern, i);
  }
  return outer.length > 0 ? "opens a group that it does not close" : null;
}

function newGroup(): Group {
  return { branch: { repeats: 0, choices: 0 }, worst: { repeats: 0, choices: 0 }, hasBranches: false };
}

function dearest(a: Cost, b: Cost): Cost {
  return { repeats: Math.max(a.repeats, b.repeats), choices: Math.max(a.choices, b.choices) };
}

/** The quantifier at `at`, with the mark that makes it lazy or possessive; null where there is none. */
function readRepetition(pattern: string, at: number): { least: number; most: number; length: number } | null {
  const match = /^(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})[?+]?/.exec(pattern.slice(at, at + 32));
  if (!match) return null;
  const [text, mark, from, comma, to] = match;
  const { length } = text;
  if (mark === "?") return { least: 0, most: 1, length };
  if (mark) return { least: 0, most: Infinity, length };
  const least = Number(from);
  return { least, most: comma === undefined ? least : to === "" ? Infinity : Number(to), length };
}

/** Behind one character, escape or class. */
function behindAtom(pattern: string, begin: number): number {
  if (pattern[begin] === "\\") return begin + 2;
  if (pattern[begin] !== "[") return begin + 1;
  let depth = 0;
  for (let i = begin; i < pattern.length; i++) {
    if (pattern[i] === "\\") i++;
    else if (pattern[i] === "[" && (depth === 0 || pattern[i + 1] === ":")) depth++;
    else if (pattern[i] === "]" && --depth === 0) return i + 1;
  }
  return pattern.length;
}
