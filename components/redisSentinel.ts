import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { HostConfig, TopologyConfig } from "./config/topology";
import { connectionTo } from "./remote/connection";
import { RedisNode } from "./redisNode";
import { remoteClaim } from "./remote/claim";
import { remoteStep, RemoteStepArgs } from "./remote/step";
import { sentinelFiles } from "./release/manifest";

export interface RedisSentinelArgs {
  config: TopologyConfig;
  host: HostConfig;
  /** Project and stack. */
  owner: string;
  /** Stands for everything that is staged in the group. */
  plan: pulumi.Input<string>;
  /** The sentinel's files are written again when it changes. */
  repair: pulumi.Output<string>;
  /** The node of the same host, which prepares it. */
  node: RedisNode;
  /** All nodes: a destroy stops every sentinel before any of them. */
  nodes: RedisNode[];
}

/**
 * The sentinel of one host: its staged files and the steps that start it, the last of its host in a rollout.
 * The topology says in which order the steps run.
 */
export class RedisSentinel extends pulumi.ComponentResource {
  /** Stages the sentinel's files; its delete takes the sentinel away. */
  readonly staged: remote.Command;
  private readonly everyStep: Omit<RemoteStepArgs, "verb" | "after">;

  constructor(
    private readonly prefix: string,
    args: RedisSentinelArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("redis-cluster:index:RedisSentinel", prefix, {}, opts);
    const { config, host, owner, node, nodes, repair } = args;
    const connection = connectionTo(host, config);
    this.everyStep = {
      connection,
      instance: config.instance,
      plan: args.plan,
      limit: config.limits.step,
      override: config.override,
    };

    this.staged = remoteClaim(
      `${prefix}-claim`,
      {
        connection,
        instance: config.instance,
        component: "sentinel",
        owner,
        program: node.program,
        deleteData: config.deleteData,
        limit: config.limits.step,
        lines: [],
        files: sentinelFiles(config, host),
        repair,
      },
      { parent: this, dependsOn: nodes.map(({ staged }) => staged) },
    );
    this.registerOutputs();
  }

  /** Starts the sentinel if it is down. */
  start(after: remote.Command[]): remote.Command {
    return this.step("start", after);
  }

  /** Brings the sentinel to what is staged, running, and waits until the group is whole. */
  roll(after: remote.Command[]): remote.Command {
    return this.step("roll", after);
  }

  private step(verb: string, after: remote.Command[]): remote.Command {
    return remoteStep(
      `${this.prefix}-${verb}`,
      {
        ...this.everyStep,
        verb: [`sentinel-${verb}`],
        after: [this.staged, ...after],
      },
      { parent: this, dependsOn: after },
    );
  }
}
