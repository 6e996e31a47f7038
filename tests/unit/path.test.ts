import { execFileSync } from "child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "fs";
import { tmpdir } from "os";
import { join } from "path";
import { under } from "../../components/config/path";
import { host, keyPair, problemsOf } from "../helpers/config";

/** Host names as they are: with dots. */
const hosts = {
  "redis-1.example.com": host("10.77.0.11"),
  "redis-2.example.com": host("10.77.0.12"),
  "app-2": host("10.77.0.13"),
};

/** The words that `pulumi config set --path` divides such a path into, by resource.ParsePropertyPath. */
const words = (path: string): string[] =>
  [...path.matchAll(/(?:^|\.)([^.[\]"]+)|\["((?:[^"\\]|\\.)*)"\]/g)].map(
    ([, plain, inQuotes]) => plain ?? (JSON.parse(`"${inQuotes}"`) as string),
  );

test.each([
  ["hosts", "app-1", "hosts.app-1"],
  ["hosts", "redis-1.example.com", 'hosts["redis-1.example.com"]'],
  ["hosts", 'a"b', 'hosts["a\\"b"]'],
  ["hosts", "", 'hosts[""]'],
])("the path of %s and %s is %s", (path, name, expected) => {
  expect(under(path, name)).toBe(expected);
  if (name) expect(words(under(path, name))).toEqual([path, name]);
});

test("what is wrong with a host is told by a path that survives the dots in its name", () => {
  const problems = problemsOf({
    hosts: {
      ...hosts,
      "redis-1.example.com": {
        address: "10.77.0.11",
        redis: { hz: 0, "a.b": 1 },
        sentinel: { bind: "10.77.0.11" },
        "x.y": 1,
      },
      "redis-2.example.com": host("10.77.0.13", { redis: { "min-replicas-to-write": 0 } }),
    },
    bootstrapMaster: "app-2",
    tls: { mode: "both", authority: "x" },
  });
  const [one, two] = ['hosts["redis-1.example.com"]', 'hosts["redis-2.example.com"]'];
  expect(problems.map(({ key }) => key).sort()).toEqual(
    [
      `${one}.hostKey`,
      `${one}.redis.hz`,
      `${one}.redis["a.b"]`,
      `${one}.sentinel.bind`,
      `${one}["x.y"]`,
      `${two}.redis.min-replicas-to-write`,
      "hosts.app-2",
      "tls.authority",
      ...Object.keys(hosts).flatMap((name) => [
        under("tls.certificates", name),
        under("tlsKeys", name),
      ]),
    ].sort(),
  );
  const commands = problems.map(
    ({ expected }) => /pulumi config set --secret --path (.*) </.exec(expected)?.[1],
  );
  expect(commands).toContain(`'tlsKeys["redis-1.example.com"]'`);
  expect(commands).toContain("tlsKeys.app-2");
});

test("ops/host-keys prints commands that pin the keys of hosts with dots in their names", () => {
  const bin = mkdtempSync(join(tmpdir(), "host-keys-"));
  const config = {
    "redis-cluster:ssh": { value: '{"user":"deploy"}' },
    "redis-cluster:hosts": { value: JSON.stringify(hosts) },
  };
  for (const [name, said] of [
    ["pulumi", JSON.stringify(config)],
    ["ssh-keyscan", `10.77.0.11 ${keyPair.public}`],
    ["ssh-keygen", "256 SHA256:fingerprint no comment (ED25519)"],
  ]) {
    writeFileSync(join(bin, name), `#!/bin/sh\nprintf '%s\\n' '${said}'\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const hostKeys = () =>
    execFileSync(join(__dirname, "../../ops/host-keys"), ["--stack", "dev"], {
      env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
      encoding: "utf8",
    });
  const printed = hostKeys();
  config["redis-cluster:ssh"].value = '{"user":"deploy","bastion":{"host":"10.0.0.1"}}';
  writeFileSync(join(bin, "pulumi"), `#!/bin/sh\nprintf '%s\\n' '${JSON.stringify(config)}'\n`);
  writeFileSync(join(bin, "ssh"), "#!/bin/sh\necho 'ssh-keyscan: not found' >&2\nexit 127\n");
  chmodSync(join(bin, "ssh"), 0o755);
  const behind = hostKeys();
  rmSync(bin, { recursive: true });
  expect(behind).toContain(
    "# hosts.app-2: no ssh-ed25519 key from 10.77.0.13 port 22, asked by 'ssh -p 22 deploy@10.0.0.1 ssh-keyscan': " +
      "ssh-keyscan: not found; expected an sshd with one there",
  );
  expect(printed.match(/^pulumi .*/gm)).toEqual(
    ['hosts["redis-1.example.com"]', 'hosts["redis-2.example.com"]', "hosts.app-2"].map(
      (path) => `pulumi config set --stack dev --path '${path}.hostKey' '${keyPair.public}'`,
    ),
  );
});
