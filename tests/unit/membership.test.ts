import {
  asked,
  givenUp,
  losingSentinel,
  Membership,
  refusedMembership,
} from "../../components/membership";

const addresses: Record<string, string> = {
  console: "10.77.0.11",
  "app-1": "10.77.0.12",
  "app-2": "10.77.0.13",
  "app-3": "10.77.0.14",
  "app-4": "10.77.0.15",
};

/** A group of these hosts; one with a dash before it has no sentinel, one with a ~ no node, one with a cross is gone. */
function group(hosts: string): Membership {
  const names = hosts.split(" ");
  const here = names.filter((name) => !name.startsWith("+"));
  return {
    nodes: here.map((name) => {
      const [host, address] = name.replace(/^[-~]/, "").split("=");
      return { name: host, address: address ?? addresses[host] };
    }),
    sentinels: here
      .filter((name) => !name.startsWith("-"))
      .map((name) => name.replace(/^~|=.*/g, "")),
    nodeless: here.filter((name) => name.startsWith("~")).map((name) => name.slice(1)),
    gone: names.filter((name) => name.startsWith("+")).map((name) => name.slice(1)),
  };
}

const three = "app-1 app-2 console";

test.each([
  ["nothing", group(three), group(three)],
  ["a first deployment", { nodes: [], sentinels: [], nodeless: [], gone: [] }, group(three)],
  ["hosts more, with sentinels or without", group(three), group(`${three} app-3 app-4`)],
  ["a host less", group(`${three} -app-3`), group(three)],
  [
    "two that are gone, two in their place",
    group(three),
    group("app-3 app-4 console +app-1 +app-2"),
  ],
  ["one that stays on the list of those gone", group(`${three} +app-3`), group(`${three} +app-3`)],
  ["one that was gone and is a member again", group(`${three} +app-3`), group(`${three} -app-3`)],
  ["one for another", group(three), group("app-1 app-3 console")],
  ["two sentinels more, without nodes", group(three), group(`${three} ~app-3 ~app-4`)],
  ["the same two less", group(`${three} ~app-3 ~app-4`), group(three)],
  ["a sentinel on another host", group(`${three} -app-3`), group("app-1 -app-2 console app-3")],
  ["two of five sentinels less", group(`${three} app-3 app-4`), group(`${three} -app-3 -app-4`)],
  ["a node where a sentinel was alone", group("app-1 ~app-2 console"), group(three)],
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
    "so many sentinels less that no majority stays",
    "app-1 console ~app-2 ~app-3 ~app-4",
    "app-1 console app-5=10.77.0.16",
    [/has no sentinel on app-2 and app-3 and app-4 any more; expected that a majority of the 5/],
  ],
  [
    "a sentinel less while a host is gone",
    `${three} app-3 app-4`,
    `${three} -app-3 +app-4`,
    [/^redis-cluster:hosts\.app-3\.sentinel is false, and redis-cluster:gone has app-4; /],
  ],
  [
    "a node less on a host that stays",
    three,
    "app-1 ~app-2 console",
    [/^redis-cluster:hosts\.app-2\.node is false; expected that the host keeps its node/],
  ],
  [
    "one that leaves while another is gone",
    `${three} app-3 app-4`,
    `${three} +app-4`,
    [
      /^redis-cluster:hosts has app-3 no more, and redis-cluster:gone has app-4; .* Put app-3 back for/,
    ],
  ],
])("%s: refused, with the way that works", (_, olds, news, words) => {
  expect(refusedMembership(group(olds), group(news))).toEqual(
    words.map((each) => expect.stringMatching(each) as string),
  );
});

test("who was a member and is none any more has to leave; one that is gone is not asked to", () => {
  const olds = group(`${three} app-3 app-4`);
  const one = group(`${three} app-4`);
  const dead = group(`${three} app-4 +app-3`);
  expect([asked(olds, one), givenUp(olds, one)]).toEqual([["app-3"], []]);
  expect([asked(olds, dead), givenUp(olds, dead)]).toEqual([[], ["app-3"]]);
  expect([asked(dead, dead), givenUp(dead, dead)]).toEqual([[], []]);
  expect(asked(group(three), one)).toEqual([]);
  expect(losingSentinel(olds, group(`${three} -app-3`))).toEqual(["app-3"]);
  expect(losingSentinel(olds, one)).toEqual([]);
});
