import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { eventually, Host, Hosts } from "./support/hosts";

// Data that lie in the data directory and that the configuration would not load: a node that started over them would
// be empty, and would overwrite them.

jest.setTimeout(60000);

let hosts: Hosts;
let consoleHost: Host, app1: Host;
const directory = "/var/lib/redis-cluster";
const aof = `${directory}/appendonlydir`;

beforeEach(() => {
  hosts = new Hosts();
  [consoleHost, app1] = hosts.all;
  // As it answers before there is a unit.
  for (const host of hosts.all) {
    host.write("/usr/bin/systemctl", "#!/bin/sh\nexit 5\n");
    chmodSync(host.path("/usr/bin/systemctl"), 0o755);
  }
});

afterEach(() => hosts.destroy());

/** Runs a Redis of its own over the data directory, as somebody else's configuration would. */
async function redis(host: Host, lines: string[], then: string[][]): Promise<void> {
  const { "redis.conf": conf, "users.acl": users } = host.releaseFiles();
  const before = existsSync(host.path("redis-cluster.conf"))
    ? host.read("redis-cluster.conf")
    : undefined;
  host.write("redis-cluster.conf", [conf, users, 'save ""', ...lines, ""].join("\n"));
  await host.start("node");
  for (const command of then) expect(host.ask("node", ...command)).not.toMatch(/ERR/);
  await eventually(10, () =>
    host.ask("node", "info", "persistence").includes("aof_rewrite_in_progress:0"),
  );
  await host.stop("node");
  if (before === undefined) rmSync(host.path("redis-cluster.conf"));
  else host.write("redis-cluster.conf", before);
}

/** What lies there: an RDB, a single AOF as of Redis 6, or an AOF of several parts, with three keys or none. */
const put = {
  rdb: (host: Host, name = "dump.rdb", keys = 3) =>
    redis(host, ["appendonly no", `dbfilename ${name}`], [...mset(keys), ["save"]]),
  aof: (host: Host, appenddirname = "appendonlydir", name = "appendonly.aof", keys = 3) =>
    redis(host, [`appenddirname ${appenddirname}`, `appendfilename ${name}`], mset(keys)),
  single: async (host: Host, name = "appendonly.aof") => {
    await put.aof(host, "old", name);
    renameSync(host.path(`${directory}/old/${name}.1.incr.aof`), host.path(`${directory}/${name}`));
    rmSync(host.path(`${directory}/old`), { recursive: true });
  },
};
const mset = (keys: number) => (keys > 0 ? [["mset", "a", "1", "b", "2", "c", "3"]] : []);

const conf = (host: Host, appendonly: string) => {
  const { "redis.conf": text } = host.releaseFiles();
  host.release("one", "current", {
    "redis.conf": text.replace("appendonly yes", `appendonly ${appendonly}`),
  });
};

/** As root, on files of redis's, as they are on a host, in the order in which they were written; else on one's own. */
const convert = (host: Host, name: string) => {
  const chown =
    'chown redis:redis "$0"; find "$0" -printf "%C@ %p\\n" | sort -n | cut -d " " -f 2 | while read -r file; do chown redis:redis "$file"; sleep 0.02; done';
  if (process.getuid?.() === 0) execFileSync("bash", ["-c", chown, host.path(directory)]);
  return host.run("convert", name);
};

/** All files below the data directory, with what is in them. */
const files = (host: Host) =>
  Object.fromEntries(
    readdirSync(host.path(directory), { recursive: true, withFileTypes: true })
      .filter((each) => each.isFile())
      .map((each) => `${each.parentPath}/${each.name}`)
      .map((path) => [path, readFileSync(path).toString("base64")]),
  );

