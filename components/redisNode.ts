import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Certificates } from "./certificates";
import { HostConfig, TopologyConfig } from "./config";
import { Connection, connectionTo } from "./connection";
import { programSums } from "./hostProgram";
import { remoteFiles, remoteProgram } from "./remoteFiles";
import { remoteClaim, remoteStep, RemoteStepArgs } from "./remoteService";
import {
  renderFirewall,
  renderFirewallUnit,
  renderMembers,
  renderNodeUnit,
  renderNodeUsers,
  renderRedisConf,
  renderSecrets,
} from "./render";
import { lastLine } from "./shell";

export interface RedisNodeArgs {
  config: TopologyConfig;
  host: HostConfig;
  /** Undefined: no TLS. */
  certificates?: Certificates;
  /** Stands for the whole group's staged files. */
  plan: string;
  /** The host's programs and files are written again when it changes. */
  repair: pulumi.Output<string>;
}

/**
 * The Redis node of one host: the host's programs, its preparation, the node's staged files, and the
 * steps that make them live. The topology says in which order the steps run.
 */
export class RedisNode extends pulumi.ComponentResource {
  /** Changes each time the host program was written or compared. */
  readonly programId: pulumi.Output<string>;
  /**
   * Prepares the host; its delete takes the node away. The sentinels' claims depend on all of these, so that
   * sentinels go first.
   */
  readonly install: remote.Command;
  private readonly connection: pulumi.Input<Connection>;
  private readonly plan: string;
  private readonly override?: string;
  private readonly staged: remote.Command[];

  constructor(
    private readonly prefix: string,
    args: RedisNodeArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("redis-cluster:index:RedisNode", prefix, {}, opts);
    const { config, host, repair } = args;
    const connection = connectionTo(host, config);
    this.connection = connection;
    this.plan = args.plan;
    this.override = config.override;

    const installed = config.ssh.helper;
    const program = remoteProgram(prefix, { connection, installed, repair }, { parent: this });
    this.programId = program.stdout;
    this.install = remoteClaim(
      `${prefix}-install`,
      {
        connection,
        component: "node",
        token: program.stdout,
        deleteData: config.deleteData,
        stdin: repair.apply((id) =>
          [
            ...portsOf(config),
            ...(config.firewall ? ["firewall"] : []),
            ...(config.adopt ? ["adopt"] : []),
            programSums(installed ? "" : id),
          ].join("\n"),
        ),
      },
      { parent: this, dependsOn: program },
    );

    const stage = (name: string, files: Record<string, pulumi.Input<string>>) =>
      remoteFiles(
        `${prefix}-${name}`,
        { connection, files, repair },
        { parent: this, dependsOn: this.install },
      );
    this.staged = [
      stage("files", {
        "redis.conf": renderRedisConf(config, host),
        members: renderMembers(config, host),
        "users.acl": renderNodeUsers(config),
        "redis-cluster.service": renderNodeUnit(config),
        "firewall.nft": renderFirewall(config),
        "redis-cluster-firewall.service": renderFirewallUnit(config),
      }),
      stage("secrets", {
        secrets: renderSecrets(config.secrets),
        ...(args.certificates && tlsFiles(args.certificates, host)),
      }),
    ];
    this.registerOutputs();
  }

  /** Says what this host holds, anew in every run in which any host was prepared anew. */
  prove(installs: remote.Command[], after: remote.Command[]): remote.Command {
    const ids = installs.map(({ stdout }) => stdout);
    return this.step("prove", { after: ids }, [...this.staged, ...after]);
  }

  /** Starts the node if it is down, in the role that the hosts decide. */
  start(proofs: remote.Command[]): remote.Command {
    const stdin = pulumi
      .all(proofs.map((proof) => proof.stdout))
      .apply((outputs) => outputs.map(lastLine).join("\n"));
    return this.step("start", { after: this.staged.map((file) => file.stdout), stdin }, proofs);
  }

  /** Brings a running replica to what is staged; a master that has to restart waits for `rollMaster`. */
  roll(after: remote.Command[]): remote.Command {
    return this.step("roll", { after: this.owedAfter(after) }, after);
  }

  /** Hands over and restarts, if this node was the master in its turn and a restart is owed. */
  rollMaster(after: remote.Command[]): remote.Command {
    return this.step("roll-master", { after: this.owedAfter(after) }, after);
  }

  private owedAfter(steps: remote.Command[]): pulumi.Output<string>[] {
    return [...this.staged, ...steps].map((command) => command.stdout);
  }

  private step(
    verb: string,
    args: Pick<RemoteStepArgs, "after" | "stdin">,
    dependsOn: remote.Command[],
  ): remote.Command {
    return remoteStep(
      `${this.prefix}-${verb}`,
      {
        connection: this.connection,
        plan: this.plan,
        override: this.override,
        verb: [`node-${verb}`],
        ...args,
      },
      { parent: this, dependsOn },
    );
  }
}

/** The ports that a host's daemons listen on, for the host's preparation to look at. */
function portsOf({ nodePort, sentinelPort, tls }: TopologyConfig): string[] {
  const plain = [`node-port ${nodePort}`, `sentinel-port ${sentinelPort}`];
  return [
    ...(tls?.mode === "required" ? [] : plain),
    ...(tls ? [`node-tls-port ${tls.nodePort}`, `sentinel-tls-port ${tls.sentinelPort}`] : []),
  ];
}

function tlsFiles(
  certificates: Certificates,
  host: HostConfig,
): Record<string, pulumi.Input<string>> {
  const own = certificates.hosts.apply((hosts) => hosts[host.name]);
  return {
    "tls.ca": certificates.authority,
    "tls.crt": own.certificate,
    "tls.key": own.key,
  };
}
