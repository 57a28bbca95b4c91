// What must never be printed or written: tokens of the hub, authorisations, passwords within addresses, signatures of storage servers,
// and the value of every variable whose name says that it is a secret.

/** What is a secret wherever it stands: no sentence, path or template looks like one of these by chance. */
const FORMS: readonly { what: string; pattern: RegExp; replacement: string }[] = [
  { what: "a token of the hub", pattern: /\bhf_[A-Za-z0-9]{30,}/g, replacement: "hf_***" }, // of 34; folders are named hf_something, too
  { what: "a token of an organisation", pattern: /\bapi_org_[A-Za-z0-9]{30,}/g, replacement: "api_org_***" },
  {
    what: "an authorisation",
    pattern: /\b(Authorization["']?\s*[:=]\s*["']?(?:Bearer|Basic)\s+)[\w.~+/=-]{8,}/gi,
    replacement: "$1***",
  },
  // {user}:{password} are fields of a template
  { what: "a password within an address", pattern: /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@"'{}]+@/gi, replacement: "$1***@" },
];
/** What is one in a message or a log: there a letter too many that is hidden costs nothing. */
const LIKELY: readonly [RegExp, string][] = [
  [/\b(Bearer)\s+(?=\S*\d)[\w.~+/=-]{8,}/gi, "$1 ***"],
  [/([?&](?:[\w-]*token|api_?key|password|X-Amz-[\w-]+|Signature|sig|Key-Pair-Id|Policy)=)[^&\s"']+/gi, "$1***"],
];
const SECRET_NAME = /(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_KEY)$/i;
/** Shorter values ("1", "none") are no secrets, and taking them out would spoil every text. */
const MIN_LENGTH = 8;

/** A message or a log, with *** in the place of every secret. What a program reads back is never passed through this: it would change. */
export function redactSecrets(text: string, env: NodeJS.ProcessEnv = process.env): string {
  let clean = text;
  for (const [, value] of secretVariables(env)) clean = clean.replaceAll(value, "***");
  clean = redactForms(clean);
  for (const [pattern, replacement] of LIKELY) clean = clean.replace(pattern, replacement);
  return clean;
}

/** The same for what is read back: only what cannot be anything else. */
export function redactForms(text: string): string {
  return FORMS.reduce((clean, { pattern, replacement }) => clean.replace(pattern, replacement), text);
}

/** What of `text` is a secret, and where it comes from; null where nothing is. A lone word that is somebody's password, too, is none. */
export function secretIn(text: string, env: NodeJS.ProcessEnv = process.env): string | null {
  for (const [name, value] of secretVariables(env))
    if (isUnlikeWords(value) && text.includes(value)) return `the value of ${name}`;
  return FORMS.find(({ pattern }) => text.search(pattern) >= 0)?.what ?? null;
}

const secretVariables = (env: NodeJS.ProcessEnv): [name: string, value: string][] =>
  Object.entries(env).filter(
    (entry): entry is [string, string] => (entry[1]?.length ?? 0) >= MIN_LENGTH && SECRET_NAME.test(entry[0]),
  );

/** Letters and digits mixed, or long: no path or sentence of a run holds it by chance. Paths of files with a secret are none themselves. */
const isUnlikeWords = (value: string): boolean =>
  !value.startsWith("/") && ((/\d/.test(value) && /[a-z]/i.test(value)) || /^\S{20,}$/.test(value));
