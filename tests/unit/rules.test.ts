import { ruleFindings, rules } from "../../components/directives/rules";
import { effectiveSettings, parseSettings } from "../../components/directives/settings";
import { parseConfig } from "../../components/config/load";
import { host, problemsOf, rawConfig } from "../helpers/config";

type Values = Record<string, unknown>;

const settings = (daemon: "node" | "sentinel", given: Values) => {
  const { settings: parsed, problems } = parseSettings(daemon, given, "redis");
  expect(problems).toEqual([]);
  return effectiveSettings(daemon, { address: "10.0.0.1", leastReplicas: "1" }, parsed);
};

const found = (redis: Values, sentinel: Values = {}) =>
  ruleFindings([
    { name: "app-1", redis: settings("node", redis), sentinel: settings("sentinel", sentinel) },
  ]);

test("the defaults go together", () => {
  expect(found({})).toEqual({ refused: [], told: [] });
});

/** Values that are wrong together, and their neighbours that are right. */
const cases: ["refused" | "told", string, Values, Values, Values?, Values?][] = [
  ["refused", "save", { appendonly: false, save: "" }, { appendonly: false }],
  ["refused", "save", { appendonly: false, save: [] }, { save: "" }],
  [
    "refused",
    "shutdown-on-sigterm",
    { appendonly: false, "shutdown-on-sigterm": "nosave now" },
    { appendonly: false, "shutdown-on-sigterm": "default" },
  ],
  [
    "refused",
    "repl-timeout",
    { "repl-timeout": 10 },
    { "repl-timeout": 10, "repl-ping-replica-period": 9 },
  ],
  [
    "refused",
    "repl-timeout",
    { "repl-ping-replica-period": 60 },
    { "repl-ping-replica-period": 59 },
  ],
  [
    "refused",
    "replica-ignore-maxmemory",
    { maxmemory: "1gb", "replica-ignore-maxmemory": false },
    { "replica-ignore-maxmemory": false },
  ],
  [
    "refused",
    "repl-backlog-size",
    { maxmemory: "64mb", "repl-backlog-size": "64MB" },
    { maxmemory: "64mb", "repl-backlog-size": "64m" },
  ],
  [
    "refused",
    "no-appendfsync-on-rewrite",
    { appendfsync: "always", "no-appendfsync-on-rewrite": true },
    { "no-appendfsync-on-rewrite": true },
  ],
  [
    "refused",
    "active-defrag-threshold-lower",
    { "active-defrag-threshold-lower": 100 },
    { "active-defrag-threshold-lower": 99 },
  ],
  [
    "refused",
    "active-defrag-cycle-min",
    { "active-defrag-cycle-min": 26 },
    { "active-defrag-cycle-min": 25 },
  ],
  [
    "refused",
    "notify-keyspace-events",
    { "notify-keyspace-events": "xg" },
    { "notify-keyspace-events": "Kx" },
  ],
  [
    "refused",
    "notify-keyspace-events",
    { "notify-keyspace-events": "KE" },
    { "notify-keyspace-events": "EA" },
  ],
  [
    "told",
    "maxmemory-policy",
    { "maxmemory-policy": "allkeys-lru" },
    { "maxmemory-policy": "allkeys-lru", maxmemory: "1gb" },
  ],
  ["told", "maxmemory-clients", { "maxmemory-clients": "5%" }, { "maxmemory-clients": "5mb" }],
  [
    "told",
    "maxmemory-clients",
    { "maxmemory-clients": "100%" },
    { "maxmemory-clients": "100%", maxmemory: "1gb" },
  ],
  ["told", "appendfsync", { appendonly: false, appendfsync: "always" }, { appendfsync: "always" }],
  [
    "told",
    "io-threads-do-reads",
    { "io-threads-do-reads": true },
    { "io-threads-do-reads": true, "io-threads": 2 },
  ],
  [
    "told",
    "client-output-buffer-limit",
    { "client-output-buffer-limit": "replica 1mb 0 0", "repl-backlog-size": "2mb" },
    { "client-output-buffer-limit": "replica 2mb 0 0", "repl-backlog-size": "2mb" },
  ],
  [
    "told",
    "client-output-buffer-limit",
    { "repl-backlog-size": "65mb" },
    { "repl-backlog-size": "64mb" },
  ],
  [
    "told",
    "client-output-buffer-limit",
    { "client-output-buffer-limit": "pubsub 1mb 2mb 60" },
    { "client-output-buffer-limit": "pubsub 2mb 2mb 60" },
  ],
  [
    "told",
    "auto-aof-rewrite-percentage",
    { "auto-aof-rewrite-percentage": 0 },
    { "auto-aof-rewrite-percentage": 0, appendonly: false },
  ],
  ["told", "min-replicas-max-lag", { "min-replicas-max-lag": 1 }, { "min-replicas-max-lag": 2 }],
  [
    "told",
    "min-replicas-max-lag",
    { "min-replicas-max-lag": 7 },
    { "min-replicas-max-lag": 7 },
    {},
    { "down-after-milliseconds": 7000 },
  ],
  [
    "told",
    "busy-reply-threshold",
    { "busy-reply-threshold": 6001 },
    { "busy-reply-threshold": 6000 },
  ],
  ["told", "busy-reply-threshold", { "busy-reply-threshold": 0 }, {}],
  ["told", "busy-reply-threshold", {}, {}, { "down-after-milliseconds": 5000 }, {}],
  [
    "told",
    "proto-max-bulk-len",
    { "client-query-buffer-limit": "512mb" },
    { "client-query-buffer-limit": "513mb" },
  ],
];

