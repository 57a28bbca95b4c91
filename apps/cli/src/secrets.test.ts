import { expect, test } from "vitest";
import { failureOf, userError } from "./errors.js";
import { redactForms, redactSecrets, secretIn } from "./secrets.js";

const CANARY = `hf_${"canary".repeat(6)}`;

test.each([
  [`cannot log in with ${CANARY}`, "cannot log in with hf_***"],
  ["Authorization: Bearer abcdef.0123-456_789", "Authorization: Bearer ***"],
  ["proxy http://ann:secret@proxy:8080/x refuses", "proxy http://***@proxy:8080/x refuses"],
  ["https://cdn/x?X-Amz-Signature=0123abc&part=1", "https://cdn/x?X-Amz-Signature=***&part=1"],
  [
    "runs/hf_models and https://huggingface.co/org/name@main stay",
    "runs/hf_models and https://huggingface.co/org/name@main stay",
  ],
])("%s", (text, expected) => {
  expect(redactSecrets(text, {})).toBe(expected);
});

test("values of variables that are named as secrets, but not those too short to be one", () => {
  const env = { MY_PASSWORD: "open sesame", HF_TOKEN: "no-known-form-of-token", SOME_TOKEN: "1", PATH: "/usr/bin:/bin" };
  const said = "a1 open sesame b no-known-form-of-token c /usr/bin:/bin";
  expect(redactSecrets(said, env)).toBe("a1 *** b *** c /usr/bin:/bin");
});

test("no error shows one: not its message, not the stack of a bug, not its cause", () => {
  const cause = new Error(`fetch with ${CANARY}`);
  for (const thrown of [
    userError("network", `refused: ${CANARY}`, cause),
    new TypeError(`bug with ${CANARY}`, { cause }),
    Object.assign(new Error(`ECONN ${CANARY}`), { code: "ECONNREFUSED" }),
  ])
    expect(failureOf(thrown).text).not.toContain("canary");
});

test("what is read back keeps every word that is only perhaps a secret", () => {
  const texts = [
    "Basic arithmetic: {question}",
    "The Bearer certificates of {name}",
    "see https://example.org/?token={token} and https://{user}:{password}@host",
  ];
  for (const text of texts) {
    expect(redactForms(text)).toBe(text);
    expect(secretIn(text, { DB_PASSWORD: "arithmetic", API_TOKEN: "/run/arithmetic-1" })).toBeNull();
  }
  expect(redactForms(`Authorization: Basic YWxhZGRpbjpvcGVu ${CANARY}`)).toBe("Authorization: Basic *** hf_***");
});

test("a secret is named by where it comes from", () => {
  expect(secretIn("runs/s3cr3t-value/x", { DB_PASSWORD: "s3cr3t-value" })).toBe("the value of DB_PASSWORD");
  expect(secretIn(`hub:${CANARY}`, {})).toBe("a token of the hub");
  expect(secretIn("https://ann:pw@host/file", {})).toBe("a password within an address");
});
