import { setTimeout as sleep } from "timers/promises";
import {
  eventually,
  masterName,
  operatorPassword,
  RedisGroup,
  startRedisGroup,
} from "../helpers/redisGroup";
import { watchSentinels } from "../helpers/sentinelWatch";

jest.setTimeout(60000);

let group: RedisGroup;
const watch = () =>
  watchSentinels({
    sentinels: group.sentinels.map(({ address, port }) => ({ host: address, port })),
    masterName,
    username: "operator",
    password: operatorPassword,
  });

beforeAll(async () => {
  group = startRedisGroup(["a", "b", "c"]);
  for (const { name } of group.sentinels) {
    await eventually(10, () =>
      group.ask("sentinel", name, "PING").then(
        () => true,
        () => false,
      ),
    );
  }
});

afterAll(() => group.destroy());

test("a group of three that all answer", async () => {
  const watching = watch();
  await sleep(500);
  const { rounds, fewest } = await watching.stop();
  expect(fewest).toBe(3);
  expect(rounds).toBeGreaterThan(1);
});

test("counts a sentinel that was stopped for a moment, and one that hangs", async () => {
  const watching = watch();
  await group.stop("sentinel", "a");
  group.signal("sentinel", "b", "SIGSTOP");
  await sleep(300);
  group.start("sentinel", "a");
  await sleep(3000);
  group.signal("sentinel", "b", "SIGCONT");
  expect((await watching.stop()).fewest).toBe(1);
});
