import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { HostConfig, TopologyConfig } from "./config/topology";
import { Connection, connectionTo } from "./connection";
import { RedisNode } from "./redisNode";
import { remoteFiles } from "./remoteFiles";
import { remoteClaim, remoteStep } from "./remoteService";
import { renderSentinelConf, renderSentinelUnit, renderSentinelUsers } from "./render";

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
 * The sentinel of one host: its staged files and the steps that stop it first and start it last.
 * The topology says in which order the steps run.
 */
export class RedisSentinel extends pulumi.ComponentResource {
  /** The staged files of the sentinel. */
  readonly staged: remote.Command[];
  private readonly connection: pulumi.Input<Connection>;
  private readonly plan: pulumi.Input<string>;
  private readonly limit: number;
  private readonly override?: string;

  constructor(
    private readonly prefix: string,
    args: RedisSentinelArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("redis-cluster:index:RedisSentinel", prefix, {}, opts);
    const { config, host, owner, node, nodes, repair } = args;
    const connection = connectionTo(host, config);
    this.connection = connection;
    this.plan = args.plan;
    this.limit = config.limits.step;
    this.override = config.override;

    const claim = remoteClaim(
      `${prefix}-claim`,
      {
        connection,
        component: "sentinel",
        owner,
        program: node.program,
        deleteData: config.deleteData,
        limit: config.limits.step,
      },
      { parent: this, dependsOn: nodes.map(({ install }) => install) },
    );
    this.staged = [
      remoteFiles(
        `${prefix}-files`,
        {
          connection,
          owner,
          files: {
            "sentinel.conf": renderSentinelConf(config, host),
            "sentinel-users.acl": renderSentinelUsers(config),
            "redis-sentinel.service": renderSentinelUnit(config),
          },
          repair,
        },
        { parent: this, dependsOn: claim },
      ),
    ];
    this.registerOutputs();
  }

  /** Starts the sentinel if it is down. */
  start(after: remote.Command[]): remote.Command {
    return this.step("start", after);
  }

  /** Stops the sentinel if it or its node has to restart, once nothing can refuse any more. */
  stop(after: remote.Command[]): remote.Command {
    return this.step("stop", after);
  }

  /** Brings the sentinel to what is staged, running, and waits until the group is whole. */
  roll(after: remote.Command[]): remote.Command {
    return this.step("roll", after);
  }

  private step(verb: string, after: remote.Command[]): remote.Command {
    return remoteStep(
      `${this.prefix}-${verb}`,
      {
        connection: this.connection,
        plan: this.plan,
        limit: this.limit,
        override: this.override,
        verb: [`sentinel-${verb}`],
        after: [...this.staged, ...after],
      },
      { parent: this, dependsOn: after },
    );
  }
}