const refused: [string, string, (host: Host) => Promise<unknown>, string, string?][] = [
  ["an RDB, no AOF", "yes", (host) => put.rdb(host), "dump.rdb"],
  ["an RDB of another name", "yes", (host) => put.rdb(host, "backup"), "backup"],
  [
    "an RDB that came after an AOF without a key",
    "yes",
    async (host) => {
      await put.aof(host, undefined, undefined, 0);
      await put.rdb(host);
    },
    "dump.rdb",
  ],
  [
    "an AOF of another directory",
    "yes",
    (host) => put.aof(host, "other"),
    "other/appendonly.aof.manifest",
  ],
  [
    "an AOF of another name in its directory",
    "yes",
    (host) => put.aof(host, "appendonlydir", "other.aof"),
    "appendonlydir/other.aof.manifest",
  ],
  ["a single AOF of another name", "yes", (host) => put.single(host, "old.aof"), "old.aof"],
  [
    "an AOF whose manifest is gone",
    "yes",
    async (host) => {
      await put.aof(host);
      rmSync(host.path(`${aof}/appendonly.aof.manifest`));
    },
    "appendonlydir/appendonly.aof.1.incr.aof",
  ],
  ["an AOF", "no", (host) => put.aof(host), "appendonlydir/appendonly.aof.manifest"],
  ["a single AOF", "no", (host) => put.single(host), "appendonly.aof"],
  ["an RDB of another name", "no", (host) => put.rdb(host, "other.rdb"), "other.rdb"],
  [
    "an AOF that is newer than the RDB beside it",
    "no",
    async (host) => {
      await put.rdb(host);
      await put.aof(host);
    },
    "appendonlydir/appendonly.aof.manifest",
  ],
];

describe("what is not loaded is not started over", () => {
  test.each(refused)("%s, appendonly %s", async (_, appendonly, lay, name) => {
    conf(app1, appendonly);
    await lay(app1);
    const before = files(app1);
    for (const mark of ["app-1", "console"]) {
      app1.write("bootstrap", `${mark}\n`);
      const { status, stderr } = await app1.compose("node");
      expect([mark, status, stderr]).toEqual([
        mark,
        1,
        expect.stringContaining(`appendonly ${appendonly}, would not load: ${name};`),
      ]);
    }
    expect(files(app1)).toEqual(before);
    expect(existsSync(app1.path("redis-cluster.conf"))).toBe(false);
  });

  test("neither where sentinels name another master: its first sync would overwrite them", async () => {
    await put.rdb(app1);
    app1.write("initialised", "");
    for (const host of [consoleHost, app1]) {
      host.lastSentinelFile(consoleHost);
      await host.start("sentinel");
    }
    expect((await app1.compose("node")).stderr).toContain("would not load: dump.rdb;");
  });

  const started: [string, string, (host: Host) => Promise<unknown>][] = [
    ["nothing", "yes", () => Promise.resolve()],
    ["an RDB without a key", "yes", (host) => put.rdb(host, undefined, 0)],
    [
      "an RDB that is older than the AOF",
      "yes",
      async (host) => {
        await put.rdb(host);
        await put.aof(host, undefined, undefined, 0);
      },
    ],
    [
      "an RDB that is newer than an AOF with keys",
      "yes",
      async (host) => {
        await put.aof(host);
        await put.rdb(host);
      },
    ],
    ["a single AOF", "yes", (host) => put.single(host)],
    [
      "the RDB of a save that did not end",
      "yes",
      (host) => Promise.resolve(host.write(`${directory}/temp-12.rdb`, "REDIS0010")),
    ],
    [
      "the RDB of a full sync whose AOF was not written yet",
      "yes",
      async (host) => {
        await put.aof(host, undefined, undefined, 0);
        await put.rdb(host);
        host.write(`${aof}/temp-appendonly.aof.incr`, "");
      },
    ],
    ["no data at all", "yes", (host) => Promise.resolve(host.write(`${directory}/notes`, "text"))],
    [
      "an AOF that is older than the RDB",
      "no",
      async (host) => {
        await put.aof(host);
        await put.rdb(host);
      },
    ],
  ];
  test.each(started)("%s, appendonly %s: it starts", async (_, appendonly, lay) => {
    conf(app1, appendonly);
    await lay(app1);
    app1.write("bootstrap", "app-1\n");
    expect(await app1.compose("node")).toMatchObject({ status: 0 });
  });

  test("a replica that was stopped while it loaded a full sync starts again", async () => {
    await put.aof(app1, undefined, undefined, 0);
    await put.rdb(app1);
    app1.lastNodeFile(consoleHost);
    expect(await app1.compose("node")).toMatchObject({ status: 0 });
    // One that was master got it from somewhere else.
    app1.lastNodeFile();
    expect((await app1.compose("node")).stderr).toContain("would not load: dump.rdb;");
  });
});

