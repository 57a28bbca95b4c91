// Special tokens within data are text, not tokens: a row that contains "</s>" or "<|im_start|>" must not end an answer or forge a turn
// (template injection). A template's own special tokens stay tokens, though, so the two are told apart within one text: a mark stands
// after the first character of each special token that came with data.

/** A noncharacter, which no interchanged text may contain; what data has of it is taken out. */
export const LITERAL_MARK = "\ufdd0";
/** Around the special tokens of the engine that reads marked text. */
const FENCE = "\ufdd1";

/** Text of data, with the special tokens in it marked to be read as text. */
export function literalText(text: string, specialTokens: readonly string[]): string {
  let marked = text.includes(LITERAL_MARK) || text.includes(FENCE) ? text.replace(/[\ufdd0\ufdd1]/g, "") : text;
  for (const token of specialTokens)
    if (token.length > 1 && marked.includes(token)) marked = marked.replaceAll(token, token[0] + LITERAL_MARK + token.slice(1));
  return marked;
}

/** The text as a reader sees it. */
export const withoutMarks = (text: string): string => (text.includes(LITERAL_MARK) ? text.replaceAll(LITERAL_MARK, "") : text);

/** Marked text for the engine of fencedJson: special tokens of the template fenced, those of data as they are. */
export function fencedText(text: string, specialTokens: readonly string[]): string {
  let fenced = text;
  // the longest first: one may be part of another
  for (const token of [...specialTokens].sort((a, b) => b.length - a.length))
    fenced = fenced.replaceAll(token, FENCE + [...token].join(FENCE) + FENCE);
  return fenced.replaceAll(LITERAL_MARK, "");
}

/** A tokenizer.json whose special tokens have names that no text contains, in the vocabulary as well: "</s>" is a piece there. */
export function fencedJson(json: Readonly<Record<string, unknown>>, specialTokens: readonly string[]): Record<string, unknown> {
  const special = new Set(specialTokens);
  const rename = (token: unknown) =>
    typeof token === "string" && special.has(token) ? FENCE + [...token].join(FENCE) + FENCE : token;
  const model = json.model as Record<string, unknown>;
  const vocab = Array.isArray(model.vocab)
    ? (model.vocab as [string, number][]).map(([piece, score]) => [rename(piece), score])
    : Object.fromEntries(Object.entries(model.vocab as Record<string, number>).map(([piece, id]) => [rename(piece), id]));
  return {
    ...json,
    added_tokens: (json.added_tokens as { content: string }[]).map((token) => ({ ...token, content: rename(token.content) })),
    post_processor: null,
    model: { ...model, vocab, ...(model.unk_token === undefined ? {} : { unk_token: rename(model.unk_token) }) },
  };
}
