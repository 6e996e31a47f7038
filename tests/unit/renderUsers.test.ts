import * as pulumi from "@pulumi/pulumi";
import {
  renderNodeUsers,
  renderSecrets,
  renderSentinelUsers,
} from "../../components/release/render";
import { secrets, topologyConfig } from "../helpers/config";

describe("users", () => {
  const config = topologyConfig({
    users: {
      application: {},
      reader: {
        keys: ["r:*"],
        readKeys: ["app:*", "*"],
        writeKeys: ["jobs:*"],
        commands: ["+@all"],
      },
      reports: { keys: ["reports:*", "shared:*"], channels: [], commands: ["+@read", "-keys"] },
    },
    applicationPassword: "app \"'&<> secret",
    applicationPreviousPassword: "the one before",
    readerPassword: "r",
    reportsPassword: "r",
    operatorPreviousPassword: "before-".padEnd(40, "b"),
  });
  const resolved = <T>(output: pulumi.Output<T>) =>
    new Promise<T>((resolve) => output.apply(resolve));

  test.each([
    [
      "nodes",
      renderNodeUsers(config),
      [
        "default",
        "application",
        "reader",
        "reports",
        "replication",
        "sentinel",
        "monitoring",
        "operator",
      ],
    ],
    [
      "sentinels",
      renderSentinelUsers(config),
      ["default", "application", "reader", "reports", "sentinel", "monitoring", "operator"],
    ],
  ])("those of %s are off or have a password that is named, and none is told", (_, text, users) => {
    const lines = text.trimEnd().split("\n");
    expect(lines.map((line) => line.split(" ")[1])).toEqual(users);
    expect(lines[0]).toMatch(/^user default off resetpass /);
    for (const [index, line] of lines.slice(1).entries()) {
      expect(line).toMatch(new RegExp(`^user ${users[index + 1]} on #${users[index + 1]} `));
    }
  });

  test("one that is gone has a user who may do nothing; without any the text stays as it was", () => {
    const gone = renderNodeUsers({ ...config, gone: ["app-9"] });
    const line = "user gone.app-9 off resetpass resetkeys resetchannels -@all\n";
    expect(gone).toBe(renderNodeUsers(config) + line);
    expect(renderNodeUsers(config)).not.toContain("gone");
  });

  test("the user default, off, has all rights on nodes, which replay an AOF as it, and none on sentinels", () => {
    expect(renderNodeUsers(config)).toMatch(/^user default off resetpass ~\* &\* \+@all$/m);
    expect(renderSentinelUsers(config)).toMatch(
      /^user default off resetpass resetkeys resetchannels -@all$/m,
    );
  });

  test("an application's has the keys, channels and commands of the stack", () => {
    expect(renderNodeUsers(config)).toContain(
      "user reports on #reports resetkeys ~reports:* ~shared:* resetchannels  -@all +@read -keys\n",
    );
    expect(renderNodeUsers(config)).toContain(
      "user reader on #reader resetkeys ~r:* %R~app:* %R~* %W~jobs:* resetchannels &* -@all +@all\n",
    );
    expect(renderNodeUsers(config)).toContain(
      "user application on #application resetkeys ~* resetchannels &* -@all +@all -@admin -@dangerous +info",
    );
  });

  test("the secret file has what a host logs in with, and of the others hashes, the current one first", async () => {
    const output = renderSecrets(config.secrets);
    expect(await pulumi.isSecret(output)).toBe(true);
    const text = await resolved(output);
    // printf %s PASSWORD | sha256sum
    const [current, previous] = [
      "c6d82f05eed07add76a1392be336595795b6ce248f6a51204e39df4be89e639e",
      "fccfc0ba21c4ef19755deaf97b0f212b471d60f12a0c99ae23f5a316e2bf8150",
    ];
    expect(text.split("\n").slice(0, 5)).toEqual([
      `replication ${secrets.replicationPassword}`,
      `sentinel ${secrets.sentinelPassword}`,
      `operator ${secrets.operatorPassword}`,
      `previous-operator ${"before-".padEnd(40, "b")}`,
      `hash application ${current} ${previous}`,
    ]);
    expect(text).toMatch(/^hash reports [0-9a-f]{64}$/m);
    expect(text).toMatch(/^hash operator [0-9a-f]{64} [0-9a-f]{64}$/m);
    for (const password of ["secret", "the one before", secrets.monitoringPassword]) {
      expect(text).not.toContain(password);
    }
  });
});

describe("users of a group that is taken over", () => {
  const adopting = topologyConfig({ adoptPassword: "foobared" });
  const rightsOf = (user: string, text: string): string | undefined =>
    new RegExp(`^user ${user} on \\S+ (.*)$`, "m").exec(text)?.[1];

  test.each([
    [
      "nodes, which replay as it what the legacy group's clients did in transactions,",
      renderNodeUsers(adopting),
      "#default",
      `${rightsOf("application", renderNodeUsers(adopting))} +@write`,
    ],
    [
      "sentinels",
      renderSentinelUsers(adopting),
      "nopass",
      rightsOf("application", renderSentinelUsers(adopting)),
    ],
  ])("on %s the user default stays, with its rights", (_, text, login, expected) => {
    expect(text.match(/^user default .*$/gm)).toHaveLength(1);
    expect(text).toContain(`user default on ${login} reset`);
    expect(rightsOf("default", text)).toBe(expected);
  });

  test("the secret file has their password, for the hosts, and its hash, for the daemons", async () => {
    const text = await new Promise((resolve) => renderSecrets(adopting.secrets).apply(resolve));
    expect(text).toMatch(/^adopt foobared$/m);
    // printf %s foobared | sha256sum
    expect(text).toMatch(
      /^hash default 1b58ee375b42e41f0e48ef2ff27d10a5b1f6924a9acdcdba7cae868e7adce6bf$/m,
    );
  });

  test("without the key none of it is there", async () => {
    const text = await new Promise((resolve) =>
      renderSecrets(topologyConfig().secrets).apply(resolve),
    );
    expect(text).not.toMatch(/adopt|default/);
  });
});
