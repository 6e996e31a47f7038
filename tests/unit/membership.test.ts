import { leaving, Membership, refusedMembership } from "../../components/membership";

const addresses: Record<string, string> = {
  console: "10.77.0.11",
  "app-1": "10.77.0.12",
  "app-2": "10.77.0.13",
  "app-3": "10.77.0.14",
  "app-4": "10.77.0.15",
};

/** A group of these hosts; a name with a dash before it has no sentinel there. */
const group = (hosts: string): Membership => ({
  nodes: hosts.split(" ").map((name) => {
    const [host, address] = name.replace(/^-/, "").split("=");
    return { name: host, address: address ?? addresses[host] };
  }),
  sentinels: hosts
    .split(" ")
    .filter((name) => !name.startsWith("-"))
    .map((name) => name.replace(/=.*/, "")),
});

const three = "app-1 app-2 console";

test.each([
  ["nothing", group(three), group(three)],
  ["a first deployment", { nodes: [], sentinels: [] }, group(three)],
  ["hosts more, with sentinels or without", group(three), group(`${three} app-3 app-4`)],
  ["a host less", group(`${three} -app-3`), group(three)],
  ["one for another", group(three), group("app-1 app-3 console")],
])("%s: in one run", (_, olds, news) => {
  expect(refusedMembership(olds, news)).toEqual([]);
});

test.each([
  [
    "another address",
    three,
    "app-1 app-2=10.77.9.9 console",
    [/app-2\.address is 10\.77\.9\.9; expected 10\.77\.0\.13, .* add it under a name of its own/],
  ],
  [
    "another name",
    three,
    "app-1 db-2=10.77.0.13 console",
    [/hosts\.db-2 is at 10\.77\.0\.13, which is app-2's; .* Set it back/],
  ],
  [
    "two hosts less",
    `${three} -app-3 -app-4`,
    three,
    [/no more; expected one host less in a run, .* Leave app-4 for/],
  ],
  [
    "a sentinel less on a host that stays",
    `${three} app-3 app-4`,
    `${three} -app-3`,
    [/^redis-cluster:hosts\.app-3\.sentinel is false; expected that the host keeps its sentinel/],
  ],
])("%s: refused, with the way that works", (_, olds, news, words) => {
  expect(refusedMembership(group(olds), group(news))).toEqual(
    words.map((each) => expect.stringMatching(each) as string),
  );
});

test("who has to leave was a member, and is none any more", () => {
  const olds = group(`${three} app-3 app-4`);
  expect(leaving(olds, group(`${three} app-4`))).toEqual(["app-3"]);
  expect(leaving(group(three), group(`${three} app-3`))).toEqual([]);
});
