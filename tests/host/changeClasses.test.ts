import { EngineProject, engineProject } from "../helpers/engineProject";

// What the preview tells and refuses of the group's own settings, by the real engine.

jest.setTimeout(120000);

let project: EngineProject;

beforeAll(async () => {
  project = await engineProject(
    "change-classes",
    [
      'import * as pulumi from "@pulumi/pulumi";',
      'import { ChangeClasses } from "../../components/changeClasses";',
      'const packageVersion = new pulumi.Config().require("version");',
      "const group = { live: {}, restart: {}, created: [], foundBy: {} };",
      'new ChangeClasses("change-classes", { ...group, packageVersion });',
    ].join("\n"),
  );
});
afterAll(() => project.remove());

const version = (value: string) => project.stack.setConfig("version", { value });

test("a version of the package from which there is no way back is told in the preview, and its way back refused there", async () => {
  await version("5:7.0.15-1~deb12u7");
  await project.stack.up();
  await version("5:8.0.2-3+deb13u1");
  expect((await project.stack.preview()).stdout).toContain(
    "warning: redis-cluster:packageVersion goes from 5:7.0.15-1~deb12u7 to 5:8.0.2-3+deb13u1",
  );
  await project.stack.up();
  await version("5:7.0.15-1~deb12u7");
  await expect(project.stack.preview()).rejects.toThrow(
    "redis-cluster:packageVersion is 5:7.0.15-1~deb12u7; expected none before 8.0",
  );
});
