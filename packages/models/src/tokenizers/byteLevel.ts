// GPT-2's pre-tokenizer (Radford et al. 2019; tokenizers/src/pre_tokenizers/byte_level.rs): a text is cut into words, and each word's
// UTF-8 bytes are written as 256 printable characters. Words recur, so what each becomes is remembered.
import { WHITE } from "./whiteSpace.js";

const WORDS = new RegExp(
  `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${WHITE}\\p{L}\\p{N}]+|[${WHITE}]+(?![^${WHITE}])|[${WHITE}]+`,
  "gu",
);

/** Printable Latin-1 stands for itself, the other 68 bytes for U+0100 on. */
const CHARACTER_OF: readonly string[] = (() => {
  const isPrintable = (byte: number) => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++));
})();

/** Words remembered at most; then they are forgotten all at once, and come back within a batch. */
const MOST_WORDS = 50_000;
const LONGEST_WORD = 64;

/** Cuts a text into words of byte characters. */
export function byteLevelWords({
  addPrefixSpace,
  useRegex,
}: {
  addPrefixSpace: boolean;
  useRegex: boolean;
}): (text: string) => string[] {
  const encoder = new TextEncoder();
  const known = new Map<string, string>();
  const spell = (word: string): string => {
    let spelled = known.get(word);
    if (spelled !== undefined) return spelled;
    spelled = "";
    for (const byte of encoder.encode(word)) spelled += CHARACTER_OF[byte];
    if (word.length <= LONGEST_WORD) {
      if (known.size >= MOST_WORDS) known.clear();
      known.set(word, spelled);
    }
    return spelled;
  };
  return (given) => {
    const text = addPrefixSpace && !given.startsWith(" ") ? ` ${given}` : given;
    return (useRegex ? (text.match(WORDS) ?? []) : [text]).map(spell);
  };
}
