import { spawnSync } from "child_process";
import fc from "fast-check";
import { readProof } from "../../components/providers/bootstrap";
import { parseConfig, report, secretOutputs } from "../../components/config/load";
import { TopologyConfig } from "../../components/config/topology";
import {
  renderMembers,
  renderNodeUsers,
  renderRedisConf,
  renderSecrets,
  renderSentinelConf,
  renderSentinelUsers,
} from "../../components/release/render";
import { readId } from "../../components/remote/protocol";
import { directives } from "../../components/directives/settings";
import { commandLine } from "../../components/remote/shell";
import { host, keyPair, rawConfig, secrets } from "../helpers/config";
import { anyText, nasty } from "../helpers/nasty";

// Each property holds for some hundreds of values; a failure prints the seed to see it again.
fc.configureGlobal({ numRuns: 300 });

describe("configuration", () => {
  const keys = Object.keys(rawConfig());
  const json = fc.oneof(
    nasty,
    fc.json(),
    fc.jsonValue().map((value) => JSON.stringify(value)),
    fc.dictionary(nasty, fc.jsonValue()).map((value) => JSON.stringify(value)),
  );

  test("whatever is in it, it is refused by keys, in lines, and never by an exception", () => {
    const known = fc.constantFrom(
      ...keys,
      "users",
      "redis",
      "sentinel",
      "quorum",
      "tls",
      "firewall",
    );
    const changes = fc.dictionary(fc.oneof(known, known, nasty), json, { maxKeys: 6 });
    fc.assert(
      fc.property(changes, (change) => {
        const { config, problems } = parseConfig("dev", { ...rawConfig(), ...change }, () => true);
        expect(config === undefined).toBe(problems.length > 0);
        const lines = report("dev", problems).split("\n");
        if (problems.length > 0) expect(lines.length).toBe(problems.length + 1);
      }),
    );
  });

  test("deep below a host, a user or a setting too", () => {
    const places = fc.constantFrom(
      ...[
        "hosts.console",
        "hosts.console.redis",
        "hosts.console.sentinel",
        "hosts.console.address",
      ],
      ...["hosts.console.hostKey", "hosts.console.sshHost", "users", "users.x", "users.x.keys"],
      ...["users.x.commands", "ssh", "ssh.bastion", "ssh.port", "redis", "sentinel"],
    );
    fc.assert(
      fc.property(places, fc.oneof(fc.jsonValue(), nasty), (place, value) => {
        const raw: Record<string, unknown> = { ...rawConfig(), users: "{}", redis: "{}" };
        const [key, ...path] = place.split(".");
        let top: unknown = value;
        for (let depth = path.length; depth > 0; depth--) {
          const before = path
            .slice(0, depth - 1)
            .reduce<unknown>(
              (at, name) => (at as Record<string, unknown> | undefined)?.[name],
              typeof raw[key] === "string" ? JSON.parse(raw[key]) : {},
            );
          top = { ...(before as object), [path[depth - 1]]: top };
        }
        const change = { [key]: typeof top === "string" ? top : JSON.stringify(top) };
        const { config, problems } = parseConfig("dev", rawConfig(change), () => true);
        expect(config === undefined).toBe(problems.length > 0);
        for (const problem of problems) expect(problem.key).not.toBe("");
      }),
    );
  });

  test("a secret is in no message, whatever is wrong with it", () => {
    const value = fc
      .oneof(anyText, nasty, fc.constant(keyPair.private.replace("OPENSSH", "OPENSSL")))
      .map((text) => `s3cret${text}t3rces`);
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(secrets)),
        value,
        fc.boolean(),
        (key, text, set) => {
          const { problems } = parseConfig("dev", rawConfig({ [key]: text }), () => set);
          expect(report("dev", problems)).not.toMatch(/s3cret|t3rces/);
          const more = { [key.replace(/(Password)?$/, "PreviousPassword")]: text };
          const previous = parseConfig("dev", rawConfig(more), () => set);
          expect(report("dev", previous.problems)).not.toMatch(/s3cret|t3rces/);
        },
      ),
    );
  });
});

