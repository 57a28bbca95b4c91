/**
 * The open vocabulary: things, brands, towns, relatives and the like, in lists that combine to far more phrases than a small
 * model can learn by heart. Training on them teaches it to copy; the held-out lists then ask for copying what it never saw.
 */
import { type Pool, pool, words } from "./stage.js";

export interface Category {
  nouns: Pool<string>;
  parts: readonly string[];
  states: readonly string[];
}

/** Things one buys, loses, lends and breaks; parts and states fit every noun of their category. */
export type Kind = "device" | "clothing" | "furniture" | "outdoor";

export const CATEGORIES: Readonly<Record<Kind, Category>> = {
  device: {
    nouns: pool(
      words(`kettle, toaster, blender, coffee machine, hair dryer, vacuum cleaner, desk lamp, radio, fan heater, electric razor, sewing machine, keyboard, rice cooker,
        alarm clock, tablet, speaker, mixer, iron, toothbrush, projector, monitor, microwave, game console, e-reader, hotplate, juicer, phone`),
      words("printer, wristwatch, electric drill, waffle iron, lawn robot, scanner, metronome"),
    ),
    parts: words("cable, switch, plug, battery, display, lid, fan, button, motor, light, socket, cover"),
    states: words("broken, loose, missing, too short, very loud, stuck, burned, cracked, wet inside, far too hot, dead, rusty"),
  },
  clothing: {
    nouns: pool(
      words(`jacket, coat, dress, sweater, skirt, shirt, raincoat, blouse, vest, suit, scarf, cap, bathrobe, tracksuit, cardigan, hat, backpack, handbag, suitcase, wallet,
        purse, sports bag, apron, belt, shawl`),
      words("kimono, rucksack, poncho, briefcase, waistcoat, bonnet"),
    ),
    parts: words("zip, sleeve, collar, button, lining, seam, pocket, strap, buckle, label, hood, clasp"),
    states: words(
      "torn, stained, missing, too tight, faded, loose, open, too long, crooked, frayed, the wrong colour, badly sewn",
    ),
  },
  furniture: {
    nouns: pool(
      words(`desk, office chair, bookshelf, bed, sofa, cupboard, wardrobe, stool, bench, rocking chair, garden table, cabinet, mirror, shoe rack, crib, dresser, armchair,
        coffee table, mattress, bunk bed, filing box, screen, hammock`),
      words("piano stool, deck chair, sideboard, cot, lectern, birdhouse"),
    ),
    parts: words("leg, drawer, hinge, screw, back, wheel, shelf, corner, frame, handle, surface, foot"),
    states: words("broken, loose, missing, scratched, too low, bent, uneven, cracked, split, the wrong size, dirty, wobbly"),
  },
  outdoor: {
    nouns: pool(
      words(`bicycle, helmet, tennis racket, tent, scooter, sledge, sleeping bag, fishing rod, kayak, skateboard, guitar, violin, drum, flute, camera, stroller, ladder,
        toolbox, lawn mower, telescope, board game, doll, kite, puzzle, piano`),
      words("canoe, trumpet, accordion, wheelbarrow, surfboard, microscope, cello"),
    ),
    parts: words("grip, strap, case, bag, handle, box, frame, cover, label, screw, hook, rope"),
    states: words("broken, torn, missing, worn out, bent, too small, rusty, cracked, stuck, out of shape, damp, lost"),
  },
};

export const ADJECTIVES = pool(
  words(`black, red, green, blue, brown, grey, white, yellow, pink, striped, small, large, old, new, leather, wooden, woollen, silver, cheap, antique, heavy, folding, Italian,
    Danish, dark, plain, round, soft, light, square, used, golden, plastic, steel`),
  words("purple, orange, spotted, Turkish, velvet, copper, oval, glossy"),
);

export const RELATIVES = pool(
  words(`mother, father, sister, brother, son, daughter, uncle, aunt, cousin, niece, neighbour, boss, flatmate, grandfather, grandmother, best friend, landlord, teacher, doctor,
    colleague, coach, roommate, babysitter, accountant`),
  words("nephew, stepmother, godfather, tutor, twin brother, lawyer, nurse"),
);

/** After "my sister ..." */
export const RELATIVE_NEWS = pool(
  words(`is ill, is visiting, is getting married, broke an arm, has a concert, is moving house, needs a lift to {town}, has an exam, is in hospital, is giving a speech, crashed
    the car, is coming from {town}, forgot the tickets, has the flu, is having a baby, is opening a shop in {town}, needs help with a {noun}, borrowed the {noun}, is flying to {town},
    lost the {noun}, got a job in {town}, is waiting in {town}, wants to buy a {noun}, is afraid of the storm, cannot walk, has a court case, sold the {noun}, missed the train to {town}`),
  words(
    `is running a marathon, twisted an ankle, has a toothache, is stuck in {town}, is painting the {noun}, lost the passport, is retiring, is performing in {town}, needs a {noun}`,
  ),
);

