// What must never be printed or written: tokens of the hub, authorisations, passwords within addresses, signatures of storage servers,
// and the value of every variable whose name says that it is a secret.
const PATTERNS: readonly [RegExp, string][] = [
  [/\bhf_[A-Za-z0-9]{30,}/g, "hf_***"], // the hub's tokens have 34; folders are named hf_something, too
  [/\bapi_org_[A-Za-z0-9]{30,}/g, "api_org_***"],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, "$1 ***"],
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi, "$1***@"],
  [/([?&](?:[\w-]*token|api_?key|password|X-Amz-[\w-]+|Signature|sig|Key-Pair-Id|Policy)=)[^&\s"']+/gi, "$1***"],
];
const SECRET_NAME = /(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_KEY)$/i;
/** Shorter values ("1", "none") are no secrets, and taking them out would spoil every text. */
const MIN_LENGTH = 8;

/** The text with *** in the place of every secret. */
export function redactSecrets(text: string, env: NodeJS.ProcessEnv = process.env): string {
  let clean = text;
  for (const [name, value] of Object.entries(env))
    if (value && value.length >= MIN_LENGTH && SECRET_NAME.test(name)) clean = clean.replaceAll(value, "***");
  for (const [pattern, replacement] of PATTERNS) clean = clean.replace(pattern, replacement);
  return clean;
}
