import { spawn } from "child_process";
import { randomBytes } from "crypto";
import Redis from "ioredis";
import { createInterface } from "readline";
import { join } from "path";
import {
  address,
  expectNothingLost,
  hosts,
  lab,
  masterName,
  meanwhileOn,
  namedMaster,
  nodePort,
  openStack,
  sentinelPort,
  Stack,
  top,
  untilWhole,
  writerOn,
} from "../helpers/lab";
import { summary } from "../writer";

// Applications by other libraries than the writer's, each as its documentation shows, while masters stop on purpose.

const stops = 10;
/** Megabytes that a node saves when it stops. */
const megabytes = 512;
const sources = join(__dirname, "clients");
/** Where tests/soak/clients/install has put them, which needs the registries that a lab does not reach. */
const built = join(top, "build", "clients");
const programs = {
  "redis-py": ["python3", join(sources, "redis_py.py")],
  "go-redis": [join(built, "go-redis")],
} as const;
type Library = keyof typeof programs;

interface Told {
  acknowledged: number[];
  failed: number;
  longestGap: number;
}

let dev: Stack;

/** Starts it; what it gives back ends it, and resolves with what it tells. */
function start(library: Library): () => Promise<Told> {
  const [program, ...args] = programs[library];
  const child = spawn(program, args, {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, PYTHONPATH: join(built, "python") },
  });
  const told = new Promise<Told>((resolve, reject) => {
    createInterface(child.stdout).once("line", (line) => resolve(JSON.parse(line) as Told));
    child.once("exit", (code) => reject(new Error(`${library} ended with ${code} and no result`)));
  });
  const access = {
    sentinels: hosts.map((host) => ({ host: address(host), port: sentinelPort })),
    masterName,
    username: "application",
    password: dev.passwords.application,
    prefix: `${library}:`,
  };
  child.stdin.write(`${JSON.stringify(access)}\n`);
  return () => {
    child.stdin.end();
    return told;
  };
}

const onMaster = async <T>(ask: (redis: Redis) => Promise<T>): Promise<T> => {
  const redis = new Redis({
    host: address((await namedMaster(dev))!),
    port: nodePort,
    username: "application",
    password: dev.passwords.application,
  });
  try {
    return await ask(redis);
  } finally {
    redis.disconnect();
  }
};

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await dev.stack.up();
  await onMaster(async (redis) => {
    for (let n = 0; n < megabytes; n++) await redis.set(`bulk:${n}`, randomBytes(1 << 20));
  });
  await untilWhole();
});

it(`${stops} stops of masters with ${megabytes} MB: redis-py, go-redis and ioredis lose nothing`, async () => {
  const libraries = Object.keys(programs) as Library[];
  const writer = await writerOn(dev);
  const ends = libraries.map(start);
  for (let turn = 0; turn < stops; turn++) {
    const master = (await namedMaster(dev))!;
    await meanwhileOn(master, "systemctl restart redis-cluster");
    await untilWhole();
  }
  const told = await Promise.all(ends.map((end) => end()));
  const result = await writer.stop();
  console.log(
    [
      ...summary(result),
      ...told.map(
        ({ acknowledged, failed, longestGap }, at) =>
          `${libraries[at]}: ${acknowledged.length} acknowledged, ${failed} failed, longest gap ${longestGap.toFixed(2)} s`,
      ),
    ].join("\n"),
  );
  expectNothingLost(result);
  for (const [at, { acknowledged }] of told.entries()) {
    const values = await onMaster((redis) =>
      redis.mget(acknowledged.map((number) => `${libraries[at]}:${number}`)),
    );
    expect(acknowledged.filter((number, n) => values[n] !== String(number))).toEqual([]);
    expect(acknowledged.length).toBeGreaterThan(1000);
  }
});
