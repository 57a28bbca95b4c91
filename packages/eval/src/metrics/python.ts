// Where Python's strings differ from JavaScript's, for metrics that must split as the Python packages do.

/** str.isspace(): unlike \s it has the separators 1C-1F and 85, and not the byte order mark. */
const WHITE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const WORD = new RegExp(`[^${WHITE}]+`, "g");
const WHITE_CHARACTER = new RegExp(`[${WHITE}]`);

/** text.split() */
export function splitWords(text: string): string[] {
  return text.match(WORD) ?? [];
}

/** text.rstrip() */
export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && WHITE_CHARACTER.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** string.punctuation: the 32 of ASCII. */
export const PUNCTUATION = /[!-/:-@[-`{-~]/g;
