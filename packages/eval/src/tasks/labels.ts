// A class read out of what a model said. What names no class is a class of its own (UNPARSED), counted and reported, never dropped.

/** The class of answers that name none, or several. No data set can have it: it holds a character that texts do not. */
export const UNPARSED = "\u2205 none";

/**
 * The label that an answer names: it is the whole answer, or the answer begins with it, or it is the only one in it; compared without
 * case, as whole words. "Positive." and "The sentiment is positive" are "positive"; "not positive but neutral" is UNPARSED.
 */
export function labelReader(labels: readonly string[]): (answer: string) => string {
  const known = labels.map((label) => ({ label, words: wordsOf(label) }));
  // where one label begins another ("very good", "good"), the longer one is looked for first
  const longest = [...known].sort((a, b) => b.words.length - a.words.length);
  return (answer) => {
    const words = wordsOf(answer);
    const exact = known.find((one) => one.words === words);
    if (exact) return exact.label;
    const first = longest.find((one) => one.words !== " " && words.startsWith(one.words));
    if (first) return first.label;
    let rest = words;
    const found = longest.filter((one) => {
      if (one.words === " " || !rest.includes(one.words)) return false;
      rest = rest.replaceAll(one.words, " ");
      return true;
    });
    return found.length === 1 ? found[0]!.label : UNPARSED;
  };
}

/** " words of the text in lower case ": whatever is neither letter nor digit separates, but for the sign of a number. */
function wordsOf(text: string): string {
  const words = text.toLowerCase().match(/[+-](?=\p{N})|[\p{L}\p{M}\p{N}]+/gu) ?? [];
  return ` ${words.join(" ").trim()} `.replace(/^ +$/, " ");
}
