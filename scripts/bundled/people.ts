/**
 * Who talks. First names are ordinary ones of many countries; surnames are built from two halves, so that training
 * meets far more names than a model of this size could store and has to learn to copy them.
 * Held-out dialogues draw from lists of their own: none of these names or halves occurs in training.
 */
import type { Gender } from "./grammar.js";
import type { Rng } from "./prng.js";

export type Split = "train" | "heldout";
export interface Person {
  /** As it stands before the colon and in the summary. */
  name: string;
  /** How others address this person: "Devin", "Ms. Ashwell". */
  address: string;
  gender: Gender;
}

const words = (text: string) => text.trim().split(/\s+/);

const FIRST: Record<Split, Record<Gender, string[]>> = {
  train: {
    she: words(`Marta Olivia Emma Sophie Nora Priya Aisha Ingrid Carla Elena Fatima Grace Hannah Irene Julia Karen Laura Maya Nadia Paula
      Rachel Sandra Tara Ursula Vera Wendy Yasmin Zoe Alice Bianca Chloe Diana Esther Fiona Gloria Helen Isabel Joanna Kavita Linda
      Monica Naomi Petra Renata Sarah Teresa Valerie Amelia Beatrice Camille Dorothy Eleni Frida Greta Hilda Imani Jasmine Kirsten Leila Mei
      Nina Odette Rosa Simone Tilda Uma Violet Winona Yuki Zainab Abigail Brenda Cecilia Daphne Edith Felicia Gwen Heidi Ivana Judith
      Keiko Lucia Mabel Nicole Olga Pamela Rebecca Stella Tamara Victoria Anita Bettina Charlotte Deborah Erin Francesca Georgia Harriet Ilse Jenny`),
    he: words(`Devin Marcus Oliver Liam Ahmed Bruno Carlos David Erik Felix George Hassan Ivan Jonas Kevin Leo Martin Nathan Omar Peter
      Quentin Ravi Samuel Thomas Umar Victor Walter Xavier Yusuf Zachary Adam Boris Colin Daniel Edgar Frank Gavin Henry Igor James
      Karim Lucas Miguel Neil Oscar Paul Raj Simon Tariq Vincent William Andre Benjamin Chris Dimitri Elias Fabio Gregor Hugo Isaac
      Jamal Kurt Lars Mateo Nikolai Otto Pablo Robert Stefan Theo Vikram Warren Yannick Aaron Bernard Cedric Dominic Emil Finn Gustav
      Harold Ibrahim Jerome Kenji Lorenzo Malik Noah Orson Philip Roman Sergio Tobias Ulrich Wesley Anton Brian Caleb Derek Ethan Florian`),
  },
  heldout: {
    she: words(
      "Clara Bridget Tessa Philippa Ruth Noor Agnes Delia Marlene Sunita Adele Corinne Ramona Lydia Saskia Thea Hazel Ines Margot Freya",
    ),
    he: words(
      "Conrad Rupert Desmond Alvin Hamid Gilbert Ralph Stuart Mario Enzo Dexter Nigel Arjun Bastian Curtis Gareth Howard Joel Kasper Trevor",
    ),
  },
};

const SURNAME: Record<Split, { head: string[]; tail: string[] }> = {
  train: {
    head: words(
      "Ash Brad Carl Dun Ever Fair Green Hart Kings Lang Mar North Oak Park Red Stan Thorn Wood Whit Black Clif Hal Mill Nor Rad Shel Win Hol Bar Cam",
    ),
    tail: words("ford well ley ton field wood man son by worth ham ridge berg dale more lin ner wick"),
  },
  heldout: {
    head: words("Lock Pem Stock Crom Glen Hux Merri Wake Birch Tal"),
    tail: words("hart stone gate mere broke land house"),
  },
};

export function drawFirstName(split: Split, rng: Rng, taken: ReadonlySet<string>): Person {
  for (;;) {
    const gender: Gender = rng.chance(0.5) ? "she" : "he";
    const name = rng.pick(FIRST[split][gender]);
    if (!taken.has(name)) return { name, address: name, gender };
  }
}

/** A customer on the phone: "Ms. Ashwell". */
export function drawSurname(split: Split, rng: Rng): Person {
  const gender: Gender = rng.chance(0.5) ? "she" : "he";
  const { head, tail } = SURNAME[split];
  const name = `${gender === "she" ? "Ms." : "Mr."} ${rng.pick(head)}${rng.pick(tail.slice(0, 9))}`;
  return { name, address: name, gender };
}

/** Every first name of a split: a test proves that the two lists share none. */
export function firstNames(split: Split): string[] {
  return [...FIRST[split].she, ...FIRST[split].he];
}
