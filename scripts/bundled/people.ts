/**
 * Who talks: ordinary first names of many countries. Held-out dialogues draw from a list of their own, of which no name occurs in
 * training.
 */
import type { Rng } from "./prng.js";

export type Split = "train" | "heldout";

const words = (text: string) => text.trim().split(/\s+/);

const FIRST: Record<Split, string[]> = {
  train: words(`
    Marta Olivia Emma Sophie Nora Priya Aisha Ingrid Carla Elena Fatima Grace Hannah Irene Julia Karen Laura Maya Nadia
    Paula Rachel Sandra Tara Ursula Vera Wendy Yasmin Zoe Alice Bianca Chloe Diana Esther Fiona Gloria Helen Isabel
    Joanna Kavita Linda Monica Naomi Petra Renata Sarah Teresa Valerie Amelia Beatrice Camille Dorothy Eleni Frida Greta
    Hilda Imani Jasmine Kirsten Leila Mei Nina Odette Rosa Simone Tilda Uma Violet Winona Yuki Zainab Abigail Brenda
    Cecilia Daphne Edith Felicia Gwen Heidi Ivana Judith Keiko Lucia Mabel Nicole Olga Pamela Rebecca Stella Tamara
    Victoria Anita Bettina Charlotte Deborah Erin Francesca Georgia Harriet Ilse Jenny Devin Marcus Oliver Liam Ahmed
    Bruno Carlos David Erik Felix George Hassan Ivan Jonas Kevin Leo Martin Nathan Omar Peter Quentin Ravi Samuel Thomas
    Umar Victor Walter Xavier Yusuf Zachary Adam Boris Colin Daniel Edgar Frank Gavin Henry Igor James Karim Lucas
    Miguel Neil Oscar Paul Raj Simon Tariq Vincent William Andre Benjamin Chris Dimitri Elias Fabio Gregor Hugo Isaac
    Jamal Kurt Lars Mateo Nikolai Otto Pablo Robert Stefan Theo Vikram Warren Yannick Aaron Bernard Cedric Dominic Emil
    Finn Gustav Harold Ibrahim Jerome Kenji Lorenzo Malik Noah Orson Philip Roman Sergio Tobias Ulrich Wesley Anton
    Brian Caleb Derek Ethan Florian`),
  heldout: words(`
    Clara Bridget Tessa Philippa Ruth Noor Agnes Delia Marlene Sunita Adele Corinne Ramona Lydia Saskia Thea Hazel Ines
    Margot Freya Conrad Rupert Desmond Alvin Hamid Gilbert Ralph Stuart Mario Enzo Dexter Nigel Arjun Bastian Curtis
    Gareth Howard Joel Kasper Trevor`),
};

/** A name that is not taken. */
export function drawFirstName(split: Split, rng: Rng, taken: ReadonlySet<string>): string {
  for (;;) {
    const name = rng.pick(FIRST[split]);
    if (!taken.has(name)) return name;
  }
}