describe("rendering", () => {
  /** A configuration that parseConfig takes, with as much of the wanted change as it takes. */
  const accepted = (change: Record<string, unknown>): TopologyConfig | undefined => {
    const { config } = parseConfig("dev", rawConfig(change), () => true);
    return config && { ...config, secrets: secretOutputs(config.secrets) };
  };
  const files = (config: TopologyConfig) =>
    config.hosts.flatMap((each) => [
      renderRedisConf(config, each),
      renderMembers(config, each),
      ...(each.sentinel ? [renderSentinelConf(config, each)] : []),
      renderNodeUsers(config),
      renderSentinelUsers(config),
    ]);
  /** Lines as redis-server and bash divide a file. */
  const names = (text: string) =>
    text
      .split("\n")
      .filter((line) => !/^(#|$)/.test(line))
      .map((line) => line.replace(/^(sentinel \S+|user \S+|node \S+|\S+).*$/s, "$1"));
  const plain = accepted({})!;

  test.each(["node", "sentinel"] as const)(
    "a value of a %s directive is one line in its place, as it was taken",
    (daemon) => {
      const key = daemon === "node" ? "redis" : "sentinel";
      const settable = directives(daemon).filter((each) => each.type);
      const value = fc.oneof(nasty, fc.integer(), fc.boolean(), fc.array(nasty, { maxLength: 4 }));
      let taken = 0;
      fc.assert(
        fc.property(fc.constantFrom(...settable), value, (directive, given) => {
          const config = accepted({ [key]: { [directive.name]: given } });
          if (!config) return;
          taken++;
          expect(files(config).map(names).flat().length - files(plain).map(names).flat().length)
            // A directive without a default has a line only when it is set.
            .toBeLessThanOrEqual(directive.default === undefined ? config.hosts.length : 0);
          for (const each of config.hosts) {
            const settings = (daemon === "node" ? each.redis : each.sentinel) ?? {};
            const text =
              daemon === "node" ? renderRedisConf(config, each) : renderSentinelConf(config, each);
            const lines = text
              .split("\n")
              .filter((line) => new RegExp(`^(sentinel )?${directive.name} `).test(line))
              .map((line) => line.replace(`${config.masterName} `, ""));
            expect(lines.map((line) => line.replace(/^(sentinel )?\S+ /, ""))).toEqual([
              settings[directive.name],
            ]);
          }
        }),
        { numRuns: 1500 },
      );
      expect(taken).toBeGreaterThan(20);
    },
  );

  test("the members read back as the hosts that were configured", () => {
    const label = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?$/);
    const address = fc.tuple(
      fc.integer({ min: 1, max: 126 }),
      fc.nat(255),
      fc.nat(255),
      fc.nat(255),
    );
    const group = fc
      .uniqueArray(fc.tuple(label, address), { minLength: 3, maxLength: 3, selector: ([n]) => n })
      .filter((all) => new Set(all.map(([, at]) => at.join())).size === 3);
    const ports = fc.uniqueArray(fc.integer({ min: 1024, max: 65535 }), {
      minLength: 2,
      maxLength: 2,
    });
    fc.assert(
      fc.property(group, ports, (all, [nodePort, sentinelPort]) => {
        const config = accepted({
          hosts: Object.fromEntries(all.map(([name, at]) => [name, host(at.join("."))])),
          bootstrapMaster: all[0][0],
          nodePort: String(nodePort),
          sentinelPort: String(sentinelPort),
        });
        if (!config) return;
        const words = renderMembers(config, config.hosts[0])
          .split("\n")
          .map((line) => line.split(" "));
        for (const [kind, port] of [
          ["node", nodePort],
          ["sentinel", sentinelPort],
        ] as const) {
          const read = words.filter(([first]) => first === kind).map(([, ...rest]) => rest);
          expect(new Set(read.map(String))).toEqual(
            new Set(all.map(([name, at]) => String([name, at.join("."), port]))),
          );
        }
      }),
    );
  });

  test("a user's rights read back as words, one line each", () => {
    // Most of them are right, or nothing would be taken.
    const mostly = (right: RegExp, ...others: fc.Arbitrary<string>[]) =>
      fc.oneof(
        { arbitrary: fc.stringMatching(right), weight: 20 },
        ...others.map((arbitrary) => ({ arbitrary, weight: 1 })),
      );
    const pattern = mostly(
      /^[a-z0-9][a-z0-9:*?{}]{0,19}$/,
      nasty,
      fc.stringMatching(/^[!-~]{1,20}$/),
    );
    const rights = fc.record({
      keys: fc.array(pattern, { maxLength: 3 }),
      readKeys: fc.array(pattern, { maxLength: 3 }),
      writeKeys: fc.array(pattern, { maxLength: 3 }),
      channels: fc.array(pattern, { maxLength: 3 }),
      commands: fc.array(mostly(/^[+-]@?[a-z|]{1,9}$/, nasty), { maxLength: 3 }),
    });
    let taken = 0;
    fc.assert(
      fc.property(rights, (application) => {
        const { keys, readKeys, writeKeys, channels, commands } = application;
        const config = accepted({ users: { application } });
        if (!config) return;
        taken++;
        const lines = renderNodeUsers(config).trimEnd().split("\n");
        expect(lines.length).toBe(renderNodeUsers(plain).trimEnd().split("\n").length);
        const line = lines.filter((each) => each.startsWith("user application "));
        // As sdssplitargs divides it: by ASCII's spaces.
        expect(line[0].trimEnd().split(/[ \t\n\r\v\f\0]+/)).toEqual([
          ...["user", "application", "on", "#application", "resetkeys"],
          ...keys.map((each) => `~${each}`),
          ...readKeys.map((each) => `%R~${each}`),
          ...writeKeys.map((each) => `%W~${each}`),
          "resetchannels",
          ...channels.map((each) => `&${each}`),
          "-@all",
          ...commands,
        ]);
      }),
    );
    expect(taken).toBeGreaterThan(10);
  });

  test("passwords read back as their hashes, and the host's own as they are", async () => {
    const own = fc.stringMatching(/^[A-Za-z0-9_-]{32,60}$/);
    await fc.assert(
      fc.asyncProperty(nasty, own, async (application, operator) => {
        const config = accepted({ applicationPassword: application, operatorPassword: operator });
        if (!config) return;
        const text = await new Promise<string>((resolve) =>
          renderSecrets(config.secrets).apply(resolve),
        );
        expect(text).toMatch(new RegExp(`^operator ${operator}$`, "m"));
        expect(text.match(/^hash application [0-9a-f]{64}$/gm)).toHaveLength(1);
        expect(names(text).length).toBe(3 + Object.keys(secrets).length - 1);
      }),
      { numRuns: 100 },
    );
  });
});

describe("shell", () => {
  test("takes any words as they are", () => {
    const word = nasty.map((text) => Buffer.from(text.replaceAll("\0", "")).toString());
    const lists = fc.sample(fc.array(word, { minLength: 1, maxLength: 5 }), 1000);
    const script = lists
      .map((words) => commandLine(["printf", "%s\\0", ...words, "end"]))
      .join("\n");
    const { stdout, stderr } = spawnSync("bash", ["-c", script], { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(stdout).toBe(lists.map((words) => [...words, "end", ""].join("\0")).join(""));
  });

  test("nothing that a host says goes on but ids and its own proof", () => {
    const idOrError = (text: string) => {
      try {
        return readId("step", text);
      } catch (error) {
        return (error as Error).message;
      }
    };
    const end = fc.constantFrom("", "\n", " [0123abcd]", "[0123abcd]\n", "app-1 ", " data");
    fc.assert(
      fc.property(fc.array(fc.oneof(nasty, end), { maxLength: 6 }), (said) => {
        for (const text of [said.join(""), said.join(" "), said.join("\n")]) {
          expect(idOrError(text)).toMatch(/^([0-9a-f-]{8,36}$|step: )/);
          expect(() => readProof(text, "app-2")).toThrow("app-2 says ");
        }
      }),
    );
  });

  test("a greeting before an id is no part of it", () => {
    fc.assert(
      fc.property(fc.uuid(), fc.array(anyText), fc.constantFrom("", "\n"), (id, before, end) => {
        expect(readId("step", [...before, id].join("\n") + end)).toBe(id);
      }),
    );
  });
});
