// Text as it comes: whatever the tokens' borders, the pieces are the whole text, and no piece is taken back.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import { cutAtStop, textStream } from "./textStream.js";

/** Each token is some bytes, as in byte-level BPE: characters may be cut anywhere. */
function bytesTokenizer(pieces: readonly (readonly number[])[]): Tokenizer {
  return {
    decode: (ids: Iterable<number>) => new TextDecoder().decode(Uint8Array.from([...ids].flatMap((id) => [...pieces[id]!]))),
  } as unknown as Tokenizer;
}
/** As SentencePiece: a space in front of each word, but none at the beginning of a text. */
const words: Tokenizer = {
  decode: (ids: Iterable<number>) =>
    [...ids]
      .map((id) => ` w${id}`)
      .join("")
      .slice(1),
} as unknown as Tokenizer;

const cut = (text: string, sizes: readonly number[]): number[][] => {
  const bytes = [...new TextEncoder().encode(text)];
  const pieces: number[][] = [];
  for (let i = 0; bytes.length > 0; i++) pieces.push(bytes.splice(0, sizes[i % sizes.length]!));
  return pieces;
};
const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 8 });

describe("textStream", () => {
  it("gives the whole text, and never half a character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 20 }), sizes, (text, of) => {
        const pieces = cut(text, of);
        const stream = textStream(bytesTokenizer(pieces));
        const said = pieces.map((_, id) => stream.push([id]));
        for (const piece of said) expect(piece.includes("\ufffd") && !text.includes("\ufffd")).toBe(false);
        expect(said.join("") + stream.end()).toBe(bytesTokenizer(pieces).decode(pieces.keys()));
      }),
    );
  });

  it("keeps the spaces between words", () => {
    const stream = textStream(words);
    expect([0, 1, 2].map((id) => stream.push([id]))).toEqual(["w0", " w1", " w2"]);
  });

  it("stops before a stop string across tokens, and says nothing of its beginning", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[abs]{0,12}$/), fc.constantFrom(["abs"], ["sb", "aab"]), sizes, (text, stops, of) => {
        const pieces = cut(text, of);
        const stream = textStream(bytesTokenizer(pieces), stops);
        let said = "";
        for (const id of pieces.keys()) {
          said += stream.push([id]);
          expect(cutAtStop(text, stops).startsWith(said)).toBe(true);
        }
        expect(said + stream.end()).toBe(cutAtStop(text, stops));
        expect(stream.isStopped).toBe(stops.some((stop) => text.includes(stop)));
      }),
    );
  });

  it("gives up what was held back at the end", () => {
    const stream = textStream(bytesTokenizer([[65], [0xc3]]), ["AB"]);
    expect([stream.push([0]), stream.push([1])]).toEqual(["", ""]);
    expect(stream.end()).toBe("A\ufffd");
  });
});
