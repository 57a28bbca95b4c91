// A strict JSON reader for headers from outside. JSON.parse keeps the last of two equal keys, rounds integers beyond 2^53,
// lets a key be "__proto__" and has no bound on depth or size; each of these is an attack on a model file.

/** Strings, booleans, null, safe integers written plainly, other numbers as `{ number: text }`, arrays, Maps. */
export type StrictJson = string | boolean | null | number | { number: string } | StrictJson[] | Map<string, StrictJson>;

export interface StrictLimits {
  /** Deepest nesting of objects and arrays. */
  depth: number;
  /** Most keys in one object. */
  keys: number;
}

/** Reads `text`, or throws a SyntaxError that says what is wrong and at which character. */
export function parseStrictJson(text: string, limits: StrictLimits): StrictJson {
  let at = 0;
  const fail = (what: string): never => {
    throw new SyntaxError(`${what} at character ${at}`);
  };
  const skipBlanks = () => {
    while (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t") at++;
  };
  const expectCharacter = (character: string) => {
    if (text[at] !== character) fail(at < text.length ? `expected ${character}` : `ended where ${character} was expected`);
    at++;
  };

  function value(depth: number): StrictJson {
    const first = text[at];
    if (depth > limits.depth && (first === "{" || first === "[")) fail(`nested deeper than ${limits.depth}`);
    if (first === "{") return object(depth);
    if (first === "[") return array(depth);
    if (first === '"') return string();
    for (const [word, meaning] of [
      ["true", true],
      ["false", false],
      ["null", null],
    ] as const) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return meaning;
      }
    }
    return number();
  }

  function object(depth: number): Map<string, StrictJson> {
    const entries = new Map<string, StrictJson>();
    at++;
    skipBlanks();
    if (text[at] === "}") {
      at++;
      return entries;
    }
    for (;;) {
      skipBlanks();
      const key = string();
      if (entries.has(key)) fail(`the name ${JSON.stringify(key)} occurs twice`);
      if (entries.size >= limits.keys) fail(`more than ${limits.keys} names in one object`);
      skipBlanks();
      expectCharacter(":");
      skipBlanks();
      entries.set(key, value(depth + 1));
      skipBlanks();
      if (text[at] !== ",") break;
      at++;
    }
    expectCharacter("}");
    return entries;
  }

  function array(depth: number): StrictJson[] {
    const items: StrictJson[] = [];
    at++;
    skipBlanks();
    if (text[at] === "]") {
      at++;
      return items;
    }
    for (;;) {
      skipBlanks();
      items.push(value(depth + 1));
      skipBlanks();
      if (text[at] !== ",") break;
      at++;
    }
    expectCharacter("]");
    return items;
  }

  function string(): string {
    if (text[at] !== '"') fail("expected a string");
    const begin = at++;
    let hasEscape = false;
    // a loop and not a regular expression: a hostile name of many megabytes must not exhaust the matcher's stack
    for (;;) {
      const code = text.charCodeAt(at);
      if (Number.isNaN(code)) fail("ended within a string");
      if (code < 0x20) fail("a string holds a control character");
      at++;
      if (code === 0x22) break;
      if (code !== 0x5c) continue;
      hasEscape = true;
      ESCAPE.lastIndex = at;
      if (!ESCAPE.test(text)) fail("a string holds an unknown escape");
      at = ESCAPE.lastIndex;
    }
    return hasEscape ? (JSON.parse(text.slice(begin, at)) as string) : text.slice(begin + 1, at - 1);
  }

  function number(): number | { number: string } {
    NUMBER.lastIndex = at;
    if (!NUMBER.test(text)) fail(at < text.length ? "expected a value" : "ended where a value was expected");
    const written = text.slice(at, NUMBER.lastIndex);
    at = NUMBER.lastIndex;
    return /^\d+$/.test(written) && Number.isSafeInteger(Number(written)) ? Number(written) : { number: written };
  }

  skipBlanks();
  const result = value(1);
  skipBlanks();
  if (at < text.length) fail("text goes on after the value");
  return result;
}

const ESCAPE = /["\\/bfnrt]|u[0-9a-fA-F]{4}/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** The text of a value that was read strictly, indented by two: numbers stand as they were written. */
export function strictJsonText(value: StrictJson, indent = ""): string {
  const deeper = `${indent}  `;
  if (value instanceof Map) {
    const fields = [...value].map(([name, item]) => `${deeper}${JSON.stringify(name)}: ${strictJsonText(item, deeper)}`);
    return fields.length ? `{\n${fields.join(",\n")}\n${indent}}` : "{}";
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => `${deeper}${strictJsonText(item, deeper)}`);
    return items.length ? `[\n${items.join(",\n")}\n${indent}]` : "[]";
  }
  return typeof value === "object" && value !== null ? value.number : JSON.stringify(value);
}