describe("convert", () => {
  const convertible = refused.filter(([what]) => !what.includes("manifest is gone"));
  test.each(convertible)(
    "%s, appendonly %s: every key is served",
    async (_, appendonly, lay, name) => {
      conf(app1, appendonly);
      await lay(app1);
      app1.write("bootstrap", "app-1\n");
      expect((await app1.compose("node")).status).toBe(1);
      const { status, stderr } = await convert(app1, name);
      expect([status, stderr]).toEqual([
        0,
        expect.stringContaining(`3 keys of ${name} are what Redis loads now`),
      ]);
      await app1.composeAndStart("node");
      expect(app1.ask("node", "mget", "a", "b", "c")).toBe("1\n2\n3\n");
      expect(app1.ask("node", "config", "get", "appendonly")).toContain(appendonly);
      await app1.stop("node");
      await app1.composeAndStart("node");
      expect(app1.ask("node", "dbsize")).toBe("3\n");
      const [top] = name.split("/");
      expect(readdirSync(app1.path(directory))).toContain(`${top}.converted`);
      expect(readdirSync(app1.path(directory))).not.toContain(".convert");
    },
  );

  test("takes a file that root has put there", async () => {
    await put.rdb(app1);
    const dump = readFileSync(app1.path(`${directory}/dump.rdb`));
    const place = async (mode: number) => {
      rmSync(app1.path(`${directory}/dump.rdb`));
      writeFileSync(app1.path(`${directory}/dump.rdb`), dump, { mode });
      return app1.run("convert", "dump.rdb");
    };
    await convert(app1, "");
    // A user who is not root reads his own files.
    if (process.getuid?.() === 0)
      expect(await place(0o600)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("redis cannot read") as string,
      });
    expect(await place(0o644)).toMatchObject({ status: 0 });
    app1.write("bootstrap", "app-1\n");
    await app1.composeAndStart("node");
    expect(app1.ask("node", "dbsize")).toBe("3\n");
  });

  test("changes nothing for what cannot be loaded, is loaded anyway, or is half of it", async () => {
    await put.rdb(app1);
    for (const [name, said] of [
      ["other.rdb", "expected one of: dump.rdb"],
      ["../../../etc/passwd", "expected one of: dump.rdb"],
    ]) {
      const { status, stderr } = await convert(app1, name);
      expect([status, stderr]).toEqual([1, expect.stringContaining(said)]);
    }
    app1.write(`${directory}/dump.rdb`, "REDIS0010 and then something else");
    const before = files(app1);
    const { status, stderr } = await convert(app1, "dump.rdb");
    expect([status, stderr]).toEqual([1, expect.stringContaining("Redis does not load it")]);
    expect(files(app1)).toEqual(before);
    expect((await app1.compose("node")).status).toBe(1);
  });
});

describe("the proof of a host", () => {
  const proof = async (host: Host) => {
    host.release("staged", "staged");
    const { stdout } = await host.run("node-prove");
    return stdout.trim().split(" ")[1];
  };
  test("data that would not be loaded are no data to begin with, whatever mark lies beside them", async () => {
    await put.rdb(app1);
    app1.write(`${directory}/retired-master`, "");
    expect(await proof(app1)).toBe("unread");
  });

  test("what was converted is what the group begins with", async () => {
    await put.rdb(app1);
    app1.release("staged", "staged");
    expect((await convert(app1, "dump.rdb")).status).toBe(0);
    expect(await proof(app1)).toBe("retired-master");
  });
});
