import { execFileSync } from "child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "fs";
import { tmpdir } from "os";
import { join } from "path";
import { remote } from "@pulumi/command";
import { automation } from "@pulumi/pulumi";

/** The token under test. */
export const TOKEN = "command:remote:Command";

/** The plugin under test: COMMAND_PLUGIN, or the one that toolchain/install has put there. */
export const plugin =
  process.env.COMMAND_PLUGIN ??
  join(
    __dirname,
    "../../build/pulumi-home/plugins/resource-command-v1.2.1/pulumi-resource-command",
  );

type State = Record<string, unknown>;

/** A command's arguments by its name; a function gets the commands made before it. */
export type Program = Record<
  string,
  remote.CommandArgs | ((made: Record<string, remote.Command>) => remote.CommandArgs)
>;

/** What one engine run did. Names are the logical names of the commands. */
export interface Result {
  /** The steps in their order, "operation name"; a "same" is not one. */
  steps: string[];
  /** The outputs by name, as the state has them. */
  outputs: Record<string, State>;
  /** The ids by name. */
  ids: Record<string, string>;
  /** The error messages by name. */
  errors: Record<string, string>;
  /** What the commands printed while they ran and the warnings, by name. */
  messages: Record<string, string[]>;
}

/** A stack of remote commands with a plugin home and a state directory of its own. */
export class Stack {
  readonly directory = mkdtempSync(join(tmpdir(), "conformance-"));
  private readonly env: Record<string, string>;
  private stack: automation.Stack | undefined;
  private commands: Program = {};

  constructor(env: Record<string, string> = {}) {
    mkdirSync(join(this.directory, "state"));
    this.env = {
      PULUMI_HOME: join(this.directory, "home"),
      PULUMI_BACKEND_URL: `file://${this.directory}/state`,
      PULUMI_CONFIG_PASSPHRASE: "conformance",
      PULUMI_SKIP_UPDATE_CHECK: "1",
      SSH_AUTH_SOCK: "",
      ...env,
    };
    execFileSync(
      "pulumi",
      ["plugin", "install", "resource", "command", "1.2.1", "--file", plugin],
      { env: { ...process.env, ...this.env }, stdio: "ignore" },
    );
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Brings the stack to these commands; a failing command does not keep the others from running. */
  async up(commands: Program): Promise<Result> {
    this.commands = commands;
    return this.record(async (onEvent) => {
      await (await this.open()).up({ onEvent, continueOnError: true, parallel: 32 });
    });
  }

  async preview(commands: Program): Promise<Result> {
    this.commands = commands;
    return this.record(async (onEvent) => {
      await (await this.open()).preview({ onEvent });
    });
  }

  async refresh(): Promise<Result> {
    return this.record(async (onEvent) => {
      await (await this.open()).refresh({ onEvent });
    });
  }

  async destroy(): Promise<Result> {
    return this.record(async (onEvent) => {
      await (await this.open()).destroy({ onEvent, continueOnError: true });
    });
  }

  /** The state as it lies on disk. */
  rawState(): string {
    return readFileSync(join(this.directory, "state/.pulumi/stacks/conformance/test.json"), "utf8");
  }

  /** The state as `pulumi stack export --show-secrets` has it. */
  async exportState(): Promise<automation.Deployment> {
    return (await this.open()).exportStack();
  }

  /** Puts another state into the place of this one's. */
  async importState(state: automation.Deployment): Promise<void> {
    await (await this.open()).importStack(state);
  }

  private async open(): Promise<automation.Stack> {
    const program = (): Promise<void> => {
      const made: Record<string, remote.Command> = {};
      for (const [name, args] of Object.entries(this.commands)) {
        made[name] = new remote.Command(name, typeof args === "function" ? args(made) : args);
      }
      return Promise.resolve();
    };
    this.stack ??= await automation.LocalWorkspace.createOrSelectStack(
      { projectName: "conformance", stackName: "test", program },
      { envVars: this.env },
    );
    return this.stack;
  }

  private async record(
    run: (onEvent: (event: automation.EngineEvent) => void) => Promise<void>,
  ): Promise<Result> {
    const result: Result = { steps: [], outputs: {}, ids: {}, errors: {}, messages: {} };
    try {
      await run((event) => note(result, event));
    } catch (error) {
      if (Object.keys(result.errors).length === 0) {
        throw error;
      }
    }
    return result;
  }
}

function note(result: Result, event: automation.EngineEvent): void {
  const step = (event.resourcePreEvent ?? event.resOutputsEvent)?.metadata;
  if (step?.type === TOKEN) {
    const name = nameOf(step.urn);
    if (event.resourcePreEvent !== undefined && !["same", "refresh", "replace"].includes(step.op)) {
      result.steps.push(`${step.op} ${name}`);
    }
    if (event.resOutputsEvent !== undefined && step.new !== undefined) {
      result.outputs[name] = step.new.outputs;
      result.ids[name] = step.new.id;
    }
  }
  const diagnostic = event.diagnosticEvent;
  if (diagnostic?.urn?.includes(TOKEN)) {
    const name = nameOf(diagnostic.urn);
    if (diagnostic.severity === "error") {
      result.errors[name] = (result.errors[name] ?? "") + plain(diagnostic.message);
    } else {
      (result.messages[name] ??= []).push(plain(diagnostic.message).trimEnd());
    }
  }
}

function nameOf(urn: string): string {
  return urn.slice(urn.lastIndexOf("::") + 2);
}

/** Less the engine's colour marks, such as <{%reset%}>. */
function plain(message: string): string {
  return message.replace(/<\{%.*?%\}>/g, "");
}
