// What the stand-ins know of the world: small tables from which questions, claims and instructions follow.

export interface Animal {
  name: string;
  legs: number;
  home: string;
  skill: string;
}

export const ANIMALS: readonly Animal[] = [
  { name: "spider", legs: 8, home: "a web", skill: "spin threads" },
  { name: "ant", legs: 6, home: "a nest in the ground", skill: "carry crumbs" },
  { name: "bee", legs: 6, home: "a hive", skill: "make honey" },
  { name: "sparrow", legs: 2, home: "a nest", skill: "fly" },
  { name: "penguin", legs: 2, home: "the ice", skill: "dive" },
  { name: "dog", legs: 4, home: "a kennel", skill: "bark" },
  { name: "cow", legs: 4, home: "a stable", skill: "give milk" },
  { name: "frog", legs: 4, home: "a pond", skill: "leap" },
  { name: "trout", legs: 0, home: "a river", skill: "swim" },
  { name: "snake", legs: 0, home: "a hole", skill: "crawl" },
  { name: "crab", legs: 10, home: "the beach", skill: "walk sideways" },
  { name: "fox", legs: 4, home: "a den", skill: "sneak" },
];

export interface Thing {
  name: string;
  use: string;
  place: string;
  /** What nobody would do with it. */
  nonsense: string;
}

export const THINGS: readonly Thing[] = [
  { name: "spoon", use: "eat soup", place: "the kitchen", nonsense: "phone a friend" },
  { name: "umbrella", use: "stay dry in the rain", place: "the hall", nonsense: "fry an egg" },
  { name: "hammer", use: "drive in a nail", place: "the toolbox", nonsense: "comb one's hair" },
  { name: "pillow", use: "rest one's head", place: "the bedroom", nonsense: "cut bread" },
  { name: "kettle", use: "boil water", place: "the kitchen", nonsense: "wash a car" },
  { name: "ladder", use: "reach the roof", place: "the shed", nonsense: "write a letter" },
  { name: "broom", use: "sweep the floor", place: "the cupboard", nonsense: "drink tea" },
  { name: "lamp", use: "light a room", place: "the desk", nonsense: "dig a hole" },
  { name: "bicycle", use: "ride to work", place: "the yard", nonsense: "paint a wall" },
  { name: "scarf", use: "keep one's neck warm", place: "the wardrobe", nonsense: "open a tin" },
  { name: "spade", use: "dig a hole", place: "the garden", nonsense: "tell the time" },
  { name: "clock", use: "tell the time", place: "the wall", nonsense: "catch a fish" },
  { name: "net", use: "catch a fish", place: "the boat", nonsense: "iron a shirt" },
  { name: "oven", use: "bake bread", place: "the kitchen", nonsense: "water the roses" },
];

export const NAMES: readonly string[] = [
  "Anna", "Boris", "Clara", "David", "Emil", "Freya", "Gustav", "Hanna", "Ivan", "Julia", "Karim", "Lena", "Milan", "Noor", "Oskar", "Petra",
]; // biome-ignore format: a list

export const GOODS: readonly string[] = [
  "apples", "books", "candles", "eggs", "pencils", "plates", "postcards", "roses", "shells", "stamps", "tickets", "tiles",
]; // biome-ignore format: a list

export const WORDS: readonly string[] = [
  "bridge", "cloud", "garden", "harbour", "island", "letter", "market", "meadow", "mirror", "mountain", "orange", "paper", "river", "silver",
  "stone", "summer", "table", "valley", "window", "winter",
]; // biome-ignore format: a list

/** "a" or "an" in front of a word. */
export const withArticle = (word: string): string => `${/^[aeiou]/.test(word) ? "an" : "a"} ${word}`;
