// SentencePiece's precompiled character map, the normaliser of T5's tokenizer.json (an NFKC with changes of its own).
// Blob: u32 trie bytes (little-endian), a double-array trie of u32 units (Aoe 1989, in the layout of darts-clone), then
// replacement texts, each ended by NUL. @huggingface/tokenizers approximates it by NFKC, which differs on combining marks.

import { dataError } from "../errors.js";

/**
 * The normaliser of one blob, in base64. It does as Hugging Face's tokenizers do: a grapheme of less than 6 bytes is replaced
 * whole by the entry of its shortest prefix in the trie (so a mark after a replaced character goes with it); else character
 * by character. Throws (data) on a blob that is cut or malformed.
 */
export function precompiledNormalizer(base64: string, where: string): (text: string) => string {
  const lookUp = openCharsmap(base64, where);
  // printable ASCII, tab and newline never join to a grapheme, and segmenting is slow: they go through a table
  const ascii = Array.from({ length: 128 }, (_, code) => lookUp(String.fromCharCode(code)) ?? String.fromCharCode(code));
  const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
  return (text) => {
    let out = "";
    if (SIMPLE.test(text)) {
      for (let i = 0; i < text.length; i++) out += ascii[text.charCodeAt(i)];
      return out;
    }
    for (const segment of graphemes(text, segmenter)) {
      const whole = utf8Length(segment) < 6 ? lookUp(segment) : undefined;
      if (whole !== undefined) out += whole;
      else for (const character of segment) out += lookUp(character) ?? character;
    }
    return out;
  };
}

/**
 * Graphemes, a window at a time: Intl.Segmenter takes quadratic time on long texts of joined characters. What begins at a boundary is
 * divided as it would be in the whole text, so a window begins where the last grapheme of the one before did, which may go on.
 */
export function* graphemes(text: string, segmenter: Intl.Segmenter, window = 1024): Generator<string> {
  let begin = 0;
  for (let size = window; begin < text.length; ) {
    let end = begin + size;
    while (/[\ud800-\udbff]/.test(text[end - 1] ?? "")) end++; // half a character would be taken for another one
    const piece = text.slice(begin, end);
    const isLast = end >= text.length;
    let last = "";
    let done = 0;
    for (const { segment } of segmenter.segment(piece)) {
      if (last !== "") yield last;
      done += last.length;
      last = segment;
    }
    if (isLast) {
      yield last;
      return;
    }
    // one grapheme fills the window: a longer one tells where it ends
    size = done === 0 ? 2 * size : window;
    begin += done;
  }
}

const SIMPLE = /^[\x20-\x7e\t\n]*$/;

function utf8Length(text: string): number {
  let length = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return length;
}

/** The replacement of the shortest prefix of `text` that is in the trie, or undefined. */
function openCharsmap(base64: string, where: string): (text: string) => string | undefined {
  const fail = (what: string): never => {
    throw dataError(`${where}: precompiled_charsmap ${what}; fetch tokenizer.json again`);
  };
  let blob: Uint8Array;
  try {
    blob = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  } catch {
    return fail("is not base64");
  }
  if (blob.length < 4) return fail("is cut short");
  const view = new DataView(blob.buffer);
  const trieBytes = view.getUint32(0, true);
  if (trieBytes % 4 || trieBytes > blob.length - 4) return fail("has a wrong size");
  const units = Uint32Array.from({ length: trieBytes / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
  const texts = blob.subarray(4 + trieBytes);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();

  // a unit holds: bit 31 and the low byte its label, bit 8 whether a key ends here, bits 9 and 10.. the offset to its children
  const offsetOf = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6);
  return (text) => {
    if (units.length === 0) return undefined;
    let position = offsetOf(units[0]!);
    for (const byte of encoder.encode(text)) {
      if (byte === 0) return undefined; // NUL ends a key in this format
      position ^= byte;
      const unit = units[position];
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return undefined;
      position ^= offsetOf(unit);
      if (unit & 0x100) {
        const begin = (units[position] ?? 0) & 0x7fffffff;
        const end = texts.indexOf(0, begin);
        return decoder.decode(texts.subarray(begin, end < 0 ? texts.length : end));
      }
    }
    return undefined;
  };
}
