// Porter's stemmer (M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980) with the deviations of NLTK's
// default mode, which is what rouge_score stems with: a pool of irregular words, "ies"/"ied" of short words to "ie",
// "y" to "i" only after a consonant, "alli" taken twice, "bli", "fulli", "logi", and *o for two letters too.
//
// Words are read as [C](VC)^m[V]: m, the measure, counts how often a vowel is followed by a consonant.

/** Words that the rules would spoil, with their stems. */
const POOL = new Map(
  Object.entries({
    sky: ["sky", "skies"],
    die: ["dying"],
    lie: ["lying"],
    tie: ["tying"],
    news: ["news"],
    inning: ["inning", "innings"],
    outing: ["outing", "outings"],
    canning: ["canning", "cannings"],
    howe: ["howe"],
    proceed: ["proceed"],
    exceed: ["exceed"],
    succeed: ["succeed"],
  }).flatMap(([stem, words]) => words.map((word) => [word, stem] as const)),
);

/** A suffix, what takes its place, and when (by default where the rest has a positive measure). */
type Rule = readonly [suffix: string, replacement: string, applies?: (rest: string) => boolean];

const STEP_2: readonly Rule[] = [
  ["ational", "ate"],
  ["tional", "tion"],
  ["enci", "ence"],
  ["anci", "ance"],
  ["izer", "ize"],
  ["bli", "ble"],
  ["alli", "al"],
  ["entli", "ent"],
  ["eli", "e"],
  ["ousli", "ous"],
  ["ization", "ize"],
  ["ation", "ate"],
  ["ator", "ate"],
  ["alism", "al"],
  ["iveness", "ive"],
  ["fulness", "ful"],
  ["ousness", "ous"],
  ["aliti", "al"],
  ["iviti", "ive"],
  ["biliti", "ble"],
  ["fulli", "ful"],
  ["logi", "log", (rest) => measure(`${rest}l`) > 0], // the "l" counts as part of what is measured
];

const STEP_3: readonly Rule[] = [
  ["icate", "ic"],
  ["ative", ""],
  ["alize", "al"],
  ["iciti", "ic"],
  ["ical", "ic"],
  ["ful", ""],
  ["ness", ""],
];

const isLong = (rest: string) => measure(rest) > 1;

const STEP_4: readonly Rule[] = [
  ...["al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent"].map((s) => [s, "", isLong] as const),
  ["ion", "", (rest) => isLong(rest) && /[st]$/.test(rest)],
  ...["ou", "ism", "ate", "iti", "ous", "ive", "ize"].map((s) => [s, "", isLong] as const),
];

/** The stem that NLTK's PorterStemmer gives: porterStem("relational") is "relat". */
export function porterStem(word: string): string {
  const lower = word.toLowerCase();
  const pooled = POOL.get(lower);
  if (pooled !== undefined) return pooled;
  if (lower.length <= 2) return lower;
  const withoutInflection = finalY(pastAndProgressive(plural(lower)));
  return finalE(replaced(replaced(step2(withoutInflection), STEP_3), STEP_4));
}

/** Step 1a. */
function plural(word: string): string {
  if (word.endsWith("ies")) return word.slice(0, word.length === 4 ? -1 : -2);
  if (word.endsWith("sses")) return word.slice(0, -2);
  return word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word;
}

/** Step 1b. */
function pastAndProgressive(word: string): string {
  if (word.endsWith("ied")) return word.slice(0, word.length === 4 ? -1 : -2);
  if (word.endsWith("eed")) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word;
  const rest = word.endsWith("ed") ? word.slice(0, -2) : word.endsWith("ing") ? word.slice(0, -3) : undefined;
  if (rest === undefined || !hasVowel(rest)) return word;
  if (/(at|bl|iz)$/.test(rest)) return `${rest}e`;
  if (endsInDoubleConsonant(rest)) return /[lsz]$/.test(rest) ? rest : rest.slice(0, -1);
  return measure(rest) === 1 && endsShort(rest) ? `${rest}e` : rest;
}

/** Step 1c. */
function finalY(word: string): string {
  if (!word.endsWith("y")) return word;
  const rest = word.slice(0, -1);
  return rest.length > 1 && isConsonant(rest, rest.length - 1) ? `${rest}i` : word;
}

function step2(word: string): string {
  if (word.endsWith("alli") && measure(word.slice(0, -4)) > 0) return step2(word.slice(0, -2));
  return replaced(word, STEP_2);
}

/** The first rule whose suffix fits decides, even where its condition then leaves the word as it is. */
function replaced(word: string, rules: readonly Rule[]): string {
  for (const [suffix, replacement, applies] of rules) {
    if (!word.endsWith(suffix)) continue;
    const rest = word.slice(0, word.length - suffix.length);
    return (applies ? applies(rest) : measure(rest) > 0) ? rest + replacement : word;
  }
  return word;
}

/** Steps 5a and 5b. */
function finalE(word: string): string {
  let stem = word;
  if (word.endsWith("e")) {
    const rest = word.slice(0, -1);
    const m = measure(rest);
    if (m > 1 || (m === 1 && !endsShort(rest))) stem = rest;
  }
  return stem.endsWith("ll") && measure(stem.slice(0, -1)) > 1 ? stem.slice(0, -1) : stem;
}

/** "y" is a consonant at the start and after a vowel. */
function isConsonant(word: string, at: number): boolean {
  const letter = word[at]!;
  if (letter !== "y") return !"aeiou".includes(letter);
  let first = at; // of the run of y's, which alternate
  while (first > 0 && word[first - 1] === "y") first--;
  const firstIsConsonant = first === 0 || !isConsonant(word, first - 1);
  return firstIsConsonant === ((at - first) % 2 === 0);
}

function measure(word: string): number {
  let m = 0;
  let afterVowel = false;
  for (let i = 0; i < word.length; i++) {
    const consonant = isConsonant(word, i);
    if (consonant && afterVowel) m++;
    afterVowel = !consonant;
  }
  return m;
}

function hasVowel(word: string): boolean {
  for (let i = 0; i < word.length; i++) if (!isConsonant(word, i)) return true;
  return false;
}

function endsInDoubleConsonant(word: string): boolean {
  const last = word.length - 1;
  return last > 0 && word[last] === word[last - 1] && isConsonant(word, last);
}

/** Porter's *o: consonant, vowel, consonant other than w, x, y; for NLTK also a word of just vowel, consonant. */
function endsShort(word: string): boolean {
  const last = word.length - 1;
  if (last < 1 || !isConsonant(word, last) || isConsonant(word, last - 1)) return false;
  return last === 1 || (isConsonant(word, last - 2) && !/[wxy]$/.test(word));
}