test.each(cases)("%s: %s, by %j, and not by %j", (how, directive, wrong, right, ...sentinel) => {
  const { refused, told } = found(wrong, sentinel[0]);
  const [ours, others] = how === "refused" ? [refused, told] : [told, refused];
  expect(others).toEqual([]);
  const [only] = ours.filter(({ key }) => key === `redis.${directive}`);
  expect(only.seen).toMatch(/^is /);
  expect(only.expected).toMatch(/: /);
  const { refused: none, told: neither } = found(right, sentinel[1]);
  expect([...none, ...neither].filter(({ key }) => key === `redis.${directive}`)).toEqual([]);
});

test("a host that may become master has as much memory as the others that may", () => {
  const told = (...all: Values[]) =>
    ruleFindings(
      all.map((redis, i) => ({
        name: `app-${i + 1}`,
        redis: settings("node", redis),
        sentinel: settings("sentinel", {}),
      })),
    ).told.map(({ key, seen }) => `${key} ${seen}`);
  const [less, more, never] = [
    { maxmemory: "1gb" },
    { maxmemory: "2gb" },
    { maxmemory: "1gb", "replica-priority": 0 },
  ];
  expect(told(less, more, more)).toEqual(["hosts.app-1.redis.maxmemory is 1gb"]);
  expect(told(more, {}, {})).toEqual(["hosts.app-1.redis.maxmemory is 2gb"]);
  expect(told(less, less, less)).toEqual([]);
  expect(told(never, more, more)).toEqual([]);
  expect(told(less, less, { ...more, "replica-priority": 0 })).toEqual([]);
});

test("each rule has a case", () => {
  const hit = cases.flatMap(([, , wrong, , sentinel = {}]) => {
    const values = { ...settings("sentinel", sentinel), ...settings("node", wrong) };
    return rules.filter((rule) => rule.wrong(values, [settings("node", {})]));
  });
  expect(new Set(hit)).toEqual(new Set(rules));
});

test("what is so on all hosts is told once, and by the host where it is not", () => {
  expect(problemsOf({ redis: { "repl-timeout": 5 } })).toEqual([
    {
      key: "redis.repl-timeout",
      seen: "is 5 while repl-ping-replica-period is 10",
      expected: expect.stringMatching(/^more than repl-ping-replica-period: /) as string,
    },
  ]);
  const app2 = host("10.77.0.13", { redis: { "repl-timeout": 5 } });
  const hosts = { console: host("10.77.0.11"), "app.1": host("10.77.0.12"), "app.2": app2 };
  expect(problemsOf({ hosts }).map(({ key }) => key)).toEqual([
    'hosts["app.2"].redis.repl-timeout',
  ]);
});

test("what is told refuses nothing", () => {
  const raw = rawConfig({ redis: { "maxmemory-policy": "allkeys-lru" } });
  const { config, problems, told } = parseConfig("dev", raw, () => true);
  expect(config).toBeDefined();
  expect(problems).toEqual([]);
  expect(told).toEqual([
    {
      key: "redis.maxmemory-policy",
      seen: "is allkeys-lru while maxmemory is 0",
      expected: "maxmemory: without a limit nothing is ever evicted",
    },
  ]);
});