/** What one borrows a thing for. */
export const USES = pool(
  words(`{someone}'s party, the trip to {town}, the wedding in {town}, the school play, the move to {town}, a week in {town}, the holidays, the flat in {town}, {someone}'s birthday, a test, the fair in {town},
    the weekend, {someone}, my {relative}, the garden in {town}, a photo, the new job in {town}, the race in {town}, a visit from {someone}`),
  words("the picnic in {town}, {someone}'s farewell, the jubilee, my {relative}, the stall in {town}"),
);

/** After "I have to ..." */
export const DUTIES = pool(
  words(`work late, go to {town}, finish a report, see a doctor, fix the {noun}, pick up a {noun}, meet a friend from {town}, study for an exam, clean the house, take the dog to the vet,
    drive to {town}, sell a {noun}, cook for ten people, paint the {noun}, visit a client in {town}, move to {town}, collect the children, sign a contract, rest for a week, bake a cake,
    return a {noun}, wait for the plumber, prepare a speech, buy a {noun}, give a lesson in {town}`),
  words(
    "file a tax form, attend a hearing in {town}, judge a contest, carry a {noun} upstairs, host a guest from {town}, renew a visa, rehearse a play",
  ),
);

/** What can go wrong on the way. */
export const OBSTACLES = pool(
  words(`the train to {town} is late, the bus to {town} was cancelled, the road to {town} is flooded, the flight to {town} was delayed, the roads are icy, the heating broke down, a pipe burst,
    there is a storm in {town}, the drivers are on strike, the school is closed, the car won't start, the keys are in {town}, there is no power, the {noun} is broken`),
  words(
    "the bridge to {town} is closed, the ferry to {town} is not running, a tree fell on the {noun}, the lift is stuck, the {noun} fell apart",
  ),
);

export const BRAND = {
  train: [
    ["Ta", "Lu", "Ve", "Mo", "Ki", "Ra", "Zo", "Be", "Fa", "No", "Sy", "Do", "Pe", "Ga", "Or", "Al", "Ju", "Ne", "Ha", "Cor"],
    ["ri", "no", "la", "ve", "mi", "do", "xa", "ro", "ti", "su", "ban", "len"],
    ["x", "va", "ko", "lis", "ra", "nt", "mo", "tec", "ne", "don", "sta", "gel"],
  ],
  heldout: [
    ["Wi", "Ste", "Quo", "Il", "Bru", "Tho"],
    ["pa", "ze", "fu", "gar"],
    ["lin", "que", "bo", "mar"],
  ],
} as const;

export const TOWN = {
  train: [
    [
      "Ash",
      "Elm",
      "West",
      "Mill",
      "Stone",
      "Kirk",
      "Lin",
      "Red",
      "Fox",
      "Win",
      "Old",
      "King",
      "Har",
      "Brook",
      "Sand",
      "Ox",
      "Deer",
      "Clay",
      "Mor",
      "Wel",
    ],
    ["ton", "ham", "bury", "mouth", "field", "stead", "port", "by", "ford", "cliff", "minster", "well"],
  ],
  heldout: [
    ["Swan", "Thorn", "Bar", "Peb", "Gorse", "Hay"],
    ["wick", "combe", "sea", "thorpe", "gate"],
  ],
} as const;

export const FOODS = pool(
  words(`a salad, some drinks, a cake, a blanket, sandwiches, a guitar, warm clothes, fresh fruit, a map, the speakers, snacks, a board game, potato soup, lemonade, the tickets, a camera, rice
    and beans, cold water, cherry pie, napkins, olives, a frisbee, bread and cheese, sausages, candles, an umbrella, biscuits, plates, tomatoes, honey, a first-aid kit, a football`),
  words("a flask of tea, pancakes, a torch, two folding chairs, grapes, a deck of cards, gherkins"),
);

export const HIDEOUTS = pool(
  words(`under the mat, with the neighbours, in the flower pot, at the bakery, in the letter box, with the doorman, in the top drawer, behind the bench, under the stairs, on the
    balcony, in the blue box, next to the door, in the garage, at the café in {town}, in the old {noun}, behind the {noun}, under the {noun}, on the {noun}, at the office in {town}, in the hall`),
  words("beneath the birdbath, inside the lantern, at the kiosk in {town}, beside the {noun}, in the attic, above the window"),
);

export const OFFICES = pool(
  words(`the police, the lost property office, the cleaning company, the bus company, the caretaker, the ticket counter, the office in {town}, the station in {town}, the manager, the head
    office, the doctor, the supplier, the owner, the accounts team, the technician, the branch in {town}, the factory in {town}, {someone}`),
  words(
    "the harbour master, the night porter, the town hall in {town}, the director, the warehouse in {town}, the foreman, {someone}",
  ),
);

export const NUMBERS = words("two, three, four, five, six, seven, eight, nine, ten, twelve");
